import psycopg2.errors

from odoo import api, fields, models
from odoo.fields import Domain
from odoo.tools import SQL

from ...tools import TryAgainError
from ..approvals.account_payment_approval_limit import Giving
from ..core.payment_door_mixin import TRY_AGAIN
from .results import OPEN_STEPS


class AccountChargeRun(models.Model):
    """The work of the doors of a run, on a run that is locked."""

    _inherit = "account.charge.run"

    # === BUSINESS METHODS - STEPS === #

    def _get_reason_to_confirm(self, words):
        """Return the words for a request for approval: the money that leaves.

        :rtype: dict
        """
        return {"reason": self.totals}

    def _carry_out_confirmation(self, words, reason):
        """Let the lines go that stand in no other open run."""
        run_sudo = self.sudo()
        self._skip_those_in_other_runs()
        self._write_steps("proposed", "ready")
        now = fields.Datetime.now()
        run_sudo.write({"state": "running", "confirmed_on": now, "woken_on": now})
        run_sudo.message_post(
            body=self.env._(
                "Confirmed by %(user)s: %(totals)s",
                user=self.env.user.name,
                totals=reason,
            )
        )
        self.env["account.charge.run.line"]._wake()
        return self

    def _skip_those_in_other_runs(self):
        """Skip the proposed lines of this run whose invoices stand in another one."""
        self.env.flush_all()
        rows = self.env.execute_query(
            SQL(
                """
                SELECT line.id, run.name
                  FROM account_charge_run_line line
                  JOIN account_charge_run_line other ON other.move_id = line.move_id
                       AND other.state IN %(open)s
                  JOIN account_charge_run run ON run.id = other.run_id
                 WHERE line.run_id = %(run)s AND line.state = 'proposed'
                """,
                open=OPEN_STEPS,
                run=self.id,
            )
        )
        by_run = {}
        for line_id, name in rows:
            by_run.setdefault(name, []).append(line_id)
        for name, line_ids in by_run.items():
            self.env["account.charge.run.line"].browse(line_ids)._skip(
                "in_run", self.env._("It stands in %s.", name)
            )

    def _write_steps(self, before, after):
        """Move all lines of this run from one step to the next.

        :raise TryAgainError: If another run got one of the invoices at this moment.
        """
        self.env.flush_all()
        try:
            with self.env.cr.savepoint():
                self.env.cr.execute(
                    SQL(
                        "UPDATE account_charge_run_line SET state = %s"
                        " WHERE run_id = %s AND state = %s",
                        after,
                        self.id,
                        before,
                    ),
                    log_exceptions=False,
                )
        except psycopg2.errors.UniqueViolation as error:
            raise TryAgainError(TRY_AGAIN) from error
        self.line_ids.invalidate_recordset()

    def _carry_out_stop(self):
        self.sudo().state = "stopped"
        return self

    def _carry_out_resume(self):
        """Let the lines that are left be taken again, also by a job queue."""
        self.line_ids.filtered(
            lambda line: line.state in OPEN_STEPS
        ).sudo().queued_on = False
        self.sudo().write({"state": "running", "woken_on": fields.Datetime.now()})
        self.env["account.charge.run.line"]._wake()
        return self

    def _carry_out_close(self):
        """Let go of the other lines; those that a lane works on end as they do."""
        self.line_ids.filtered(lambda line: line.state in ("proposed", "ready"))._skip(
            "stopped", self.env._("The run was closed by %s.", self.env.user.name)
        )
        self.sudo().write({"state": "done", "ended_on": fields.Datetime.now()})
        return self

    def _propose_declined(self):
        """Propose the invoices of this run again that were declined."""
        declined = self.line_ids.filtered(
            lambda line: line.result in ("declined", "failed")
        )
        return self._propose(
            "retry", declined.move_id, self.company_id, retried_run_id=self.id
        )

    # === GETTERS === #

    def _get_giving(self, arguments):
        """Return for whom a second person approves: nobody gets the amount.

        The runs of one person count one after the other.
        """
        self.ensure_one()
        company = self.company_id
        return Giving(self, company, company.currency_id, self.user_id.partner_id)

    @api.model
    def _find_stopped_automatic(self, company=None):
        """Return the runs of the schedule that a person stopped.

        :param res.company company: The company; any if not given.
        :rtype: account.charge.run
        """
        domain = Domain("kind", "=", "automatic") & Domain("state", "=", "stopped")
        if company:
            domain &= Domain("company_id", "=", company.id)
        return self.search(domain)

    def _get_automatic_run(self, company):
        """Return the automatic run of this day; it is made where there is none.

        :param res.company company: The company.
        :rtype: account.charge.run
        :raise TryAgainError: If another lane makes it at this moment.
        """
        day = company._get_own_today()
        domain = [
            ("company_id", "=", company.id),
            ("kind", "=", "automatic"),
            ("run_date", "=", day),
        ]
        if run := self.search(domain, limit=1):
            if run.state == "done":
                run.write({"state": "running", "ended_on": False})
            return run
        now = fields.Datetime.now()
        try:
            return self.create(
                {
                    "name": self.env["ir.sequence"].next_by_code(self._name),
                    "company_id": company.id,
                    "user_id": self.env.uid,
                    "kind": "automatic",
                    "run_date": day,
                    "state": "running",
                    "confirmed_on": now,
                    "woken_on": now,
                }
            )
        except psycopg2.errors.UniqueViolation as error:
            raise TryAgainError(TRY_AGAIN) from error

    def _get_company_amount(self, lines):
        """Return the sum of lines in the company's currency, at today's rate.

        :rtype: float
        """
        approvals = self.env["account.payment.approval"]
        company = self.company_id
        return company.currency_id.round(
            sum(
                approvals._convert_to_company(
                    sum(some.mapped("amount")), currency, company
                )
                for currency, some in lines.grouped("currency_id").items()
            )
        )
