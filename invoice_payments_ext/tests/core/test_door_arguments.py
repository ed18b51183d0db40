import inspect
from datetime import date

from odoo.exceptions import AccessError, UserError
from odoo.service.model import call_kw
from odoo.tests import tagged

from ...models.core import door_arguments
from ...models.core.door import DOORS
from ...models.core.door_arguments import ARGUMENTS
from ..credit.common_credit import CreditCommon

# Values that no argument of a kind may have.
BAD_TEXTS = (5, True, ["x"], {"a": 1}, "a\0b", "\ud800")
BAD_VALUES = {
    door_arguments.NUMBER.read: (
        "100",
        "",
        True,
        float("nan"),
        float("inf"),
        [],
        10**400,
    ),
    door_arguments.TRUTH.read: ("no", "", 1, 0, None, []),
    door_arguments.CHOICE.read: ("no", "", 1, 0, []),
    door_arguments.TEXT.read: BAD_TEXTS,
    door_arguments.DATE.read: (
        "yesterday",
        "2026-13-01",
        "2026-02-01 x",
        5,
        True,
        ["x"],
    ),
    door_arguments.ID.read: ("abc", "1", "", 1.5, True, [1], 0, -1, 2**31),
    door_arguments.ROWS.read: ("credit", 7, ["credit"], {"a": 1}),
}
BAD_KEYS = (*BAD_TEXTS, "K" * 2_000_000)
REQUIRED = {
    "amount": 1.0,
    "charged": True,
    "date": "2026-11-28",
    "kind": "dispute",
    "on": True,
    "reason": "Because",
    "token_id": None,
}
ROWS = {
    "lines": ("line_id", "amount", "quantity"),
    "parts": ("invoice_id", "amount"),
    "destinations": ("to", "amount", "payment_id", "journal_id", "date", "reference"),
}


