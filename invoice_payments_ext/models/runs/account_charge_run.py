from collections import defaultdict
from datetime import timedelta

from odoo import api, fields, models
from odoo.tools import SQL, format_list
from odoo.tools.misc import formatLang

from .results import (
    GROUPS,
    KINDS,
    LEFT,
    PROPOSED,
    RESULT_OF_GROUP,
    RESULTS,
    SKIPPED,
    get_result,
)

# A run on which nobody did anything for so long needs a person.
STALLED_AFTER = timedelta(minutes=10)


class AccountChargeRun(models.Model):
    """Many invoices that are collected in the background, one by one.

    A run begins as a proposal, which writes nothing but itself. When it is confirmed,
    lanes take its lines; see `account.charge.run.line`. All figures are counted from
    the lines and their attempts.
    """

    _name = "account.charge.run"
    _description = "Charge Run"
    _inherit = [
        "payment.seal.mixin",
        "mail.thread",
        "mail.activity.mixin",
        "payment.door.mixin",
        "payment.lock.mixin",
    ]
    _order = "id desc"
    _mail_post_access = "read"

    name = fields.Char(required=True, readonly=True, copy=False)
    company_id = fields.Many2one(
        comodel_name="res.company", required=True, readonly=True, index=True
    )
    company_currency_id = fields.Many2one(related="company_id.currency_id")
    user_id = fields.Many2one(
        string="By",
        comodel_name="res.users",
        required=True,
        readonly=True,
        index=True,
        ondelete="restrict",
        help="The person in whose name, and with whose rights, the lines are carried "
        "out.",
    )
    kind = fields.Selection(selection=KINDS, required=True, readonly=True)
    state = fields.Selection(
        string="Status",
        selection=[
            ("draft", "Proposal"),
            ("waiting", "Waits for approval"),
            ("running", "Running"),
            ("stopped", "Stopped"),
            ("done", "Done"),
        ],
        default="draft",
        required=True,
        readonly=True,
        index=True,
        tracking=True,
    )
    line_ids = fields.One2many(
        string="Lines",
        comodel_name="account.charge.run.line",
        inverse_name="run_id",
        readonly=True,
    )
    retried_run_id = fields.Many2one(
        string="Retries",
        comodel_name="account.charge.run",
        readonly=True,
        index="btree_not_null",
        help="The run whose declined lines this one charges again.",
    )
    arguments = fields.Json(
        readonly=True, help="The values that all external payments share."
    )
    run_date = fields.Date(
        readonly=True, help="The day of a run of the automatic collection."
    )
    confirmed_on = fields.Datetime(readonly=True)
    woken_on = fields.Datetime(
        readonly=True, help="When it was confirmed, resumed or continued."
    )
    ended_on = fields.Datetime(readonly=True)
    is_stalled = fields.Boolean(
        compute="_compute_is_stalled",
        help="It runs, and nobody has done anything for ten minutes.",
    )
    totals = fields.Char(
        compute="_compute_totals", help="The customers and the amounts to be charged."
    )
    totals_by_method = fields.Char(compute="_compute_totals")
    external_words = fields.Char(
        string="Received as",
        compute="_compute_external_words",
        help="The values that all external payments share, in words.",
    )
    without_method_count = fields.Integer(compute="_compute_without_method_count")
    links_label = fields.Char(
        compute="_compute_without_method_count",
        help="The words of the button that mails a link; empty if nobody gets one.",
    )
    declined_count = fields.Integer(compute="_compute_counts")
    left_count = fields.Integer(compute="_compute_counts")
    proposed_count = fields.Integer(compute="_compute_counts")

    _automatic_of_day = models.UniqueIndex(
        "(company_id, run_date) WHERE kind = 'automatic'"
    )

    # === COMPUTE METHODS === #

    def _compute_counts(self):
        counts = self._count_lines()
        for run in self:
            groups = defaultdict(int)
            for (result, _currency), row in counts[run.id].items():
                groups[RESULTS[result].group] += row["count"]
            run.declined_count = groups["declined"]
            run.left_count = groups[LEFT]
            run.proposed_count = groups[PROPOSED]

    def _compute_is_stalled(self):
        """A run whose lines wait for their time is not stalled."""
        moved = {
            run_id: moved_on
            for run_id, moved_on in self.env.execute_query(
                SQL(
                    """
                    SELECT run_id, max(greatest(claimed_on, done_on, not_before))
                      FROM account_charge_run_line WHERE run_id IN %s GROUP BY run_id
                    """,
                    tuple(self.ids) or (0,),
                )
            )
        }
        limit = fields.Datetime.now() - STALLED_AFTER
        for run in self:
            last = max(
                filter(None, (moved.get(run.id), run.woken_on)),
                default=fields.Datetime.now(),
            )
            run.is_stalled = (
                run.state == "running" and bool(run.left_count) and last < limit
            )

    @api.depends(
        "line_ids.state",
        "line_ids.amount",
        "line_ids.credit_amount",
        "line_ids.token_id",
        "arguments",
    )
    def _compute_totals(self):
        for run in self:
            lines = run._get_lines_to_charge()
            run.totals = run._describe_totals(lines)
            run.totals_by_method = run._describe_by_method(lines)

    @api.depends("kind", "arguments")
    def _compute_external_words(self):
        for run in self:
            run.external_words = run._describe_external()

    @api.depends("line_ids.reason_code", "line_ids.link_sent_on")
    def _compute_without_method_count(self):
        for run in self:
            run.without_method_count = len(run._get_lines_without_method())
            run.links_label = run._describe_links(len(run._get_lines_to_link()))

    # === COUNTERS === #

    def _count_lines(self):
        """Count the lines of these runs by their results, in one query.

        :return: By run, the number, the amount to charge and the amount that moved, by
                 result and currency.
        :rtype: dict[int, dict[tuple[str, int], dict]]
        """
        counts = {run_id: {} for run_id in self.ids}
        self.env.flush_all()
        for (
            run_id,
            step,
            outcome,
            currency_id,
            count,
            amount,
            moved,
        ) in self.env.execute_query(
            SQL(
                """
                    SELECT line.run_id, line.state, tx.outcome, move.currency_id,
                           count(*), sum(line.amount),
                           sum(CASE WHEN tx.outcome = 'succeeded' THEN tx.amount
                                    WHEN line.state = 'done' THEN line.amount
                                    ELSE 0 END)
                      FROM account_charge_run_line line
                      JOIN account_move move ON move.id = line.move_id
                 LEFT JOIN payment_transaction tx ON tx.id = line.transaction_id
                     WHERE line.run_id IN %s
                  GROUP BY 1, 2, 3, 4
                    """,
                tuple(self.ids) or (0,),
            )
        ):
            result = get_result(step, outcome)
            row = counts[run_id].setdefault(
                (result, currency_id), {"count": 0, "amount": 0.0, "moved": 0.0}
            )
            row["count"] += count
            row["amount"] += amount or 0.0
            row["moved"] += moved or 0.0
        return counts

    def get_progress(self):
        """Return how far this run is, for its page.

        :return: `state`, `is_stalled`, `groups` (for each its label, color and count),
                 `total`, `moved` (amounts in words), `per_minute` and `end`
        :rtype: dict
        """
        self.ensure_one()
        self.check_access("read")
        run_sudo = self.sudo()  # The attempts are not for everybody who sees the run.
        groups = dict.fromkeys(GROUPS, 0)
        moved = defaultdict(float)
        for (result, currency_id), row in run_sudo._count_lines()[self.id].items():
            groups[RESULTS[result].group] += row["count"]
            moved[currency_id] += row["moved"]
        per_minute = run_sudo._get_lines_per_minute()
        left = groups[LEFT]
        end = False
        if self.state == "running" and left and per_minute:
            end = fields.Datetime.now() + timedelta(minutes=left / per_minute)
        return {
            "state": self.state,
            "is_stalled": self.is_stalled,
            "groups": [
                {
                    "key": group,
                    "label": self.env._(RESULTS[RESULT_OF_GROUP[group]].label),
                    "color": RESULTS[RESULT_OF_GROUP[group]].color,
                    "count": count,
                }
                for group, count in groups.items()
            ],
            "total": sum(groups.values()) - groups[SKIPPED],
            "left": left,
            "moved": self._format_amounts(moved),
            "per_minute": round(per_minute, 1),
            "end": fields.Datetime.to_string(end) if end else False,
        }

    def _get_lines_per_minute(self):
        """Return how many lines were finished a minute, in the last minute.

        :rtype: float
        """
        self.ensure_one()
        [[count, seconds]] = self.env.execute_query(
            SQL(
                """
                SELECT count(*),
                       extract(epoch FROM least(%(now)s - %(since)s, interval '60 s'))
                  FROM account_charge_run_line
                 WHERE run_id = %(run)s AND done_on > %(now)s - interval '60 s'
                   AND state != 'skipped'
                """,
                run=self.id,
                now=fields.Datetime.now(),
                since=self.woken_on or fields.Datetime.now(),
            )
        )
        return count * 60 / float(seconds) if seconds else 0.0

    # === WORDS === #

    def _describe_totals(self, lines):
        """Say how many customers are charged, and how much.

        :rtype: str
        """
        number = len(lines.move_id.commercial_partner_id)
        amounts = self._describe_with_booked(lines)
        if number == 1:
            return self.env._("1 customer, %(amounts)s", amounts=amounts)
        return self.env._(
            "%(number)s customers, %(amounts)s", number=number, amounts=amounts
        )

    def _describe_by_method(self, lines):
        """Say how much each method pays, and how much the credit balances.

        :rtype: str
        """
        charged = lines.filtered(lambda line: not line.currency_id.is_zero(line.amount))
        amounts = [
            (name, self._describe_amounts(some))
            for name, some in charged.grouped(
                lambda line: line._get_method_name()
            ).items()
        ]
        if any(lines.mapped("credit_amount")):
            words = self._describe_amounts(lines, "credit_amount")
            amounts.append((self.env._("Credit balance"), words))
        return format_list(self.env, [f"{name}: {words}" for name, words in amounts])

    def _describe_links(self, number):
        """Return the words of the button that mails a link to pay.

        :param int number: How many get one.
        :rtype: str
        """
        if not number:
            return ""
        if number == 1:
            return self.env._("Send a payment link to the one without a method")
        return self.env._("Send a payment link to the %s without a method", number)

    def _describe_amounts(self, lines, field="amount"):
        """Return the amounts of lines in words, by currency.

        :rtype: str
        """
        amounts = defaultdict(float)
        for line in lines:
            amounts[line.currency_id.id] += line[field]
        return self._format_amounts(amounts)

    def _format_amounts(self, amounts):
        """Return amounts in words, the largest first.

        :param dict amounts: By the id of the currency.
        :rtype: str
        """
        currencies = (
            self.env["res.currency"]
            .browse(amounts)
            .filtered(lambda currency: not currency.is_zero(amounts[currency.id]))
            .sorted(lambda currency: (-amounts[currency.id], currency.name))
        ) or self.env.company.currency_id
        return format_list(
            self.env,
            [
                # With the code: several currencies may have the same symbol.
                f"{formatLang(self.env, amount, currency.decimal_places)}"
                f" {currency.name}"
                for currency in currencies
                for amount in [amounts.get(currency.id, 0.0)]
            ],
            "unit",
        )

    # === GETTERS === #

    def _get_lines_to_charge(self):
        """Return the lines that a confirmation lets go.

        :rtype: account.charge.run.line
        """
        return self.line_ids.filtered(lambda line: line.state != "skipped")

    def _get_lines_without_method(self):
        """Return the lines whose customers have no method that can be charged.

        :rtype: account.charge.run.line
        """
        return self.line_ids.filtered(
            lambda line: line.state == "skipped" and line.reason_code == "no_method"
        )

    def _get_lines_to_link(self):
        """Return the lines without a method whose customers get a link to pay now.

        :rtype: account.charge.run.line
        """
        return self._get_lines_without_method().filtered(
            lambda line: (
                not line.link_sent_on
                and line.partner_id.email
                and line.move_id.state == "posted"
                and line.currency_id.compare_amounts(line.move_id.amount_residual, 0)
                > 0
            )
        )
