from odoo import Command, models
from odoo.exceptions import UserError

from ...tools import prepare_dialog
from ..core.door import Door
from ..states import UNSUCCESSFUL_OUTCOMES

CHARGE = Door(
    "account.move.charge",
    rights="_check_payment_rights",
    lock="_lock_to_charge",
    amount="_get_amount_to_charge",
    check="_check_charge",
    work="_prepare_charge",
    complete="_complete_charge",
    optional=("notify",),
)

ISSUE_AND_CHARGE = Door(
    "account.move.issue_and_charge",
    rights="_check_payment_rights",
    lock="_lock_to_issue",
    check="_check_issue_and_charge",
    work="_issue_and_prepare_charge",
    complete="_complete_charge",
    optional=("notify",),
)

# The methods that lock, before a draft is issued, the records that may pay it.
LOCKED_BEFORE_ISSUE = ("_lock_credit_balances",)


class AccountMove(models.Model):
    """The doors that charge a saved method, also of a draft that is issued."""

    _inherit = "account.move"

    # === ACTION METHODS === #

    def action_create_payment(self):
        """Return the dialog that charges or records a payment of this invoice.

        :rtype: dict
        """
        self.ensure_one()
        return prepare_dialog(
            "account.payment.create", self.env._("Create payment"), move_id=self.id
        )

    def action_issue_and_charge(self):
        """Return the dialog that issues this draft and charges it.

        :rtype: dict
        """
        self.ensure_one()
        action = self.action_create_payment()
        action["name"] = self.env._("Issue and charge")
        action["context"] = {**action["context"], "default_issue": True}
        return action

    # === BUSINESS METHODS - DOORS === #

    def charge(
        self, token_id, amount=None, memo=None, idempotency_key=None, notify=None
    ):
        """Charge a saved payment method of the customer for this invoice.

        The attempt is committed before the gateway is called, its answer before it is
        booked; so this commits, and must not be called in the middle of other work.
        If the gateway did not answer, the outcome is unknown, not failed. Read the
        result from the attempt's `outcome` and `state_message`.

        :param int token_id: The saved payment method, a `payment.token` id.
        :param float amount: The amount in the invoice's currency; the amount that
                             settles the invoice today if not given (the chargeable
                             amount, or the discounted one of an early-payment
                             discount).
        :param str memo: A memo for the payment.
        :param bool notify: Whether the customer is told of the outcome by mail; as the
                            company's setting says if not given.
        :param str idempotency_key: A text that makes this request unique: called again
                                    with it, the first attempt goes on and is returned.
        :return: The attempt.
        :rtype: payment.transaction
        :raise UserError: If the invoice, the amount or the method cannot be charged,
                          something is in flight, or the key was used with other values.
        :raise AccessError: If the user has no right to charge.
        """
        return self._pass(
            CHARGE,
            idempotency_key,
            token_id=token_id,
            amount=amount,
            memo=memo,
            notify=notify,
        )

    def issue_and_charge(self, token_id=None, idempotency_key=None, notify=None):
        """Issue this draft invoice and charge it. Commits, as :meth:`charge`.

        The amount that the customer's credit balance pays at issue is not charged.

        The invoice gets its number in the same step as the attempt is stored. It stays
        issued, with any outcome of the charge.

        :param int token_id: The saved payment method; the customer's default if not
                             given.
        :param bool notify: See :meth:`charge`.
        :param str idempotency_key: See :meth:`charge`.
        :return: The attempt; none if the credit balance paid all of it.
        :rtype: payment.transaction
        :raise UserError: If it is not a draft of a customer invoice, there is no saved
                          method for what is left, or it cannot be charged.
        :raise AccessError: If the user has no right to charge.
        """
        return self._pass(
            ISSUE_AND_CHARGE, idempotency_key, token_id=token_id, notify=notify
        )

    # === BUSINESS METHODS - CHARGING === #

    def _lock_to_charge(self, **_arguments):
        """Lock this invoice, and read what each charge asks for; see :meth:`charge`."""
        self._lock_for_payment()
        self.company_id._read_payment_settings()

    def _lock_to_issue(self, **_arguments):
        """Lock this draft, and before it the balances that may pay it at issue."""
        for name in LOCKED_BEFORE_ISSUE:
            getattr(self, name)()
        self._lock_for_payment()

    def _get_amount_to_charge(self, **_arguments):
        return self._get_default_payment_amount()

    def _check_charge(self, token_id, amount, memo=None, notify=None):
        """Check a charge, on a locked invoice; see :meth:`charge`."""
        token = self._get_token_to_charge(token_id)
        self._check_collectable()
        self._check_no_blocking_attempt()
        self._check_payment_amount(amount)
        self._check_token(token, amount)

    def _check_issue_and_charge(self, token_id, notify=None):
        """Check an issue with its charge, on a locked draft.

        Where the credit balance pays all of it, no saved method is needed.
        """
        token = self.env["payment.token"]
        left = self._get_amount_to_propose() if self.state == "draft" else None
        if token_id or left is None or not self.currency_id.is_zero(left):
            token = self._get_token_to_charge(token_id)
        self._check_issuable(token)

    def _issue_and_prepare_charge(self, token_id, notify):
        """Issue this draft and prepare the charge of the amount that remains.

        :return: The attempt; none if the credit balance paid all of it.
        :rtype: payment.transaction
        """
        self.action_post()
        if self.currency_id.is_zero(self.amount_residual):
            return self.env["payment.transaction"]
        token = self._get_token_to_charge(token_id)
        amount = self._get_default_payment_amount()
        self._check_charge(token.id, amount)
        return self._prepare_charge(token.id, amount, notify=notify)

    def _prepare_charge(self, token_id, amount, memo=None, retried=None, notify=True):
        """Create the attempt that was checked, on a locked invoice.

        :param bool notify: Whether the customer is told; none for the company's choice.
        :return: The attempt.
        :rtype: payment.transaction
        """
        self.ensure_one()
        token = self._get_token_to_charge(token_id)
        attempt_sudo = (
            self.env["payment.transaction"]
            .sudo()  # The staff may charge, but not write transactions as they like.
            .create(
                {
                    **self._prepare_charge_vals(token, amount, memo, retried),
                    "is_customer_untold": not self.company_id._tells_customer(notify),
                }
            )
        )
        attempt_sudo.with_context(payment_backend_action=True)._log_sent_message()
        return attempt_sudo.sudo(False)

    def _complete_charge(self, attempt):
        """Run an attempt that was prepared, if one was; see :meth:`charge`."""
        return self.env["payment.transaction"]._complete_attempt(attempt)

    def _prepare_charge_vals(self, token, amount, memo, retried):
        """Return the values of an attempt that this addon starts.

        :rtype: dict
        """
        self.ensure_one()
        token_sudo = token.sudo()
        return {
            "provider_id": token_sudo.provider_id.id,
            "payment_method_id": token_sudo.payment_method_id.id,
            "token_id": token.id,
            "amount": amount,
            "currency_id": self.currency_id.id,
            "partner_id": token_sudo.partner_id.id,
            "operation": "offline",
            "invoice_ids": [Command.set(self.ids)],
            "request_state": "ready",
            "request_kind": "charge",
            "charge_invoice_id": self.id,
            "holds_invoice": True,
            "retried_transaction_id": retried.id if retried else False,
            "memo": memo or False,
        }

    def _check_issuable(self, token):
        """Check that this draft can be issued and charged, before it gets a number."""
        self.ensure_one()
        if self.move_type != "out_invoice":
            raise UserError(
                self.env._("%s is not a customer invoice.", self.display_name)
            )
        if self.state != "draft":
            raise UserError(
                self.env._(
                    "%s is issued already: charge it from its Payments section.",
                    self.display_name,
                )
            )
        if self.currency_id.compare_amounts(self.amount_total, 0) <= 0:
            raise UserError(
                self.env._("%s has no amount to charge.", self.display_name)
            )
        if token:
            self._check_token(token, self._get_amount_to_propose())

    def _get_retry_amount(self, attempt):
        """Return the amount for a retry; refuse attempts that cannot be repeated."""
        self._check_no_blocking_attempt()
        if (
            attempt.outcome not in UNSUCCESSFUL_OUTCOMES
            or attempt.source_transaction_id
        ):
            raise UserError(
                self.env._(
                    "%s did not fail, so there is nothing to retry.", attempt.reference
                )
            )
        self._check_collectable()
        chargeable = self._get_chargeable_amount()
        if self.currency_id.compare_amounts(attempt.amount, chargeable) > 0:
            return chargeable
        return attempt.amount
