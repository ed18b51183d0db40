from contextlib import contextmanager

from odoo import api, fields, models
from odoo.tools import SQL, Query

from ...read_joined import read_joined
from ...tools import OURS


class AccountMove(models.Model):
    """Invoices in collection: from the moment when they are issued."""

    _inherit = "account.move"

    has_collection = fields.Boolean(
        readonly=True,
        copy=False,
        help="Whether there is a record of its collection. Most entries have none, and "
        "need not look for one.",
    )
    collection_ids = fields.One2many(
        comodel_name="account.collection",
        inverse_name="move_id",
        readonly=True,
        copy=False,
        groups="account.group_account_invoice,account.group_account_readonly",
        help="One at the most.",
    )

    # === BUSINESS METHODS === #

    @contextmanager
    def _starting_collection(self):
        """Put invoices that are issued, by whomever, into collection.

        That takes two queries, and no gateway is called: the schedule does the rest.
        """
        planned = self.company_id.sudo().filtered("collection_plan_id")
        candidates = self.filtered(
            lambda move: (
                move.move_type == "out_invoice"
                and (move.has_collection or move.company_id.id in planned._ids)
            )
        ).sudo()
        if not candidates:
            yield
            return
        new = candidates.filtered(lambda move: not move.has_collection)
        # They have none: whoever follows a change of theirs need not look for one.
        self._fields["collection_ids"]._update_cache(new, ())
        # Stored together with the number and the state.
        new._mark_collection(True)
        yield
        issued = candidates.filtered(
            lambda move: (
                move.state == "posted"
                and not move.currency_id.is_zero(move.amount_residual)
            )
        )
        (new - issued)._mark_collection(False)
        collections = self.env["account.collection"].sudo()
        collections._start(issued & new)
        (issued - new).collection_ids._restart()

    def _mark_collection(self, is_there):
        """Set whether there is a record, without Odoo's work on a changed entry."""
        self._fields["has_collection"].write(self, is_there)

    def _prepare_charge_vals(self, token, amount, memo, retried):
        """Say of the attempts of the schedule that nobody started them by hand."""
        vals = super()._prepare_charge_vals(token, amount, memo, retried)
        if self.env.context.get("collecting") is OURS:
            vals |= self._get_collections(self)._begin_try(token)
        return vals

    def _follow_unmatching(self):
        """Follow the entries of which the matching was undone."""
        self._get_collections(self)._follow_amounts()

    @api.model
    def _read_collections(self):
        """Read the collection of these invoices, its plan and the steps, at once.

        :rtype: account.collection
        """
        # In superuser mode: who sees the invoice sees why it waits.
        moves = self.sudo().filtered("has_collection")
        rows, plans, steps = (
            self.env[name].sudo()
            for name in (
                "account.collection",
                "account.collection.plan",
                "account.collection.step",
            )
        )
        if not moves:
            return rows
        query = Query(self.env, rows._table, rows._table_sql)
        query.add_where(SQL("account_collection.move_id IN %s", tuple(moves.ids)))
        plan = query.left_join(rows._table, "plan_id", plans._table, "id", "plan_id")
        condition = SQL(
            "account_collection_step.plan_id = %s", SQL.identifier(plan, "id")
        )
        query.add_join("LEFT JOIN", steps._table, None, condition)
        found = read_joined(
            query, (rows._table, rows), (plan, plans, "step_ids"), (steps._table, steps)
        )
        rows = rows.browse(dict.fromkeys(row for row, _plan, _step in found))
        of_moves = rows.grouped("move_id")
        self._fields["collection_ids"]._insert_cache(
            moves, [of_moves.get(move, rows.browse())._ids for move in moves]
        )
        return rows

    def _get_collections(self, moves):
        """Return the records of the collection of some entries.

        :rtype: account.collection
        """
        # In superuser mode: they follow whoever changes the invoice.
        with_record = moves.sudo().filtered("has_collection")
        return with_record.collection_ids
