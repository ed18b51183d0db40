from odoo import fields, models

from ...read_joined import read_joined
from ...tools import OURS, SELDOM_READ


class AccountMove(models.Model):
    """The entries of money that was taken back."""

    _inherit = "account.move"

    payment_reversal_id = fields.Many2one(
        string="Taken Back",
        comodel_name="account.payment.reversal",
        readonly=True,
        copy=False,
        index="btree_not_null",
        help="The record of the money taken back that this entry books.",
    )
    reversal_fee_reference = fields.Char(
        string="Provider's Reference of the Fee",
        readonly=True,
        copy=False,
        prefetch=SELDOM_READ,
    )
    taken_back_ids = fields.Many2many(
        string="Money Taken Back",
        comodel_name="account.payment.reversal",
        relation="account_move_account_payment_reversal_rel",
        column1="account_move_id",
        column2="account_payment_reversal_id",
        readonly=True,
        copy=False,
    )
    taken_back_notice = fields.Char(
        compute="_compute_taken_back_notice",
        help="Says that money which paid this invoice is disputed.",
    )

    # === COMPUTE METHODS === #

    def _compute_taken_back_notice(self):
        """Name the undecided disputes of payments of these invoices."""
        reversals = self._get_reversals_taken_back().filtered("is_undecided")
        for move in self:
            own = reversals.filtered(
                lambda reversal, move=move: move in reversal.invoice_ids
            )
            move.taken_back_notice = " ".join(
                reversal._get_notice() for reversal in own
            )

    # === CHECK METHODS === #

    def _get_taken_back_blockers(self, way):
        """Name the records of money taken back that these entries belong to."""
        if self.env.context.get("undone_by_door") is OURS:
            return
        for move in self.sudo().filtered("payment_reversal_id"):
            yield move.payment_reversal_id._get_entry_blocker(move)

    # === BUSINESS METHODS === #

    def _offer_taken_back_by_bank(self, partials):
        """Give people a task where these lines of a bank statement take money back.

        Only a person knows the kind and the reason: the bank's letter says it.

        :param account.partial.reconcile partials: The new matches.
        """
        if not self.statement_line_id:
            return
        for partial in partials.sudo():
            line, came = partial.debit_move_id, partial.credit_move_id
            payment = came.payment_id
            if not line.move_id.statement_line_id:
                continue
            if not payment and came.move_id.statement_line_id:
                line.move_id._tell_taken_back_without_payment(came.move_id)
            elif (
                payment.payment_type == "inbound"
                and payment._is_taken_by(line)
                and payment._get_untold_taken_back() > 0
            ):
                payment._schedule_taken_back_by_bank(line.move_id)

    def _tell_taken_back_without_payment(self, came):
        """Tell people that the bank took back what another line of it had brought.

        No payment was recorded, so there is nothing to report: the matching alone says
        what the invoice owes. Which invoice that was is known to whoever matched it.

        :param account.move came: The entry of the line that brought the money.
        """
        self.ensure_one()
        reversals = self.env["account.payment.reversal"]
        self.activity_schedule(
            "mail.mail_activity_data_todo",
            summary=self.env._("Taken back by the bank"),
            note=self.env._(
                "%(line)s takes money of %(came)s back. No payment was recorded for "
                "it: the invoice that it paid is open again, tell %(customer)s.",
                line=self._get_html_link(),
                came=came._get_html_link(),
                customer=came.partner_id.name or self.env._("the customer"),
            ),
            user_id=reversals._get_responsible(self).id,
        )

    # === GETTERS === #

    def _get_reversals_taken_back(self):
        """Return the records of money taken back of payments of these invoices.

        One query, with their invoices.

        :rtype: account.payment.reversal
        """
        # In superuser mode: who sees the invoice sees the way of its money.
        reversals_sudo = self.env["account.payment.reversal"].sudo()
        query = reversals_sudo._search(
            [("invoice_ids", "in", self.ids)], order=reversals_sudo._order
        )
        rows = read_joined(
            query, (reversals_sudo._table, reversals_sudo, "invoice_ids")
        )
        return reversals_sudo.browse(reversal for [reversal] in rows)
