from odoo import models
from odoo.exceptions import UserError

from ..states import POSTED_STATES, UNSUCCESSFUL_OUTCOMES
from .account_payment import REFUND_TARGETS
from .refund_amounts import get_given_back

# The methods of rooms that say why a payment is not given back now.
REFUND_BLOCKERS = ("_get_taken_back_reason",)


class AccountPayment(models.Model):
    """The amount of a payment that can be refunded, and why it cannot."""

    _inherit = "account.payment"

    # === CHECK METHODS === #

    def _check_refund(
        self, amount, to, reduce_bill, reason, invoice_id, credit_note_id, **values
    ):
        """Check a refund, on a locked payment; see :meth:`refund`.

        :return: The amount that counts towards the approval limit.
        :rtype: float
        """
        self.ensure_one()
        values.pop("notify", None)  # Any choice of it is possible.
        if to not in REFUND_TARGETS:
            raise UserError(
                self.env._(
                    "A refund goes to the original method ('original'), outside "
                    "('outside') or to the credit balance ('credit'), not to "
                    "%(value)r.",
                    value=to,
                )
            )
        if blocked := self._get_refund_blocked_reason(to):
            raise UserError(blocked)
        self._check_amount_offered(
            "refund",
            amount,
            self._get_refundable_amount(),
            self.currency_id,
            self.env._("refundable amount"),
        )
        if blocked := self._get_refund_blocked_reason(to, amount):
            raise UserError(blocked)
        invoice = self._get_chosen_invoice(invoice_id)
        if to == "outside":
            self._get_outside_refund_values(self.company_id, **values)
        elif any(values.values()):
            raise UserError(
                self.env._(
                    "A journal, a date and a reference are given only for refunds "
                    "outside the gateway."
                )
            )
        if credit_note_id:
            self._check_paid_out_credit_note(
                amount, credit_note_id, reduce_bill or invoice
            )
        elif reduce_bill:
            self._check_bill_reducible(amount, invoice, values.get("date"))
        return amount

    def _check_paid_out_credit_note(self, amount, credit_note_id, is_more_wanted):
        """Check the credit note that is to be paid out by a refund."""
        open_amounts = self._get_open_credit_notes()
        credit_note = self.env["account.move"].browse(credit_note_id).exists()
        if credit_note not in open_amounts:
            raise UserError(
                self.env._(
                    "%(credit_note)s is not an open credit note of an invoice that "
                    "%(payment)s paid.",
                    credit_note=credit_note.display_name or credit_note_id,
                    payment=self.display_name,
                )
            )
        if is_more_wanted:
            raise UserError(
                self.env._(
                    "A refund that pays out a credit note neither reopens an invoice "
                    "nor reduces its bill again."
                )
            )
        self.env["account.move"]._check_amount(
            amount,
            self.currency_id,
            open_amounts[credit_note],
            self.env._("open amount of %s", credit_note.display_name),
        )

    def _check_bill_reducible(self, amount, invoice, date):
        """Check that credit notes can take this refund off the bills."""
        _unallocated, parts, untraced = self._plan_refund(amount, invoice)
        if not self.currency_id.is_zero(untraced):
            parts = []
        for move, applied in self._group_by_invoice(parts).items():
            creditable = (
                move._get_creditable_amount() if move.move_type == "out_invoice" else 0
            )
            if move.currency_id.compare_amounts(applied, creditable) > 0:
                raise UserError(
                    self.env._(
                        "The bill %(invoice)s cannot be reduced by %(amount)s: "
                        "%(creditable)s of it are not credited yet.",
                        invoice=move.display_name,
                        amount=move.currency_id.format(applied),
                        creditable=move.currency_id.format(creditable),
                    )
                )
            move._get_credit_note_date(date)
        if not parts:
            raise UserError(
                self.env._(
                    "%s does not pay a bill with this amount, so there is no bill to "
                    "reduce.",
                    self.display_name,
                )
            )

    # === GETTERS === #

    def _get_payment_receipt_report_values(self):
        """Leave out the table of paid invoices: a refund has one of its own."""
        values = super()._get_payment_receipt_report_values()
        if self.source_payment_id:
            values["display_invoices"] = False
        return values

    def _get_refund_invoices(self):
        """Return the invoices that these payments are allocated to now."""
        lines = self.sudo().move_id.line_ids.matched_debit_ids.debit_move_id
        invoices = lines.move_id.filtered(lambda move: move.is_invoice(True))
        return invoices.sudo(self.env.su)

    def _get_chosen_invoice(self, invoice_id):
        """Return the invoice to begin with; refuse one that was not paid by this."""
        invoices = self._get_refund_invoices()
        if not invoice_id:
            return invoices.browse()
        invoice = invoices.browse(invoice_id)
        if invoice not in invoices:
            raise UserError(
                self.env._(
                    "%(payment)s does not pay %(invoice)s.",
                    payment=self.display_name,
                    invoice=invoice.exists().display_name or invoice_id,
                )
            )
        return invoice

    def _get_open_credit_notes(self):
        """Return the credit notes of the paid invoices that wait to be paid out.

        :return: By credit note, its open amount that is not being paid out already.
        :rtype: dict[account.move, float]
        """
        self.ensure_one()
        credit_notes = self._get_refund_invoices().reversal_move_ids.filtered(
            lambda move: (
                move.state == "posted"
                and move.move_type == "out_refund"
                and move.currency_id == self.currency_id
            )
        )
        refunds_sudo = (
            self.env["payment.transaction"]
            .sudo()  # Another person's refunds count too.
            .search([("refund_credit_note_id", "in", credit_notes.ids)])
            .filtered(lambda tx: tx._is_refund_in_flight())
        )
        amounts = {}
        for credit_note in credit_notes:
            going = sum(
                tx.amount
                for tx in refunds_sudo
                if tx.refund_credit_note_id == credit_note
            )
            left = self.currency_id.round(credit_note.amount_residual + going)
            if self.currency_id.compare_amounts(left, 0) > 0:
                amounts[credit_note] = left
        return amounts

    def _get_refundable_amount(self, is_of_credit=False):
        """Return the amount of this payment that can still be given back.

        That is its amount less the refunds that are done and those in flight, and less
        the money that was taken back in another way, however that was matched.

        :param bool is_of_credit: Whether credit is paid out. The part of this payment
                                  that is kept on a balance can then go back, too.
        :return: The amount in the payment's currency.
        :rtype: float
        """
        self.ensure_one()
        if self.payment_type != "inbound" or self.state not in POSTED_STATES:
            return 0.0
        given_back = self._get_given_back(is_of_credit)
        return max(self.currency_id.round(self.amount - given_back), 0.0)

    def _get_refund_offered(self):
        """Return the refundable amount without the one that waits for approval.

        :return: The amount in the payment's currency.
        :rtype: float
        """
        return self._get_amount_offered(
            "refund", self._get_refundable_amount(), self.currency_id
        )

    def _get_given_back(self, is_of_credit=False):
        """Return the amount of this payment that was given back or may be.

        A refund outside that was reset counts until it is cancelled: it may be posted
        again. An amount that was kept on a credit balance, and then paid out to where
        it came from, counts once.

        :param bool is_of_credit: See :meth:`_get_refundable_amount`.
        :return: The amount in the payment's currency.
        :rtype: float
        """
        self.ensure_one()
        payment_sudo = self.sudo()  # The refunds may be another one's to see.
        refunds = self._get_gateway_refunds()
        going = refunds.filtered(lambda tx: tx.outcome not in UNSUCCESSFUL_OUTCOMES)
        by_gateway = -sum(going.mapped("amount"))
        others = payment_sudo.refund_payment_ids.filtered(
            lambda refund: (
                refund.state not in ("canceled", "rejected")
                and refund.payment_transaction_id not in refunds
            )
        )
        given_back = by_gateway + sum(others.mapped("amount"))
        if self.is_from_credit:
            return self.currency_id.round(given_back)
        journal = payment_sudo.company_id.credit_balance_journal_id
        kept = sum(
            others.filtered(lambda refund: refund.journal_id == journal).mapped(
                "amount"
            )
        )
        if kept:
            paid_out = -sum(
                tx.amount for tx in going.filtered(lambda tx: tx._pays_out_credit())
            )
            if is_of_credit:
                paid_out = kept
            given_back = get_given_back(given_back, kept, paid_out)
        return self.currency_id.round(given_back + self._get_taken_back())

    def _get_gateway_refunds(self):
        """Return the refunds of these payments through a gateway.

        Of credit they are those that pay, or were to pay, it out.

        :return: The transactions, in superuser mode: another person's count too.
        :rtype: payment.transaction
        """
        children_sudo = self.sudo().payment_transaction_id.child_transaction_ids
        refunds_sudo = children_sudo.filtered(lambda tx: tx.operation == "refund")
        from_credit = self.filtered("is_from_credit")
        return refunds_sudo | refunds_sudo.search(
            [("refund_credit_payment_id", "in", from_credit.ids)]
        )

    def _get_amount_being_refunded(self):
        """Return the amount that refunds in flight will take of this payment.

        They begin with the part that is not allocated. Refunds that pay out credit or a
        credit note take nothing. A refund outside that was reset may be posted again.

        :return: The amount in the payment's currency.
        :rtype: float
        """
        self.ensure_one()
        going = self._get_gateway_refunds().filtered(
            lambda tx: (
                tx._is_refund_in_flight()
                and not tx.refund_credit_note_id
                and not tx._pays_out_credit()
            )
        )
        # Another person's refunds count too.
        drafts = self.sudo().refund_payment_ids.filtered(
            lambda refund: refund.state == "draft"
        )
        return sum(drafts.mapped("amount")) - sum(going.mapped("amount"))

    def _get_refund_blocked_reason(
        self, to="original", amount=None, is_of_credit=False
    ):
        """Say why this payment cannot be refunded; an empty text if it can.

        :param str to: `original`, `outside` or `credit`, see :meth:`refund`.
        :param float amount: The amount, where it is known already.
        :param bool is_of_credit: See :meth:`_get_refundable_amount`.
        :rtype: str
        """
        self.ensure_one()
        name = self.display_name
        states = dict(self._fields["state"]._description_selection(self.env))
        if self.payment_type != "inbound" or self.partner_type != "customer":
            return self.env._("%s is not a payment of a customer.", name)
        if self.state not in POSTED_STATES or not self.move_id:
            return self.env._(
                "%(payment)s is not posted, it is %(state)s: nothing can be refunded.",
                payment=name,
                state=states[self.state].lower(),
            )
        if not self._is_posted():
            return self.env._(
                "The journal entry of %s is not posted: nothing can be refunded.", name
            )
        if held_back := self._get_held_back_reason():
            return held_back
        if self.is_from_credit and to != "credit":
            return self.env._(
                "%s was paid from the credit balance: it goes back there.", name
            )
        if self.currency_id.is_zero(self._get_refundable_amount(is_of_credit)):
            if taken := self._get_taken_back():
                return self.env._(
                    "Nothing of %(payment)s is held any more: %(amount)s were taken "
                    "back.",
                    payment=name,
                    amount=self.currency_id.format(taken),
                )
            return self.env._("All of %s is refunded already or being refunded.", name)
        if to == "original":
            return self._get_gateway_blocked_reason(amount, is_of_credit)
        return ""

    def _get_held_back_reason(self):
        """Say why this payment is not given back now; empty if nothing hinders it."""
        reasons = (getattr(self, name)() for name in REFUND_BLOCKERS)
        return self._get_reversed_reason() or next(filter(None, reasons), "")

    def _get_reversed_reason(self):
        """Name the entry that reverses this payment, now or later; empty if none."""
        reversals = self.move_id._get_reversals()
        if not reversals:
            return ""
        return self.env._(
            "%(payment)s was reversed by %(reversal)s.",
            payment=self.display_name,
            reversal=reversals[0].display_name,
        )

    def _get_gateway_blocked_reason(self, amount=None, is_of_credit=False):
        """Say why the gateway cannot refund this payment; empty if it can."""
        # In superuser mode: providers and methods are not readable by accountants.
        transaction_sudo = self.sudo().payment_transaction_id
        provider = transaction_sudo.provider_id
        if not transaction_sudo or transaction_sudo.state != "done":
            return self.env._(
                "%s was not charged through a gateway: refund it outside.",
                self.display_name,
            )
        method = transaction_sudo.payment_method_id
        method = method.primary_payment_method_id or method
        if provider.support_refund == "none":
            return self.env._(
                "The provider %s cannot refund: refund it outside.", provider.name
            )
        if method.support_refund == "none":
            return self.env._(
                "The payment method %s cannot be refunded: refund it outside.",
                method.name,
            )
        if provider.state == "disabled":
            return self.env._(
                "The provider %s is disabled: enable it, or refund outside.",
                provider.name,
            )
        if other_mode := transaction_sudo._get_other_mode_reason():
            return other_mode
        if unbookable := provider._get_unbookable_reason(
            self.company_id.sudo(),
            self.destination_account_id.sudo(),
            self.journal_id.sudo(),
        ):
            return unbookable
        is_full_only = "full_only" in (provider.support_refund, method.support_refund)
        refundable = self._get_refundable_amount(is_of_credit)
        is_full = not self.currency_id.compare_amounts(refundable, self.amount) and (
            amount is None or not self.currency_id.compare_amounts(amount, self.amount)
        )
        if is_full_only and not is_full:
            return self.env._(
                "%(name)s refunds in full only, that is %(amount)s: refund a part "
                "outside.",
                name=provider.name
                if provider.support_refund == "full_only"
                else method.name,
                amount=self.currency_id.format(self.amount),
            )
        return provider._get_not_accepted_reason(amount, self.currency_id)
