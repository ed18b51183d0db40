import logging
from datetime import timedelta

from markupsafe import escape

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools.mail import html_to_inner_content

from ..attempts.payment_transaction_steps import is_concurrency_error
from .account_collection_schedule import MORNING
from .account_collection_step import get_moment
from .reasons import CHARGE, CREDIT, REASONS

_logger = logging.getLogger(__name__)


class AccountPaymentPromise(models.Model):
    """Promises by which the customer lets a method be charged on the promised day."""

    _inherit = "account.payment.promise"

    # === BUSINESS METHODS === #

    @api.model
    def _cron_charge_promised(self):
        """Charge the methods that customers agreed to have charged today. Commits."""
        soon = fields.Date.today() + timedelta(days=1)  # Somewhere, it is that day.
        due = self.search(
            [("state", "=", "open"), ("token_id", "!=", False), ("date", "<=", soon)],
            order="id",
        ).filtered(lambda promise: promise._is_to_be_charged())
        self.env["ir.cron"]._commit_progress(remaining=len(due))
        for promise in due:
            zone = promise.company_id._get_own_zone().key
            promise.with_context(tz=zone)._charge_promised()
            if not self.env["ir.cron"]._commit_progress(1):
                break

    def _is_to_be_charged(self):
        """Tell if it is the promised day, by the clock of the company, from morning on.

        :rtype: bool
        """
        self.ensure_one()
        company = self.company_id
        begin = get_moment(self.date, MORNING, company._get_own_zone())
        return company._get_own_today() == self.date and fields.Datetime.now() >= begin

    def _charge_promised(self):
        """Charge the promised amount, each invoice once, by the door of a person.

        The customer's consent is to this method, amount and day: it needs no permission
        of other automatic charges. The rest is left to the customer.
        """
        for invoice in self.invoice_ids.sorted("invoice_date_due"):
            try:
                attempt, key = self._find_promised_charge(invoice)
                if attempt:
                    attempt._complete_attempt(attempt)
                else:
                    self._charge_promised_invoice(invoice, key)
            except UserError as error:
                self.env.cr.rollback()
                self._tell_not_charged(invoice, str(error))
            except Exception as error:  # noqa: BLE001, pylint: disable=broad-except
                self.env.cr.rollback()
                if not is_concurrency_error(error):
                    _logger.exception("Promise %s could not be charged", self.id)

    def _find_promised_charge(self, invoice):
        """Return the charge of the promised day, and the key of one to be made.

        One that never left, because the server died, is made again.

        :param account.move invoice: The invoice.
        :rtype: tuple[payment.transaction, str]
        """
        keys = self.env["account.idempotency.key"]
        key = f"promise/{self.id}/{self.date}/{invoice.id}"
        attempt = keys._get_known_result(key, self.company_id)
        while attempt and attempt._was_lost_before_sending():
            key += "/again"
            attempt = keys._get_known_result(key, self.company_id)
        return attempt, key

    def _charge_promised_invoice(self, invoice, key):
        """Pay one invoice with the part of the promised amount that is left.

        Credit pays first, as in each collection, and the method the rest.

        :param account.move invoice: The invoice.
        :param str key: The idempotency key of the charge.
        :raise UserError: If it cannot be charged.
        """
        self.invalidate_recordset()
        left = self._get_amount_left()
        if self.state != "open" or self.currency_id.compare_amounts(left, 0) <= 0:
            return
        decision = invoice._decide_charges(tokens={invoice: self.token_id})[invoice]
        if decision.action not in (CHARGE, CREDIT):
            raise UserError(
                decision.words or self.env._(REASONS[decision.reason].label)
            )
        credit = min(left, decision.credit)
        if not self.currency_id.is_zero(credit):
            invoice.apply_credit_balance(credit)
        amount = self.currency_id.round(min(left - credit, decision.amount))
        if not self.currency_id.is_zero(amount):
            invoice.charge(self.token_id.id, amount=amount, idempotency_key=key)

    def _get_amount_left(self):
        """Return how much of the promised amount was not paid, and is not on its way.

        :rtype: float
        """
        in_flight = self.invoice_ids._get_amounts_in_flight()
        came = self._get_facts()[self].applied
        return self.currency_id.round(self.amount - came - sum(in_flight.values()))

    def _get_words_for(self, state, facts):
        """Say as well that the method was not charged on the promised day.

        The customer agreed to that day: it is not made up for on another one.
        """
        words = super()._get_words_for(state, facts)
        if state != "broken" or not self.token_id or self._was_charged_on_its_day():
            return words
        return self.env._(
            "%(words)s The payment method that the customer agreed to was not charged "
            "on that day.",
            words=words,
        )

    def _was_charged_on_its_day(self):
        """Tell if a charge of the method left, from the promised day on.

        :rtype: bool
        """
        begin = get_moment(self.date, 0.0, self.company_id._get_own_zone())
        return any(
            attempt.token_id == self.token_id.sudo()
            and attempt.request_sent_on
            and attempt.request_sent_on >= begin
            for attempt in self.invoice_ids.sudo().transaction_ids
        )

    def _tell_not_charged(self, invoice, reason):
        """Say on the invoice, once a day, why the promised charge was not made."""
        body = self.env._("The promised charge was not made. %s", reason)
        told = [html_to_inner_content(each.body) for each in invoice.message_ids[:5]]
        if html_to_inner_content(escape(body)) not in told:
            invoice._message_log(body=body)
