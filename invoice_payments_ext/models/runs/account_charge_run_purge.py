from datetime import timedelta

from odoo import api, fields, models
from odoo.fields import Domain

from ..states import FINAL_OUTCOMES
from .results import RESULTS

# For so long the lines of the schedule are kept: a year, and the time of its audit.
KEPT_FOR = timedelta(days=400)
# So many are removed at a time.
BATCH = 1000


class AccountChargeRunLine(models.Model):
    """Lines of the schedule that ended long ago: only their attempts are kept.

    The runs of people are kept with all their lines.
    """

    _inherit = "account.charge.run.line"

    # === BUSINESS METHODS === #

    @api.autovacuum
    def _gc_automatic_lines(self):
        """Remove old lines of the schedule, and leave their numbers on their runs."""
        old = self.search(self._get_old_domain(), order="run_id, id", limit=BATCH)
        for run, lines in old.grouped("run_id").items():
            run._message_log(body=lines._describe_removed())
        old.unlink()
        return len(old), len(old) == BATCH

    # === GETTERS === #

    @api.model
    def _get_old_domain(self):
        """Return the domain of the lines of the schedule that are not kept.

        A line is kept as long as its attempt may still change.

        :rtype: Domain
        """
        return (
            Domain("run_id.kind", "=", "automatic")
            & Domain("run_id.state", "=", "done")
            & Domain("run_id.run_date", "<", fields.Date.today() - KEPT_FOR)
            & (
                Domain("state", "in", ("done", "skipped"))
                | Domain("state", "=", "attempted")
                & Domain("transaction_id.outcome", "in", FINAL_OUTCOMES)
            )
        )

    def _describe_removed(self):
        """Return the sentence about these lines of one run, which are removed.

        :rtype: str
        """
        numbers = (
            f"{self.env._(RESULTS[result].label)}: {len(lines)}"
            for result, lines in self.grouped("result").items()
        )
        return self.env._(
            "Lines that ended more than %(days)s days ago were removed. %(numbers)s. "
            "Their payments and attempts are kept.",
            days=KEPT_FOR.days,
            numbers=", ".join(numbers),
        )
