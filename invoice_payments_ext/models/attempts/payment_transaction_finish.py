from odoo import fields, models

from odoo.addons.payment import utils as payment_utils

from ...tools import prepare_dialog

# The methods of the rooms that know an address on our own pages, for payments that the
# customer has to confirm there. Each method returns it, or an empty text.
OWN_PAGE_METHODS = ("_get_again_url",)


class PaymentTransaction(models.Model):
    """Attempts that wait for the customer, and the address where they are finished."""

    _inherit = "payment.transaction"

    # The form that led the customer to the provider: the same form leads there again,
    # and starts no second payment. Nobody else may write a page of customers.
    finish_form = fields.Text(readonly=True, copy=False, groups="base.group_system")

    # === ACTION METHODS === #

    def action_show_finish_link(self):
        """Return the dialog with the link by which the customer finishes this.

        :rtype: dict
        """
        self.ensure_one()
        return prepare_dialog(
            "payment.attempt.finish",
            self.env._("Link to finish %s", self.reference),
            transaction_id=self.id,
        )

    # === BUSINESS METHODS === #

    def _get_processing_values(self):
        """Keep the form that leads the customer to the provider."""
        values = super()._get_processing_values()
        tx_sudo = self.sudo()
        if (form := values.get("redirect_form_html")) and not (
            tx_sudo.provider_id._announces_only()
        ):
            tx_sudo.finish_form = form
        return values

    # === GETTERS === #

    def _get_finish_url(self):
        """Return the address where the customer finishes this, if it waits for that.

        Whoever has the address may pay, and sees the amount.

        Note: `self.ensure_one()`

        :return: The address, or an empty text.
        :rtype: str
        """
        self.ensure_one()
        tx_sudo = self.sudo()
        if tx_sudo._is_refund() or tx_sudo._is_of_other_mode():
            return ""
        if tx_sudo.outcome == "pending":
            if url := tx_sudo.provider_id._get_finish_url(tx_sudo):
                return url
            if tx_sudo.finish_form:
                return tx_sudo._get_own_page_url()
        urls = (getattr(tx_sudo, name)() for name in OWN_PAGE_METHODS)
        return next(filter(None, urls), "")

    def _get_own_page_url(self):
        """Return the address of our page about this attempt, with its proof.

        Note: `self.ensure_one()`

        :rtype: str
        """
        self.ensure_one()
        token = self._get_finish_token()
        return f"{self.get_base_url()}/payment/finish/{self.id}?access_token={token}"

    def _get_finish_token(self):
        """Return the proof that somebody was given the address of this attempt.

        Note: `self.ensure_one()`

        :rtype: str
        """
        self.ensure_one()
        return payment_utils.generate_access_token(
            "finish", self.id, self.reference, env=self.env
        )
