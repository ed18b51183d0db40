from odoo import api, fields, models
from odoo.fields import Domain

from ..tools import OURS


class AccountPayment(models.Model):
    """What a payment needs to be booked by the doors of this addon.

    With each change of a payment, the ORM looks for the invoices that it is reconciled
    with, and for the payments of these: five queries, some ten times a payment. While a
    door creates and posts a payment (`booked_by_door`) there are none to be found.
    """

    _inherit = "account.payment"

    # Odoo has no inverse of these. With one, the ORM knows from its cache what belongs
    # to a payment; without, it searches for it with each change.
    entry_ids = fields.One2many(
        comodel_name="account.move", inverse_name="origin_payment_id", readonly=True
    )
    entry_line_ids = fields.One2many(
        comodel_name="account.move.line", inverse_name="payment_id", readonly=True
    )

    # === CRUD METHODS === #

    @api.model_create_multi
    def create(self, vals_list):
        if self.env.context.get("booked_by_door") is not OURS:
            return super().create(vals_list)
        fresh = self.with_context(nothing_reconciled_yet=OURS)
        return super(AccountPayment, fresh).create(vals_list).with_env(self.env)

    def message_post(self, **kwargs):
        """Keep the notes on attempts to the chatter: they are for nobody's inbox."""
        if self.env.context.get("log_payment_note") is OURS:
            return self._message_log(**kwargs)
        return super().message_post(**kwargs)

    # === ACTION METHODS === #

    def _cancel_entries_in_credit_history(self):
        """Cancel the draft entries that the history of a credit balance refers to.

        :return: Their payments.
        :rtype: account.payment
        """
        drafts = self.move_id.filtered(lambda move: move.state == "draft")
        latest = self.env["account.credit.balance.entry"]._get_latest(drafts.line_ids)
        kept = self.env["account.move.line"].union(*latest).move_id
        kept.button_cancel()
        return kept.origin_payment_id

    def action_print_payment_receipt(self):
        """Return the action that prints the receipt.

        :rtype: dict
        """
        self.check_access("read")
        return self.env.ref("account.action_report_payment_receipt").report_action(self)

    # === BUSINESS METHODS === #

    def _send_receipt(self):
        """Queue the receipt for the customers, in their language."""
        template = self.env.ref("account.mail_template_data_payment_receipt")
        for payment in self:
            payment.message_post_with_source(
                template, message_type="comment", subtype_xmlid="mail.mt_comment"
            )

    def _prepare_payment_transaction_vals(self, **extra_create_values):
        """Keep Odoo's own dialog from charging what may have been charged already."""
        values = super()._prepare_payment_transaction_vals(**extra_create_values)
        invoices = self.env["account.move"].browse(
            self.env["payment.transaction"]
            ._fields["invoice_ids"]
            .convert_to_cache(
                values.get("invoice_ids", []), self.env["payment.transaction"]
            )
        )
        invoices._check_nothing_in_flight()
        return values

    def _generate_journal_entry(self, *args, **kwargs):
        """Log the entry that a door of this addon books on its payment only."""
        if self.env.context.get("nothing_reconciled_yet") is OURS:
            self = self.with_context(
                mail_create_nolog=True, mail_create_nosubscribe=True
            )
        return super()._generate_journal_entry(*args, **kwargs)

    def _search_reconciled_invoice_ids(self, operator, value):
        if self.env.context.get("nothing_reconciled_yet") is OURS:
            return Domain.FALSE
        return super()._search_reconciled_invoice_ids(operator, value)

    # === GETTERS === #

    def _get_report_base_filename(self):
        """Return the name of the receipt's file, for downloads from the portal."""
        self.ensure_one()
        return f"{self.payment_receipt_title} {self.name}"

    def _get_receipt_method(self):
        """Return how the money came, in words for the customer.

        :rtype: str
        """
        self.ensure_one()
        payment_sudo = self.sudo()  # Customers print receipts too.
        if payment_sudo.payment_token_id:
            return payment_sudo.payment_token_id._get_method_label()
        transaction_sudo = payment_sudo.payment_transaction_id
        method_line = payment_sudo.payment_method_line_id
        return (
            transaction_sudo.payment_method_id.name
            or f"{payment_sudo.journal_id.name} ({method_line.name})"
        )
