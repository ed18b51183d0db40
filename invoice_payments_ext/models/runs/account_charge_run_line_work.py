import logging
from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.fields import Domain
from odoo.tools import SQL, Query

from ...read_joined import read_joined
from ..attempts.payment_transaction_steps import is_concurrency_error
from ..collection.reasons import CHARGE, CREDIT, REASONS
from .overload import Overload

_logger = logging.getLogger(__name__)

# The work of a line, by the kind of its run.
WORK = {
    "charge": "_work_charge",
    "retry": "_work_charge",
    "issue": "_work_charge",
    "external": "_work_external",
    "automatic": "_work_automatic",
}
# How often a line is given back: because somebody was at its records, and because the
# provider was too busy to carry anything out.
MAX_WAITS = 20
MAX_TRIES = 10
GIVEN_BACK_FOR = timedelta(seconds=5)
# Somebody else is at it for a moment.
PASSING_REASONS = ("method_busy",)


class AccountChargeRunLine(models.Model):
    """The unit of work: one line, in its own chain of commits, keyed.

    Whoever runs it, and however often: a line that was claimed and left by a killed
    lane is claimed again, and its key leads to the same attempt.
    """

    _inherit = "account.charge.run.line"

    # === THE UNIT OF WORK === #

    def _work(self):
        """Carry out this claimed line. Commits; never raises.

        Note: `self.ensure_one()`

        :return: Its run.
        :rtype: account.charge.run
        """
        self.ensure_one()
        # Nothing is left to be written: the claim was committed. The environments of
        # the line before go with it; a thousand lines would keep thousands of them.
        self.env.transaction.reset()
        overload = self.env.context.get("charge_run_overload")
        if not isinstance(overload, Overload):
            overload = Overload()
        overload.forget()
        working = self.with_context(charge_run_overload=overload)
        run = self._read_with_run()
        try:
            getattr(working, WORK[run.kind])()
        except Exception as error:  # noqa: BLE001, pylint: disable=broad-except
            self._recover(error)
        self._follow_pace(overload)
        return run

    def _read_with_run(self):
        """Read this line and its run in one statement.

        :return: The run.
        :rtype: account.charge.run
        """
        query = Query(self.env, self._table, self._table_sql)
        query.add_where(SQL("%s = %s", SQL.identifier(self._table, "id"), self.id))
        run = query.join(self._table, "run_id", "account_charge_run", "id", "run_id")
        runs = self.env["account.charge.run"].sudo()
        read_joined(query, (self._table, self.sudo()), (run, runs))
        return self.run_id

    def _work_charge(self):
        """Charge this line's invoice: decided again, and never more than proposed."""
        invoice = self._get_invoice_of_person()
        token = self.token_id.with_env(invoice.env)
        may_try_again = self.try_number < MAX_TRIES
        decision, attempt = invoice._collect(
            self._get_key(),
            most=None if self.is_part else self.amount + self.credit_amount,
            most_charged=None if self.is_part else self.amount,
            part=self.amount if self.is_part else None,
            kind=self._get_question(invoice),
            is_run=True,
            tokens={invoice: token} if token else {},
            most_credits={invoice: self._get_credit_to_spend()},
        )
        if attempt and may_try_again and self._was_lost(attempt, decision.is_known):
            # Its server was killed, and the schedule ended it: nothing was carried out.
            self._try_again(self._get_words_of_loss(attempt))
            self._commit()
        elif attempt:
            self._finish(state="attempted", transaction_id=attempt.id)
        elif decision.action == CREDIT:
            self._finish(state="done", note=self.env._(REASONS[decision.reason].label))
        elif decision.reason in PASSING_REASONS:
            self._give_back(decision.words)
        elif decision.action == CHARGE:
            self._finish(state="done")
        else:
            self._skip(decision.reason, decision.words)
            self._commit()

    def _work_external(self):
        """Record the external payment of this line's invoice, in one step."""
        invoice = self._get_invoice_of_person()
        invoice.record_external_payment(
            amount=self.amount,
            idempotency_key=self._get_key(),
            **(self.run_id.arguments or {}),
        )
        self._finish(state="done")

    def _work_automatic(self):
        """Take the step of the schedule that is due for this line's invoice."""
        collection = self.move_id.collection_ids
        attempt = collection._run_step() if collection else None
        words = collection.wait_words or False
        if attempt:
            self._finish(state="attempted", transaction_id=attempt.id)
        else:
            self._finish(state="done", note=words)

    # === THE END OF A LINE === #

    def _finish(self, **vals):
        """Write the end of this line, and commit it with all that led to it."""
        self.write({"note": False, **vals, "done_on": fields.Datetime.now()})
        self._commit()

    def _skip(self, reason, words=""):
        """Write that these lines are skipped, and why.

        :param str reason: A code of `REASONS`.
        :param str words: The details; the words of the code if empty.
        """
        self.sudo().write(
            {
                **self.run_id._prepare_skipped_vals(reason, words),
                "done_on": fields.Datetime.now(),
            }
        )

    def _give_back(self, words):
        """Let another lane take this line later: nothing of it was carried out."""
        self.waits += 1
        if self.waits > MAX_WAITS:
            self._skip("in_flight", words)
        else:
            self.write(
                {
                    "state": "ready",
                    "not_before": fields.Datetime.now() + GIVEN_BACK_FOR,
                    "note": words,
                }
            )
        self._commit()

    def _recover(self, error):
        """End or give back this line after an error, of which nothing was stored.

        An attempt that was prepared before the error is found by its key. One that did
        not leave goes on when the line is taken again.
        """
        self.env.cr.rollback()
        self.env.transaction.reset()
        attempt = self._find_attempt()
        may_wait = attempt.sudo().outcome == "ready" and self.waits < MAX_WAITS
        if attempt and not may_wait:
            self._finish(state="attempted", transaction_id=attempt.id)
        elif attempt or is_concurrency_error(error):
            self._give_back(self.env._("Somebody else was working on the invoice."))
        else:
            words = str(error)
            if not isinstance(error, UserError):
                _logger.error("Line %s of a charge run failed", self.id, exc_info=error)
                words = repr(error)
            is_right_missing = isinstance(error, AccessError)
            self._skip("no_right" if is_right_missing else "refused", words)
            self._commit()

    @api.model
    def _end_left(self):
        """End the lines of closed runs that were given back, or left by a killed lane.

        Nothing is charged any more. Without it, their invoices would stand in an open
        run for ever, and be left out of all others. Commits if there are any.
        """
        if self.search_count(self._get_left_domain(), limit=1):
            self._in_short_step(self._end_left_lines)

    def _end_left_lines(self):
        """Let each of these lines follow its attempt, or skip it."""
        for line in self.search(self._get_left_domain()).try_lock_for_update():
            if attempt := line._find_attempt():
                line.write(
                    {
                        "state": "attempted",
                        "transaction_id": attempt.id,
                        "note": False,
                        "done_on": fields.Datetime.now(),
                    }
                )
            else:
                line._skip("stopped", self.env._("The run was closed."))

    def _follow_pace(self, overload):
        """Slow the provider down that was too busy, or let it go faster again.

        The line is given back only if nothing was carried out.
        """
        was_slow = self.env.context.get("provider_pace_level")
        if not overload.is_seen and not was_slow:
            return
        attempt = self.transaction_id
        provider = attempt.provider_id
        if not provider:
            return
        if not overload.is_seen:
            provider._speed_up()
            return
        until = provider._slow_down(overload.retry_after)
        may_try = self.state == "attempted" and self.try_number < MAX_TRIES
        if may_try and attempt._was_not_carried_out():
            self._try_again(self.env._(REASONS["provider_slow"].label), until)
            self._commit()

    def _try_again(self, words, not_before=False):
        """Let a lane take this line for another try: nothing was carried out.

        :param str words: Why.
        :param datetime.datetime not_before: When it may be taken, in UTC.
        """
        self.write(
            {
                "state": "ready",
                "transaction_id": False,
                "done_on": False,
                "not_before": not_before,
                "try_number": self.try_number + 1,
                "note": words,
            }
        )

    def _follow_lost_attempt(self):
        """Let this line be taken again: the provider never received its attempt.

        Not after the end of its run: a person retries it by another run. Nor where
        another run took the invoice meanwhile.
        """
        run = self.run_id
        run._lock_run()  # It may be ending.
        others = self.search(
            Domain("move_id", "=", self.move_id.id) & self._get_open_domain(), limit=1
        )
        is_open = run.state in ("running", "stopped") and not others
        if is_open and self.try_number < MAX_TRIES:
            self._try_again(self._get_words_of_loss(self.transaction_id))
            self.queued_on = False  # Its job has ended.
            self._wake()

    def _commit(self):
        self.env["payment.transaction"]._commit_step("worked")

    # === GETTERS === #

    @api.model
    def _get_left_domain(self):
        """Return the domain of the lines that nobody takes any more; see `_end_left`.

        :rtype: Domain
        """
        stale = self.env["payment.transaction"]._get_stale_delay()
        return Domain("run_id.state", "=", "done") & (
            Domain("state", "=", "ready")
            | Domain("state", "=", "working")
            & Domain("claimed_on", "<", fields.Datetime.now() - stale)
        )

    def _get_invoice_of_person(self):
        """Return this line's invoice as the person of the run sees it.

        :rtype: account.move
        :raise AccessError: If the person has left.
        """
        run = self.run_id
        if not run.user_id.active:
            raise AccessError(
                self.env._("%s is not active any more.", run.user_id.name)
            )
        return self.move_id.with_user(run.user_id).with_company(run.company_id)

    def _get_question(self, invoice):
        """Return what is asked about an invoice: see `Question.kind`.

        A draft that an earlier try of this line issued is charged as any other.

        :param account.move invoice: The invoice of this line.
        :rtype: str
        """
        is_issued = self.try_number > 1 and invoice.state == "posted"
        return "issue" if self.run_id.kind == "issue" and not is_issued else "charge"

    def _get_credit_to_spend(self):
        """Return how much of the customer's credit this try spends at the most.

        The first try spent what was proposed, together with its attempt.

        :return: The amount in the invoice's currency.
        :rtype: float
        """
        return self.credit_amount if self.try_number == 1 else 0.0

    def _was_lost(self, attempt, is_known):
        """Tell if an attempt of this line never arrived, so that there is another try.

        :param payment.transaction attempt: The attempt of this try.
        :param bool is_known: Whether a lane that was killed left it. The one of now
                              may have been refused by the provider, or by a check.
        :rtype: bool
        """
        attempt_sudo = attempt.sudo()
        return attempt_sudo._was_lost_before_sending() or (
            is_known and attempt_sudo._was_not_carried_out()
        )

    def _get_words_of_loss(self, attempt):
        """Return why there is another try after a lost attempt of this line.

        :param payment.transaction attempt: The attempt.
        :rtype: str
        """
        if attempt.sudo().request_sent_on:
            return self.env._("The provider never received its attempt.")
        return self.env._("Its attempt was never sent.")

    def _get_key(self):
        """Return the idempotency key of this try.

        :rtype: str
        """
        return f"run/{self.run_id.id}/{self.id}/{self.try_number}"

    def _find_attempt(self):
        """Return the attempt that this try led to, if there is one.

        :rtype: payment.transaction
        """
        keys = self.env["account.idempotency.key"].with_user(self.run_id.user_id)
        known = keys._get_known_result(self._get_key(), self.run_id.company_id)
        attempts = self.env["payment.transaction"]
        is_attempt = known is not None and known._name == attempts._name
        return attempts.browse(known.ids) if is_attempt else attempts
