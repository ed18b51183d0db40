from odoo import api, fields, models
from odoo.fields import Domain
from odoo.tools import SQL

from ..states import IN_FLIGHT_OUTCOMES, OUTCOMES
from .movement_words import WAITING_FOR_APPROVAL


class AccountMove(models.Model):
    """Columns of the list of invoices: attempts, amounts in flight, and requests.

    Three queries for a page, however many invoices are on it.
    """

    _inherit = "account.move"

    last_attempt_outcome = fields.Selection(
        selection=[(name, state.label) for name, state in OUTCOMES.items()],
        string="Last Attempt",
        compute="_compute_last_attempt",
        compute_sudo=True,
        search="_search_last_attempt_outcome",
        help="The outcome of the latest attempt through a provider.",
    )
    has_attempt_in_flight = fields.Boolean(
        string="Attempt in Flight",
        compute="_compute_last_attempt",
        compute_sudo=True,
        search="_search_has_attempt_in_flight",
        help="An attempt may still bring money, or its outcome is unknown.",
    )
    in_flight_amount = fields.Monetary(
        string="In Flight",
        compute="_compute_in_flight_amount",
        compute_sudo=True,
        help="The amount that attempts may still bring, and money that came and is not "
        "booked yet.",
    )
    has_waiting_approval = fields.Boolean(
        string="Waits for Approval",
        compute="_compute_has_waiting_approval",
        compute_sudo=True,
        search="_search_has_waiting_approval",
        help="A refund, a credit note or a write-off waits for a second person.",
    )

    # === COMPUTE METHODS === #

    def _compute_last_attempt(self):
        found = {}
        attempts = self.env["payment.transaction"]
        if self.ids:
            attempts.flush_model()
            found = {
                move_id: (outcome, in_flight)
                for move_id, outcome, in_flight in self.env.execute_query(
                    SQL(
                        """
                        SELECT rel.invoice_id,
                               (array_agg(tx.outcome ORDER BY tx.id DESC))[1],
                               bool_or(tx.outcome IN %(in_flight)s)
                          FROM account_invoice_transaction_rel rel
                          JOIN payment_transaction tx ON tx.id = rel.transaction_id
                         WHERE rel.invoice_id IN %(ids)s AND %(is_try)s
                      GROUP BY rel.invoice_id
                        """,
                        ids=tuple(self.ids),
                        in_flight=IN_FLIGHT_OUTCOMES,
                        is_try=attempts._get_try_condition("tx"),
                    )
                )
            }
        for move in self:
            outcome, in_flight = found.get(move._origin.id, (False, False))
            move.last_attempt_outcome = outcome
            move.has_attempt_in_flight = in_flight

    def _compute_in_flight_amount(self):
        for move, amount in self._get_amounts_in_flight().items():
            move.in_flight_amount = amount

    def _compute_has_waiting_approval(self):
        waiting = {
            move.id
            for (move,) in self.env["account.payment.approval"]._read_group(
                [("invoice_id", "in", self.ids), ("state", "=", WAITING_FOR_APPROVAL)],
                ["invoice_id"],
            )
        }
        for move in self:
            move.has_waiting_approval = move._origin.id in waiting

    # === SEARCH METHODS === #

    @api.model
    def _search_last_attempt_outcome(self, operator, value):
        if operator != "in":
            return NotImplemented
        outcomes = tuple(outcome for outcome in value if outcome)
        attempts = self.env["payment.transaction"]
        domain = Domain.FALSE
        if outcomes:
            domain = Domain(
                "id",
                "in",
                self._select_tried(
                    SQL(
                        """
                        tx.outcome IN %s AND NOT EXISTS (
                            SELECT FROM account_invoice_transaction_rel other
                              JOIN payment_transaction later
                                ON later.id = other.transaction_id
                             WHERE other.invoice_id = rel.invoice_id
                               AND later.id > tx.id AND %s)
                        """,
                        outcomes,
                        attempts._get_try_condition("later"),
                    )
                ),
            )
        if False in value:
            domain |= Domain("id", "not in", self._select_tried(SQL("true")))
        return domain

    @api.model
    def _search_has_attempt_in_flight(self, operator, value):
        if operator != "in":
            return NotImplemented
        in_flight = SQL("tx.outcome IN %s", IN_FLIGHT_OUTCOMES)
        domain = Domain("id", "in", self._select_tried(in_flight))
        return domain if True in value else ~domain

    @api.model
    def _search_has_waiting_approval(self, operator, value):
        if operator != "in":
            return NotImplemented
        # Who may read invoices need not be able to read requests.
        requests_sudo = self.env["account.payment.approval"].sudo()
        waiting = requests_sudo._search(
            [("state", "=", WAITING_FOR_APPROVAL), ("invoice_id", "!=", False)]
        )
        domain = Domain("id", "in", waiting.subselect("invoice_id"))
        return domain if True in value else ~domain

    @api.model
    def _select_tried(self, condition):
        """Return the query of the invoices with an attempt that fits a condition.

        :param SQL condition: On the attempt `tx`.
        :rtype: SQL
        """
        attempts = self.env["payment.transaction"]
        attempts.flush_model()
        return SQL(
            """
            (SELECT rel.invoice_id
               FROM payment_transaction tx
               JOIN account_invoice_transaction_rel rel ON rel.transaction_id = tx.id
              WHERE %s AND %s)
            """,
            attempts._get_try_condition("tx"),
            condition,
        )
