from datetime import timedelta

from odoo import fields
from odoo.fields import Command
from odoo.tests import tagged

from ..invariants import check_tie_out
from .common_taken_back import TakenBackCommon


@tagged("post_install", "-at_install")
class TestLockedPeriods(TakenBackCommon):
    """What happened in a locked period is booked on the day after it."""

    def setUp(self):
        super().setUp()
        self.today = fields.Date.today()
        self.locked = self.today - timedelta(days=3)
        self.first_open = self.locked + timedelta(days=1)
        self.old = self.make_invoice(500).with_user(self.supervisor)
        self.payment = self.record(500, self.old, date=self.day(10))
        self._keep()

    def day(self, days):
        return self.today - timedelta(days=days)

    def lock(self, name="fiscalyear_lock_date"):
        self.company.sudo()[name] = self.locked
        self._keep()

    def dates(self, reversal):
        self.env.flush_all()
        self.env.invalidate_all()
        check_tie_out(self)
        return reversal.sudo().entry_ids.sorted("id").mapped("date")

    def test_taken_and_won(self):
        self.lock()
        reversal = self.report("returned_debit", amount=200.01, date=self.day(8))
        self.assertEqual(self.dates(reversal), [self.first_open])
        self.assertEqual(reversal.opened_on, self.day(8))
        self.assertEqual(self.owed(self.old)[0], 200.01)
        reversal.win(date=self.day(7))
        self.assertEqual(self.dates(reversal), [self.first_open] * 2)
        self.assertEqual(self.owed(self.old)[0], 0)
        reversal.lose(date=self.day(1))
        self.assertEqual(self.dates(reversal)[-1], self.day(1))
        self.assertEqual(self.owed(self.old)[0], 200.01)

    def test_parked_before_the_period_was_locked(self):
        reversal = self.report("dispute", amount=200.01, date=self.day(8), fee=15)
        self.assertEqual(set(self.dates(reversal)), {self.day(8)})
        self.lock()
        reversal.lose(date=self.day(7))
        self.assertEqual(self.dates(reversal)[2:], [self.first_open])
        self.assertEqual(self.owed(self.old)[0], 200.01)
        reversal.cancel(date=self.day(6))
        self.assertEqual(set(self.dates(reversal)[2:]), {self.first_open})
        sums = self.ledger_sums()
        self.assertEqual((sums["X"], sums["F"], self.owed(self.old)[0]), (0, 0, 0))

    def test_the_taxes_of_a_fee_in_a_period_that_was_declared(self):
        account = self.company.sudo()._get_provider_fee_account()
        account.tax_ids = (
            self.env["account.tax"]
            .sudo()
            .create(
                {
                    "name": "19 %",
                    "amount": 19,
                    "type_tax_use": "purchase",
                    "company_id": self.company.id,
                    "invoice_repartition_line_ids": [
                        Command.create({"repartition_type": "base"}),
                        Command.create({"repartition_type": "tax"}),
                    ],
                    "refund_repartition_line_ids": [
                        Command.create({"repartition_type": "base"}),
                        Command.create({"repartition_type": "tax"}),
                    ],
                }
            )
        )
        self.lock("tax_lock_date")
        reversal = self.report("dispute", amount=200, date=self.day(8), fee=15)
        # Only the fee is in the declaration.
        self.assertEqual(self.dates(reversal), [self.day(8), self.first_open])
        reversal.cancel(date=self.day(7))
        self.assertEqual(self.dates(reversal)[-1], self.first_open)
