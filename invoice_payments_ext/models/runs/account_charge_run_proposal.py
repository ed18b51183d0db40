from collections import defaultdict

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Domain
from odoo.tools import format_date

from ...read_joined import read_joined
from ..collection.reasons import CHARGE, CREDIT, REASONS
from ..states import UNSUCCESSFUL_OUTCOMES

# The kinds of run that are decided as another kind of question.
QUESTIONS = {"retry": "charge"}


class AccountChargeRun(models.Model):
    """The proposal of a run: what would be done about each invoice, and why not."""

    _inherit = "account.charge.run"

    # === BUSINESS METHODS === #

    @api.model
    def _propose(self, kind, moves, company, **values):
        """Propose a run. Nothing is written but the run, and no gateway is asked.

        The number of queries does not depend on the number of invoices, apart from
        those that insert the lines.

        :param str kind: One of the kinds of run.
        :param account.move moves: The invoices, which the user may read.
        :param res.company company: The company of the run.
        :param values: Further values of the run.
        :return: The proposal.
        :rtype: account.charge.run
        """
        day = (values.get("arguments") or {}).get("date")
        proposed, decisions = self._decide_lines(
            kind, moves, company, day=fields.Date.to_date(day)
        )
        # In superuser mode, as everywhere here: nobody may write runs.
        run_sudo = self.sudo().create(
            {
                "name": self.env["ir.sequence"].sudo().next_by_code(self._name),
                "company_id": company.id,
                "user_id": self.env.uid,
                "kind": kind,
                **values,
            }
        )
        run_sudo.line_ids.create(
            [
                {
                    "run_id": run_sudo.id,
                    "move_id": move.id,
                    **(
                        self._prepare_skipped_vals(*proposed[move])
                        if move in proposed
                        else self._prepare_line_vals(decisions[move])
                    ),
                }
                for move in moves
            ]
        )
        return run_sudo.sudo(self.env.su)

    def _decide_lines(self, kind, moves, company, day=None):
        """Decide on each invoice of a run, in at most ten queries for any number.

        :param str kind: One of the kinds of run.
        :param account.move moves: The invoices.
        :param res.company company: The company of the run.
        :param datetime.date day: See `Question`.
        :return: The codes and words of those that the run does not take, and the
                 decisions on the others.
        :rtype: tuple[dict, dict]
        """
        moves = moves.with_company(company)
        moves._read_ahead_own()
        own = moves.filtered(lambda move: move.company_id == company)
        proposed = {
            **dict.fromkeys(moves - own, ("other_company", "")),
            **self._get_other_reasons(own),
        }
        left = own.filtered(lambda move: move not in proposed)
        if not left:
            return proposed, {}
        question = QUESTIONS.get(kind, kind)
        decisions = left._read_ahead()._decide_charges(question, is_run=True, day=day)
        if kind == "retry":
            for move in left - self._filter_declined(left):
                if decisions[move].action in (CHARGE, CREDIT):
                    proposed[move] = ("not_declined", "")
        return proposed, decisions

    def _prepare_line_vals(self, decision):
        """Return the values of a line that a decision is about.

        :param ChargeDecision decision: The decision on its invoice.
        :rtype: dict
        """
        if decision.action in (CHARGE, CREDIT):
            return {
                "state": "proposed",
                "token_id": decision.token.id if decision.token else False,
                "amount": decision.amount,
                "credit_amount": decision.credit,
            }
        return {
            **self._prepare_skipped_vals(decision.reason, decision.words),
            "amount": decision.amount,
        }

    def _prepare_skipped_vals(self, reason, words):
        """Return the values of a line that is skipped.

        :param str reason: The code of the reason.
        :param str words: The details; the words of the code if empty.
        :rtype: dict
        """
        return {
            "state": "skipped",
            "reason_code": reason,
            "note": words or self.env._(REASONS[reason].label),
        }

    # === GETTERS === #

    def _get_external_name(self):
        """Return as what the payments of this run are received: the name of the kind.

        :return: Empty for a run that charges.
        :rtype: str
        """
        kind = self.kind == "external" and (self.arguments or {}).get("external_kind")
        return self.env["account.move"]._get_external_kind_label(kind)

    def _describe_external(self):
        """Return the values that the external payments of this run share, in words.

        :rtype: str
        """
        values = self.arguments or {}
        journal = self.env["account.journal"].sudo().browse(values.get("journal_id"))
        date = values.get("date")
        words = (
            self._get_external_name(),
            date and format_date(self.env, date),
            journal.name,
            values.get("reference"),
            values.get("memo"),
        )
        return " · ".join(word for word in words if word)

    def _describe_with_booked(self, lines):
        """Return the amounts of lines in words, and what is booked in their place.

        A journal may have a currency of its own, which is another one than that of the
        invoices. The rate is asked for once a currency, and not with each line.

        :rtype: str
        """
        amounts = self._describe_amounts(lines)
        if self.kind != "external":
            return amounts
        values = self._get_booked_values()
        journal = self.env["account.journal"].sudo().browse(values["journal_id"])
        if not journal.currency_id or lines.currency_id <= journal.currency_id:
            return amounts
        booked = defaultdict(float)
        for line in lines:
            # Each is rounded, as the payment of each invoice is.
            amount = line.move_id.sudo()._convert_for_journal(line.amount, values)
            booked[journal.currency_id.id] += amount
        return self.env._(
            "%(amounts)s, which is %(booked)s",
            amounts=amounts,
            booked=self._format_amounts(booked),
        )

    def _get_booked_values(self):
        """Return the journal and the day that the external payments are booked with.

        :return: No journal where none fits any more: each line says why.
        :rtype: dict
        """
        values = self.arguments or {}
        moves = self.env["account.move"].sudo()
        journal_id = values.get("journal_id")
        if not journal_id:
            try:
                journal_id = moves._choose_external_journal(
                    None, values.get("external_kind"), self.company_id
                ).id
            except UserError:
                journal_id = False
        date = fields.Date.to_date(values.get("date")) or moves._get_today()
        return {"journal_id": journal_id, "date": date}

    def _get_other_reasons(self, moves):
        """Return the invoices that a run does not take, before it is decided on them.

        :param account.move moves: The invoices of the company of the run.
        :return: The code of the reason, and words.
        :rtype: dict[account.move, tuple[str, str]]
        """
        reasons = {}
        for move in moves - moves._filtered_access("write"):
            reasons[move] = ("no_right", "")
        for line in self._get_open_lines(moves):
            move = line.move_id.with_env(moves.env)
            words = self.env._("It stands in %s.", line.run_id.name)
            reasons.setdefault(move, ("in_run", words))
        return reasons

    def _get_open_lines(self, moves):
        """Return the lines of these invoices that a lane takes or works on.

        One query, with their runs.

        :return: In superuser mode.
        :rtype: account.charge.run.line
        """
        lines_sudo = self.env["account.charge.run.line"].sudo()
        domain = lines_sudo._get_open_domain() & Domain("move_id", "in", moves.ids)
        query = lines_sudo._search(domain, order=lines_sudo._order)
        table = lines_sudo._table
        run = query.left_join(table, "run_id", self._table, "id", "run_id")
        rows = read_joined(query, (table, lines_sudo), (run, self.sudo().browse()))
        return lines_sudo.browse(line for line, _run in rows)

    def _filter_declined(self, moves):
        """Return the invoices whose latest attempt came to nothing.

        :rtype: account.move
        """
        last = moves.sudo()._get_last_charges()
        return moves.filtered(lambda move: last[move].outcome in UNSUCCESSFUL_OUTCOMES)
