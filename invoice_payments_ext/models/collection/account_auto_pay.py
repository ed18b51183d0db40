from typing import NamedTuple

from odoo import api, fields, models
from odoo.tools import format_date

from ...optional_monetary import OptionalMonetary


class Permission(NamedTuple):
    """The permission of a customer to be charged automatically by a company.

    :param bool is_on: Whether it may charge at all.
    :param float limit: The largest single charge, in the currency of the company; none
                        if it is not limited.
    :param int notice_days: How many days before a debit the customer is told, where
                            that was agreed; zero if not.
    :param recordset row: The record of it; empty where the company's default counts.
    """

    is_on: bool
    limit: float | None
    notice_days: int
    row: models.BaseModel


class AccountAutoPay(models.Model):
    """A customer's standing permission of automatic charges, with its evidence.

    It is given to one company. The contact's own fields only show it.
    """

    _name = "account.auto.pay"
    _description = "Auto-Pay Permission"
    _inherit = ["payment.consent.mixin"]
    _rec_name = "partner_id"

    partner_id = fields.Many2one(
        string="Customer",
        comodel_name="res.partner",
        required=True,
        readonly=True,
        index=True,
        ondelete="cascade",
        help="The commercial partner: the permission is for all its contacts.",
    )
    company_id = fields.Many2one(
        comodel_name="res.company", required=True, readonly=True, ondelete="cascade"
    )
    currency_id = fields.Many2one(related="company_id.currency_id")
    state = fields.Selection(
        selection=[("on", "On"), ("off", "Off")], required=True, readonly=True
    )
    limit = OptionalMonetary(
        string="Largest Charge",
        readonly=True,
        help="The largest single automatic charge. Empty: there is no limit.",
    )
    notice_days = fields.Integer(
        readonly=True,
        help="How many days before a debit the customer is told, if that was agreed. "
        "Zero: as many as the payment method asks for.",
    )

    _one_per_customer = models.Constraint(
        "unique(partner_id, company_id)", "The customer has a permission already."
    )
    _limit_positive = models.Constraint(
        'CHECK("limit" IS NULL OR "limit" > 0)', "The limit must be above zero."
    )

    # === GETTERS === #

    @api.model
    def _find(self, partners, company):
        """Return the records of some customers' permissions to a company.

        :param res.partner partners: Commercial partners.
        :rtype: account.auto.pay
        """
        # In superuser mode: it decides also where people may not read it.
        return self.sudo().search_fetch(
            [("partner_id", "in", partners.ids), ("company_id", "=", company.id)]
        )

    @api.model
    def _get_permissions(self, partners, company):
        """Return the permissions of some customers to be charged by a company.

        :param res.partner partners: Any contacts.
        :return: By commercial partner.
        :rtype: dict[res.partner, Permission]
        """
        customers = partners.sudo().commercial_partner_id
        rows = {row.partner_id: row for row in self._find(customers, company)}
        none = self.sudo().browse()
        permissions = {}
        for customer in customers:
            row = rows.get(customer, none)
            permissions[customer] = Permission(
                row.state == "on" if row else company.sudo().auto_pay,
                row.limit if row else None,
                row.notice_days,
                row,
            )
        return permissions

    def _describe(self):
        """Say who agreed to automatic charges and when, for the staff.

        Note: at most one record.

        :rtype: str
        """
        if self.state != "on":
            return ""
        return self.env._(
            "agreed by %(user)s on %(date)s",
            user=self.consent_user_id.sudo().name or "",
            date=format_date(self.env, self.consent_date),
        )
