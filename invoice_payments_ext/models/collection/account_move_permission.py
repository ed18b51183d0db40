from datetime import timedelta

from odoo import models

from ..states import UNSUCCESSFUL_OUTCOMES
from .account_collection_schedule import MORNING
from .account_collection_step import get_moment
from .decision import Verdict

# How long nothing is charged to a method after an automatic charge by it that did not
# succeed, and after one that never reached the gateway.
MIN_GAP = timedelta(hours=20)
NOT_SENT_GAP = timedelta(minutes=10)


class AccountMove(models.Model):
    """What keeps an invoice from being charged automatically: the permission."""

    _inherit = "account.move"

    # === BUSINESS METHODS - QUESTIONS === #

    def _judge_collection(self, question):
        """Charge nothing automatically whose collection was paused or stopped.

        :param Question question: What is asked.
        :rtype: dict[account.move, Verdict]
        """
        if not question.is_automatic:
            return {}
        return {
            row.move_id.with_env(self.env): Verdict(row.state, row._describe_halt())
            for row in self._get_collections(self)
            if row.state in ("paused", "stopped")
        }

    def _judge_promises(self, question):
        """Charge nothing that the customer promised to pay on a day to come.

        :param Question question: What is asked.
        :rtype: dict[account.move, Verdict]
        """
        if question.kind != "charge":
            return {}
        verdicts = {}
        for move, promise in self._get_open_promises().items():
            day = promise.date + timedelta(days=1)
            zone = move.company_id._get_own_zone()
            verdicts[move] = Verdict(
                "promised", promise.display_name, get_moment(day, MORNING, zone)
            )
        return verdicts

    def _judge_permission(self, question):
        """Charge nothing automatically that the customer does not permit.

        :param Question question: What is asked, with its amounts.
        :rtype: dict[account.move, Verdict]
        """
        if not question.is_automatic:
            return {}
        verdicts = {}
        for company, moves in self.grouped("company_id").items():
            permissions = self.env["account.auto.pay"]._get_permissions(
                moves.commercial_partner_id, company
            )
            for move in moves:
                permission = permissions[move.commercial_partner_id.sudo()]
                # In superuser mode: the words name the customer.
                code, words = move.sudo()._get_refusal_of(
                    permission, question.get_rest(move)
                )
                if code:
                    verdicts[move] = Verdict(code, words)
        return verdicts

    def _judge_distance(self, question):
        """Keep the distance to the attempt before, on each invoice in collection.

        A charge by a person moves the plan by the wait that the plan has after its
        first charge. A new method need not wait.

        :param Question question: What is asked, with its methods.
        :rtype: dict[account.move, Verdict]
        """
        if not question.is_automatic:
            return {}
        verdicts = {}
        rows = self._get_collections(self)
        for row in rows.filtered(lambda row: row.charge_due != "event"):
            move = row.move_id.with_env(self.env)
            free_from = row._get_charge_from(question.methods.get(move))
            if free_from and free_from > row._get_now():
                verdicts[move] = Verdict("not_before", not_before=free_from)
        return verdicts

    def _judge_notice(self, question):
        """Let a debit wait until its notice was sent in time.

        :param Question question: What is asked, with its amounts and methods.
        :rtype: dict[account.move, Verdict]
        """
        if not question.is_automatic:
            return {}
        verdicts = {}
        for company, rows in self._get_collections(self).grouped("company_id").items():
            methods = {row: question.methods.get(row.move_id) for row in rows}
            rows = rows.filtered(
                lambda row, methods=methods: (
                    methods[row] and methods[row].sudo().payment_method_id.notice_days
                )
            )
            customers = rows.move_id.commercial_partner_id
            permissions = self.env["account.auto.pay"]._get_permissions(
                customers, company
            )
            for row in rows:
                move, token = row.move_id.with_env(self.env), methods[row]
                permission = permissions[row.move_id.commercial_partner_id]
                days = row._get_notice_days(token, permission)
                if verdict := row._get_notice_verdict(
                    token, question.get_rest(move), days
                ):
                    verdicts[move] = verdict
        return verdicts

    # === GETTERS === #

    def _get_last_charges(self):
        """Return the last attempt to charge for each of these, by whomever.

        To be called in superuser mode.

        :rtype: dict[account.move, payment.transaction]
        """
        return {
            move: move.transaction_ids.filtered(
                lambda tx: not tx.source_transaction_id and not tx._is_refund()
            ).sorted("id")[-1:]
            for move in self
        }

    def _get_charge_from(self, row, token):
        """Return the moment before which a method is not charged by the plan.

        Note: `self.ensure_one()`; to be called in superuser mode.

        :param account.collection row: The collection of this invoice.
        :param payment.token token: The method that would be charged.
        :return: The moment; none if there is no such.
        :rtype: datetime.datetime or None
        """
        last = self._get_last_charges()[self]
        if last.outcome not in UNSUCCESSFUL_OUTCOMES:
            return None
        ended_on = last.last_state_change or last.create_date
        if not last.request_sent_on or last.outcome == "failed":
            return ended_on + NOT_SENT_GAP
        if not last.is_automatic:
            return ended_on + timedelta(days=row.plan_id._get_retry_days())
        is_same = token and last.token_id.id == token.id
        return ended_on + MIN_GAP if is_same else None
