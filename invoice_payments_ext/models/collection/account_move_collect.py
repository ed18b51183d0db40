from dataclasses import replace

from odoo import models
from odoo.exceptions import LockError
from odoo.service.model import PG_CONCURRENCY_EXCEPTIONS_TO_RETRY

from ...tools import TryAgainError
from ..core.payment_door_mixin import TRY_AGAIN
from ..credit.most_credit import MostCredit
from .decision import ChargeDecision, Verdict, decide
from .reasons import CHARGE, CREDIT


class AccountMove(models.Model):
    """The charge that nobody waits for: decided and carried out in one go."""

    _inherit = "account.move"

    # === BUSINESS METHODS === #

    def _collect(self, key, most=None, most_charged=None, part=None, **question):
        """Decide about this invoice now, and carry the decision out. Commits.

        It is called before anything else is done in a database transaction, and again
        with the same key after a crash: then the attempt of the first call goes on, and
        no other request is made.

        :param str key: The idempotency key of this try.
        :param float most: The amount, credit included, above which nothing is done; in
                           the invoice's currency.
        :param float most_charged: The amount, without the credit, above which nothing
                                   is done: the credit may have been spent meanwhile.
        :param float part: The amount to charge at most, where a person chose less.
        :param question: The parameters of `_decide_charges`.
        :return: The decision, and the attempt: none where nothing was charged.
        :rtype: tuple[ChargeDecision, payment.transaction]
        :raise TryAgainError: If another request was at the same records.
        """
        self.ensure_one()
        attempts = self.env["payment.transaction"]
        keys = self.env["account.idempotency.key"]
        known = keys._get_known_result(key, self.company_id)
        if known is not None:
            decision = ChargeDecision(
                token=known.token_id, amount=known.amount, is_known=True
            )
            return decision, attempts._complete_attempt(known)
        decision = self._decide_now(**question)
        if part is not None and decision.action == CHARGE:
            decision = replace(decision, amount=min(decision.amount, part))
        whole = decision.amount + decision.credit
        if decision.action not in (CHARGE, CREDIT):
            return decision, attempts
        if self._is_above(whole, most) or self._is_above(decision.amount, most_charged):
            verdict = Verdict("amount_changed")
            return decide(verdict, token=decision.token, amount=whole), attempts
        try:
            # The tries by one method are counted one after the other.
            (decision.token or attempts.token_id).sudo()._lock_rows()
        except LockError:
            return decide(Verdict("method_busy"), token=decision.token), attempts
        except PG_CONCURRENCY_EXCEPTIONS_TO_RETRY as error:
            raise TryAgainError(TRY_AGAIN) from error
        return decision, self._carry_out_decision(decision, key)

    def _decide_now(self, **question):
        """Decide what to do about this invoice alone; see :meth:`_decide_charges`.

        :rtype: ChargeDecision
        """
        self.ensure_one()
        return self._decide_charges(**question)[self]

    def _is_above(self, amount, most):
        """Tell if an amount is above a limit, in the invoice's currency.

        :param float most: The limit; none if `None`.
        :rtype: bool
        """
        return most is not None and self.currency_id.compare_amounts(amount, most) > 0

    def _carry_out_decision(self, decision, key):
        """Spend the credit and charge the rest, or issue and charge the draft.

        :param ChargeDecision decision: To charge, or to be paid from credit.
        :param str key: The idempotency key of this try.
        :return: The attempt; none where the credit balance pays all of it.
        :rtype: payment.transaction
        """
        if self.state == "draft":
            token_id = decision.token.id if decision.token else None
            # The rest of the customer's credit is left for the drafts that get it.
            most = MostCredit(decision.credit)
            issuing = self.with_context(most_credit_at_issue=most)
            return issuing.issue_and_charge(token_id, idempotency_key=key)
        if not self.currency_id.is_zero(decision.credit):
            self.apply_credit_balance(decision.credit)
        if decision.action == CREDIT:
            return self.env["payment.transaction"]
        return self.charge(decision.token.id, decision.amount, idempotency_key=key)
