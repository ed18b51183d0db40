from odoo import fields, models
from odoo.fields import Domain
from odoo.tools import SQL

from ..attempts.payment_transaction_tries import CHARGES, IS_FOLLOWED_BY_SUCCESS

# Of one of its invoices, the last charge before it that was decided was declined.
_FOLLOWS_DECLINE = f"""
    EXISTS (
        SELECT FROM account_invoice_transaction_rel own
          JOIN LATERAL (
                SELECT earlier.outcome
                  FROM account_invoice_transaction_rel before
                  JOIN payment_transaction earlier
                    ON earlier.id = before.transaction_id
                 WHERE before.invoice_id = own.invoice_id
                   AND before.transaction_id < own.transaction_id
                   AND earlier.outcome IN ('declined', 'succeeded')
                   AND {CHARGES.format("earlier")}
              ORDER BY before.transaction_id DESC LIMIT 1
               ) last_one ON last_one.outcome = 'declined'
         WHERE own.transaction_id = %(id)s
    )
"""
# Others are not looked at: nobody asks what came after them.
_IS_RECOVERED = f"""
    CASE WHEN %(outcome)s = 'declined' THEN {IS_FOLLOWED_BY_SUCCESS} ELSE FALSE END
"""


class PaymentTransaction(models.Model):
    """First tries, retries and recovered payments."""

    _inherit = "payment.transaction"

    is_first_try = fields.Boolean(
        string="First Try",
        compute="_compute_is_first_try",
        search="_search_is_first_try",
        help="No charge of the same invoice was declined before it, since the last one "
        "that succeeded.",
    )
    is_recovered = fields.Boolean(
        string="Recovered",
        compute="_compute_is_recovered",
        search="_search_is_recovered",
        help="It was declined, and a later charge of the same invoice succeeded.",
    )

    _last_state_change_idx = models.Index("(last_state_change)")

    # === COMPUTE METHODS === #

    def _compute_is_first_try(self):
        first = self.search([("id", "in", self.ids), ("is_first_try", "=", True)])
        for tx in self:
            tx.is_first_try = tx in first

    def _search_is_first_try(self, operator, value):
        if operator != "in":
            return NotImplemented
        follows = Domain.custom(
            to_sql=lambda model, alias, query: model._tell_of_others(
                alias, query, "follows_decline", _FOLLOWS_DECLINE
            )
        )
        return ~follows if True in value else follows

    def _compute_is_recovered(self):
        recovered = self.search([("id", "in", self.ids), ("is_recovered", "=", True)])
        for tx in self:
            tx.is_recovered = tx in recovered

    def _search_is_recovered(self, operator, value):
        if operator != "in":
            return NotImplemented
        recovered = Domain("outcome", "=", "declined") & Domain.custom(
            to_sql=lambda model, alias, query: model._tell_of_others(
                alias, query, "is_recovered", _IS_RECOVERED
            )
        )
        return recovered if True in value else ~recovered

    # === HELPERS === #

    def _tell_of_others(self, alias, query, name, condition):
        """Return a condition on the other attempts on the invoices of an attempt.

        It tells of them only whether there is one: record rules do not matter to it.
        It is computed once for each attempt, however often a query asks for it:
        `OFFSET` keeps PostgreSQL from copying it to each place.

        :param str alias: The table of the attempt in the query.
        :param odoo.tools.Query query: The query.
        :param str name: A name for the condition, of its own.
        :param str condition: The condition on `%(id)s`, with `%(outcome)s` and
                              `%(credit)s`.
        :rtype: odoo.tools.SQL
        """
        own_id = SQL.identifier(alias, "id", to_flush=self._fields["outcome"])
        told = query.make_alias(alias, name)
        lateral = SQL(
            f"LATERAL (SELECT {condition} AS told OFFSET 0)",
            id=own_id,
            outcome=SQL.identifier(alias, "outcome"),
            credit=self._get_credit_method_id(),
        )
        query.add_join("LEFT JOIN", told, lateral, SQL("TRUE"))
        return SQL.identifier(told, "told")
