from odoo import api, fields, models
from odoo.fields import Domain
from odoo.tools import SQL

from .results import OPEN_STEPS

# The lines that the schedule makes at once.
MAX_DUE = 1000
# More lines than one lane carries out in a moment: the others help.
FOR_ONE_LANE = 5


class AccountChargeRunLine(models.Model):
    """The schedule's lines: invoices whose next step of collection is due.

    They stand in the company's automatic run of the day, so that there is one engine
    and one page for both.
    """

    _inherit = "account.charge.run.line"

    @api.model
    def _make_due_lines(self):
        """Make lines of the invoices that are due, in one batch. Commits.

        An invoice that stands in another open run waits until that one let go of it.
        """
        due = self._find_due()
        if not due:
            return
        runs = self._in_short_step(
            lambda: {
                company: self.run_id._get_automatic_run(company)
                for company in due.company_id
            }
        )
        # The method says whose pace counts. Whoever takes the line decides anew.
        decisions = due.move_id._decide_charges(is_automatic=True)
        rows = [
            (
                runs[row.company_id].id,
                row.company_id.id,
                row.move_id.id,
                decisions[row.move_id].token.id if decisions[row.move_id].token else 0,
                decisions[row.move_id].amount,
            )
            for row in due
        ]
        self.env.flush_all()
        made = self._in_short_step(lambda: self._insert_due(rows))
        self.env.invalidate_all()
        if made > FOR_ONE_LANE:
            self._wake()

    def _find_due(self):
        """Return the next collections that are due and stand in no open run.

        The others are left out here: a large run that was stopped, or takes long, would
        fill each batch, and nothing else would be collected. Where a person stopped the
        run of a day, nothing is due until it is resumed or closed.

        :rtype: account.collection
        """
        collections = self.env["account.collection"].sudo()
        self.flush_model(["move_id", "state"])
        stopped = self.run_id._find_stopped_automatic()
        query = collections._search(
            collections._get_due_domain()
            & Domain("company_id", "not in", stopped.company_id.ids),
            order="next_at, id",
            limit=MAX_DUE,
        )
        query.add_where(
            SQL(
                "NOT EXISTS (SELECT FROM account_charge_run_line line"
                " WHERE line.move_id = %s AND line.state IN %s)",
                SQL.identifier(query.table, "move_id"),
                OPEN_STEPS,
            )
        )
        return collections.browse(query.get_result_ids())

    def _insert_due(self, rows):
        """Insert lines that are ready, except of invoices that stand in another run.

        :param list[tuple] rows: The run, company, invoice, method and amount of each.
        :return: The number of lines that were made.
        :rtype: int
        """
        runs, companies, moves, tokens, amounts = map(list, zip(*rows, strict=True))
        self.env.cr.execute(
            SQL(
                """
                INSERT INTO account_charge_run_line
                       (run_id, company_id, move_id, token_id, amount, state,
                        try_number, create_date, write_date, create_uid, write_uid)
                SELECT due.run_id, due.company_id, due.move_id,
                       nullif(due.token_id, 0), due.amount, 'ready', 1,
                       %(now)s, %(now)s, %(uid)s, %(uid)s
                  FROM unnest(%(runs)s, %(companies)s, %(moves)s, %(tokens)s,
                              %(amounts)s::numeric[])
                       AS due (run_id, company_id, move_id, token_id, amount)
                ON CONFLICT DO NOTHING
                """,
                now=fields.Datetime.now(),
                uid=self.env.uid,
                runs=runs,
                companies=companies,
                moves=moves,
                tokens=tokens,
                amounts=amounts,
            ),
            log_exceptions=False,
        )
        return self.env.cr.rowcount
