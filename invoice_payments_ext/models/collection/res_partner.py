from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError

from ...tools import is_number
from ..core.door import Door
from .account_collection_events import PERMISSION_REASONS

SET_AUTO_PAY = Door(
    "res.partner.set_auto_pay",
    rights="_check_auto_pay_rights",
    lock="_lock_auto_pay",
    check="_check_auto_pay",
    work="_carry_out_auto_pay",
)

SWITCH_AUTO_PAY = Door(
    "res.partner.switch_auto_pay",
    rights="_check_own_auto_pay",
    lock="_lock_auto_pay",
    check="_check_auto_pay_switch",
    work="_carry_out_auto_pay_switch",
)

# The longest notice before a debit that may be agreed.
MAX_NOTICE = 30


class ResPartner(models.Model):
    """The doors to a customer's permission of automatic charges."""

    _inherit = "res.partner"

    auto_pay = fields.Selection(
        string="Auto-Pay",
        selection=[
            ("as_company", "As the company"),
            ("on", "On"),
            ("off", "Off"),
        ],
        compute="_compute_auto_pay",
        search="_search_auto_pay",
        groups="account.group_account_invoice,account.group_account_readonly",
        help="Whether this company may charge the customer's saved payment method "
        "automatically. The permission is the customer's.",
    )
    auto_pay_limit = fields.Monetary(
        string="Largest Automatic Charge",
        compute="_compute_auto_pay",
        groups="account.group_account_invoice,account.group_account_readonly",
        help="A larger amount is not charged automatically. Zero: there is no limit.",
    )
    auto_pay_id = fields.Many2one(
        comodel_name="account.auto.pay",
        compute="_compute_auto_pay",
        groups="account.group_account_invoice,account.group_account_readonly",
    )
    auto_pay_consent = fields.Char(
        string="Permission",
        compute="_compute_auto_pay",
        groups="account.group_account_invoice,account.group_account_readonly",
        help="Who agreed, and when.",
    )

    # === COMPUTE METHODS === #

    @api.depends("commercial_partner_id")
    @api.depends_context("company", "lang")
    def _compute_auto_pay(self):
        rows = self.env["account.auto.pay"]._find(
            self.commercial_partner_id, self.env.company
        )
        by_owner = {row.partner_id: row for row in rows}
        for partner in self:
            row = by_owner.get(partner.commercial_partner_id, rows.browse())
            partner.auto_pay = row.state or "as_company"
            partner.auto_pay_limit = row.limit or 0.0
            partner.auto_pay_id = row.sudo(self.env.su)
            partner.auto_pay_consent = row._describe()

    def _search_auto_pay(self, operator, value):
        if operator != "in":
            return NotImplemented
        rows = self.env["account.auto.pay"].sudo()
        domain = [("company_id", "=", self.env.company.id)]
        told = rows.search([*domain, ("state", "in", [v for v in value if v])])
        found = [("commercial_partner_id", "in", told.partner_id.ids)]
        if "as_company" not in value:
            return found
        known = rows.search(domain).partner_id.ids
        return ["|", ("commercial_partner_id", "not in", known), *found]

    # === CHECK METHODS === #

    def _check_auto_pay_rights(self):
        """Check that the user may note a customer's permission.

        :raise AccessError: If the user is not of the level *Record and charge*, or may
                            not read the contact.
        """
        self.env["account.move"]._check_payment_rights()
        self.check_access("read")

    def _check_own_auto_pay(self):
        """Check that the permission is the user's own to give.

        :raise AccessError: If it is another customer's.
        """
        own_partner_sudo = self.env.user.partner_id.sudo()
        if self.env.user._is_public() or not (
            self and self <= own_partner_sudo | own_partner_sudo.commercial_partner_id
        ):
            raise AccessError(self.env._("Only the customer switches this on or off."))

    def _check_auto_pay(self, on, limit, company_id, note, notice_days):
        """Check a change by the staff; see :meth:`set_auto_pay`."""
        company = self._get_credit_company(company_id)
        self._check_auto_pay_limit(limit, on, company)
        if on and not (note or "").strip():
            raise UserError(
                self.env._(
                    "Write how the customer agreed to automatic charges, and when."
                )
            )
        if notice_days is not None and not (
            isinstance(notice_days, int) and 0 <= notice_days <= MAX_NOTICE
        ):
            raise UserError(
                self.env._("The notice is a whole number of days up to %s.", MAX_NOTICE)
            )

    def _check_auto_pay_switch(self, on, limit, company_id, consent):
        """Check a change by the customer; see :meth:`switch_auto_pay`."""
        company_sudo = self._get_own_auto_pay_company(company_id)
        self._check_auto_pay_limit(limit, on, company_sudo)
        if on and not company_sudo._find_auto_pay_consent_text(consent):
            raise UserError(
                self.env._(
                    "The text that you agree to has changed in the meantime. Load the "
                    "page again and read it first."
                )
            )

    def _check_auto_pay_limit(self, limit, on, company):
        """Check the largest automatic charge, in the currency of a company.

        :raise UserError: If it is not an amount above zero, or a finer one than the
                          currency has.
        """
        if limit is None:
            return
        if not is_number(limit) or limit <= 0 or not on:
            raise UserError(
                self.env._(
                    "The largest automatic charge is an amount above zero, and "
                    "auto-pay is on with it. Leave it empty for no limit."
                )
            )
        self.env["account.move"]._check_amount(limit, company.sudo().currency_id)

    # === BUSINESS METHODS - DOORS === #

    def set_auto_pay(
        self,
        on,
        note=None,
        limit=None,
        notice_days=None,
        company_id=None,
        idempotency_key=None,
    ):
        """Note that a customer permits automatic charges, or not any more.

        Switched off, whatever was not sent to a provider is not sent any more. Does not
        commit.

        :param bool on: Whether this company may charge automatically.
        :param str note: How the customer agreed; it is needed to switch it on.
        :param float limit: The largest automatic charge, in the company's currency;
                            none if it is not limited.
        :param int notice_days: How many days before a debit the customer is told, where
                                fewer than the method's were agreed.
        :param int company_id: The company that may charge; the present one if none.
        :param str idempotency_key: See `account.move.charge`.
        :return: The permission.
        :rtype: account.auto.pay
        :raise UserError: If the note is missing, or a value does not fit.
        :raise AccessError: If the user is not of the level *Record and charge*.
        """
        return self._pass(
            SET_AUTO_PAY,
            idempotency_key,
            on=on,
            limit=limit,
            company_id=company_id,
            note=note,
            notice_days=notice_days,
        )

    def switch_auto_pay(
        self, on, consent=None, limit=None, company_id=None, idempotency_key=None
    ):
        """Let the customer who is logged in permit automatic charges, or not.

        See :meth:`set_auto_pay`. The text that is agreed to is the server's.

        :param str consent: The version of the text that the page showed.
        :rtype: account.auto.pay
        :raise UserError: If the text is missing or has changed.
        :raise AccessError: If it is another customer's permission.
        """
        return self._pass(
            SWITCH_AUTO_PAY,
            idempotency_key,
            on=on,
            limit=limit,
            company_id=company_id,
            consent=consent,
        )

    # === BUSINESS METHODS - STEPS === #

    def _lock_auto_pay(self, **_arguments):
        """Lock the customer, so that two changes at once follow each other."""
        self.commercial_partner_id.sudo()._lock_to_give()

    def _carry_out_auto_pay(self, on, limit, company_id, note, notice_days):
        company = self._get_credit_company(company_id).sudo()
        return self._keep_auto_pay(company, on, limit, note, notice_days or 0)

    def _carry_out_auto_pay_switch(self, on, limit, company_id, consent):
        company_sudo = self._get_own_auto_pay_company(company_id)
        text = company_sudo._find_auto_pay_consent_text(consent) if on else None
        if text and limit:
            text += "\n" + self.env._(
                "Largest automatic charge: %s.",
                company_sudo.currency_id.format(limit),
            )
        return self._keep_auto_pay(company_sudo, on, limit, text)

    def _keep_auto_pay(self, company, on, limit, text, notice_days=None):
        """Keep a permission with its evidence, and leave a trace on the contact.

        :param res.company company: The company that may charge, in superuser mode.
        :param int notice_days: The days that were agreed; as before if not given.
        :rtype: account.auto.pay
        """
        customer_sudo = self.commercial_partner_id.sudo()
        rows_sudo = self.env["account.auto.pay"].sudo()
        row_sudo = rows_sudo._find(customer_sudo, company)
        vals = {"state": "on" if on else "off", "limit": limit}
        if notice_days is not None:
            vals["notice_days"] = notice_days
        if row_sudo:
            row_sudo.write(vals)
        else:
            row_sudo = rows_sudo.create(
                {"partner_id": customer_sudo.id, "company_id": company.id, **vals}
            )
        if on:
            row_sudo._keep_consent(text, user=self.env.user)
        customer_sudo._message_log(
            body=self._describe_auto_pay_change(company, on, limit, text),
            author_id=self.env.user.partner_id.id,
        )
        if on:
            rows = self.env["account.collection"]._find_waiting(
                customer_sudo, PERMISSION_REASONS, company
            )
            rows._charge_again()
        return row_sudo.sudo(self.env.su)

    def _describe_auto_pay_change(self, company, on, limit, text):
        """Return the sentence about a change for the chatter of the contact.

        :rtype: str
        """
        values = {"company": company.name, "text": text or ""}
        if not on:
            return self.env._(
                "Auto-pay is off: %(company)s charges nothing automatically. %(text)s",
                **values,
            )
        if not limit:
            return self.env._(
                "Auto-pay is on: %(company)s may charge automatically. Agreed: "
                "%(text)s",
                **values,
            )
        return self.env._(
            "Auto-pay is on: %(company)s may charge automatically. Largest automatic "
            "charge: %(limit)s. Agreed: %(text)s",
            limit=company.currency_id.format(limit),
            **values,
        )

    def _wake_collections_of_default(self, vals):
        """Let invoices that wait for a method be charged to the one chosen now."""
        if token_id := vals.get("default_payment_token_id"):
            token = self.env["payment.token"].browse(token_id)
            self.env["account.collection"]._follow_method(self, token)

    # === GETTERS === #

    def _get_own_auto_pay_company(self, company_id):
        """Return the company that the customer who is logged in deals with.

        :return: The company, in superuser mode.
        :rtype: res.company
        """
        company_sudo = self.env["res.company"].sudo().browse(company_id or ())
        return company_sudo.exists() or self.env.company.sudo()

    @api.model
    def _get_auto_pay_values(self):
        """Return the values of the portal for the auto-pay of who is logged in.

        :return: The `company` that may charge, which `is_named` where there are
                 several, the `partner` whose permission it is, whether it `is_on`, the
                 `limit` with its `currency`, since when (`date`), the text to agree
                 to (`consent`, a dictionary with `text` and `version`), the sentences
                 on what is charged `at_once` if it is switched on, and the other
                 companies that have methods or a permission of the customer (`others`).
        :rtype: dict
        """
        partner_sudo = self.env.user.partner_id.sudo().commercial_partner_id
        company_sudo = self.env.company.sudo()
        permissions = self.env["account.auto.pay"]
        permission = permissions._get_permissions(partner_sudo, company_sudo)
        permission = permission[partner_sudo]
        return {
            "company": company_sudo,
            "is_named": len(self.env.user.company_ids) > 1,
            "partner": partner_sudo,
            "is_on": permission.is_on,
            "limit": permission.limit,
            "currency": company_sudo.currency_id,
            "date": permission.row.consent_date if permission.is_on else False,
            "consent": company_sudo.with_context(
                lang=self.env.lang
            )._get_auto_pay_consent(),
            "at_once": []
            if permission.is_on
            else permissions._describe_at_once(partner_sudo, company_sudo),
            "others": self._get_other_charging_companies(partner_sudo),
        }

    def _get_other_charging_companies(self, partner_sudo):
        """Return the other companies of who is logged in that may charge the customer.

        :return: The companies, in superuser mode.
        :rtype: res.company
        """
        others = (self.env.companies - self.env.company).sudo()
        if not others:
            return others
        own = [("company_id", "in", others.ids)]
        methods_sudo = self.env["payment.token"].sudo()
        methods_sudo = methods_sudo.search(
            [("partner_id", "child_of", partner_sudo.id), *own]
        )
        rows_sudo = self.env["account.auto.pay"].sudo()
        rows_sudo = rows_sudo.search([("partner_id", "=", partner_sudo.id), *own])
        return (methods_sudo.company_id | rows_sudo.company_id).sorted("name")
