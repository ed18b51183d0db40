"""Who may write which field and call which method, as each kind of user."""

import inspect
from datetime import date

from odoo.exceptions import AccessError, UserError
from odoo.fields import Command
from odoo.models import MAGIC_COLUMNS
from odoo.service.model import call_kw
from odoo.tests import new_test_user, tagged

from ...models.core.sealed_fields import ALL, SEALED_FIELDS, Rule
from ..credit.common_credit import CreditCommon

ADDON = "invoice_payments_ext"
OURS = {ADDON, "account_payment"}
STAFF = {"record", "refund"}
# Settings, which are for accounting managers. They move nothing.
MANAGED = {
    "account.collection.plan",
    "account.collection.step",
    "payment.decline.rule",
}

# Methods that need a level, and the arguments of a call that is refused in any case.
NEEDS_RECORD = {
    "account.charge.run.action_retry_declined": [],
    "account.charge.run.action_send_payment_links": [],
    "account.charge.run.close": [],
    "account.charge.run.confirm": ["Other words"],
    "account.charge.run.continue_run": [],
    "account.charge.run.line.action_drop": [],
    "account.charge.run.line.change": [None, -1],
    "account.charge.run.line.drop": [],
    "account.charge.run.resume": [],
    "account.charge.run.retry_declined": [],
    "account.charge.run.send_payment_links": [],
    "account.charge.run.stop": [],
    "account.move.action_charge_many": [],
    "account.move.action_issue_and_charge_many": [],
    "account.move.action_retry_many": [],
    "account.move.propose_charge_run": ["automatic"],
    "account.move.action_move_to_credit_balance": [],
    "account.move.apply_credit_balance": [-1],
    "account.move.charge": [False, -1],
    "account.move.collect_now": [],
    "account.move.issue_and_charge": [],
    "account.move.pause_collection": ["2020-01-01"],
    "account.move.payment_action_capture": [],
    "account.move.payment_action_void": [],
    "account.move.action_collect_now": [],
    "account.move.action_resume_collection": [],
    "account.move.action_start_collection": [],
    "account.move.promise_to_pay": [-1],
    "account.move.record_external_payment": [-1],
    "account.move.record_joint_payment": [-1],
    "account.move.resume_collection": [],
    "account.move.start_collection": [-1],
    "account.move.line.action_ask_to_move_to_credit_balance": [],
    "account.move.line.action_move_to_credit_balance": [],
    "account.move.line.move_to_credit_balance": [-1],
    "account.payment.action_move_to_credit_balance": [],
    "account.payment.action_undo_credit_application": [],
    "account.payment.movement.action_retry_many": [],
    "account.payment.promise.action_withdraw": [],
    "account.payment.promise.reschedule": ["2020-01-01"],
    "account.payment.promise.withdraw": [],
    "account.partial.reconcile.action_unmatch": [],
    "account.payment.report_taken_back": ["dispute", -1],
    "account.payment.undo_credit_application": [],
    "account.payment.undo_recording": ["Twice"],
    "payment.transaction.action_cancel_announced": [],
    "payment.transaction.action_capture": [],
    "payment.transaction.action_capture_attempt": [],
    "payment.transaction.action_void": [],
    "payment.transaction.action_void_attempt": [],
    "payment.transaction.cancel_announced": [],
    "payment.transaction.capture": [-1],
    "payment.transaction.mail_finish_link": [],
    "payment.transaction.record_received": [-1],
    "payment.transaction.resolve": [True, "Seen"],
    "payment.transaction.retry": [],
    "payment.transaction.void": [],
    "account.credit.balance.send_statement": ["2026-02-01", "2026-01-01"],
    "res.partner.send_customer_statement": ["2026-02-01", "2026-01-01"],
    "res.partner.set_auto_pay": [True],
}
NEEDS_REFUND = {
    "account.credit.balance.pay_out": [-1, "Wanted"],
    "account.move.action_undo_write_off": [],
    "account.move.issue_credit_note": [-1],
    "account.move.stop_collection": [""],
    "account.move.undo_write_off": [],
    "account.move.write_off": [-1, "Small"],
    "account.payment.approval.action_approve": [],
    "account.payment.approval.approve": [],
    "account.payment.approval.reject": [""],
    "account.payment.reversal.action_cancel": [],
    "account.payment.reversal.action_lose": [],
    "account.payment.reversal.action_win": [],
    "account.payment.reversal.cancel": [],
    "account.payment.reversal.lose": [],
    "account.payment.reversal.win": [],
    "account.payment.refund": [-1],
    "payment.transaction.action_refund": [-1],
    "res.partner.adjust_credit_balance": [0],
}
# Methods of the form of a record that return a dialog, or read with the user's rights.
OPENS = {
    "account.charge.run.action_confirm",
    "account.charge.run.action_export",
    "account.charge.run.get_progress",
    "account.charge.run.line.action_change",
    "account.move.action_record_external_many",
    "account.collection.board.get_board",
    "account.credit.balance.action_adjust",
    "account.credit.balance.action_open_entries",
    "account.credit.balance.action_open_statement",
    "account.credit.balance.action_pay_out",
    "account.credit.balance.get_statement",
    "account.credit.balance.report.action_open_balance",
    "account.move.action_create_credit_note",
    "account.move.action_create_payment",
    "account.move.action_force_register_payment",
    "account.move.action_issue_and_charge",
    "account.move.action_open_promise",
    "account.move.action_pause_collection",
    "account.move.action_record_joint_payment",
    "account.move.action_stop_collection",
    "account.move.action_promise_to_pay",
    "account.move.action_write_off",
    "account.move.get_payment_rows",
    "account.move.get_payment_section",
    "account.payment.action_print_payment_receipt",
    "account.payment.action_refund_wizard",
    "account.payment.action_report_taken_back",
    "account.payment.action_undo_recording",
    "account.payment.approval.action_open_request",
    "account.payment.approval.action_reject",
    "account.payment.movement.action_open",
    "account.payment.movement.action_receipt",
    "account.payment.movement.action_refund",
    "account.payment.movement.action_resolve",
    "account.payment.movement.action_retry",
    "account.payment.promise.action_reschedule",
    "account.payment.reversal.action_open_gateway",
    "account.payment.reversal.action_open_taken_back",
    "account.payment.tie.out.check",
    "payment.gateway.finding.action_accept",
    "payment.gateway.finding.action_open_attempt",
    "payment.token.get_linked_records_info",
    "payment.transaction.action_open_transaction",
    "payment.transaction.action_record_received",
    "payment.transaction.action_resolve",
    "payment.transaction.action_retry",
    "payment.transaction.action_show_finish_link",
    "res.partner.action_adjust_credit_balance",
    "res.partner.action_open_credit_balance",
    "res.partner.action_record_payment",
    "res.partner.action_open_promises",
    "res.partner.action_print_statement",
    "res.partner.action_send_statement",
    "res.partner.action_set_auto_pay",
    "res.partner.get_customer_statement",
}
# Tested where they stand: they follow Odoo's rights, or the user is the owner.
ELSEWHERE = {
    "account.move.line.fields_get",
    "account.move.action_toggle_block_payment",
    "account.move.button_cancel",
    "account.move.button_draft",
    "account.move.js_assign_outstanding_line",
    "account.move.message_post",
    "account.move.resolve_payment_attempts",
    "account.payment.action_cancel",
    "account.payment.action_draft",
    "account.payment.action_post",
    "account.payment.action_reject",
    "account.payment.action_validate",
    "account.payment.approval.action_withdraw",
    "account.payment.approval.withdraw",
    "account.payment.message_post",
    "account.payment.movement.search_fetch",
    "account.payment.tie.out.accept",
    "payment.gateway.finding.accept",
    "payment.token.give_to_company",
    "payment.token.use_for_charges",
    "res.company.exists",
    "res.currency.exists",
    "res.partner.switch_auto_pay",
}


