from datetime import timedelta

from markupsafe import Markup

from odoo import api, fields, models

from ...tools import SELDOM_READ

# How many payments a task about a line of a bank statement names.
NAMED_AT_MOST = 5
# How old a line may be of which people are told.
TOLD_FOR = timedelta(days=60)


class AccountMove(models.Model):
    """Money that a bank takes back on the account of the receipts of payments."""

    _inherit = "account.move"

    is_return_told = fields.Boolean(
        readonly=True,
        copy=False,
        prefetch=SELDOM_READ,
        help="People were told that this line of a bank statement may take a payment "
        "back.",
    )

    # === BUSINESS METHODS === #

    @api.model
    def _cron_tell_returns(self):
        """Tell people of lines of bank statements that may take payments back, once.

        On the account of receipts, nobody has to match them with anything.
        """
        lines = self.env["account.move.line"].search(
            [
                ("statement_line_id", "!=", False),
                ("move_id.is_return_told", "=", False),
                ("parent_state", "=", "posted"),
                ("reconciled", "=", False),
                ("balance", ">", 0),
                ("account_id.reconcile", "=", True),
                ("account_id.account_type", "=", "asset_current"),
                ("date", ">=", fields.Date.today() - TOLD_FOR),
            ]
        )
        for line in lines:
            line.move_id._tell_of_return(line)

    def _offer_taken_back_of_receipts(self, partials):
        """Give people a task where these matches on receipts take money back.

        :param account.partial.reconcile partials: The new matches, in which these
                                                   entries are the debit.
        """
        for partial in partials.sudo():
            line, other = partial.debit_move_id, partial.credit_move_id
            payment = line.payment_id
            if line.account_id.account_type == "asset_receivable":
                continue  # See `_offer_taken_back_by_bank`.
            if payment:
                if (
                    payment.payment_type == "inbound"
                    and line.account_id == payment.outstanding_account_id
                    and payment._is_returned_by(other.move_id)
                    and payment._get_untold_taken_back() > 0
                ):
                    payment._schedule_taken_back_by_bank(other.move_id)
            elif line.statement_line_id and other.statement_line_id:
                # The bank took back what another line of it had brought.
                line.move_id._tell_of_return(line)
            elif line.statement_line_id and (
                reversal := other.move_id.payment_reversal_id
            ):
                line.move_id._end_return_tasks(reversal.payment_id)

    def _tell_of_return(self, line):
        """Tell people that this line may take a payment back, once.

        :param account.move.line line: Its journal item on the account of receipts.
        """
        self.ensure_one()
        if self.is_return_told or line._find_booked_return():
            return
        payments = self.env["account.payment"]._get_returned_by(line)
        if len(payments) == 1:
            payments._schedule_taken_back_by_bank(self)
        elif payments:
            self._schedule_returned_payment(line, payments)
        self.is_return_told = bool(payments)

    def _schedule_returned_payment(self, line, payments):
        """Give people the task to find the payment that a line takes back.

        :param account.move.line line: Its journal item on the account of receipts.
        :param account.payment payments: Those that it may be about.
        """
        links = [payment._get_html_link() for payment in payments[:NAMED_AT_MOST]]
        self.activity_schedule(
            "mail.mail_activity_data_todo",
            summary=self.env._("Taken back by the bank"),
            note=self.env._(
                "%(line)s takes %(amount)s back. Use Taken back on the payment that it "
                "is about: %(payments)s.",
                line=self._get_html_link(),
                amount=line.currency_id.format(line.amount_currency),
                payments=Markup(", ").join(links),
            ),
            user_id=self.env["account.payment.reversal"]._get_responsible(self).id,
        )

    def _end_return_tasks(self, payment):
        """End the tasks about this line of a bank statement: it was reported."""
        self.ensure_one()
        link = f'data-oe-model="account.move" data-oe-id="{self.id}"'
        tasks = self.activity_ids | payment.activity_ids
        tasks.filtered(lambda task: link in (task.note or "")).action_feedback()
