from datetime import timedelta

from odoo import fields, models

from .account_collection_schedule import MORNING
from .account_collection_step import get_moment
from .decision import Verdict


class AccountMove(models.Model):
    """Invoices that the customer promised to pay: they are left alone until then."""

    _inherit = "account.move"

    # === BUSINESS METHODS === #

    def _judge_promises(self, question):
        """Charge nothing that is promised, unless a person charges this one alone.

        So does the schedule of promises, on the promised day: a run would charge more
        than the customer agreed to.

        :param Question question: What is asked.
        :rtype: dict[account.move, Verdict]
        """
        is_for_one = not (question.is_automatic or question.is_run)
        if is_for_one or question.kind == "external":
            return {}
        verdicts = {}
        for move, promise in self._get_open_promises().items():
            zone = promise.company_id._get_own_zone()
            day_after = promise.date + timedelta(days=1)
            not_before = get_moment(day_after, MORNING, zone)
            # The schedule may not have decided a promise whose day is over.
            if not_before > fields.Datetime.now():
                verdicts[move] = Verdict(
                    "promised",
                    words=self.env._("The customer promised %s.", promise.display_name),
                    not_before=not_before,
                )
        return verdicts

    def _follow_promise(self, _promises):
        """Look at the collection anew when a promise was made, moved or ended."""
        self._get_collections(self)._look_again()
