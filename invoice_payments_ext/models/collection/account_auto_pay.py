from typing import NamedTuple

from odoo import api, fields, models
from odoo.tools import format_date

from ...optional_monetary import OptionalMonetary


class Permission(NamedTuple):
    """The permission of a customer to be charged automatically by a company.

    :param bool is_on: Whether it may charge at all.
    :param float limit: The largest automatic charge, in the currency of the company;
                        none if it is not limited.
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
        string="Largest Automatic Charge",
        readonly=True,
        help="A larger amount is not charged automatically. Empty: there is no limit.",
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

    # === BUSINESS METHODS - MERGED CONTACTS === #

    @api.model
    def _merge_contacts(self, sources, target):
        """Let the customer who stays permit what all permitted who are merged.

        Odoo would delete the permissions of the others, and with them that they forbade
        it. What one of them agreed to stays in the chatter.

        :param res.partner sources: The contacts that will not exist any more.
        :param res.partner target: The contact that stays.
        """
        owner_sudo = target.sudo().commercial_partner_id
        rows_sudo = self.sudo().search(
            [("partner_id", "in", sources.ids), ("partner_id", "!=", owner_sudo.id)]
        )
        for row_sudo in rows_sudo:
            kept_sudo = row_sudo._find(owner_sudo, row_sudo.company_id)
            if not kept_sudo:
                row_sudo.partner_id = owner_sudo
                continue
            both_sudo = kept_sudo | row_sudo
            limits = [row.limit for row in both_sudo if row.limit]
            is_off = "off" in both_sudo.mapped("state")
            kept_sudo.write(
                {
                    "state": "off" if is_off else "on",
                    "limit": min(limits, default=None),
                    "notice_days": max(both_sudo.mapped("notice_days")),
                }
            )
            row_sudo._log_merged(owner_sudo, is_off)
            row_sudo.unlink()

    def _log_merged(self, owner, is_off):
        """Tell on a customer what a contact permitted that was merged with it.

        :param bool is_off: Whether one of them forbade automatic charges.
        """
        label = self.env._("Contact merged: %s", self.partner_id.display_name)
        state = (
            self.env._("Auto-pay is off, as for one of them.")
            if is_off
            else self.env._("Auto-pay is on, with the smaller limit.")
        )
        agreed = filter(None, (self._describe(), self.consent_text))
        owner._message_log(
            body=f"{label}. {state} {' – '.join(agreed)}".strip(),
            author_id=self.env.user.partner_id.id,
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
