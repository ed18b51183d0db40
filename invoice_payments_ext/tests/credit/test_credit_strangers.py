from odoo.exceptions import AccessError
from odoo.fields import Command
from odoo.tests import tagged

from .common_credit import CreditCommon


@tagged("post_install", "-at_install")
class TestCreditStrangers(CreditCommon):
    """Other modules book in superuser mode for users who may not record payments.

    The Point of Sale does: with a till on the credit journal, or with the credit
    account on the other side, its users would give and spend the credit of customers.
    """

    def setUp(self):
        super().setUp()
        self.cashier = self.make_user("cashier", "base.group_user")
        self.credit_journal = self.company.credit_balance_journal_id
        self.credit_account = self.company.credit_balance_account_id
        self.cash_journal = self.company_data["default_journal_cash"]

    def make_statement_line(self, user, journal, amount, **values):
        lines = self.env["account.bank.statement.line"].with_user(user).sudo()
        return lines.create(
            {
                "journal_id": journal.id,
                "partner_id": self.partner.id,
                "payment_ref": "Cash out",
                "amount": amount,
                **values,
            }
        )

    def make_payment(self, user, journal, payment_type, **values):
        payments = self.env["account.payment"].with_user(user).sudo()
        payment = payments.create(
            {
                "journal_id": journal.id,
                "partner_id": self.partner.id,
                "payment_type": payment_type,
                "partner_type": "customer",
                "amount": 70,
            }
        )
        payment.write(values)
        payment.action_post()

    def test_no_till_on_the_credit_journal(self):
        """No money comes or goes there: that is so for everybody."""
        for user in (self.cashier, self.accountant, self.env.ref("base.user_root")):
            for amount in (-70, 70):
                with (
                    self.subTest(user=user.name, amount=amount),
                    self.assertRefused("no bank or cash transaction"),
                ):
                    self.make_statement_line(user, self.credit_journal, amount)
        self.assertEqual(self.held(), 300)

    def test_credit_on_the_other_side_of_a_till(self):
        other_side = {"counterpart_account_id": self.credit_account.id}
        for amount in (-70, 70):
            with self.assertRefused("no right to record", AccessError):
                self.make_statement_line(
                    self.cashier, self.cash_journal, amount, **other_side
                )
        self.make_statement_line(self.accountant, self.cash_journal, 70, **other_side)
        self.assertEqual(self.held(), 370)

    def test_payments(self):
        bank = self.company_data["default_journal_bank"]
        for payment_type in ("inbound", "outbound"):
            for journal, values in (
                (self.credit_journal, {}),
                (bank, {"outstanding_account_id": self.credit_account.id}),
                (bank, {"destination_account_id": self.credit_account.id}),
            ):
                with (
                    self.subTest(payment_type, journal=journal.name, **values),
                    self.assertRefused("no right to record", AccessError),
                ):
                    self.make_payment(self.cashier, journal, payment_type, **values)
        self.make_payment(self.accountant, self.credit_journal, "inbound")
        self.assertEqual(self.held(), 230)

    def test_entries(self):
        entries = self.env["account.move"].with_user(self.cashier).sudo()
        accounts = {
            self.credit_account: -70,
            self.company.credit_adjustment_account_id: 70,
        }
        entry = entries.create(
            {
                "line_ids": [
                    Command.create(
                        {
                            "account_id": account.id,
                            "partner_id": self.partner.id,
                            "balance": balance,
                        }
                    )
                    for account, balance in accounts.items()
                ]
            }
        )
        with self.assertRefused("no right to record", AccessError):
            entry.action_post()
        entry.with_user(self.accountant).sudo().action_post()
        self.assertEqual(self.held(), 370)
