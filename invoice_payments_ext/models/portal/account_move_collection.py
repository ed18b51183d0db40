from odoo import fields, models
from odoo.tools import format_date

from ..collection.account_collection_events import METHOD_REASONS


class AccountMove(models.Model):
    """The next step of a collection, in words for the customer."""

    _inherit = "account.move"

    # === BUSINESS METHODS === #

    def _get_portal_collection(self):
        """Return the customer's words on the automatic charge of this invoice.

        Called in superuser mode, as the visitor. Only the customer reads it: others
        have the link, too.

        :return: The `words`, whether the customer has to act (`is_urgent`), and may
                 change the method (`can_change`); empty if there is nothing to say.
        :rtype: dict
        """
        self.ensure_one()
        user = self.env.user
        row = self._get_collections(self)
        if (
            user._is_public()
            or not self._filter_of_customer(user.partner_id)
            or row.state not in ("running", "exhausted")
            or self.payment_promise_id.state == "open"
            or self.currency_id.is_zero(self.amount_residual)
            or self._is_being_paid()
        ):
            return {}
        if row.wait_reason in METHOD_REASONS:
            return {
                "words": self.env._(
                    "We could not charge this invoice to a saved payment method. Pay "
                    "it now, or save another payment method."
                ),
                "is_urgent": True,
                "can_change": self._is_open_to_member(),
            }
        token = self._get_default_token()
        moment = token and row._get_next_charge(token)
        # The member may have lowered the largest amount a moment ago.
        if not moment or self._get_auto_pay_refusal(self.amount_residual)[0]:
            return {}
        zone = row.company_id._get_own_zone().key
        return {
            "words": self.env._(
                "We will charge %(method)s on %(day)s.",
                method=token.display_name,
                day=format_date(
                    self.env,
                    fields.Datetime.context_timestamp(
                        self.with_context(tz=zone), moment
                    ).date(),
                    date_format="d MMM",
                ),
            ),
            "is_urgent": False,
            "can_change": self._is_open_to_member(),
        }
