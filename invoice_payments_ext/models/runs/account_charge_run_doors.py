from odoo import models
from odoo.exceptions import LockError, UserError

from ...tools import TryAgainError, prepare_dialog, prepare_form
from ..core.door import Door
from ..core.payment_door_mixin import TRY_AGAIN

CONFIRM = Door(
    "account.charge.run.confirm",
    rights="_check_run_rights",
    lock="_lock_run",
    adapt="_get_reason_to_confirm",
    check="_check_confirmation",
    work="_carry_out_confirmation",
    approval="charge_run",
)
STOP = Door(
    "account.charge.run.stop",
    rights="_check_run_rights",
    lock="_lock_run",
    check="_check_running",
    work="_carry_out_stop",
)
RESUME = Door(
    "account.charge.run.resume",
    rights="_check_run_rights",
    lock="_lock_run",
    check="_check_stopped",
    work="_carry_out_resume",
)
CONTINUE = Door(
    "account.charge.run.continue_run",
    rights="_check_run_rights",
    lock="_lock_run",
    check="_check_running",
    work="_carry_out_resume",
)
CLOSE = Door(
    "account.charge.run.close",
    rights="_check_run_rights",
    lock="_lock_run",
    check="_check_closable",
    work="_carry_out_close",
)
RETRY_DECLINED = Door(
    "account.charge.run.retry_declined",
    rights="_check_run_rights",
    check="_check_retryable",
    work="_propose_declined",
)


class AccountChargeRun(models.Model):
    """The doors of a run: confirm, stop, resume, continue, close, retry."""

    _inherit = "account.charge.run"

    # === CHECK METHODS === #

    def _check_run_rights(self):
        """Check that the user may make and confirm these runs.

        :raise AccessError: If the user is not of the level *Record and charge*, or may
                            not read these runs.
        """
        self.check_access("read")
        self.env["account.move"]._check_payment_rights()

    def _lock_run(self, **_arguments):
        """Lock this run until the end of the database transaction."""
        try:
            self._lock_rows()
        except LockError as error:
            raise TryAgainError(TRY_AGAIN) from error
        self.invalidate_recordset()

    def _check_state(self, *states):
        """Check that this run is in one of these states.

        :raise UserError: Naming the state that it is in.
        """
        if self.state not in states:
            labels = dict(self._fields["state"]._description_selection(self.env))
            raise UserError(
                self.env._(
                    "This cannot be done: the status of %(run)s is %(state)s.",
                    run=self.name,
                    state=labels[self.state],
                )
            )

    def _check_confirmation(self, words, reason):
        """Check a confirmation, on a locked run.

        :return: The amount that leaves, in the company's currency.
        :rtype: float
        """
        self._check_state("draft", "waiting")
        self._check_company_selected()
        lines = self._get_lines_to_charge()
        if not lines:
            raise UserError(self.env._("There is nothing to charge in %s.", self.name))
        totals = self._describe_totals(lines)
        if words and words != totals:
            raise UserError(
                self.env._(
                    "%(run)s has changed. It is about %(totals)s: look at it again.",
                    run=self.name,
                    totals=totals,
                )
            )
        if self.kind == "external":
            return 0.0  # The money is here: nothing leaves.
        return self._get_company_amount(lines)

    def _check_running(self):
        self._check_state("running")

    def _check_stopped(self):
        self._check_state("stopped")
        self._check_company_selected()

    def _check_closable(self):
        self._check_state("draft", "stopped")

    def _check_retryable(self):
        self._check_state("done", "stopped")
        if not self.declined_count:
            raise UserError(self.env._("No line of %s was declined.", self.name))

    # === ACTION METHODS === #

    def action_confirm(self):
        """Return the dialog that says in words how much leaves.

        :rtype: dict
        """
        self.ensure_one()
        return prepare_dialog(
            "account.charge.run.confirm",
            self.env._("Confirm %s", self.name),
            run_id=self.id,
            words=self.totals,
        )

    def action_retry_declined(self):
        """Propose the declined lines again, and open the new run.

        :rtype: dict
        """
        return self.retry_declined()._open_form()

    def _open_form(self):
        """Return the action that opens this run.

        :rtype: dict
        """
        self.ensure_one()
        return prepare_form(self, self.name)

    # === BUSINESS METHODS - DOORS === #

    def confirm(self, words=None, idempotency_key=None):
        """Let the lines of this proposal go. Does not commit, and calls no gateway.

        Lanes carry the lines out in the background, in the name of the person who made
        the proposal. Each is checked again, and never charged more than was proposed.

        :param str words: The totals as the person saw them; refused if they differ now.
        :param str idempotency_key: See `account.move.charge`.
        :return: The run; a request for approval if it needs a second person.
        :rtype: account.charge.run or account.payment.approval
        :raise UserError: If it is not a proposal, or nothing of it can be charged.
        :raise AccessError: If the user has no right to charge.
        """
        result = self._pass(CONFIRM, idempotency_key, words=words)
        if result._name != self._name and self.state == "draft":
            self.sudo().state = "waiting"
        return result

    def stop(self, idempotency_key=None):
        """Stop this run: lines that a lane works on end, and no further one is taken.

        :param str idempotency_key: See `account.move.charge`.
        :return: The run.
        :rtype: account.charge.run
        :raise UserError: If it does not run.
        :raise AccessError: If the user has no right to charge.
        """
        return self._pass(STOP, idempotency_key)

    def resume(self, idempotency_key=None):
        """Let a stopped run go on with the lines that are left.

        :param str idempotency_key: See `account.move.charge`.
        :return: The run.
        :rtype: account.charge.run
        :raise UserError: If it is not stopped.
        :raise AccessError: If the user has no right to charge.
        """
        return self._pass(RESUME, idempotency_key)

    def continue_run(self, idempotency_key=None):
        """Wake the lanes for a run that stalled. Nothing is sent twice.

        :param str idempotency_key: See `account.move.charge`.
        :return: The run.
        :rtype: account.charge.run
        :raise UserError: If it does not run.
        :raise AccessError: If the user has no right to charge.
        """
        return self._pass(CONTINUE, idempotency_key)

    def close(self, idempotency_key=None):
        """End this proposal or stopped run: the rest of it is not charged.

        :param str idempotency_key: See `account.move.charge`.
        :return: The run.
        :rtype: account.charge.run
        :raise UserError: If it runs, or has ended.
        :raise AccessError: If the user has no right to charge.
        """
        return self._pass(CLOSE, idempotency_key)

    def retry_declined(self, idempotency_key=None):
        """Propose the declined lines of this run again, as a new run.

        :param str idempotency_key: See `account.move.charge`.
        :return: The new run, a proposal.
        :rtype: account.charge.run
        :raise UserError: If nothing was declined.
        :raise AccessError: If the user has no right to charge.
        """
        return self._pass(RETRY_DECLINED, idempotency_key)
