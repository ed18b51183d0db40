from contextlib import contextmanager

from odoo import fields, models
from odoo.exceptions import UserError
from odoo.fields import Domain
from odoo.tools import SQL

from ...tools import OURS
from ..states import POSTED_STATES, UNPOSTED_STATES
from .account_payment_undoing import CALLED_OFF_STATES
from .payment_transaction_booking import PAYS_OUT_CREDIT

# The rest of the money paid on each invoice that had a refund.
KEPT_AMOUNTS = """
    WITH refunded AS (
        SELECT part.invoice_id, refund.source_payment_id AS payment_id,
               coalesce(sum(part.amount)
                   FILTER (WHERE part.credit_note_id IS NOT NULL), 0)
                   AS credited
          FROM account_refund_allocation part
          JOIN account_payment refund ON refund.id = part.payment_id
         WHERE part.invoice_id IN %(ids)s
           AND refund.state IN ('in_process', 'paid')
           AND refund.is_taken_back IS NOT TRUE
      GROUP BY part.invoice_id, refund.source_payment_id
    ), paid AS (
        SELECT own.move_id AS invoice_id, other.payment_id,
               sum(part.debit_amount_currency) AS amount
          FROM account_move_line own
          JOIN account_partial_reconcile part
            ON part.debit_move_id = own.id
          JOIN account_move_line other ON other.id = part.credit_move_id
          JOIN account_move move ON move.id = other.move_id
         WHERE own.move_id IN (SELECT invoice_id FROM refunded)
           AND own.display_type = 'payment_term'
           AND move.move_type != 'out_refund'
           AND move.written_off_invoice_id IS NULL
      GROUP BY own.move_id, other.payment_id
    ), kept AS (
        SELECT paid.invoice_id, greatest(0, least(
                   paid.amount - coalesce(refunded.credited, 0),
                   payment.amount - coalesce((
                       SELECT sum(refund.amount)
                         FROM account_payment refund
                    LEFT JOIN payment_transaction tx
                           ON tx.id = refund.payment_transaction_id
                        WHERE refund.source_payment_id = payment.id
                          AND refund.state IN ('in_process', 'paid')
                          -- Of credit: the invoices of the payment stay paid.
                          AND NOT coalesce(%(pays_out)s, false)
                   ), 0)
               )) AS amount
          FROM paid
     LEFT JOIN account_payment payment ON payment.id = paid.payment_id
     LEFT JOIN refunded ON refunded.invoice_id = paid.invoice_id
           AND refunded.payment_id IS NOT DISTINCT FROM paid.payment_id
    )
    SELECT refunded.invoice_id,
           coalesce((SELECT sum(kept.amount) FROM kept
                      WHERE kept.invoice_id = refunded.invoice_id), 0)
      FROM refunded
"""


class AccountMove(models.Model):
    """The refunds that concern an invoice."""

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
        help="Whether the amount that was paid on this invoice was given back.",
    )

    # === COMPUTE METHODS === #

    def _compute_refund_status(self):
        """Tell if any money that was paid on these invoices is left."""
        kept = self._query_kept_amounts()
        for move in self:
            if move.id not in kept:
                move.refund_status = False
            elif move.currency_id.is_zero(kept[move.id]):
                move.refund_status = "refunded"
            else:
                move.refund_status = "partially_refunded"

    def _query_kept_amounts(self):
        """Read the rest of the money that was paid, where there was a refund.

        That is the amount that payments and bank matches pay of it, less the amount
        paid back with a credit note, and no more than the payment's rest. An
        early-payment discount and a write-off are not money.

        :return: By the invoice's id an amount that is zero when all was given back.
        :rtype: dict[int, float]
        """
        if not self.ids:
            return {}
        for model in (
            "account.refund.allocation",
            "account.payment",
            "account.partial.reconcile",
            "payment.transaction",
        ):
            self.env[model].flush_model()
        rows = self.env.execute_query(
            SQL(
                KEPT_AMOUNTS,
                pays_out=PAYS_OUT_CREDIT,
                ids=tuple(self.ids),
            )
        )
        return dict(rows)

    def _search_refund_status(self, operator, value):
        if operator != "in":
            return NotImplemented
        # Who may read invoices need not be able to read refunds.
        refunded = self.sudo().search([("refund_allocation_ids", "!=", False)])
        found = refunded.filtered(lambda move: move.refund_status in value)
        domain = Domain("id", "in", found.ids)
        if False in value:
            domain |= Domain("id", "not in", refunded.ids)
        return domain

    # === CHECK METHODS === #

    def _get_pay_out_blockers(self, way):
        """Name the refunds in flight that pay out these credit notes."""
        credit_notes = self.filtered(lambda move: move.move_type == "out_refund")
        if way == "reset" and credit_notes:
            refunds_sudo = (
                self.env["payment.transaction"]
                .sudo()  # Those of all users, also those that the user may not see.
                .search([("refund_credit_note_id", "in", credit_notes.ids)])
            )
            yield from refunds_sudo._get_refund_in_flight_reasons()

    def _check_changed_by_payment(self, vals):
        """Check that entries whose payment has a cap are posted and reset by that.

        Odoo leaves the payment as it is where its journal entry is posted or reset, so
        that money given back would be counted by the one and not by the other. Other
        payments of customers follow their entry, as long as they were not called off.

        :raise UserError: Naming the payment.
        """
        if "state" not in vals or self.env.context.get("entry_follows") is OURS:
            return
        is_posted = vals["state"] == "posted"
        # In these states the payment was left as it is.
        states = UNPOSTED_STATES if is_posted else POSTED_STATES
        changed = self.filtered(lambda move: (move.state == "posted") != is_posted)
        payments = changed.origin_payment_id
        held = payments._filter_capped().filtered(
            lambda payment: payment.state in states
        )
        if vals["state"] != "cancel":
            held |= self.origin_payment_id._filter_of_customers().filtered(
                lambda payment: payment.state in CALLED_OFF_STATES
            )
        for payment in held:
            raise UserError(
                self.env._(
                    "%(entry)s is the journal entry of a payment: confirm, reset or "
                    "cancel %(payment)s instead.",
                    entry=payment.move_id.display_name,
                    payment=payment.display_name,
                )
            )
        if not is_posted:
            payments._reset_with_entry()

    def _check_reverses_as_buttons_do(self, vals):
        """Check entries that are typed by hand, and name the one that they reverse.

        :raise UserError: If Odoo's button would not reverse the payment of that one.
        """
        by_door = self.env.context.get("undone_by_door") is OURS
        if vals.get("state") != "posted" or by_door:
            return
        entries = self.sudo().filtered(
            lambda move: move.move_type == "entry" and move.state != "posted"
        )
        entries.reversed_entry_id.origin_payment_id._check_can_be_undone("reverse")

    @contextmanager
    def _posting_with_payment(self):
        """Confirm the drafts of customers' payments whose entries people post."""
        drafts = self.env["account.payment"]
        if self.env.context.get("entry_follows") is not OURS:
            payments = self.filtered(lambda move: move.state == "draft")
            payments = payments.origin_payment_id._filter_of_customers()
            drafts = payments.filtered(lambda payment: payment.state == "draft")
        yield
        drafts._confirm_with_entry()
