from odoo import models

from ..states import EXPECTED_OUTCOMES
from .decision import ChargeDecision, Question, Verdict, decide

# The questions, in their order: the first that has an answer decides. Each method gets
# the question, and returns the verdicts on those of the invoices that it stops.
DECISION_METHODS = (
    "_judge_state",
    "_judge_collection",
    "_judge_attempts",
    "_judge_disputes",
    "_judge_promises",
    "_judge_amounts",
    "_judge_permission",
    "_judge_methods",
    "_judge_distance",
    "_judge_notice",
)


class AccountMove(models.Model):
    """The decision whether an invoice is charged now: the same one for all doors."""

    _inherit = "account.move"

    # === BUSINESS METHODS === #

    def _decide_charges(
        self,
        kind="charge",
        is_automatic=False,
        is_run=False,
        tokens=None,
        most_credits=None,
        day=None,
        as_permitted=False,
    ):
        """Decide what to do about each of these invoices now.

        Nothing is written, and no gateway is asked. The number of queries does not
        depend on the number of invoices. Whoever carries a decision out checks it
        again, on the locked invoice.

        :param str kind: See `Question`.
        :param bool is_automatic: See `Question`.
        :param bool is_run: See `Question`.
        :param dict tokens: See `Question`.
        :param dict most_credits: See `Question`.
        :param date day: See `Question`.
        :param bool as_permitted: See `Question`.
        :return: For each invoice its decision.
        :rtype: dict[account.move, ChargeDecision]
        """
        question = Question(
            kind,
            is_automatic,
            is_run,
            tokens or {},
            most_credits or {},
            day,
            as_permitted,
        )
        decisions = {}
        left = self
        for name in DECISION_METHODS:
            verdicts = getattr(left, name)(question) if left else {}
            for invoice, verdict in verdicts.items():
                values = question.get_values(invoice)
                decisions[invoice] = decide(verdict, **values)
            left -= left.browse().union(*verdicts)
        for invoice in left:
            decisions[invoice] = ChargeDecision(**question.get_values(invoice))
        return {invoice: decisions[invoice] for invoice in self}

    # === BUSINESS METHODS - QUESTIONS === #

    def _judge_state(self, question):
        """Stop invoices that are not in a state to be paid.

        :param Question question: What is asked.
        :rtype: dict[account.move, Verdict]
        """
        verdicts = {}
        for move in self:
            if reason := move._get_state_reason(question):
                verdicts[move] = Verdict(reason)
        return verdicts

    def _get_state_reason(self, question):
        """Return the code of the reason why this is not in a state to be paid.

        :param Question question: What is asked.
        :return: An empty text if it is.
        :rtype: str
        """
        if self.move_type != "out_invoice":
            return "not_invoice"
        if self.state == "cancel":
            return "cancelled"
        if question.kind == "issue":
            return "" if self.state == "draft" else "not_draft"
        if self.state != "posted":
            return "not_posted"
        if self.currency_id.is_zero(self.amount_residual):
            return "paid"
        return ""

    def _judge_attempts(self, question):
        """Let an attempt end that may still bring money.

        :param Question question: What is asked.
        :rtype: dict[account.move, Verdict]
        """
        verdicts = {}
        for move in self.sudo():  # Who sees an invoice may not see its attempts.
            if open_attempts := move._get_blocking_attempt():
                is_unknown = open_attempts.outcome == "unknown"
                reason = "unknown" if is_unknown else "in_flight"
            elif open_attempts := (
                move._get_attempts_with_money() | move._get_attempts_in_flight()
            ):
                reason = "in_flight"
            elif question.kind != "external" and (
                open_attempts := move.transaction_ids.filtered(
                    lambda tx: (
                        tx.outcome in EXPECTED_OUTCOMES and not tx.is_pending_too_long
                    )
                )
            ):
                reason = "announced"
            else:
                continue
            verdicts[move.with_env(self.env)] = Verdict(
                reason, move._describe_attempt(open_attempts[0])
            )
        return verdicts

    def _judge_disputes(self, question):
        """Charge nothing of which a payment is disputed.

        :param Question question: What is asked.
        :rtype: dict[account.move, Verdict]
        """
        if question.kind == "external":
            return {}
        undecided = self._get_reversals_taken_back().filtered("is_undecided")
        return {
            invoice: Verdict("disputed")
            for invoice in undecided.invoice_ids.with_env(self.env) & self
        }

    def _judge_amounts(self, question):
        """Find the amount of each invoice, and the credit that pays of it.

        :param Question question: What is asked; the amounts are added.
        :rtype: dict[account.move, Verdict]
        """
        verdicts = {}
        held = self._get_credit_to_spend(question)
        # A customer's credit goes to the invoice that is due first.
        for move in self.sorted(
            lambda move: (move.invoice_date_due or move.date, move.date)
        ):
            amount = move._get_amount_to_collect(question)
            question.amounts[move] = amount
            owner = move._get_credit_owner()
            if move.apply_credit and held.get(owner):
                most = question.most_credits.get(move, amount)
                credit = min(held[owner], amount, most)
                if move._loses_discount(question, amount, credit):
                    credit = 0.0
                held[owner] = move.currency_id.round(held[owner] - credit)
                question.credits[move] = credit
            if move.currency_id.compare_amounts(amount, 0) <= 0:
                # Only of what is charged automatically, a part may be due later.
                reason = "not_due" if question.is_automatic else "paid"
                verdicts[move] = Verdict(reason)
            elif move.currency_id.is_zero(question.get_rest(move)):
                verdicts[move] = Verdict("covered_by_credit")
        return verdicts

    def _loses_discount(self, question, amount, credit):
        """Tell if credit would cost the customer an early-payment discount.

        The discount is for one payment that settles the invoice. A draft gets its
        credit when it is issued.

        :param Question question: What is asked.
        :param float amount: What settles the invoice today, in its currency.
        :param float credit: How much of it the credit balance would pay.
        :rtype: bool
        """
        self.ensure_one()
        is_part = self.currency_id.compare_amounts(credit, amount) < 0
        return (
            is_part
            and question.kind != "issue"
            and not self.currency_id.is_zero(self._get_discount())
        )

    def _get_credit_to_spend(self, question):
        """Return the credit of the customers of these invoices.

        :param Question question: What is asked.
        :return: The amount by the key of `_get_credit_owner`, in its currency.
        :rtype: dict
        """
        if question.kind == "external":
            return {}
        balances = self.sudo()._get_credit_balances()
        return {balance._get_owner(): balance.amount for balance in balances}

    def _get_amount_to_collect(self, question):
        """Return the amount of this invoice that is to be paid now, before credit.

        Without a person, no more than the instalments that are due, where there are
        several.

        :param Question question: What is asked.
        :return: The amount in the invoice's currency.
        :rtype: float
        """
        if question.kind == "issue":
            left = self.amount_total - self._get_prepaid_amount()
            return max(self.currency_id.round(left), 0.0)
        amount = self._get_default_payment_amount()
        if question.day:
            left = self._get_chargeable_amount() - self._get_discount(question.day)
            amount = self.currency_id.round(left)
        lines = self.line_ids.filtered(lambda line: line.display_type == "payment_term")
        if not question.is_automatic or len(lines) < 2:
            return amount
        today = self.company_id._get_own_today()
        due = sum(
            lines.filtered(lambda line: line.date_maturity <= today).mapped(
                "amount_residual_currency"
            )
        )
        due = self.currency_id.round(due - self._get_amount_in_flight())
        return max(min(amount, due), 0.0)
