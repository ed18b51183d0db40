from odoo.fields import Command

from ..common import InvoicePaymentsCommon


class CreditNoteCommon(InvoicePaymentsCommon):
    """An invoice over 1000 with 20 % of tax, seen by the supervisor."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.tax = cls.env["account.tax"].create({"name": "20 %", "amount": 20})
        cls.invoice = cls.make_taxed_invoice(cls)

    def setUp(self):
        super().setUp()
        self.tax = self.tax.with_env(self.env)
        self.company = self.company.with_env(self.env)
        self.invoice = self.invoice.with_user(self.supervisor)

    def make_taxed_invoice(self, *prices, **values):
        """Return an invoice with a line for each price, as the supervisor sees it."""
        # The class calls this as well, as if it were a test.
        invoice = InvoicePaymentsCommon.make_invoice(
            self,
            **{
                "invoice_line_ids": [
                    Command.create(
                        {
                            "name": f"Line {number}",
                            "price_unit": price,
                            "tax_ids": [Command.set(self.tax.ids)],
                        }
                    )
                    for number, price in enumerate(prices or (500, 333.33))
                ],
                **values,
            },
        )
        return invoice.with_user(self.supervisor)

    def credit(self, amount=None, invoice=None, reason="Goodwill", **values):
        """Issue a credit note of the invoice."""
        invoice = invoice or self.invoice
        return invoice.issue_credit_note(amount, reason=reason, **values)

    def charge(self, amount=None):
        """Charge the invoice and return the payment."""
        self.gateway.answers = ["done"]
        payment = self.invoice.charge(self.token.id, amount=amount).sudo().payment_id
        return payment.with_user(self.supervisor)

    def record(self, amount=None, **values):
        """Record an external payment of the invoice."""
        return self.invoice.record_external_payment(amount=amount, **values)

    def bank_match(self, amount):
        """Match an entry of the bank with the invoice, without any payment."""
        journal = self.company_data["default_journal_bank"]
        receivable = self.invoice.sudo().line_ids.filtered(
            lambda line: line.display_type == "payment_term"
        )
        entry = self.env["account.move"].create(
            {
                "journal_id": journal.id,
                "line_ids": [
                    Command.create(
                        {"account_id": journal.default_account_id.id, "debit": amount}
                    ),
                    Command.create(
                        {
                            "account_id": receivable.account_id.id,
                            "partner_id": self.partner.id,
                            "credit": amount,
                        }
                    ),
                ],
            }
        )
        entry.action_post()
        (receivable | entry.line_ids[1]).reconcile()
        return entry

    def make_earlier_refund(self, amount, **values):
        """Return a refund that was made without a credit note."""
        refund = self.env["account.payment"].create(
            {
                "payment_type": "outbound",
                "partner_type": "customer",
                "partner_id": self.partner.id,
                "amount": amount,
                "journal_id": self.company_data["default_journal_bank"].id,
                "date": "2026-02-01",
                **values,
            }
        )
        refund.action_post()
        return refund

    def open_amount(self, move):
        """Return the open amount of an invoice, a credit note or a payment."""
        move.env.flush_all()
        move.env.invalidate_all()
        entry = move.sudo().move_id if move._name == "account.payment" else move.sudo()
        lines = entry.line_ids.filtered(
            lambda line: line.account_id.account_type == "asset_receivable"
        )
        return sum(lines.mapped("amount_residual_currency"))

    def refunds(self, credit_note):
        """Return the attempts to refund a credit note, oldest first."""
        return (
            self.env["payment.transaction"]
            .sudo()
            .search([("refund_credit_note_id", "=", credit_note.id)], order="id")
        )