@tagged("post_install", "-at_install")
class TestWhoMayWrite(CreditCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.company.write_off_account_id = cls.company_data["default_account_expense"]
        cls.other_company = cls.setup_other_company(name="Another")["company"]
        refund = f"account.group_account_manager,{ADDON}.group_payment_refund"
        cls.kinds = {
            "record": cls.accountant,
            "refund": cls.supervisor,
            "portal": cls.make_kind("base.group_portal", cls.company),
            "employee": cls.make_kind("base.group_partner_manager", cls.company),
            "stranger": cls.make_kind(refund, cls.other_company),
        }
        cls.admin = cls.make_kind(f"base.group_system,{refund}", cls.company)

    @classmethod
    def make_kind(cls, groups, company):
        return new_test_user(
            cls.env,
            login=f"ip_{groups[-9:]}_{len(groups)}_{company.id}",
            groups=groups,
            company_id=company.id,
            company_ids=[Command.set(company.ids)],
        )

    def setUp(self):
        super().setUp()
        self.payment = self.charge(400)
        self.attempt = self.payment.sudo().payment_transaction_id
        self.written_off = self.invoice.write_off(10.0, "Small")
        self.credit_note = self.invoice.issue_credit_note(amount=20, reason="Less")
        partials = self.payment.sudo().move_id.line_ids.matched_debit_ids
        self.records = {
            "payment.transaction": self.attempt,
            "payment.token": self.token,
            "account.payment": self.payment,
            "account.move": self.written_off,
            "account.move.line": self.credit_note.invoice_line_ids[:1],
            "account.partial.reconcile": partials[:1],
            "account.full.reconcile": self.make_full_reconciliation(),
            "account.bank.statement.line": self.make_statement_line(),
            "res.partner": self.partner,
            "res.company": self.company,
        }
        self.gateway.requests.clear()
        self._keep()

    # === HELPERS === #

    def make_full_reconciliation(self):
        paid = self.make_invoice(20, apply_credit=False)
        paid.record_external_payment(20.0)
        return paid.sudo().line_ids.full_reconcile_id

    def make_statement_line(self):
        line = self.env["account.bank.statement.line"].sudo()
        bank = self.company_data["default_journal_bank"]
        return line.create(
            {"journal_id": bank.id, "payment_ref": "Transfer", "amount": 20.0}
        )

    def get_users(self):
        """Return the user of each kind, and the one who may do most."""
        return {**self.kinds, "admin": self.admin}.items()

    def call(self, user, record, method, *arguments):
        """Call a method as an RPC client of this user does."""
        self.env.invalidate_all()  # This user may not read all that others have read.
        ids = [record.ids] if record else []
        model = self.env[record._name].with_user(user)
        return call_kw(model, method, [*ids, *arguments], {})

    def get_reason(self, user, record, method, *arguments):
        """Return the error that a call ends with; none if it does not."""
        try:
            self.call(user, record, method, *arguments)
            self.env.flush_all()
        except AccessError as error:
            return error
        return None

    def get_other_value(self, record, name):
        """Return a value for a field that it does not have."""
        field = record._fields[name]
        present = record.sudo()[name]
        match field.type:
            case "many2one":
                others = (
                    self.env[field.comodel_name].sudo().with_context(active_test=False)
                )
                return others.search([("id", "!=", present.id)], limit=1).id or False
            case "one2many" | "many2many":
                return [Command.clear()]
            case "boolean":
                return not present
            case "selection":
                values = field.get_values(self.env)
                return next((value for value in values if value != present), False)
            case "date" | "datetime":
                return "2020-02-02"
            case "integer" | "float" | "monetary":
                return (present or 0) + 7
            case "json":
                return {"1": 7}
        return "Forged"

    def get_listed(self, model):
        """Return the fields of a model that the table says something about."""
        listed = SEALED_FIELDS[model]
        fields = self.env[model]._fields
        if ALL not in listed:
            return {name: seal.rule for name, seal in listed.items()}
        return {
            name: listed[ALL].rule
            for name, field in fields.items()
            if field.store and name not in MAGIC_COLUMNS
        }

    # === FIELDS === #

    def test_each_field_is_listed(self):
        for model in self.records:
            fields = self.env[model]._fields
            listed = SEALED_FIELDS[model]
            for name in listed.keys() - {ALL}:
                with self.subTest(f"{model}.{name} is a field"):
                    self.assertIn(name, fields)
            for name, field in fields.items():
                owners = OURS | ({"payment"} if model == "payment.token" else set())
                if ALL in listed or not owners & set(field._modules or ()):
                    continue
                can_be_written = field.store or field.inverse
                if name in MAGIC_COLUMNS or field.inherited:
                    continue
                with self.subTest(f"{model}.{name} is listed if it can be written"):
                    self.assertEqual(bool(can_be_written), name in listed)

    def test_sealed_fields(self):
        for model, record in self.records.items():
            self.assertTrue(record, model)
            for name, rule in self.get_listed(model).items():
                if rule in (Rule.FREE, Rule.LESS, Rule.BUTTON, Rule.PAYMENT):
                    continue
                if name == "matching_number":
                    continue  # Nothing is matched with this item: see `test_matches`.
                value = self.get_other_value(record, name)
                is_empty = not value and not record.sudo()[name]
                if rule is Rule.COMPUTED and is_empty:
                    continue  # There is no other record, and no change.
                for kind, user in self.get_users():
                    with self.subTest(f"{kind} writes {model}.{name}"):
                        reason = self.get_reason(user, record, "write", {name: value})
                        self.assertTrue(reason, f"{kind} writes {model}.{name}")
        for kind, user in self.kinds.items():
            with self.subTest(f"{kind} writes settings"):
                self.assertFalse(self.company.with_user(user).has_access("write"))
        self.assertFalse(self.gateway.requests)

    def test_the_message_names_the_field_and_the_way(self):
        reason = self.get_reason(self.accountant, self.attempt, "write", {"amount": 1})
        self.assertRegex(str(reason), r"Amount \(amount\) of .* Payments section")

    def test_nobody_creates_sealed_values(self):
        vals = self.attempt.copy_data()[0]
        vals = {name: value for name, value in vals.items() if value}
        entry = {"move_type": "entry", "written_off_invoice_id": self.invoice.id}
        refund = {"amount": 5, "source_payment_id": self.payment.id}
        forged = {"amount": 5, "payment_transaction_id": self.attempt.id}
        for model, values in (
            ("payment.transaction", {**vals, "reference": "FORGED"}),
            ("account.move", entry),
            ("account.move", {"transaction_ids": [Command.link(self.attempt.id)]}),
            ("account.payment", refund),
            ("account.payment", forged),
        ):
            for kind, user in self.get_users():
                with self.subTest(f"{kind} creates {model} {list(values)[-1]}"):
                    none = self.env[model]
                    self.assertTrue(self.get_reason(user, none, "create", [values]))
        for kind, user in self.get_users():
            with self.subTest(f"{kind} copies and deletes"):
                self.assertTrue(self.get_reason(user, self.attempt, "copy"))
                self.assertTrue(self.get_reason(user, self.attempt, "unlink"))
        result = (
            self.env["payment.transaction"]
            .with_user(self.accountant)
            .load([".id", "state_message"], [[str(self.attempt.id), "Forged"]])
        )
        self.assertFalse(result["ids"], "An import meets the seal too.")

    def test_links_from_the_other_side(self):
        spare = self.make_invoice(post=False).with_user(self.supervisor)
        for record, values in (
            (spare, {"transaction_ids": [Command.link(self.attempt.id)]}),
            (
                self.invoice,
                {"write_off_entry_ids": [Command.unlink(self.written_off.id)]},
            ),
            (self.invoice, {"reversal_move_ids": [Command.link(self.written_off.id)]}),
            (self.token, {"transaction_ids": [Command.link(self.attempt.id)]}),
        ):
            with self.subTest(values):
                self.assertTrue(self.get_reason(self.admin, record, "write", values))

    def test_defaults_of_context_and_user(self):
        transactions = self.env["payment.transaction"].with_user(self.accountant)
        transactions.env["ir.default"].set(
            "payment.transaction", "state", "done", user_id=True
        )
        # In this order: Odoo takes such keys away when the superuser mode begins.
        transactions = transactions.sudo().with_context(
            default_request_state="answered", default_is_post_processed=True
        )
        names = ["state", "request_state", "is_post_processed"]
        self.assertEqual(transactions.default_get(names), {"state": "draft"})

    def test_as_long_as_it_is_a_draft(self):
        self.accountant.group_ids |= self.env.ref("base.group_partner_manager")
        draft = self.make_invoice(post=False).with_user(self.accountant)
        draft.apply_credit = not draft.apply_credit
        payment = self.env["account.payment"].with_user(self.accountant)
        payment = payment.create({"amount": 5, "partner_id": self.partner.id})
        payment.payment_token_id = self.token
        self.assertFalse(self.payment.copy().payment_transaction_id)
        self.partner.with_user(self.accountant).default_payment_token_id = self.token
        with self.assertRefused("", AccessError):
            self.partner.with_user(
                self.kinds["employee"]
            ).default_payment_token_id = self.token
        token = self.token.with_user(self.admin)
        token.active = False
        with self.assertRefused("archived", AccessError):
            token.active = True

    def test_our_own_records_are_nobodys_to_write(self):
        for name, model in self.env.registry.items():
            records = self.env[name]
            if model._original_module != ADDON or model._abstract or model._transient:
                continue
            for kind, user in self.get_users():
                is_managed = name in MANAGED and user.has_group(
                    "account.group_account_manager"
                )
                for access in ("create", "write", "unlink"):
                    with self.subTest(f"{kind}: {access} {name}"):
                        may = records.with_user(user).has_access(access)
                        self.assertEqual(may, is_managed)

    # === METHODS === #

    def get_public_methods(self):
        """Return the public methods of this addon, by the name of their model."""
        for name, model in self.env.registry.items():
            for base in model.__mro__:
                if f".{ADDON}." in base.__module__:
                    for method, function in vars(base).items():
                        if inspect.isfunction(function) and method[0] != "_":
                            yield name, method

    def test_each_method_is_listed(self):
        listed = {*NEEDS_RECORD, *NEEDS_REFUND, *OPENS, *ELSEWHERE}
        orm = {"create", "write", "unlink", "default_get", "init"}
        found = {
            f"{model}.{method}"
            for model, method in self.get_public_methods()
            if method not in orm
            and not model.endswith(".mixin")
            and not self.env[model]._transient
        }
        self.assertEqual(found - listed, set(), "List them, with who may call them.")
        self.assertEqual(listed - found, set(), "There are no such methods.")

    def test_methods(self):
        self.company.payment_approval_limit = 5
        request = self.payment.refund(10, reason="Wrong")
        self.company.payment_approval_limit = 0
        self.assertEqual(request._name, "account.payment.approval")
        self._keep()
        due = self.make_invoice(500, invoice_date_due=date.today())
        run = self.invoice.propose_charge_run()
        records = {
            **self.records,
            "account.payment.movement": self.env["account.payment.movement"].search(
                [("invoice_id", "=", self.invoice.id)], limit=1
            ),
            "account.payment.promise": due.promise_to_pay(date=date.today()),
            "account.charge.run": run,
            "account.charge.run.line": run.line_ids,
            "account.move": self.invoice,
            "account.move.line": self.invoice.line_ids[:1],
            "account.payment.approval": request,
            "account.payment.reversal": self.payment.report_taken_back("dispute", 1),
            "account.credit.balance": self._balance(),
        }
        wrong = []
        for methods, levels in (
            (NEEDS_RECORD, STAFF),
            (NEEDS_REFUND, {"refund"}),
        ):
            for name, arguments in methods.items():
                model, method = name.rsplit(".", 1)
                # Who may does it last: it is not there for the others then.
                for kind, user in sorted(
                    self.kinds.items(), key=lambda each: each[0] in levels
                ):
                    if kind == "stranger" and model == "res.partner":
                        continue  # Companies share contacts, and keep their own credit.
                    is_refused = kind not in levels
                    if model == "account.payment.approval" and not is_refused:
                        continue  # Who asked for it is refused too.
                    try:
                        self.call(user, records[model], method, *arguments)
                        refused = False
                    except UserError as error:
                        refused = isinstance(error, AccessError)
                    if refused != is_refused:
                        wrong.append(f"{kind} calls {name}: refused is {refused}")
        self.assertEqual(wrong, [])
        self.assertFalse(self.gateway.requests)

    def test_dialogs(self):
        for model in self.env.registry:
            dialogs = self.env[model]
            if not dialogs._transient or dialogs._original_module != ADDON:
                continue
            for kind in ("portal", "employee"):
                with self.subTest(f"{kind} opens {model}"):
                    user = self.kinds[kind]
                    self.assertFalse(dialogs.with_user(user).has_access("create"))
