from odoo import fields, models
from odoo.tools import SQL


class AccountMove(models.Model):
    """What became of the money that an invoice had brought."""

    _inherit = "account.move"

    refund_allocation_ids = fields.One2many(
        comodel_name="account.refund.allocation",
        inverse_name="invoice_id",
        readonly=True,
    )
    refund_status = fields.Selection(
        selection=[
            ("partially_refunded", "Partially Refunded"),
            ("refunded", "Refunded"),
        ],
        compute="_compute_refund_status",
        compute_sudo=True,
        search="_search_refund_status",
        help="Whether what was paid on this invoice was given back.",
    )

    # === COMPUTE METHODS === #

    def _compute_refund_status(self):
        """Compare what was given back with what was ever paid.

        That is what is paid now, and what was until a refund reopened the invoice.
        """
        amounts = self._query_refunded_amounts()
        for move in self:
            refunded, paid = amounts.get(move.id, (0.0, 0.0))
            if move.currency_id.compare_amounts(refunded, 0) <= 0:
                move.refund_status = False
            elif move.currency_id.compare_amounts(refunded, paid) >= 0:
                move.refund_status = "refunded"
            else:
                move.refund_status = "partially_refunded"

    def _query_refunded_amounts(self):
        """Read what was refunded and what was ever paid on each of these invoices.

        :return: Both amounts, in the invoice's currency, by the invoice's id.
        :rtype: dict[int, tuple[float, float]]
        """
        if not self.ids:
            return {}
        for model in (
            "account.refund.allocation",
            "account.payment",
            "account.partial.reconcile",
        ):
            self.env[model].flush_model()
        rows = self.env.execute_query(
            SQL(
                """
                WITH refunded AS (
                    SELECT part.invoice_id, sum(part.amount) AS amount,
                           sum(part.amount) FILTER (WHERE credit_note_id IS NULL)
                               AS reopened
                      FROM account_refund_allocation part
                      JOIN account_payment payment ON payment.id = part.payment_id
                     WHERE part.invoice_id IN %(ids)s
                       AND payment.state IN ('in_process', 'paid')
                  GROUP BY part.invoice_id
                )
                SELECT refunded.invoice_id, refunded.amount,
                       coalesce(refunded.reopened, 0) + coalesce((
                           SELECT sum(part.debit_amount_currency)
                             FROM account_move_line own
                             JOIN account_partial_reconcile part
                               ON part.debit_move_id = own.id
                             JOIN account_move_line other
                               ON other.id = part.credit_move_id
                             JOIN account_move move ON move.id = other.move_id
                            WHERE own.move_id = refunded.invoice_id
                              AND own.display_type = 'payment_term'
                              AND move.move_type != 'out_refund'
                       ), 0)
                  FROM refunded
                """,
                ids=tuple(self.ids),
            )
        )
        return {row[0]: row[1:] for row in rows}

    def _search_refund_status(self, operator, value):
        if operator != "in":
            return NotImplemented
        invoices = self.search([("refund_allocation_ids", "!=", False)])
        return [("id", "in", invoices.filtered(lambda m: m.refund_status in value).ids)]
