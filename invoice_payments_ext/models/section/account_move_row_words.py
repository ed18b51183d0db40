from odoo import models


class AccountMove(models.Model):
    """The words of a row for how its money came or went."""

    _inherit = "account.move"

    def _get_payment_method_words(self, payment):
        """Return how money came or went that no provider moved.

        :rtype: str
        """
        credit_journal = self.company_id.sudo().credit_balance_journal_id
        parts = [payment["journal"]]
        if kind := payment["external_kind"]:
            label = self._get_external_kind_label(kind)
            parts = [label, payment["journal"], payment["own_method_name"]]
        elif payment["journal_id"] != credit_journal.id:
            parts.append(payment["method"])
        return " · ".join(dict.fromkeys(filter(None, parts)))
