from odoo.fields import Command

from ..common import InvoicePaymentsCommon


class CreditBalanceCommon(InvoicePaymentsCommon):
    """Tests of the credit of a customer, seen from the ledger."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.company.credit_adjustment_account_id = cls.company_data[
            "default_account_expense"
        ]
        cls.other_customer = cls.env["res.partner"].create({"name": "Other Customer"})

    def setUp(self):
        super().setUp()
        self.company = self.company.with_env(self.env)
        self.customer = self.partner.with_user(self.supervisor)
        self.other_customer = self.other_customer.with_env(self.env)
        self.account = self.company.credit_balance_account_id
        self.entries = self.env["account.credit.balance.entry"]

    def _make_entry(self, amount, partner=None, post=True, **line_values):
        """Return a journal entry that an accountant typed: it adds credit."""
        counterpart = self.company_data["default_account_revenue"]
        entry = self.env["account.move"].create(
            {
                "move_type": "entry",
                "journal_id": self.company_data["default_journal_misc"].id,
                "line_ids": [
                    Command.create(
                        {
                            "name": "Gift",
                            "account_id": account.id,
                            "partner_id": (partner or self.partner).id,
                            "balance": sign * amount,
                            "amount_currency": sign * amount,
                            **line_values,
                        }
                    )
                    for account, sign in ((self.account, -1), (counterpart, 1))
                ],
            }
        )
        if post:
            entry.action_post()
        return entry

    def _balance(self, partner=None, currency=None):
        balance = self.env["account.credit.balance"]._find_balance(
            partner or self.partner, self.company, currency or self.company.currency_id
        )
        self.env.flush_all()
        balance.invalidate_recordset()
        return balance

    def _history(self, partner=None):
        """Return the type, the amount and the balance of the entries, oldest first."""
        return [
            (entry.entry_type, entry.amount, entry.balance_after)
            for entry in self._balance(partner).entry_ids.sorted("id")
        ]

    def _merge(self, source, target):
        self.env["base.partner.merge.automatic.wizard"]._merge(
            [source.id, target.id], target, extra_checks=False
        )
        self.env.invalidate_all()
