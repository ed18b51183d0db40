from collections import defaultdict

from odoo import models
from odoo.exceptions import UserError
from odoo.tools import str2bool

from ..states import EXPECTED_OUTCOMES, IN_FLIGHT_OUTCOMES, UNRESOLVED_OUTCOMES
from .announced_money import AnnouncedMoney


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
        """Check an amount to be paid now on this invoice; see :meth:`_check_amount`.

        :raise UserError: Naming the attempt where it leaves nothing to be paid.
        """
        self.ensure_one()
        if reason := self._get_all_in_flight_reason():
            raise UserError(reason)
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
            raise UserError(self._describe_attempt(blocking))

    def _describe_attempt(self, transaction):
        """Say which attempt is in the way, and how to proceed."""
        values = {
            "reference": transaction.reference,
            "amount": transaction.currency_id.format(abs(transaction.amount)),
            "outcome": transaction._get_outcome_label(),
        }
        if payment := transaction.sudo().payment_id:
            values["payment"] = payment.name or payment.display_name
        if transaction.outcome == "succeeded" and payment.state == "draft":
            return self.env._(
                "%(reference)s (%(amount)s) was received, but its payment %(payment)s "
                "is a draft: confirm it.",
                **values,
            )
        if transaction.outcome == "succeeded":
            return self.env._(
                "%(reference)s (%(amount)s) was received and is not booked yet. That "
                "is tried again automatically.",
                **values,
            )
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
            raise UserError(self._describe_attempt(in_flight[0]))

    def _get_money_in_flight_blockers(self, way):
        """Name the attempts on these that may still bring money, before a reset."""
        if way == "reset":
            for attempt in self._get_attempts_in_flight():
                yield self._describe_attempt(attempt)

    def _get_all_in_flight_reason(self, chargeable=None):
        """Name the attempt that takes all that remains; an empty text if none does.

        :param float chargeable: The amount of `_get_chargeable_amount`, if it is known.
        :rtype: str
        """
        self.ensure_one()
        if chargeable is None:
            chargeable = self._get_chargeable_amount()
        if self.state != "posted" or not self.currency_id.is_zero(chargeable):
            return ""
        for attempt in self._get_attempts_with_money():
            return self._describe_attempt(attempt)
        return ""

    def _get_unbookable_reason(self, provider):
        """Say why money for these invoices could not be booked; empty if it can.

        :param payment.provider provider: The one that would bring it, in superuser
                                          mode.
        :rtype: str
        """
        owed = self.line_ids.filtered(lambda line: line.display_type == "payment_term")
        return provider._get_unbookable_reason(
            self.company_id[:1].sudo(), owed.account_id.sudo()
        )

    # === ACTION METHODS === #

    def payment_action_capture(self):
        """Let only those capture who may: Odoo goes on in superuser mode."""
        self._check_payment_rights()
        self._check_company_selected()
        return super().payment_action_capture()

    def payment_action_void(self):
        """Let only those void who may; see :meth:`payment_action_capture`."""
        self._check_payment_rights()
        for invoice in self:
            invoice._check_company_selected()
        return super().payment_action_void()

    # === BUSINESS METHODS - HELPERS === #

    def _get_portal_payment_link(self):
        """Print the link on an invoice, whoever prints it."""
        return super(AccountMove, self.sudo())._get_portal_payment_link()

    def _get_payment_link_of(self, amount):
        """Return the link with which anybody pays an amount of this invoice.

        Note: `self.ensure_one()`

        :param float amount: The amount in the invoice's currency.
        :rtype: str
        """
        self.ensure_one()
        # In superuser mode: it is for the customer, whoever asks for it.
        links_sudo = self.env["payment.link.wizard"].sudo()
        values = {"res_model": self._name, "res_id": self.id, "amount": amount}
        return (
            links_sudo.with_context(active_id=self.id, active_model=self._name)
            .create(values)
            .link
        )

    def _get_amount_in_flight(self):
        """Return the amount that attempts may still bring to this invoice.

        Money that came and is not booked yet counts too. Of an attempt for several
        invoices, the share of this one counts.

        :return: The amount in the invoice's currency.
        :rtype: float
        """
        self.ensure_one()
        in_flight = 0.0
        for tx in self.sudo().transaction_ids:
            amount = tx._get_amount_in_flight_for(self)
            if tx.currency_id != self.currency_id:
                amount = tx.currency_id._convert(
                    amount, self.currency_id, self.company_id, tx.create_date
                )
            in_flight += amount
        return self.currency_id.round(in_flight)

    def _get_chargeable_amount(self, in_flight=None):
        """Return the remaining amount less the amount in flight.

        :param float in_flight: The amount of `_get_amount_in_flight`, if it is known.
        :return: The amount in the invoice's currency, zero at the least.
        :rtype: float
        """
        self.ensure_one()
        if self.state != "posted":
            return 0.0
        if in_flight is None:
            in_flight = self._get_amount_in_flight()
        left = self.amount_residual - in_flight
        return max(self.currency_id.round(left), 0.0)

    def _get_reserved_amount(self):
        """Return how much of this is still to be paid beside its attempts.

        Beside those in flight, and beside those that brought their own part already.

        :return: The amount in the invoice's currency.
        :rtype: float
        """
        self.ensure_one()
        attempts = self._get_attempts_in_flight()
        attempts |= self.sudo().transaction_ids.filtered(
            lambda tx: tx._has_more_beside()
        )
        return self.currency_id.round(
            sum(amount for tx in attempts for amount in tx._get_amounts_beside(self))
        )

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
        if self._is_being_paid():
            return False
        return super()._has_to_be_paid() or self._is_open_beside_attempts()

    def _get_online_payment_error(self):
        error = super()._get_online_payment_error()
        if self._is_being_paid():
            processing = self.env._("A payment of this invoice is being processed.")
            error = "\n".join(filter(None, [error, processing]))
        return error

    def _is_being_paid(self):
        """Tell if an attempt is unresolved, or takes all with the money paid beside it.

        :rtype: bool
        """
        reserved = self._get_reserved_amount()
        return bool(
            self._get_unresolved_attempts()
            or self._get_all_in_flight_reason()
            or reserved
            and self.currency_id.compare_amounts(
                self._get_chargeable_amount(), reserved
            )
            <= 0
        )

    def _is_open_beside_attempts(self):
        """Tell if attempts that leave a part to be paid keep Odoo from offering that.

        Odoo offers nothing while any payment is on its way, be it an instalment, and
        takes the amount that another provider than its own announces.

        :rtype: bool
        """
        outcomes = set(self.sudo().transaction_ids.mapped("outcome"))
        parameters_sudo = self.env["ir.config_parameter"].sudo()
        return bool(
            outcomes & {*EXPECTED_OUTCOMES, *IN_FLIGHT_OUTCOMES}
            and self.move_type == "out_invoice"
            and self.state == "posted"
            and self.payment_state in ("not_paid", "in_payment", "partial")
            and not self.currency_id.is_zero(self.amount_residual)
            and str2bool(
                parameters_sudo.get_param("account_payment.enable_portal_payment")
            )
        )

    def _close_met_announcements(self, partials):
        """Close the announced payments of these for which matched money now stands.

        The oldest first, and one entry stands for one of them: two parts of the same
        amount may have been announced.

        :param account.partial.reconcile partials: The new matches.
        """
        invoices = self.filtered(lambda move: move.move_type == "out_invoice")
        if not invoices:
            return
        announced_sudo = self.env["payment.transaction"].sudo()
        announced_sudo = announced_sudo.search(
            [("outcome", "in", EXPECTED_OUTCOMES), ("invoice_ids", "in", invoices.ids)]
        )
        recorded = self.env.context.get("announced_money")
        is_of_one = isinstance(recorded, AnnouncedMoney)
        taken = self.browse().sudo()
        for tx in announced_sudo.sorted("id"):
            if is_of_one and recorded.attempt_id == tx.id:
                continue  # The rest of it is still expected.
            amounts = defaultdict(float)
            for part in partials.sudo():
                invoice = part.debit_move_id.move_id
                if invoice in tx.invoice_ids:
                    amounts[part.credit_move_id.move_id] += invoice._from_own_currency(
                        tx.currency_id, part.debit_amount_currency
                    )
            entries = self.browse().union(*amounts).sudo()
            free = self.browse().sudo() if is_of_one else entries - taken
            taken |= tx._close_met_announcement(entries, amounts, free)

    def _is_money_of_customer(self):
        """Tell if this is the entry of a payment, or of a line of a bank statement.

        :rtype: bool
        """
        payment = self.origin_payment_id
        return bool(self.statement_line_id or (payment and not payment.is_from_credit))

    def _get_attempts_with_money(self):
        """Return the attempts that may bring money, or brought some not booked yet."""
        return self.sudo().transaction_ids.filtered(
            lambda tx: tx.currency_id.compare_amounts(tx._get_amount_in_flight(), 0) > 0
        )

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
