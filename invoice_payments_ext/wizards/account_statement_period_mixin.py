from odoo import fields, models


class AccountStatementPeriodMixin(models.AbstractModel):
    """The period of the dialogs that print a statement, or send it."""

    _name = "account.statement.period.mixin"
    _inherit = "payment.dialog.mixin"
    _description = "Period of a Statement"

    date_from = fields.Date(
        string="From",
        required=True,
        compute="_compute_period",
        store=True,
        precompute=True,
        readonly=False,
    )
    date_to = fields.Date(
        string="To",
        required=True,
        compute="_compute_period",
        store=True,
        precompute=True,
        readonly=False,
    )

    # === COMPUTE METHODS === #

    def _compute_period(self):
        for dialog in self:
            dialog.date_from, dialog.date_to = dialog._complete_period()

    # === GETTERS === #

    def _complete_period(self, date_from=None, date_to=None):
        """Return a period; the one to propose where nothing is given.

        :rtype: tuple[datetime.date, datetime.date]
        :raise UserError: If it ends before it begins.
        """
        raise NotImplementedError

    def _get_period_to_print(self):
        """Return the period of this dialog for a report.

        :rtype: dict[str, str]
        :raise UserError: If it ends before it begins.
        """
        date_from, date_to = self._complete_period(self.date_from, self.date_to)
        return {
            "date_from": fields.Date.to_string(date_from),
            "date_to": fields.Date.to_string(date_to),
        }
