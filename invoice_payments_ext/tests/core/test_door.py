import inspect
from unittest.mock import patch

from odoo.tests import tagged

from ...models.core.door import DOORS, Door
from ..common import InvoicePaymentsCommon

# The arguments that the adapting step of a door adds.
ADDED = {"account.charge.run.confirm": {"reason"}}


# The arguments before the key, as they were released. Callers may give them by
# position, so an argument that is added stands after the key.
RELEASED = {
    "account.charge.run.close": "",
    "account.charge.run.confirm": "words",
    "account.charge.run.continue_run": "",
    "account.charge.run.line.change": "token_id amount",
    "account.charge.run.line.drop": "",
    "account.charge.run.resume": "",
    "account.charge.run.retry_declined": "",
    "account.charge.run.stop": "",
    "account.credit.balance.pay_out": (
        "amount reason payment_id journal_id date reference"
    ),
    "account.credit.balance.send_statement": "date_from date_to",
    "account.move.apply_credit_balance": "amount",
    "account.move.charge": "token_id amount memo",
    "account.move.issue_and_charge": "token_id",
    "account.move.issue_credit_note": "amount lines reason date destinations note",
    "account.move.line.move_to_credit_balance": "amount",
    "account.move.promise_to_pay": "amount date channel note token_id consent",
    "account.move.propose_charge_run": (
        "kind journal_id payment_method_line_id date reference memo"
    ),
    "account.move.record_external_payment": (
        "amount journal_id payment_method_line_id date reference memo notify excess"
    ),
    "account.move.undo_write_off": "reason",
    "account.move.write_off": "amount reason account_id date",
    "account.payment.approval.approve": "",
    "account.payment.approval.reject": "reason",
    "account.payment.approval.withdraw": "",
    "account.payment.promise.reschedule": "date note",
    "account.payment.promise.withdraw": "reason",
    "account.payment.refund": (
        "amount to reduce_bill reason journal_id date reference invoice_id "
        "credit_note_id"
    ),
    "account.payment.report_taken_back": (
        "kind amount date reason_code fee provider_reference"
    ),
    "account.payment.undo_credit_application": "reason",
    "payment.transaction.cancel_announced": "reason",
    "payment.transaction.capture": "amount",
    "payment.transaction.record_received": "amount journal_id date reference",
    "payment.transaction.resolve": "charged reason amount",
    "payment.transaction.retry": "token_id",
    "payment.transaction.void": "",
    "res.partner.adjust_credit_balance": "amount currency_id reason note company_id",
    "res.partner.set_auto_pay": "on note limit notice_days company_id",
    "res.partner.switch_auto_pay": "on consent limit company_id",
}


@tagged("post_install", "-at_install")
class TestDoors(InvoicePaymentsCommon):
    """Every door is declared whole, and every request passes all steps of its door."""

    def get_parameters(self, door):
        """Return the arguments of a door, without the key, which no step gets."""
        method = getattr(self.env.registry[door.model], door.name.rpartition(".")[2])
        parameters = inspect.signature(method).parameters
        return set(parameters) - {"self", "idempotency_key"}

    def test_steps_take_the_arguments(self):
        for door in DOORS.values():
            model = self.env.registry[door.model]
            names = self.get_parameters(door) | ADDED.get(door.name, set())
            arguments = dict.fromkeys(names)
            for step in filter(None, (door.lock, door.amount, door.check, door.work)):
                with self.subTest(door=door.name, step=step):
                    inspect.signature(getattr(model, step)).bind(None, **arguments)
            for step in filter(None, (door.rights, door.complete)):
                self.assertTrue(callable(getattr(model, step)), f"{door.name}: {step}")

    def test_new_arguments_come_after_the_key(self):
        for name, released in RELEASED.items():
            method = getattr(
                self.env.registry[DOORS[name].model], name.rpartition(".")[2]
            )
            expected = ["self", *released.split(), "idempotency_key"]
            names = list(inspect.signature(method).parameters)
            self.assertEqual(names[: len(expected)], expected, name)

    def test_order_of_steps(self):
        passed = []

        def note(step, result=None):
            def method(records, *args, **arguments):
                passed.append((step, args[0] if args else arguments.get("amount")))
                return result

            return method

        steps = dict(
            rights="_test_rights",
            lock="_test_lock",
            amount="_test_amount",
            check="_test_check",
            work="_test_work",
            complete="_test_complete",
        )
        with patch.dict(DOORS):
            door = Door("account.move.test", **steps)
        results = {"amount": 7.0, "work": self.invoice, "complete": self.invoice}
        model = self.env.registry["account.move"]
        for step, name in steps.items():
            method = note(step, results.get(step))
            self.enterContext(patch.object(model, name, method, create=True))
        self.invoice._pass(door, "K", amount=None)
        self.assertEqual(
            passed,
            [
                ("rights", None),
                ("lock", None),
                ("amount", None),
                ("check", 7.0),
                ("work", 7.0),
                ("complete", self.invoice),
            ],
        )
        # A request that is repeated with its key is completed, but not done again.
        passed.clear()
        self.assertEqual(self.invoice._pass(door, "K", amount=None), self.invoice)
        self.assertEqual(passed, [("rights", None), ("complete", self.invoice)])

    def test_key_remembers_the_request(self):
        """Keys of earlier versions are still found: their arguments are the same."""
        charge = DOORS["account.move.charge"]
        self.assertEqual(
            charge.get_key_arguments(
                self.invoice, {"token_id": 3, "amount": None, "memo": None}
            ),
            {"move_id": self.invoice.id, "token_id": 3, "amount": None, "memo": None},
        )
        record = DOORS["account.move.record_external_payment"]
        self.assertEqual(
            record.get_key_arguments(self.invoice, {"notify": False, "excess": None}),
            {"move_ids": self.invoice.ids, "notify": False},
        )