@tagged("post_install", "-at_install")
class TestDoorArguments(CreditCommon):
    """Each door refuses a value of another kind, and names the argument."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.company.write_off_account_id = cls.company_data["default_account_expense"]

    def setUp(self):
        super().setUp()
        self.payment = self.charge(400)
        other = self.make_invoice()
        self.gateway.answers = ["authorized"]
        self.authorized = other.charge(self.token.id, amount=100.0)
        self.announced = self.announce(invoices=self.make_invoice())
        self.gateway.answers = ["done"]
        self.open_payment = self.env["account.payment"].create(
            {
                "payment_type": "inbound",
                "partner_type": "customer",
                "partner_id": self.partner.id,
                "amount": 50.0,
                "journal_id": self.company_data["default_journal_bank"].id,
            }
        )
        self.open_payment.action_post()
        self.approver = self.make_user(
            "ip_approver",
            "base.group_user,account.group_account_invoice,"
            "invoice_payments_ext.group_payment_refund",
        )
        self.member = self.make_user(
            "ip_member", "base.group_portal", partner_id=self.partner.id
        )
        self.company.payment_approval_limit = 0
        invoice = self.make_invoice().with_user(self.supervisor)
        self.request = invoice.write_off(5.0, "Insolvent")
        self.own_request = invoice.issue_credit_note(5.0, reason="Wrong")
        self.company.payment_approval_limit = False
        self.written_off = invoice.write_off(1.0, "Insolvent")
        # Decided, so that the payment can be refunded.
        self.reversal = self.payment.report_taken_back("dispute", 1.0).win()
        due = self.make_invoice(invoice_date_due=date.today())
        self.promise = due.promise_to_pay(date=date.today())
        self.charge_run = self.make_invoice().propose_charge_run()
        # The first credit paid the new invoices.
        self.customer.adjust_credit_balance(100, reason="Goodwill")
        self._keep()

    def get_record(self, door):
        """Return a record with a door, as somebody who may pass it."""
        record = {
            "account.charge.run": self.charge_run,
            "account.charge.run.line": self.charge_run.line_ids,
            "account.credit.balance": self._balance(),
            "account.move": self.invoice,
            "account.move.line": self.open_payment.move_id.line_ids.filtered(
                lambda line: line.account_id.account_type == "asset_receivable"
            ),
            "account.payment": self.payment,
            "account.payment.approval": self.request,
            "account.payment.promise": self.promise,
            "account.payment.reversal": self.reversal,
            "payment.transaction": self.authorized,
            "res.partner": self.partner,
        }[door.model]
        if door.name.endswith(("record_received", "cancel_announced")):
            record = self.announced
        name = door.name.rpartition(".")[2]
        if name == "switch_auto_pay":
            return record.with_user(self.member)
        is_decision = name in ("approve", "reject")
        return record.with_user(self.approver if is_decision else self.supervisor)

    def get_names(self, door):
        """Return the names of the arguments of a door."""
        method = getattr(self.env.registry[door.model], door.name.rpartition(".")[2])
        return list(inspect.signature(method).parameters)[1:]

    def call(self, door, user=None, **arguments):
        """Call a door as a client does, with the arguments that it needs."""
        record = self.get_record(door)
        record = record.with_user(user) if user else record
        method = door.name.rpartition(".")[2]
        parameters = inspect.signature(getattr(record, method)).parameters.values()
        required = {
            each.name: REQUIRED[each.name]
            for each in parameters
            if each.default is each.empty
        }
        return call_kw(record, method, [record.ids], {**required, **arguments})

    def get_cases(self, door):
        """Return arguments of a door with a value of another kind, and its name.

        :rtype: Iterator[tuple[dict, str]]
        """
        for name in self.get_names(door):
            if name == "idempotency_key":
                for value in BAD_KEYS:
                    yield {name: value}, "An idempotency key must be a text"
                continue
            argument = ARGUMENTS[name]
            values = list(BAD_VALUES[argument.kind.read])
            if argument.model:
                values.append(self.env.user)
            for value in values:
                yield {name: value}, str(argument.label)
            for key in ROWS.get(name, ()):
                for value in BAD_VALUES[ARGUMENTS[key].kind.read]:
                    yield {name: [{key: value}]}, str(ARGUMENTS[key].label)

    def test_values_of_another_kind(self):
        self.env.flush_all()
        before = self._take_snapshot()
        for door in DOORS.values():
            for arguments, name in self.get_cases(door):
                case = {key: repr(value)[:40] for key, value in arguments.items()}
                with self.subTest(door=door.name, **case):
                    try:
                        self.call(door, **arguments)
                    except UserError as error:
                        self.assertIn(name, str(error))
                        self.assertLess(len(str(error)), 200)
                    else:
                        self.fail("It was not refused.")
        self.assertEqual(self._take_snapshot(), before)

    def test_amounts_below_the_smallest_unit(self):
        for door in DOORS.values():
            names = self.get_names(door)
            if "amount" not in names:
                continue
            reason = {"reason": "Because"} if "reason" in names else {}
            for amount in (5e-324, 1e-320, 1e-9, 0.004):
                with (
                    self.subTest(door=door.name, amount=amount),
                    self.assertRefused("finer than the smallest unit"),
                ):
                    self.call(door, amount=amount, **reason)
        # Nor does the currency of a journal make nothing of an amount.
        journal = self.make_currency_journal(self.make_currency("EUR", 0.001))
        with self.assertRefused("is less than the smallest unit of EUR"):
            self.invoice.record_external_payment(0.5, journal_id=journal.id)

    def test_good_values_of_each_kind(self):
        read = self.invoice._read_argument
        for name, value, expected in (
            ("amount", 5, 5),
            ("amount", None, None),
            ("notify", True, True),
            ("memo", "", None),
            ("memo", False, None),
            ("date", "2026-02-01 10:00:00", "2026-02-01"),
            ("date", False, None),
            ("token_id", self.token, self.token.id),
            ("token_id", self.token.browse(), None),
            ("lines", (), None),
            ("lines", [{"line_id": False}], [{"line_id": None}]),
        ):
            with self.subTest(name, value=value):
                self.assertEqual(read(name, value), expected)

    def test_rights_come_first(self):
        """Who may not pass is not told what is wrong with a value."""
        stranger = self.make_user("ip_stranger", "base.group_user")
        for door in DOORS.values():
            arguments = next(self.get_cases(door))[0]
            with self.subTest(door.name), self.assertRefused("", AccessError):
                self.call(door, stranger, **arguments)

    def test_replay_with_the_key(self):
        """A replay that would double, or be refused, returns the first result."""
        balance = self._balance().with_user(self.supervisor)
        mails = self.env["mail.mail"].sudo()
        request = self.request.with_user(self.approver)
        own_request = self.own_request
        entry = self.written_off.with_user(self.supervisor)
        self.invoice = self.make_invoice()
        unknown = self.start_attempt(TimeoutError("cut"))
        for name, door in (
            ("send", lambda: balance.send_statement(idempotency_key="K1")),
            ("undo", lambda: entry.undo_write_off("Paid", idempotency_key="K2")),
            ("reject", lambda: request.reject("No", idempotency_key="K3")),
            ("withdraw", lambda: own_request.withdraw(idempotency_key="K4")),
            ("resolve", lambda: unknown.resolve(False, "Seen", idempotency_key="K5")),
        ):
            with self.subTest(name):
                self.assertEqual(door(), door())
        self.assertEqual(mails.search_count([("model", "=", balance._name)]), 1)
