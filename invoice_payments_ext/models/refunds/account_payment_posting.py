from odoo import models
from odoo.exceptions import UserError

from ...tools import OURS
from ..states import POSTED_STATES
from .account_payment_undoing import CALLED_OFF_STATES

# The checks of payments that people posted, by any door but ours. Each method gets
# those of them that another person entered, and this one only confirmed.
CHECKED_AFTER_POSTING = ("_check_given_by_hand",)

# The fields of a payment that a posted journal entry books.
CAPPED_FIELDS = ("amount", "currency_id", "journal_id", "payment_type")
# Those that people do not change either. Odoo only hides them in its form.
BOOKED_FIELDS = (
    *CAPPED_FIELDS,
    "date",
    "destination_account_id",
    "outstanding_account_id",
    "partner_id",
    "partner_type",
)


class AccountPayment(models.Model):
    """Refunds and their payments that are reset, changed and posted again."""

    _inherit = "account.payment"

    # === CHECK METHODS === #

    def _check_posted_within_source(self):
        """Check payments from elsewhere: no more is given back than was paid.

        A refund may have been reset, or the payment that it gives back been changed.
        """
        self._check_entry_as_paid()
        sources_sudo = self.source_payment_id.sudo()
        sources_sudo._lock_with_invoices()
        for refund in self.filtered("source_payment_id"):
            source_sudo = refund.source_payment_id.sudo()
            if refund.payment_transaction_id and not source_sudo.is_from_credit:
                continue  # The gateway gave it back, also if the books differ.
            if not source_sudo._is_posted():
                raise UserError(
                    self.env._(
                        "%(refund)s cannot be posted: %(payment)s, which it gives "
                        "back, is not posted.",
                        refund=refund.display_name,
                        payment=source_sudo.display_name,
                    )
                )
            if reversed_reason := source_sudo._get_reversed_reason():
                raise UserError(reversed_reason)
            if (
                refund.currency_id.compare_amounts(
                    source_sudo._get_given_back(), source_sudo.amount
                )
                > 0
            ):
                raise UserError(
                    self.env._(
                        "%(refund)s cannot be posted: more would be given back than "
                        "the %(amount)s of %(payment)s.",
                        refund=refund.display_name,
                        amount=source_sudo.currency_id.format(source_sudo.amount),
                        payment=source_sudo.display_name,
                    )
                )
        for payment in self:
            transaction_sudo = payment.sudo().payment_transaction_id
            if (
                transaction_sudo
                and not payment.is_from_credit
                and payment.currency_id.compare_amounts(
                    payment.amount, transaction_sudo.amount
                )
                >= 0
            ):
                continue  # It did come, even if some was given back since.
            given_back = payment._get_given_back()
            if payment.currency_id.compare_amounts(given_back, payment.amount) > 0:
                raise UserError(
                    self.env._(
                        "%(given_back)s of %(payment)s were given back: it cannot be "
                        "posted with less.",
                        given_back=payment.currency_id.format(given_back),
                        payment=payment.display_name,
                    )
                )

    def _check_entry_as_paid(self):
        """Check that draft entries, which people may edit, keep to the cap.

        :raise UserError: If one changes the credit balance, or the debt of the
                          customer, by another amount than that of its payment.
        """
        for payment in self.filtered("move_id"):
            if payment.journal_id.is_credit_balance:
                booked = payment.move_id._get_credit_amounts()
                booked = booked.get(payment.currency_id, 0.0)
            elif payment.source_payment_id:
                lines = payment._get_receivable_lines()
                booked = sum(lines.mapped("amount_currency"))
            else:
                continue
            expected = payment.amount
            if payment.payment_type == "inbound":
                expected = -expected
            if payment.currency_id.compare_amounts(booked, expected):
                raise UserError(
                    self.env._(
                        "%(payment)s is about %(amount)s, but its journal entry books "
                        "%(booked)s.",
                        payment=payment.display_name,
                        amount=payment.currency_id.format(payment.amount),
                        booked=payment.currency_id.format(abs(booked)),
                    )
                )

    def _check_kept_with_entry(self, vals):
        """Check that payments of customers stay as their posted entry books them.

        Superuser code may change those on which no cap depends.

        :raise UserError: Naming the payment.
        """
        names, kept = CAPPED_FIELDS, self._filter_capped()
        if not self.env.su:
            names, kept = BOOKED_FIELDS, kept | self.filtered("move_id")
        changes = {name: vals[name] for name in names if name in vals}
        for payment in kept:
            if not payment._is_of_customer():
                continue
            if payment._is_posted() and any(
                self.env["account.move"]._field_will_change(payment, changes, name)
                for name in changes
            ):
                raise UserError(
                    self.env._(
                        "%s is posted: reset it to draft before you change it.",
                        payment.display_name,
                    )
                )

    def _get_posted_entry_blockers(self, way):
        """Name payments that change a credit balance, called off without their entry.

        Others may be: a bank rejects a transfer, whose entry stays as it is.
        """
        if way != "unpost":
            return
        for payment in self.sudo():
            if payment.journal_id.is_credit_balance and payment._is_posted():
                yield self.env._(
                    "The journal entry of %s is posted: reset or cancel the payment.",
                    payment.display_name,
                )

    # === CRUD METHODS === #

    def write(self, vals):
        """Keep the values that the cap on refunds depends on.

        That is the amount, and that the payment is posted when its journal entry is,
        by any door.
        """
        if any(name in vals for name in BOOKED_FIELDS):
            self._check_kept_with_entry(vals)
        if "state" not in vals:
            return super().write(vals)
        if vals["state"] in CALLED_OFF_STATES:
            self._check_not_at_gateway()
            self._check_nothing_returned()
        if vals["state"] == "draft":
            self._unmatch_reset()
        if vals["state"] not in POSTED_STATES:
            if self.env.context.get("entry_follows") is not OURS:
                self._check_can_be_undone("unpost")
            return super().write(vals)
        posting = self.browse()
        if self.env.context.get("booked_by_door") is not OURS:
            posting = self.filtered(lambda payment: not payment._is_posted())
            posting._check_level_to_post()
            if "move_id" not in vals:  # Odoo gives a draft its entry.
                posting._check_charged()
        again = posting._filter_posted_again()
        confirmed = posting._filter_of_others(vals)
        result = super(AccountPayment, self._with_entry()).write(vals)
        # Of the other values that are written, too.
        posting._check_posted_within_source()
        for name in CHECKED_AFTER_POSTING:
            getattr(posting, name)(confirmed)
        # Odoo writes the state once more while it makes an entry again.
        again.filtered(lambda payment: payment._is_posted())._match_again()
        return result

    def unlink(self):
        self._check_not_at_gateway()
        self._check_nothing_returned(is_deleted=True)
        with self._calling_off():
            return super(AccountPayment, self._with_entry()).unlink()

    # === GETTERS === #

    def _filter_of_others(self, vals):
        """Return those of these drafts of which this user enters nothing.

        :param dict vals: The values with which they are posted.
        """
        if vals.keys() - {"state", "move_id"}:
            return self.browse()
        user = self.env.user
        return self.filtered(
            lambda payment: (
                user not in (payment.create_uid, payment.write_uid)
                and user != payment.move_id.write_uid
                and user not in payment.move_id.line_ids.write_uid
            )
        )

    def _match_again(self):
        """Match payments that are posted again with their counterparts.

        When it was cancelled, or its amount was changed, that is open, unless it was
        used otherwise in the meantime.

        :raise UserError: If not all that a payment gives back is left, naming it.
        """
        for payment in self.sudo():
            lines = payment._get_receivable_lines()
            payments = payment.source_payment_id | payment.refund_payment_ids
            credit_notes = payment.refund_allocation_ids.credit_note_id
            counterparts = [
                moves.line_ids.filtered(lambda line: line.parent_state == "posted")
                for moves in (credit_notes, payments.move_id)
            ]
            counterparts.append(payment._get_invoice_lines_to_match_again())
            payment._reconcile_in_order([lines | others for others in counterparts])
            if payment.payment_type == "inbound":
                continue
            partials = lines.matched_credit_ids.filtered(
                lambda partial: partial.credit_move_id.parent_state == "posted"
            )
            matched = sum(partials.mapped("debit_amount_currency"))
            if payment.currency_id.compare_amounts(matched, payment.amount) < 0:
                raise UserError(
                    self.env._(
                        "%s cannot be posted: the amount that it gives back is not "
                        "open any more. Cancel it, then refund the amount or keep it "
                        "as credit again.",
                        payment.display_name,
                    )
                )

    def _filter_posted_again(self):
        """Return those of these drafts that are matched with something, once posted.

        They paid an invoice before, gave something back, or were given back. Not
        refunds of a gateway: their money went, even if the books say otherwise.
        """
        matched = self.sudo().filtered(
            lambda payment: (
                payment.refund_payment_ids
                or (payment.invoice_ids and payment.move_id.posted_before)
            )
        )
        return matched | self._filter_capped().filtered(
            lambda payment: (
                payment.payment_type == "outbound"
                and (payment.source_payment_id or payment.move_id.posted_before)
                and (
                    not payment.payment_transaction_id
                    or payment.source_payment_id.is_from_credit
                )
            )
        )
