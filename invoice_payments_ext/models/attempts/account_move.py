from odoo import models
from odoo.exceptions import UserError

from ..states import IN_FLIGHT_OUTCOMES, UNRESOLVED_OUTCOMES


class AccountMove(models.Model):
    """The attempts on an invoice, and the amount that they leave to be charged."""

    _inherit = "account.move"

    # === CHECK METHODS === #

    def _check_collectable(self):
        """Check that a payment may be taken on each of these invoices.

        :raise UserError: If one is not a posted customer invoice, is another company's,
                          or nothing remains to be paid.
        """
        for invoice in self:
            name = invoice.display_name
            if invoice.move_type != "out_invoice":
                raise UserError(
                    self.env._(
                        "%(name)s is not a customer invoice: payments are collected on "
                        "customer invoices only.",
                        name=name,
                    )
                )
            invoice._check_company_selected()
            if invoice.state == "draft":
                raise UserError(
                    self.env._(
                        "%(name)s is a draft: confirm it first, or use Issue and "
                        "charge.",
                        name=name,
                    )
                )
            if invoice.state == "cancel":
                raise UserError(self.env._("%(name)s is cancelled.", name=name))
            if invoice.currency_id.is_zero(invoice.amount_residual):
                raise UserError(
                    self.env._("Nothing remains to be paid on %(name)s.", name=name)
                )

    def _check_payment_amount(self, amount):
        """Check an amount to be paid now on this invoice; see :meth:`_check_amount`."""
        self.ensure_one()
        self._check_amount(
            amount,
            self.currency_id,
            self._get_chargeable_amount(),
            self._describe_chargeable_amount(),
        )

    def _describe_chargeable_amount(self):
        """Describe the parts of the chargeable amount, for messages."""
        self.ensure_one()
        in_flight = self._get_amount_in_flight()
        if self.currency_id.is_zero(in_flight):
            return self.env._("remaining amount")
        return self.env._(
            "chargeable amount (%(remaining)s remain, %(in_flight)s are in flight)",
            remaining=self.currency_id.format(self.amount_residual),
            in_flight=self.currency_id.format(in_flight),
        )

    def _check_no_blocking_attempt(self):
        """Check that no attempt on these invoices is unresolved or holds them.

        :raise UserError: Naming the attempt that is in the way.
        """
        if blocking := self._get_blocking_attempt():
            raise UserError(self._describe_blocking_attempt(blocking))

    def _describe_blocking_attempt(self, transaction):
        """Say which attempt is in the way, and how to proceed."""
        values = {
            "reference": transaction.reference,
            "amount": transaction.currency_id.format(transaction.amount),
            "outcome": dict(
                transaction._fields["outcome"]._description_selection(self.env)
            )[transaction.outcome],
        }
        if transaction.outcome == "unknown":
            return self.env._(
                "The outcome of %(reference)s (%(amount)s) is unknown: the customer "
                "may have been charged. Resolve it first.",
                **values,
            )
        return self.env._(
            "%(reference)s (%(amount)s) is in flight: %(outcome)s. Wait for its "
            "outcome first.",
            **values,
        )

    def _check_no_money_in_flight(self):
        """Check that no attempt on these invoices may still bring money.

        :raise UserError: Naming the attempt.
        """
        if in_flight := self._get_attempts_in_flight():
            raise UserError(self._describe_blocking_attempt(in_flight[0]))

    def _get_money_in_flight_blockers(self, way):
        """Name the attempts on these that may still bring money, before a reset."""
        if way == "reset":
            for attempt in self._get_attempts_in_flight():
                yield self._describe_blocking_attempt(attempt)

    # === BUSINESS METHODS - HELPERS === #

    def _get_amount_in_flight(self):
        """Return the amount that attempts may still bring to this invoice.

        Money that came and is not booked yet counts too. An attempt for several
        invoices counts in full, as far as this invoice can take it.

        :return: The amount in the invoice's currency.
        :rtype: float
        """
        self.ensure_one()
        in_flight = 0.0
        for tx in self.sudo().transaction_ids:
            amount = tx._get_amount_in_flight()
            if tx.currency_id != self.currency_id:
                amount = tx.currency_id._convert(
                    amount, self.currency_id, self.company_id, tx.create_date
                )
            if len(tx.invoice_ids) > 1:
                amount = min(amount, self.amount_residual)
            in_flight += amount
        return self.currency_id.round(in_flight)

    def _get_chargeable_amount(self):
        """Return the remaining amount less the amount in flight.

        :return: The amount in the invoice's currency, zero at the least.
        :rtype: float
        """
        self.ensure_one()
        if self.state != "posted":
            return 0.0
        left = self.amount_residual - self._get_amount_in_flight()
        return max(self.currency_id.round(left), 0.0)

    def _get_default_payment_amount(self):
        """Return the amount that settles this invoice today.

        That is the chargeable amount, or less with an early-payment discount.

        :return: The amount in the invoice's currency.
        :rtype: float
        """
        self.ensure_one()
        chargeable = self._get_chargeable_amount()
        has_discount = self.invoice_payment_term_id.early_discount
        if has_discount and not self.currency_id.compare_amounts(
            chargeable, self.amount_residual
        ):
            values = self._get_invoice_next_payment_values()
            if values.get("installment_state") == "epd":
                return values["amount_due"]
        return chargeable

    def _has_to_be_paid(self):
        """Keep customers from paying an amount again that may have been paid."""
        return super()._has_to_be_paid() and not self._get_unresolved_attempts()

    def _get_online_payment_error(self):
        error = super()._get_online_payment_error()
        if self._get_unresolved_attempts():
            processing = self.env._("A payment of this invoice is being processed.")
            error = "\n".join(filter(None, [error, processing]))
        return error

    def _get_unresolved_attempts(self):
        """Return the attempts whose outcome is not known."""
        return self.sudo().transaction_ids.filtered(
            lambda tx: tx.outcome in UNRESOLVED_OUTCOMES
        )

    def _get_attempts_in_flight(self):
        """Return the attempts on these invoices that may still bring money."""
        invoices = self.filtered(lambda move: move.is_sale_document()).sudo()
        return invoices.transaction_ids.filtered(
            lambda tx: tx.outcome in IN_FLIGHT_OUTCOMES
        )

    def _get_blocking_attempt(self):
        """Return an attempt that keeps any other from being started."""
        return (
            self._get_unresolved_attempts()
            | self.sudo().transaction_ids.filtered("holds_invoice")
        )[:1]
