from odoo import api, fields, models

from .entry_labels import Label, put_into_words


class AccountCreditBalanceEntry(models.Model):
    """The label of an entry, in the language of who reads it."""

    _inherit = "account.credit.balance.entry"

    label_words = fields.Json(
        readonly=True, help="The label, to be put into words in any language."
    )
    label_shown = fields.Char(
        string="Label in Words",
        compute="_compute_label_shown",
        help="The text that the customer reads, in the language of the reader.",
    )

    # === COMPUTE METHODS === #

    @api.depends("label", "label_words")
    @api.depends_context("lang")
    def _compute_label_shown(self):
        for entry in self:
            entry.label_shown = (
                put_into_words(self.env, entry.label_words) or entry.label
            )

    # === PREPARED VALUES === #

    @api.model
    def _write_down_label(self, values):
        """Return the values of an entry with its label as text and as words.

        :param dict values: The values, whose `label` may be a :class:`Label`.
        :rtype: dict
        """
        label = values["label"]
        if not isinstance(label, Label):
            return values
        return {
            **values,
            "label": put_into_words(self.env, label),
            "label_words": list(label),
        }

    def _get_words(self):
        """Return the label of this entry, for the label of another one.

        :rtype: str or list
        """
        self.ensure_one()
        return self.label_words or self.label
