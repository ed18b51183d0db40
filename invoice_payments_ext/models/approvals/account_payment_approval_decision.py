from odoo import fields, models
from odoo.exceptions import AccessError, LockError, UserError

from ...tools import OURS, prepare_dialog, prepare_form, prepare_notification
from ..core.door import Door, get_door_of

APPROVE = Door(
    "account.payment.approval.approve",
    rights="_check_decision_rights",
    lock="_lock_to_approve",
    check="_check_waiting",
    work="_carry_out_request",
    complete="_complete_request",
)

REJECT = Door(
    "account.payment.approval.reject",
    rights="_check_decision_rights",
    lock="_lock_request",
    check="_check_rejection",
    work="_carry_out_rejection",
)

WITHDRAW = Door(
    "account.payment.approval.withdraw",
    rights="_check_requester",
    lock="_lock_request",
    check="_check_waiting",
    work="_carry_out_withdrawal",
)


class AccountPaymentApproval(models.Model):
    """The doors that approve, reject or withdraw a request."""

    _inherit = "account.payment.approval"

    # === CHECK METHODS === #

    def _check_decision_rights(self):
        """Check that the user may decide on this request.

        :raise AccessError: If the user is not of the level *Refund and credit*, may not
                            change the record, or asked for it.
        """
        self.check_access("read")
        self.env["account.move"]._check_refund_rights()
        getattr(self._get_record(), get_door_of(self.kind).rights)()
        # Superuser mode gives rights, but makes nobody a second person.
        if self.requester_id == self.env.user:
            raise AccessError(
                self.env._(
                    "You asked for this yourself: another person has to decide on it. "
                    "You can withdraw it."
                )
            )

    def _check_requester(self):
        """Check that the user asked for this.

        :raise AccessError: If somebody else did.
        """
        self.check_access("read")
        if self.requester_id != self.env.user:
            raise AccessError(
                self.env._(
                    "Only %s, who asked for this, can withdraw it.",
                    self.requester_id.name,
                )
            )

    def _check_rejection(self, reason):
        """Check a rejection, on a locked request."""
        self._check_waiting()
        self.env["account.payment"]._check_reason(reason)

    def _check_waiting(self):
        """Check that nobody decided on this request before.

        :raise UserError: Saying who did, and how.
        """
        if self.state != "waiting":
            states = dict(self._fields["state"]._description_selection(self.env))
            raise UserError(
                self.env._(
                    "%(request)s does not wait any more: %(state)s by %(user)s.",
                    request=self.display_name,
                    state=states[self.state].lower(),
                    user=self.decided_by_id.name,
                )
            )

    # === ACTION METHODS === #

    def action_approve(self):
        """Approve this request and tell that it was done.

        :return: The notification to show.
        :rtype: dict
        """
        self.ensure_one()
        result = self.approve()
        if result._name == "payment.transaction":
            return result._get_outcome_notification()
        return prepare_notification(
            self.env._("Approved"),
            self.env._(
                "%(request)s was carried out: %(result)s.",
                request=self.display_name,
                result=result.display_name,
            ),
            "success",
        )

    def action_reject(self):
        """Return the dialog that asks for the reason of a rejection.

        :rtype: dict
        """
        self.ensure_one()
        return prepare_dialog(
            "account.payment.approval.reject",
            self.env._("Reject the request"),
            approval_id=self.id,
        )

    def action_open_request(self):
        """Return the action that opens this request.

        :rtype: dict
        """
        self.ensure_one()
        return prepare_form(self, self.env._("Request for approval"))

    def action_withdraw(self):
        """Withdraw this request and tell that it was done.

        :return: The notification to show.
        :rtype: dict
        """
        self.ensure_one()
        self.withdraw()
        return prepare_notification(
            self.env._("Withdrawn"),
            self.env._("%s was withdrawn.", self.display_name),
            "info",
        )

    # === BUSINESS METHODS - DOORS === #

    def approve(self, idempotency_key=None):
        """Approve this request: check it again and carry it out.

        Commits where a gateway is asked, as `account.payment.refund`.

        :param str idempotency_key: See `account.move.charge`.
        :return: The result that the door would have returned: the refund or the attempt
                 to refund, the credit note, the entry of the write-off.
        :rtype: account.payment or payment.transaction or account.move
        :raise UserError: If it was decided on before, or cannot be carried out any
                          more; it stays waiting then.
        :raise AccessError: If the user has no right to refund, or asked for it.
        """
        return self._pass(APPROVE, idempotency_key)

    def reject(self, reason, idempotency_key=None):
        """Reject this request: nothing is carried out.

        :param str reason: Why, for the requester. Required.
        :param str idempotency_key: See `account.move.charge`.
        :return: True
        :rtype: bool
        :raise UserError: If it was decided on before, or the reason is missing.
        :raise AccessError: If the user has no right to refund, or asked for it.
        """
        return bool(self._pass(REJECT, idempotency_key, reason=reason))

    def withdraw(self, idempotency_key=None):
        """Withdraw this request, as the person who asked for it.

        :param str idempotency_key: See `account.move.charge`.
        :return: True
        :rtype: bool
        :raise UserError: If it was decided on before.
        :raise AccessError: If somebody else asked for it.
        """
        return bool(self._pass(WITHDRAW, idempotency_key))

    # === BUSINESS METHODS - STEPS === #

    def _lock_to_approve(self):
        """Lock the record that this request is about, and then the request."""
        door = get_door_of(self.kind)
        getattr(self._get_record_in_company(), door.lock)(**self.arguments)
        self._lock_request()

    def _carry_out_request(self):
        """Carry out this request on locked records, if it still can be."""
        record = self._get_record_in_company().with_context(approving=OURS)
        door = get_door_of(self.kind)
        try:
            getattr(record, door.check)(**self.arguments)
            result = getattr(record, door.work)(**self.arguments).with_env(self.env)
        except UserError as error:
            raise UserError(
                self.env._(
                    "%(request)s cannot be carried out now, and stays waiting: "
                    "%(error)s",
                    request=self.display_name,
                    error=error,
                )
            ) from error
        self._decide(
            "approved",
            self.env._(
                "%(request)s, requested by %(user)s, was approved.",
                request=self._get_html_link(),
                user=self.requester_id.name,
            ),
            result=f"{result._name},{result[:1].id}",
        )
        return result

    def _complete_request(self, result):
        """Complete the result of this request, as its door does."""
        door = get_door_of(self.kind)
        if not door.complete:
            return result
        return getattr(self._get_record(), door.complete)(result)

    def _carry_out_rejection(self, reason):
        """Reject this locked request."""
        self._decide(
            "rejected",
            self.env._(
                "%(request)s was rejected: %(reason)s",
                request=self._get_html_link(),
                reason=reason.strip(),
            ),
            decision_note=reason.strip(),
        )
        return self

    def _carry_out_withdrawal(self):
        """Withdraw this locked request."""
        self._decide(
            "withdrawn", self.env._("%s was withdrawn.", self._get_html_link())
        )
        return self

    def _lock_request(self, **_arguments):
        """Lock this request until the end of the database transaction.

        Every decision changes the row: a request that read it before fails to lock it,
        and Odoo replays it on the new values.
        """
        try:
            self.sudo().lock_for_update(allow_referencing=True)
        except LockError as error:
            raise UserError(
                self.env._(
                    "Somebody else is deciding on %s right now.", self.display_name
                )
            ) from error
        self._check_waiting()

    def _decide(self, state, message, **values):
        """Store a decision, end the activities and tell the requester."""
        self_sudo = self.sudo()
        self_sudo.write(
            {
                **values,
                "state": state,
                "decided_by_id": self.env.uid,
                "decision_date": fields.Datetime.now(),
            }
        )
        self_sudo.activity_ids.unlink()
        if state != "withdrawn":
            self_sudo.message_post(
                partner_ids=self_sudo.requester_id.partner_id.ids,
                subject=self.display_name,
                body=message,
            )
        self_sudo._log_on_invoices(message)

    def _log_on_invoices(self, message):
        """Note the decision on this request on the invoices, or else on the contact."""
        invoices = self._get_invoices(self._get_record())
        # Credit is of a contact: it has no document with a chatter.
        documents = [*invoices, *self.payment_id] or self.partner_id
        for record in documents:
            record.sudo()._message_log(body=message)
        invoices._notify_payments_changed()
