from odoo import models


class AccountPartialReconcile(models.Model):
    """Tax that is due when it is paid: not by a credit note while nothing was paid."""

    _inherit = "account.partial.reconcile"

    # === ODOO'S OWN RECONCILIATION === #

    def _create_tax_cash_basis_moves(self):
        """Leave out credit notes on invoices of which nothing was paid.

        Odoo takes a part of the invoice's tax and all of the credit note's, each at its
        own rate. As soon as money comes, that is made up for: the sum is right then.
        """
        credited = self.filtered(lambda partial: partial._is_credit_note_on_invoice())
        invoices = self.debit_move_id.move_id
        unpaid = invoices.filtered(lambda move: not move._has_received_money())
        waiting = credited.filtered(
            lambda partial: partial.debit_move_id.move_id in unpaid
        )
        due = self - waiting
        paid_now = (due - credited).debit_move_id.move_id - unpaid
        made_up = paid_now.line_ids.matched_credit_ids.filtered(
            lambda partial: partial._is_credit_note_on_invoice()
        )
        made_up -= self._get_with_cash_basis_entry(made_up)
        return super(
            AccountPartialReconcile, due | made_up
        )._create_tax_cash_basis_moves()

    # === GETTERS === #

    def _is_credit_note_on_invoice(self):
        """Tell if this matches an invoice of a customer with a credit note of a door.

        Odoo takes back the tax of its own credit notes in another way.

        :rtype: bool
        """
        self.ensure_one()
        credit_note = self.credit_move_id.move_id
        return (
            self.debit_move_id.move_id.move_type == "out_invoice"
            and credit_note.move_type == "out_refund"
            and bool(credit_note.sudo().credited_shares)
        )

    def _get_with_cash_basis_entry(self, partials):
        """Return those of these reconciliations whose tax was made due."""
        entries = self.env["account.move"].search(
            [("tax_cash_basis_rec_id", "in", partials.ids)]
        )
        return entries.tax_cash_basis_rec_id
