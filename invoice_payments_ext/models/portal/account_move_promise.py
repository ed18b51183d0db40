from odoo import models


class AccountMove(models.Model):
    """Promises to pay, as a customer sees them on the page of an invoice."""

    _inherit = "account.move"

    # === BUSINESS METHODS === #

    def _get_portal_promise_values(self):
        """Return the values of the part of an invoice's page about its promise.

        Called in superuser mode, as the visitor, after the access check of the route.

        :return: The last `promise` that is open or broken, whether the visitor may
                 change it (`can_change`) or make one (`can_promise`), the first and
                 the `latest` day, the methods that may be charged on it (`tokens`) and
                 the `consent` to that. Empty if there is nothing to show.
        :rtype: dict
        """
        self.ensure_one()
        user = self.env.user
        is_own = not user._is_public() and self._filter_of_customer(user.partner_id)
        promise = self.payment_promise_id
        if not is_own or not self._get_amount_to_promise():
            return {}
        may_promise = (
            self.company_id.promise_by_members
            and not user._is_internal()
            and not self._get_no_promise_reason()
            and not self._get_promises("broken")
        )
        is_open = promise.state == "open"
        if not (is_open or may_promise):
            return {}
        tokens = self._get_saved_tokens()
        owners = tokens._get_own_partners()
        tokens = tokens.filtered(lambda token: token.partner_id in owners)
        reasons = tokens._get_unusable_reasons(self, self.amount_residual)
        return {
            "promise": promise if is_open else promise.browse(),
            "can_change": is_open and not user._is_internal(),
            "can_promise": bool(may_promise),
            "today": self.company_id._get_own_today(),
            "latest": self._get_latest_promised_day(),
            "tokens": tokens.filtered(lambda token: not reasons[token.id]),
            "consent": self._get_promise_consent(),
        }
