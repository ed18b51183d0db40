from odoo import fields, models
from odoo.exceptions import AccessError, UserError
from odoo.tools import format_date

from ..saved_methods.payment_consent_mixin import find_consent, prepare_consent
from .account_payment_promise import CHANNELS


class AccountMove(models.Model):
    """Which promises to pay invoices are taken, and of whom."""

    _inherit = "account.move"

    # === CHECK METHODS === #

    def _check_promise_rights(self):
        """Check that the user may promise to pay these invoices, or record it.

        :raise AccessError: If the user is neither of the staff that records payments
                            nor the customer, whom the company lets promise.
        """
        if not self.env["account.payment.promise"]._is_of_customer():
            self._check_payment_rights()
            return
        self.check_access("read")
        moves_sudo = self.sudo()
        own = self.env.user.partner_id.commercial_partner_id
        if (
            self.env.user._is_public()
            or moves_sudo.commercial_partner_id != own
            or not all(moves_sudo.company_id.mapped("promise_by_members"))
        ):
            raise AccessError(
                self.env._("Promises to pay these invoices are taken by the staff.")
            )

    def _check_promise(self, amount, date, channel, note, token_id, consent):
        """Check a promise on these locked invoices.

        :raise UserError: If it does not fit.
        """
        moves_sudo = self.sudo()
        is_of_customer = self.env["account.payment.promise"]._is_of_customer()
        if not is_of_customer:
            for move in self:
                move._check_company_selected()
        if len(moves_sudo.mapped("commercial_partner_id")) != 1 or (
            len(moves_sudo.currency_id) != 1 or len(moves_sudo.company_id) != 1
        ):
            raise UserError(
                self.env._(
                    "A promise is about invoices of one customer, in one currency and "
                    "of one company."
                )
            )
        if channel not in CHANNELS or (channel == "portal") != is_of_customer:
            raise UserError(
                self.env._("Say how the customer promised: on the phone or by mail.")
            )
        for move in moves_sudo:
            if reason := move._get_no_promise_reason():
                raise UserError(reason)
            if is_of_customer and move._get_promises("broken"):
                raise UserError(
                    self.env._(
                        "A promise for %s was not kept. Please contact us.", move.name
                    )
                )
        moves_sudo._check_amount(
            amount,
            moves_sudo.currency_id,
            moves_sudo._get_amount_to_promise(),
            self.env._("remaining amount"),
        )
        moves_sudo._check_promised_day(date)
        moves_sudo._check_open_promises()
        if token_id:
            if is_of_customer:
                self.env["payment.token"].browse(token_id)._check_own()
            moves_sudo._check_promised_method(token_id, amount, consent)
            self._get_promise_consent_text(token_id, consent)

    def _check_promised_day(self, date):
        """Check a day that is promised for these invoices.

        :param str date: The day.
        :raise UserError: If it is over, or too late.
        """
        company = self.company_id
        today = company._get_own_today()
        day = fields.Date.to_date(date)
        if not day:
            raise UserError(self.env._("Say by which day it is paid."))
        if day < today:
            raise UserError(
                self.env._("The promised day must be today or later, not in the past.")
            )
        latest = self._get_latest_promised_day()
        if day > latest:
            raise UserError(
                self.env._(
                    "The promised day can be %(latest)s at the latest: %(company)s "
                    "takes promises for up to %(days)s days after the due date.",
                    latest=format_date(self.env, latest),
                    company=company.name,
                    days=company.promise_max_days,
                )
            )

    def _check_open_promises(self):
        """Check that the customer has room for one more open promise.

        :raise UserError: If the limit of the company is reached.
        """
        company = self.company_id
        count = self.env["account.payment.promise"].search_count(
            [
                ("partner_id", "=", self.commercial_partner_id.id),
                ("company_id", "=", company.id),
                ("state", "=", "open"),
            ]
        )
        if count >= company.promise_max_open:
            raise UserError(
                self.env._(
                    "%(customer)s has %(count)s open promises: %(company)s takes no "
                    "more at a time.",
                    customer=self.commercial_partner_id.name,
                    count=count,
                    company=company.name,
                )
            )

    def _check_promised_method(self, token_id, amount, consent):
        """Check the saved method that is to be charged on the promised day.

        :raise UserError: If it cannot be charged, or nobody said how the customer
                          agreed.
        """
        if not consent or not consent.strip():
            raise UserError(
                self.env._("Say how the customer agreed that the method is charged.")
            )
        for move in self:
            part = min(amount, move.amount_residual)
            move._check_token(move._get_token_to_charge(token_id), part)

    # === GETTERS === #

    def _get_promise_consent(self):
        """Return the text by which a customer lets a method be charged on that day.

        :return: See `prepare_consent`.
        :rtype: dict
        """
        return prepare_consent(
            self.env._(
                "I agree that %(company)s charges the chosen payment method on the "
                "promised day with the promised amount. Until the day before, I can "
                "withdraw this here.",
                company=self.company_id.sudo().name,
            )
        )

    def _get_promise_consent_text(self, token_id, consent):
        """Return the consent to the charge on the promised day, as it is kept.

        :param int token_id: The saved method.
        :param str consent: See `promise_to_pay`.
        :rtype: str
        :raise UserError: If the text that the customer saw is another one by now.
        """
        token_sudo = self.env["payment.token"].sudo().browse(token_id)
        method = token_sudo._get_method_label()
        if not self.env["account.payment.promise"]._is_of_customer():
            return self.env._(
                "%(method)s. Recorded by %(user)s: %(note)s",
                method=method,
                user=self.env.user.name,
                note=consent.strip(),
            )
        if text := find_consent(self, "_get_promise_consent", consent):
            return f"{method}. {text}"
        raise UserError(
            self.env._(
                "The text that you agreed to has changed. Please load the page again."
            )
        )
