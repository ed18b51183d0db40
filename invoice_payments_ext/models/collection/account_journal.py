from odoo import models
from odoo.tools import SQL

# The counters of the card, as the filters of the invoice list of the same names: of
# each the states of the rows, and the reasons why they wait.
WAITS_FOR_CARD = (
    "no_method",
    "never",
    "ask_customer",
    "needs_customer",
    "method_unfit",
)
COUNTERS = {
    "in_collection": SQL("row.state IN ('running', 'paused')"),
    "waiting_for_card": SQL(
        "row.state IN ('running', 'exhausted') AND row.wait_reason IN %s",
        WAITS_FOR_CARD,
    ),
    "collection_exhausted": SQL("row.state = 'exhausted'"),
    "collection_paused": SQL("row.state = 'paused'"),
}


class AccountJournal(models.Model):
    """How many invoices of a journal are in collection, on the accounting dashboard."""

    _inherit = "account.journal"

    def _fill_sale_purchase_dashboard_data(self, dashboard_data):
        """Add the counters of collection to the cards of sales, by one query."""
        res = super()._fill_sale_purchase_dashboard_data(dashboard_data)
        journals = self.filtered(lambda journal: journal.type == "sale")
        if journals and self.env["account.collection"].has_access("read"):
            for journal, counters in journals._count_collections().items():
                dashboard_data[journal.id].update(counters)
        return res

    def _count_collections(self):
        """Return how many invoices of these journals each filter would find.

        :return: The numbers by the names of the filters.
        :rtype: dict[account.journal, dict[str, int]]
        """
        moves = self.env["account.move"]
        self.env["account.collection"].flush_model(["move_id", "state", "wait_reason"])
        query = moves._search(
            [("has_collection", "=", True), ("journal_id", "in", self.ids)]
        )
        condition = SQL("row.move_id = %s", SQL.identifier(moves._table, "id"))
        query.add_join("JOIN", "row", "account_collection", condition)
        journal = SQL.identifier(moves._table, "journal_id")
        query.groupby = journal
        counts = [
            SQL("count(*) FILTER (WHERE %s)", counter) for counter in COUNTERS.values()
        ]
        found = {
            journal_id: dict(zip(COUNTERS, numbers, strict=True))
            for journal_id, *numbers in self.env.execute_query(
                query.select(journal, *counts)
            )
        }
        return {
            journal: found.get(journal.id, dict.fromkeys(COUNTERS, 0))
            for journal in self
        }
