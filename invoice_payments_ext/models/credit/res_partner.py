from odoo import Command, api, fields, models
from odoo.exceptions import UserError

from ...tools import prepare_dialog
from ..core.door import Door
from .credit_entry_details import CreditEntryDetails

ADJUST_CREDIT_BALANCE = Door(
    "res.partner.adjust_credit_balance",
    rights="_check_adjustment_rights",
    lock="_lock_to_adjust",
    check="_check_credit_adjustment",
    work="_carry_out_adjustment",
    approval="adjustment",
    optional=("notify",),
)


# The methods of rooms after contacts were changed. Each gets the values.
AFTER_PARTNER_CHANGE = ("_wake_collections_of_default",)
# The settings that a company and its contacts share.
COMMERCIAL_FIELDS = ("credit_applied_at_issue", "monthly_statement")


class ResPartner(models.Model):
    """The credit of a customer, and how it is adjusted by hand."""

    _name = "res.partner"
    _inherit = ["res.partner", "payment.door.mixin"]

    credit_applied_at_issue = fields.Boolean(
        string="Apply Credit at Issue",
        default=True,
        tracking=True,
        groups="account.group_account_invoice,account.group_account_readonly",
        help="Pay the customer's invoices from the credit balance when they are "
        "issued, if the company does so.",
    )
    has_credit_balance = fields.Boolean(
        readonly=True,
        copy=False,
        groups=fields.NO_ACCESS,
        help="Whether there is a balance. Most customers have none, and issuing their "
        "invoices need not look for one.",
    )
    credit_balance_ids = fields.One2many(
        string="Credit Balances",
        comodel_name="account.credit.balance",
        compute="_compute_credit_balance_ids",
        groups="account.group_account_invoice,account.group_account_readonly",
    )
    credit_balance_summary = fields.Char(
        string="Credit",
        compute="_compute_credit_balance_ids",
        groups="account.group_account_invoice,account.group_account_readonly",
        help="The credit that is held for the customer, in each currency.",
    )

    # === COMPUTE METHODS === #

    @api.depends("commercial_partner_id")
    @api.depends_context("allowed_company_ids", "lang")
    def _compute_credit_balance_ids(self):
        owners = self | self.commercial_partner_id
        by_owner = dict(
            self.env["account.credit.balance"]._read_group(
                [
                    ("partner_id", "in", owners.ids),
                    ("company_id", "in", self.env.companies.ids),
                ],
                ["partner_id"],
                ["id:recordset"],
            )
        )
        for partner in self:
            balances = self.env["account.credit.balance"].union(
                *(
                    by_owner[owner]
                    for owner in (partner.commercial_partner_id | partner)
                    if owner in by_owner
                )
            )
            partner.credit_balance_ids = balances
            held = balances.filtered("amount")
            totals = held.grouped("currency_id").items()
            partner.credit_balance_summary = ", ".join(
                currency.format(sum(of_currency.mapped("amount")))
                for currency, of_currency in totals
            ) or self.env.company.currency_id.format(0.0)

    # === CHECK METHODS === #

    def _check_credit_adjustment(
        self, amount, currency_id, reason, note, company_id, notify
    ):
        """Check an adjustment; see :meth:`adjust_credit_balance`.

        :return: The amount that counts towards the approval limit, if it is added.
        :rtype: float
        """
        self.ensure_one()
        company = self._get_credit_company(company_id).sudo()
        currency = self._get_credit_currency(currency_id, company)
        if not amount:
            raise UserError(self.env._("The amount to add or deduct is not given."))
        self.env["account.move"]._check_amount(abs(amount), currency)
        self.env["account.payment"]._check_reason(reason)
        if not currency.active:
            raise UserError(self.env._("The currency %s is not in use.", currency.name))
        if not self.active:
            raise UserError(
                self.env._(
                    "%s is archived: its credit balance is not adjusted.",
                    self.display_name,
                )
            )
        if not (
            company.credit_balance_account_id and company.credit_balance_journal_id
        ):
            raise UserError(
                self.env._(
                    "%s has no credit account or journal: set them in the settings of "
                    "Invoicing under Invoice payments.",
                    company.name,
                )
            )
        if not company.credit_adjustment_account_id:
            raise UserError(
                self.env._(
                    "%s has no account to adjust credit against: set it in the "
                    "settings of Invoicing under Invoice payments.",
                    company.name,
                )
            )
        return max(amount, 0.0)

    # === CRUD METHODS === #

    def _commercial_fields(self):
        return [*super()._commercial_fields(), *COMMERCIAL_FIELDS]

    def write(self, vals):
        switched = self.browse()
        if "credit_applied_at_issue" in vals:
            switched = self.sudo().filtered(
                lambda partner: (
                    partner.credit_applied_at_issue != vals["credit_applied_at_issue"]
                )
            )
        owners = {}
        if "parent_id" in vals or "is_company" in vals:
            owners = {partner: partner.commercial_partner_id for partner in self}
        result = super().write(vals)
        self._log_kept_credit(owners)
        if switched:
            self.env["account.move"]._follow_credit_switch(
                [("commercial_partner_id", "in", switched.ids)]
            )
        for name in AFTER_PARTNER_CHANGE:
            getattr(self, name)(vals)
        return result

    def _log_kept_credit(self, owners):
        """Say on contacts with a new parent that the credit stays whose it was.

        :param dict owners: By contact, the commercial partner that it had.
        """
        moved = {
            partner: owner
            for partner, owner in owners.items()
            if partner.commercial_partner_id != owner
        }
        if not moved:
            return
        balances = (
            self.env["account.credit.balance"]
            .sudo()  # A user who may change a contact need not be in accounting.
            .search(
                [
                    ("partner_id", "in", self.union(*moved, *moved.values()).ids),
                    ("amount", ">", 0),
                ]
            )
        )
        for partner, owner in moved.items():
            customer = partner.commercial_partner_id
            for holder in (partner | owner) & balances.partner_id - customer:
                # How much, and where, is not for everybody who reads the contact.
                partner._message_log(
                    body=self.env._(
                        "The credit stays with %(holder)s, to whom it belonged. It is "
                        "not credit of %(customer)s. It is adjusted and paid out "
                        "there.",
                        holder=holder.name,
                        customer=customer.display_name,
                    )
                )

    # === ACTION METHODS === #

    def action_open_credit_balance(self):
        """Return the credit balances of this customer, or the dialog for the first.

        :rtype: dict
        """
        self.ensure_one()
        balances = self.credit_balance_ids
        may_adjust = self.env.user.has_group(
            "invoice_payments_ext.group_payment_refund"
        )
        if not balances and may_adjust:
            return self.action_adjust_credit_balance()
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "invoice_payments_ext.account_credit_balance_action"
        )
        action["domain"] = [("id", "in", balances.ids)]
        action["context"] = {}
        if len(balances) == 1:
            action.update(res_id=balances.id, views=[(False, "form")])
        return action

    def action_adjust_credit_balance(self):
        """Return the dialog that adds credit, or deducts from it.

        :rtype: dict
        """
        self.ensure_one()
        return prepare_dialog(
            "account.credit.balance.adjust",
            self.env._("Adjust credit"),
            partner_id=self.commercial_partner_id.id,
        )

    # === BUSINESS METHODS - DOORS === #

    def adjust_credit_balance(
        self,
        amount,
        currency_id=None,
        reason=None,
        note=None,
        company_id=None,
        idempotency_key=None,
        notify=False,
    ):
        """Add to the credit balance of this customer, or deduct from it.

        It books an entry of today between the credit account and the adjustment account
        of the company. The customer is not told unless asked for. Does not commit.

        :param float amount: The amount in the given currency: above zero it is added,
                             below zero deducted.
        :param int currency_id: The currency; the company's if not given.
        :param str reason: Why, as the customer reads it. Required.
        :param str note: A note for the staff.
        :param int company_id: The company that holds the credit; the present one if not
                               given.
        :param str idempotency_key: See `account.move.charge`.
        :param bool notify: Whether the customer is sent a statement of the balance.
        :return: The entry of the history; a request where a second person is needed.
        :rtype: account.credit.balance.entry or account.payment.approval
        :raise UserError: If a value does not fit, the balance would fall below zero, or
                          the key was used with other values.
        :raise AccessError: If the user has no right to give or take credit.
        """
        return self._pass(
            ADJUST_CREDIT_BALANCE,
            idempotency_key,
            amount=amount,
            currency_id=currency_id,
            reason=reason,
            note=note,
            company_id=company_id,
            notify=notify,
        )

    # === BUSINESS METHODS - STEPS === #

    def _check_adjustment_rights(self):
        """Check that the user may give these customers credit, or take it.

        :raise AccessError: If the user is not of the level *Refund and credit*, or may
                            not read the contacts.
        """
        self.env["account.move"]._check_refund_rights()
        self.check_access("read")

    def _lock_to_adjust(self, company_id=None, currency_id=None, **_arguments):
        """Lock the balance that is adjusted."""
        balances = self.env["account.credit.balance"]
        balances._lock_or_create([self._get_adjusted_owner(company_id, currency_id)])

    def _get_adjusted_owner(self, company_id, currency_id):
        """Return the owner of the balance that is adjusted.

        :return: See `account.credit.balance._lock_or_create`.
        :rtype: tuple
        """
        company = self._get_credit_company(company_id)
        currency = self._get_credit_currency(currency_id, company)
        contact = (self.id, company.id, currency.id)
        return self.env["account.credit.balance"]._get_owners([contact])[contact]

    def _carry_out_adjustment(
        self, amount, currency_id, reason, note, company_id, notify
    ):
        """Book an adjustment that was checked, on a locked balance."""
        company = self._get_credit_company(company_id)
        currency = self._get_credit_currency(currency_id, company)
        owner = self.browse(self._get_adjusted_owner(company_id, currency_id)[0])
        entry = owner._book_credit_adjustment(
            amount, currency, company, reason.strip(), note
        )
        if notify:
            entry.balance_id.send_statement()
        return entry

    def _book_credit_adjustment(self, amount, currency, company, reason, note):
        """Book an adjustment that was checked, on a locked balance."""
        self.ensure_one()
        moves = self.env["account.move"].with_company(company)
        move = moves.sudo().create(  # The accounts are the administrator's choice.
            self._prepare_credit_adjustment_vals(
                amount, currency, company.sudo(), reason
            )
        )
        move.with_context(
            credit_entry=CreditEntryDetails(entry_type="adjustment", note=note or False)
        ).action_post()
        entries = self.env["account.credit.balance.entry"]
        latest = entries._get_latest(move._get_credit_lines())
        return entries.union(*latest.values()).with_env(self.env)

    def _prepare_credit_adjustment_vals(self, amount, currency, company, reason):
        """Return the values of the entry that adjusts a balance.

        :rtype: dict
        """
        date = self.env["account.move"]._get_external_date(
            company.credit_balance_journal_id, None, company
        )
        balance = currency._convert(amount, company.currency_id, company, date)
        accounts = (
            (company.credit_balance_account_id, -1),
            (company.credit_adjustment_account_id, 1),
        )
        return {
            "move_type": "entry",
            "journal_id": company.credit_balance_journal_id.id,
            "company_id": company.id,
            "currency_id": currency.id,
            "partner_id": self.id,
            "date": date,
            "ref": reason,
            "line_ids": [
                Command.create(
                    {
                        "name": reason,
                        "account_id": account.id,
                        "partner_id": self.id,
                        "currency_id": currency.id,
                        "amount_currency": sign * amount,
                        "balance": sign * balance,
                        "tax_ids": False,
                    }
                )
                for account, sign in accounts
            ],
        }
