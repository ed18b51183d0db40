import time

from odoo import Command, api, fields, models
from odoo.tools import format_datetime

from ..tools import prepare_dialog


class AccountPaymentTieOutPage(models.TransientModel):
    """The page of records that do not tie out; the work is behind the door."""

    _name = "account.payment.tie.out.page"
    _description = "Tie-out"

    checked_at = fields.Datetime(readonly=True, default=fields.Datetime.now)
    seconds = fields.Float(string="Took", readonly=True)
    company_ids = fields.Many2many(
        string="Companies", comodel_name="res.company", readonly=True
    )
    exception_ids = fields.One2many(
        comodel_name="account.payment.tie.out.exception",
        inverse_name="page_id",
        domain=[("before_installation", "=", False)],
        readonly=True,
    )
    earlier_exception_ids = fields.One2many(
        string="From before the installation",
        comodel_name="account.payment.tie.out.exception",
        inverse_name="page_id",
        domain=[("before_installation", "=", True)],
        readonly=True,
    )

    @api.depends("checked_at")
    def _compute_display_name(self):
        for page in self:
            page.display_name = self.env._(
                "Tie-out of %s", format_datetime(self.env, page.checked_at)
            )

    # === ACTION METHODS === #

    @api.model
    def action_check(self):
        """Check the selected companies and return the page of findings.

        :rtype: dict
        """
        start = time.monotonic()
        found = self.env["account.payment.tie.out"].check()
        page = self.create(
            {
                "seconds": time.monotonic() - start,
                "company_ids": [Command.set(self.env.companies.ids)],
                "exception_ids": [
                    Command.create(
                        {
                            key: row[key]
                            for key in row
                            if key not in ("invariant", "currency_id")
                        }
                        | {
                            "currency_id": row["currency_id"]
                            or self.env.company.currency_id.id,
                            "is_amount": bool(row["currency_id"]),
                        }
                    )
                    for row in found
                ],
            }
        )
        return {
            "type": "ir.actions.act_window",
            "res_model": self._name,
            "res_id": page.id,
            "views": [(False, "form")],
            "name": self.env._("Tie-out"),
            "target": "main",
        }

    def action_accept(self):
        """Return the dialog that accepts the findings from before the installation.

        :rtype: dict
        """
        self.ensure_one()
        return prepare_dialog(
            "account.payment.tie.out.accept",
            self.env._("Accept records from before the installation"),
            page_id=self.id,
        )

    def action_check_again(self):
        """Check once more and return the page of findings.

        :rtype: dict
        """
        return self.action_check()


class AccountPaymentTieOutException(models.TransientModel):
    """One record that breaks an invariant of the books."""

    _name = "account.payment.tie.out.exception"
    _description = "Tie-out Exception"
    _rec_name = "name"

    page_id = fields.Many2one(
        comodel_name="account.payment.tie.out.page", required=True, ondelete="cascade"
    )
    label = fields.Char(string="Rule", readonly=True)
    name = fields.Char(string="Record", readonly=True)
    res_model = fields.Char(readonly=True)
    res_id = fields.Many2oneReference(model_field="res_model", readonly=True)
    company_id = fields.Many2one(comodel_name="res.company", readonly=True)
    currency_id = fields.Many2one(comodel_name="res.currency", readonly=True)
    is_amount = fields.Boolean(readonly=True)
    before_installation = fields.Boolean(readonly=True)
    expected = fields.Monetary(readonly=True)
    found = fields.Monetary(readonly=True)

    def action_open_record(self):
        """Return the form of the record, where a person puts it right.

        :rtype: dict
        """
        self.ensure_one()
        record = self.env[self.res_model].browse(self.res_id)
        if self.res_model == "account.move.line":
            record = record.move_id
        return record.get_formview_action()
