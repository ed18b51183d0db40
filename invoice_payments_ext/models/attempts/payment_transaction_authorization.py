from odoo import models
from odoo.exceptions import AccessError, UserError

from ..core.door import Door
from ..states import UNRESOLVED_OUTCOMES

CAPTURE = Door(
    "payment.transaction.capture",
    rights="_check_attempt_rights",
    lock="_lock_authorization",
    amount="_get_amount_to_capture",
    check="_check_capture",
    work="_prepare_capture",
    complete="_complete_attempt",
)

VOID = Door(
    "payment.transaction.void",
    rights="_check_attempt_rights",
    lock="_lock_authorization",
    check="_check_void",
    work="_prepare_void",
    complete="_complete_attempt",
)


class PaymentTransaction(models.Model):
    """Authorizations: the doors that capture or void them."""

    _inherit = "payment.transaction"

    # === ACTION METHODS === #

    def action_capture(self):
        """Let only those capture who may, also from Odoo's own form."""
        self._check_capture_or_void()
        return super().action_capture()

    def action_void(self):
        """Let only those void who may, also from Odoo's own form."""
        self._check_capture_or_void()
        return super().action_void()

    def action_capture_attempt(self):
        """Capture the rest of this authorization and tell the outcome.

        :return: The notification to show.
        :rtype: dict
        """
        return self.capture()._get_outcome_notification()

    def action_void_attempt(self):
        """Void the rest of this authorization and tell the outcome.

        :return: The notification to show.
        :rtype: dict
        """
        return self.void()._get_outcome_notification()

    # === BUSINESS METHODS - DOORS === #

    def capture(self, amount=None, idempotency_key=None):
        """Capture an authorized amount. Commits, as `charge`.

        :param float amount: The amount in the attempt's currency; all that is left of
                             the authorization if not given.
        :param str idempotency_key: See `account.move.charge`.
        :return: The attempt to capture, a child of this one.
        :rtype: payment.transaction
        :raise UserError: If nothing is authorized, the amount is above the rest, or
                          the provider captures in full only.
        :raise AccessError: If the user has no right to charge.
        """
        return self._pass(CAPTURE, idempotency_key, amount=amount)

    def void(self, idempotency_key=None):
        """Void the rest of an authorization. Commits, as `charge`.

        :param str idempotency_key: See `account.move.charge`.
        :return: The attempt to void, a child of this one.
        :rtype: payment.transaction
        :raise UserError: If nothing is authorized.
        :raise AccessError: If the user has no right to charge.
        """
        return self._pass(VOID, idempotency_key, amount=None)

    # === ODOO'S OWN FLOWS === #

    def _capture(self, amount_to_capture=None):
        """Capture from Odoo's own flows, and never more than is left.

        Stock captures any amount, and again when Odoo replays the request. These flows
        do not commit before they send; see :meth:`_charge_with_token`.
        """
        self.ensure_one()
        self._ensure_provider_is_not_disabled()
        self._lock_authorization()
        amount = amount_to_capture or self._get_authorized_left()
        self._check_capture(amount)
        return self._send_part("capture", amount)

    def _void(self, amount_to_void=None):
        """Void from Odoo's own flows, and never more than is left.

        See :meth:`_capture`. A capture that the same request sent may be unanswered: an
        error would forget that it was sent.
        """
        self.ensure_one()
        self._ensure_provider_is_not_disabled()
        self._lock_authorization()
        left = self._get_authorized_left()
        amount = left if amount_to_void is None else amount_to_void
        self.env["account.move"]._check_amount(
            amount, self.currency_id, left, self.env._("authorized amount")
        )
        return self._send_part("void", amount)

    def _send_part(self, kind, amount):
        """Create the child for a part of this authorization, and send its request."""
        part = self._prepare_part(kind, amount).with_env(self.env)
        part._log_sent_message()
        part._send_uncommitted()
        return part

    def _check_capture_or_void(self):
        """Check before any of these is captured or voided by Odoo's own flows.

        They are sent in one request: an error of a later one would forget the others.
        Odoo's orders call it in superuser mode: the level is that of the person.
        """
        self._check_attempt_rights()
        missing_level = self.env["account.move"]._get_record_level_reason()
        if missing_level and not self.env.user._is_superuser():
            raise AccessError(missing_level)
        for tx in self:
            if tx.state == "authorized":
                tx._lock_authorization()
                tx._check_void()

    # === BUSINESS METHODS - STEPS OF DOORS === #

    def _lock_authorization(self, **_arguments):
        """Lock this authorization, and before it its invoice."""
        (self.charge_invoice_id | self.sudo().share_ids.invoice_id)._lock_for_payment()
        self.sudo()._lock_attempt()

    def _get_amount_to_capture(self, **_arguments):
        return self._get_authorized_left()

    def _get_authorized_left(self):
        """Return the amount that was neither captured nor voided, nor may still be.

        :rtype: float
        """
        self.ensure_one()
        # In superuser mode, the rights were checked before.
        children_sudo = self.sudo().child_transaction_ids
        parts_sudo = children_sudo - children_sudo._filter_refunds()
        taken = sum(tx.amount for tx in parts_sudo if tx.state != "error")
        return self.currency_id.round(self.amount - taken)

    def _check_void(self, amount=None):
        """Check that something of this locked authorization is left, and free."""
        if reason := self._get_other_mode_reason():
            raise UserError(reason)
        # In superuser mode, the rights were checked before.
        children_sudo = self.sudo().child_transaction_ids
        if busy := children_sudo.filtered(lambda tx: tx.outcome in UNRESOLVED_OUTCOMES):
            raise UserError(
                self.env._(
                    "%(reference)s is being processed. Wait for its outcome or resolve "
                    "it first.",
                    reference=busy[0].reference,
                )
            )
        left = self.currency_id.compare_amounts(self._get_authorized_left(), 0)
        if self.outcome != "authorized" or left <= 0:
            raise UserError(
                self.env._(
                    "%(reference)s has no authorized amount left.",
                    reference=self.reference,
                )
            )

    def _check_capture(self, amount):
        """Check that this much of this locked authorization can be captured."""
        self._check_void()
        left = self._get_authorized_left()
        self.env["account.move"]._check_amount(
            amount, self.currency_id, left, self.env._("authorized amount")
        )
        provider_sudo = self.sudo().provider_id
        invoices = self._get_attempt_invoices()
        if invoices and (reason := invoices._get_unbookable_reason(provider_sudo)):
            raise UserError(reason)
        if (
            provider_sudo.support_manual_capture != "partial"
            and self.currency_id.compare_amounts(amount, left)
        ):
            raise UserError(
                self.env._(
                    "%(provider)s captures in full only: %(amount)s.",
                    provider=provider_sudo.name,
                    amount=self.currency_id.format(left),
                )
            )

    def _prepare_capture(self, amount):
        """Create the attempt to capture a part of this authorization."""
        return self._prepare_part("capture", amount)

    def _prepare_void(self, amount=None):
        """Create the attempt to void the rest of this authorization."""
        return self._prepare_part("void", self._get_authorized_left())

    def _prepare_part(self, kind, amount):
        """Create the child that captures or voids a part of this authorization."""
        attempt_sudo = self.sudo()._create_child_transaction(
            amount, request_kind=kind, request_state="ready"
        )
        return attempt_sudo.sudo(False)
