from odoo import models

from ...tools import write_amount


class AccountMove(models.Model):
    """Promises to pay, as a customer sees them on the page of an invoice."""

    _inherit = "account.move"

    # === BUSINESS METHODS === #

    def _get_portal_promise_values(self):
        """Return the values of the part of an invoice's page about its promise.

        Called in superuser mode, as the visitor, after the access check of the route.

        :return: The last `promise` that is open or broken, whether the visitor may
                 change it (`can_change`) or make one (`can_promise`), the first and
                 the `latest` day, the `amount` to begin with, as a field has it, the
                 methods that may be charged on that day (`tokens`) and the `consent`
                 to that. Empty if there is nothing to show.
        :rtype: dict
        """
        self.ensure_one()
        user = self.env.user
        promise = self.payment_promise_id
        if not self._is_open_to_member() or not self._get_amount_to_promise():
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
            "amount": write_amount(self.currency_id, self.amount_residual),
            "tokens": tokens.filtered(lambda token: not reasons[token.id]),
            "consent": self._get_promise_consent(),
        }

    def _get_owe_promise_values(self):
        """Return the values of the promises on the page of all that a member owes.

        Called in superuser mode, as the visitor, for the open invoices of one company
        and currency.

        :return: The open `promises`, and whether one can be made (`can_promise`) from
                 `today` to the `latest` day. Empty if there is nothing to show.
        :rtype: dict
        """
        company = self.company_id
        promises = self.payment_promise_id.filtered(lambda each: each.state == "open")
        free = self.filtered(lambda move: not move._get_no_promise_reason())
        free -= free._get_promises("broken").invoice_ids
        can_promise = bool(
            free and company.promise_by_members and not self.env.user._is_internal()
        )
        if not (promises or can_promise):
            return {}
        return {
            "promises": promises,
            "can_promise": can_promise,
            "today": company._get_own_today(),
            "latest": free._get_latest_promised_day() if can_promise else False,
        }

    def _promise_owed(self, line_ids, date):
        """Promise to pay some instalments of these invoices, as the member asked.

        :param set[int] line_ids: The journal items of the instalments.
        :param str date: The day by which they are paid.
        :return: The promise.
        :rtype: account.payment.promise
        :raise UserError: If they cannot be promised, in words for the member.
        """
        amount = sum(
            owed_line.amount
            for invoice in self
            for owed_line in invoice._get_owed_lines()
            if owed_line.line.id in line_ids
        )
        return self.promise_to_pay(
            amount=self.currency_id[:1].round(amount), date=date, channel="portal"
        )
