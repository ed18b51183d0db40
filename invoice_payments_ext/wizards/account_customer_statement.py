from odoo import api, fields, models
from odoo.exceptions import UserError

from ..tools import prepare_notification


class AccountCustomerStatement(models.TransientModel):
    """The dialog that prints statements of account, or sends them."""

    _name = "account.customer.statement"
    _inherit = "account.statement.period.mixin"
    _description = "Statement of Account Dialog"

    partner_ids = fields.Many2many(
        string="Customers", comodel_name="res.partner", required=True, readonly=True
    )
    is_sending = fields.Boolean(readonly=True)
    company_id = fields.Many2one(
        comodel_name="res.company",
        required=True,
        default=lambda self: self.env.company,
        domain="[('id', 'in', allowed_company_ids)]",
    )
    balance = fields.Char(compute="_compute_balance")
    left_out = fields.Char(
        compute="_compute_left_out",
        help="These customers have no valid e-mail address.",
    )

    # === COMPUTE METHODS === #

    @api.depends("company_id")
    def _compute_period(self):
        return super()._compute_period()

    @api.depends("partner_ids", "company_id", "date_from", "date_to")
    def _compute_balance(self):
        for dialog in self:
            dialog.balance = ""
            if len(dialog.partner_ids) != 1:
                continue
            try:
                statement = dialog.partner_ids._origin.get_customer_statement(
                    dialog.date_from, dialog.date_to, dialog.company_id.id
                )
            except UserError:  # It is told when a button is pressed.
                continue
            dialog.balance = " · ".join(
                self.env["res.currency"]
                .browse(block["currency_id"])
                .format(block["closing_balance"])
                for block in statement["blocks"]
            ) or self.env._("Nothing is open")

    @api.depends("partner_ids")
    def _compute_left_out(self):
        for dialog in self:
            dialog.left_out = ", ".join(
                partner.display_name
                for partner in dialog.partner_ids._origin
                if not partner._get_statement_recipient()
            )

    # === ACTION METHODS === #

    def action_print(self):
        """Return the action that prints the statements.

        :rtype: dict
        """
        self.ensure_one()
        partners = self.partner_ids
        partners._check_statement_access(self.company_id)
        period = {"company_id": self.company_id.id, **self._get_period_to_print()}
        report = self.env.ref("invoice_payments_ext.action_report_customer_statement")
        context = {f"statement_{name}": value for name, value in period.items()}
        return {
            **report.with_context(**context).report_action(
                partners, data={"partner_ids": partners.ids, **period}
            ),
            "close_on_report_download": True,
        }

    def action_send(self):
        """Send the statements; tell whose are on their way, and who is left out.

        :return: The notification to show.
        :rtype: dict
        """
        self.ensure_one()
        sendings = self.partner_ids.send_customer_statement(
            fields.Date.to_string(self.date_from),
            fields.Date.to_string(self.date_to),
            self.company_id.id,
            idempotency_key=self.idempotency_key,
        )
        left_out = sendings.filtered(lambda sending: sending.state == "no_address")
        sent = sendings - left_out
        message = self.env._(
            "Statements on their way: %(count)s (%(names)s).",
            count=len(sent),
            names=self._name_some(sent.partner_id),
        )
        if left_out:
            message += " " + self.env._(
                "Left out, without a valid e-mail address: %s.",
                self._name_some(left_out.partner_id),
            )
        return prepare_notification(
            self.env._("Statement of account"),
            message,
            "warning" if left_out else "success",
        )

    # === GETTERS === #

    def _complete_period(self, date_from=None, date_to=None):
        return self.partner_ids._get_statement_period(
            self.company_id, date_from, date_to
        )

    def _name_some(self, partners):
        """Return the names of some of these customers, and how many more there are.

        :rtype: str
        """
        names = ", ".join(partners[:10].mapped("display_name"))
        if len(partners) > 10:
            names = self.env._(
                "%(names)s and %(count)s more", names=names, count=len(partners) - 10
            )
        return names
