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
        """Charge nothing automatically that is promised, until the day after.

        On that day, the method is charged that the customer chose for it.

        :param Question question: What is asked; the promised methods and amounts are
                                  added.
        :rtype: dict[account.move, Verdict]
        """
        if not question.is_automatic:
            return {}
        verdicts = {}
        for move, promise in self._get_open_promises().items():
            if promise._is_to_charge_today():
                question.tokens[move] = promise.token_id
                question.promises[move] = promise.amount - promise.applied_amount
                continue
            company = promise.company_id
            zone, day = company._get_own_zone(), promise.date + timedelta(days=1)
            if promise.token_id and promise.date > company._get_own_today():
                day = promise.date
            not_before = get_moment(day, MORNING, zone)
            # The schedule may not have decided a promise whose day is over.
            if not_before > fields.Datetime.now():
                verdicts[move] = Verdict(
                    "promised",
                    words=self.env._("The customer promised %s.", promise.display_name),
                    not_before=not_before,
                )
        return verdicts

    def _judge_promised_amount(self, question):
        """Charge no more than the customer promised: that is the permission.

        :param Question question: What is asked, with its amounts.
        :return: Why nothing is charged; None if something is.
        :rtype: Verdict or None
        """
        self.ensure_one()
        most = self.currency_id.round(question.promises[self])
        if self.currency_id.compare_amounts(most, 0) <= 0:
            return Verdict("promised")
        if self.currency_id.compare_amounts(question.get_rest(self), most) > 0:
            credit = question.credits.get(self, 0.0)
            question.amounts[self] = self.currency_id.round(most + credit)
        return None

    def _follow_promise(self, _promises):
        """Look at the collection anew when a promise was made, moved or ended."""
        self._get_collections(self)._look_again()
