from odoo import api, fields, models
from odoo.fields import Domain
from odoo.tools import SQL

from .movement_words import BANK_LINE, NUMBERS, PAYMENT, REVERSAL, TRANSACTION

# By the number of the table: its records, each with one of its invoices.
INVOICES = {
    TRANSACTION: """
        SELECT rel.transaction_id AS id, rel.invoice_id
          FROM account_invoice_transaction_rel rel
     UNION ALL
        SELECT tx.id, rel.invoice_id
          FROM payment_transaction tx
          JOIN account_invoice_transaction_rel rel
            ON rel.transaction_id = tx.source_transaction_id
    """,
    PAYMENT: """
        SELECT rel.payment_id AS id, rel.invoice_id
          FROM account_move__account_payment rel
    """,
    BANK_LINE: """
        SELECT part.credit_move_id AS id, owed.move_id AS invoice_id
          FROM account_partial_reconcile part
          JOIN account_move_line owed ON owed.id = part.debit_move_id
    """,
    REVERSAL: """
        SELECT rel.account_payment_reversal_id AS id,
               rel.account_move_id AS invoice_id
          FROM account_move_account_payment_reversal_rel rel
    """,
}


class AccountPaymentMovement(models.Model):
    """All the invoices of a movement, beside the first one that its column has."""

    _inherit = "account.payment.movement"

    invoice_ids = fields.Many2many(
        string="All Invoices",
        comodel_name="account.move",
        compute="_compute_invoice_ids",
        search="_search_invoice_ids",
        help="All the invoices that it is about, as far as the user may read them.",
    )
    invoice_names = fields.Char(string="Invoices", compute="_compute_invoice_names")

    # === COMPUTE METHODS === #

    @api.depends_context("uid", "allowed_company_ids")
    def _compute_invoice_ids(self):
        """Find the invoices of all rows of a page at once."""
        found = {row.id: {row.invoice_id.id} - {False} for row in self}
        sources = self.grouped("source")
        rows = self._query_invoices(
            {
                number: SQL("part.id IN %s", tuple(sources[number].mapped("source_id")))
                for number in INVOICES
                if number in sources
            }
        )
        for row_id, invoice_id in rows:
            found[row_id].add(invoice_id)
        moves = self.env["account.move"]
        readable = moves.browse(
            sorted({each for ids in found.values() for each in ids})
        )
        readable = readable._filtered_access("read")
        for row in self:
            row.invoice_ids = readable.filtered(
                lambda move, ids=found[row.id]: move.id in ids
            )

    @api.depends("invoice_ids")
    def _compute_invoice_names(self):
        for row in self:
            row.invoice_names = ", ".join(
                move.name or move.display_name for move in row.invoice_ids
            )

    # === SEARCH METHODS === #

    @api.model
    def _search_invoice_ids(self, operator, value):
        if operator == "any":
            invoices = self.env["account.move"]._search(value)
            return self._get_invoices_domain(invoices, invoices.subselect())
        if operator != "in":
            return NotImplemented
        ids = [each for each in value if each]
        domain = Domain.FALSE
        if ids:
            domain = self._get_invoices_domain(ids, tuple(ids))
        if False in value:
            domain |= Domain("invoice_id", "=", False)
        return domain

    # === HELPERS === #

    @api.model
    def _get_invoices_domain(self, wanted, ids):
        """Return the domain of the rows about some invoices.

        The column has the first invoice of each row. Only rows are looked for here that
        have a wanted one further on.

        :param wanted: The invoices, as a domain takes them.
        :param ids: The same, as a query takes them.
        :rtype: Domain
        """
        condition = """
            part.invoice_id IN %%s AND EXISTS (
                SELECT FROM (%s) earlier
                 WHERE earlier.id = part.id AND earlier.invoice_id < part.invoice_id)
        """
        rows = self._query_invoices(
            {number: SQL(condition % part, ids) for number, part in INVOICES.items()}
        )
        row_ids = [row_id for row_id, _invoice_id in rows]
        return Domain("invoice_id", "in", wanted) | Domain("id", "in", row_ids)

    @api.model
    def _query_invoices(self, conditions):
        """Return rows with their invoices, by one query.

        :param dict[int, SQL] conditions: By the number of a table, which of the `part`.
        :return: Pairs of the id of a row and the id of an invoice.
        :rtype: list[tuple[int, int]]
        """
        if not conditions:
            return []
        return self.env.execute_query(
            SQL(" UNION ALL ").join(
                SQL(
                    "SELECT part.id::bigint * %s + %s, part.invoice_id "
                    "FROM (%s) part WHERE %s",
                    NUMBERS,
                    number,
                    SQL(INVOICES[number]),
                    condition,
                )
                for number, condition in conditions.items()
            )
        )
