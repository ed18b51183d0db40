from odoo import models

from ...read_joined import read_joined
from .decision import Verdict
from .payment_token import ANSWERED_OUTCOMES


class AccountMove(models.Model):
    """Which saved method is charged for an invoice, and why none is."""

    _inherit = "account.move"

    # === BUSINESS METHODS - QUESTIONS === #

    def _judge_methods(self, question):
        """Find the saved method to charge for each invoice.

        :param Question question: What is asked, with its amounts; the methods are
                                  added.
        :rtype: dict[account.move, Verdict]
        """
        if question.kind == "external":
            return {}
        for company, moves in self.grouped("company_id").items():
            owners = moves._get_payment_method_owners().sudo().with_company(company)
            owners.fetch(["default_payment_token_id"])  # For all of them at once.
        tokens = self._get_tokens_of_owners(question)
        trials = tokens._get_trial_verdicts()
        by_owner = tokens.grouped("partner_id")
        served = {}
        verdicts = {}
        for move in self:
            owners = move._get_payment_method_owners()
            own = tokens.browse().union(
                *(by_owner.get(owner, tokens.browse()) for owner in owners.sudo())
            )
            if chosen := question.tokens.get(move):
                own = chosen.sudo()
            verdict = move._choose_method(question, own, trials, served)
            if verdict:
                verdicts[move] = verdict
        return verdicts

    def _get_tokens_of_owners(self, question):
        """Return the saved methods that may be charged for these invoices.

        :param Question question: What is asked.
        :return: In superuser mode: accountants cannot read providers.
        :rtype: payment.token
        """
        # In superuser mode: the staff may use them, also those of another company.
        tokens_sudo = self.env["payment.token"].sudo()
        owners = self._get_payment_method_owners()
        domain = [("partner_id", "in", owners.ids)]
        query = tokens_sudo._search(domain, order=tokens_sudo._order)
        table = tokens_sudo._table
        method = query.left_join(
            table, "payment_method_id", "payment_method", "id", "payment_method_id"
        )
        methods_sudo = self.env["payment.method"].sudo()
        rows = read_joined(
            query,
            (table, tokens_sudo),
            (method, methods_sudo, "supported_currency_ids"),
        )
        return tokens_sudo.browse(token for token, _method in rows).union(
            *(token.sudo() for token in question.tokens.values())
        )

    def _choose_method(self, question, tokens, trials, served):
        """Choose the method to charge: the first in order that may be tried.

        :param Question question: What is asked; the method is added.
        :param payment.token tokens: The methods that may be charged, as superuser.
        :param dict trials: See `payment.token._get_trial_verdicts`.
        :param dict served: See `payment.token._get_unfit_reasons`.
        :return: Why none is; None if one is found.
        :rtype: Verdict or None
        """
        first = None
        for token in self._get_methods_in_order(tokens):
            question.methods[self] = token.with_env(self.env)
            verdict = self._judge_method(question, token, trials, served)
            if not verdict:
                return None
            first = first or (token, verdict)
            if not self._may_try_next(token, verdict):
                break
        if not first:
            return Verdict("no_method")
        token, verdict = first
        question.methods[self] = token.with_env(self.env)
        return verdict

    def _get_methods_in_order(self, tokens):
        """Return saved methods in the order in which they are tried.

        The default of the contact or its company is first, then the newest.

        :param payment.token tokens: The methods that may be charged, as superuser.
        :rtype: payment.token
        """
        contact = self.partner_id.sudo().with_company(self.company_id)
        default = contact._choose_default_token(tokens)
        return default | tokens.sorted("id", reverse=True)

    def _judge_method(self, question, token, trials, served):
        """Say why this invoice is not charged to a saved method now.

        :param Question question: What is asked.
        :param payment.token token: The method, as superuser.
        :param dict trials: See `payment.token._get_trial_verdicts`.
        :param dict served: See `payment.token._get_unfit_reasons`.
        :rtype: Verdict or None
        """
        if verdict := trials.get(token.id):
            return verdict
        answered = self.sudo().transaction_ids.filtered(
            lambda tx: tx.token_id == token and tx.outcome in ANSWERED_OUTCOMES
        )
        last = answered.sorted("id")[-1:]
        if last.outcome == "declined" and last.decline_class == "needs_customer":
            return Verdict("needs_customer")
        reason = token._get_unfit_reasons(
            self._get_payment_method_owners(),
            self,
            question.get_rest(self),
            served=served,
        )[token.id]
        return Verdict("method_unfit", reason) if reason else None

    def _may_try_next(self, token, verdict):
        """Tell if another method may be tried where this one is not charged.

        :param payment.token token: The method, as superuser.
        :param Verdict verdict: Why not.
        :rtype: bool
        """
        if verdict.reason == "method_unfit":
            return True  # It never was the method of this invoice.
        if verdict.reason not in ("never", "ask_customer", "needs_customer"):
            return False
        # One that never left, because the server died, was not tried.
        tried = self.sudo().transaction_ids.filtered(
            lambda tx: not tx._was_lost_before_sending()
        )
        others = tried.token_id - token
        return self.company_id.sudo().charge_second_method and not others
