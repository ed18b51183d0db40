from odoo import Command, api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.tools import SQL

from ...tools import OURS
from .credit_entry_details import CreditEntryDetails
from .entry_labels import Label

# How much of the history the form of a balance shows: it may be of any length.
LATEST_ENTRIES = 40


class AccountCreditBalance(models.Model):
    """The credit that a company holds for a customer in one currency.

    The amount is that of the ledger on the company's credit account, kept here so that
    reading it costs the same however long its history is, and as the row to lock. It
    follows the posted entries: nothing else changes it.
    """

    _name = "account.credit.balance"
    _description = "Credit Balance"
    _order = "partner_id, company_id, currency_id"
    _rec_name = "partner_id"

    partner_id = fields.Many2one(
        string="Customer",
        comodel_name="res.partner",
        required=True,
        readonly=True,
        index=True,
        ondelete="restrict",
        help="The commercial partner that the money is held for.",
    )
    company_id = fields.Many2one(
        comodel_name="res.company", required=True, readonly=True, ondelete="restrict"
    )
    currency_id = fields.Many2one(
        comodel_name="res.currency", required=True, readonly=True, ondelete="restrict"
    )
    amount = fields.Monetary(string="Balance", readonly=True)
    merged_into_id = fields.Many2one(
        comodel_name="account.credit.balance",
        readonly=True,
        ondelete="restrict",
        help="Where its amount went when its contact was merged with another one.",
    )
    entry_ids = fields.One2many(
        string="History",
        comodel_name="account.credit.balance.entry",
        inverse_name="balance_id",
        readonly=True,
    )
    latest_entry_ids = fields.Many2many(
        string="Latest Entries",
        comodel_name="account.credit.balance.entry",
        compute="_compute_latest_entry_ids",
    )

    _owner_uniq = models.UniqueIndex(
        "(partner_id, company_id, currency_id) WHERE merged_into_id IS NULL",
        "A customer has one credit balance for each company and currency.",
    )
    _amount_not_negative = models.Constraint(
        "CHECK(amount >= 0)", "A credit balance is never below zero."
    )

    # === COMPUTE METHODS === #

    @api.depends("partner_id", "amount", "currency_id")
    def _compute_display_name(self):
        for balance in self:
            balance.display_name = (
                f"{balance.partner_id.display_name}: "
                f"{balance.currency_id.format(balance.amount)}"
            )

    @api.depends("amount")
    def _compute_latest_entry_ids(self):
        entries = self.env["account.credit.balance.entry"]
        for balance in self:  # A form shows one.
            balance.latest_entry_ids = entries.search(
                [("balance_id", "=", balance.id)], limit=LATEST_ENTRIES
            )

    # === CRUD METHODS === #

    @api.model_create_multi
    def create(self, vals_list):
        self._check_is_posting()
        return super().create(vals_list)

    def write(self, vals):
        self._check_is_posting()
        return super().write(vals)

    def unlink(self):
        self._check_is_posting()
        return super().unlink()

    @api.model
    def _check_is_posting(self):
        """Check that it is the posting of entries that changes balances.

        :raise AccessError: If it is anything else, for any user.
        """
        if self.env.context.get("posting_credit") is not OURS:
            raise AccessError(
                self.env._(
                    "A credit balance changes by posted entries only: adjust it, or "
                    "undo the entry."
                )
            )

    # === ACTION METHODS === #

    def action_open_entries(self):
        """Return the list of all entries of this balance.

        :rtype: dict
        """
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "invoice_payments_ext.account_credit_balance_entry_action"
        )
        return {
            **action,
            "name": self.display_name,
            "domain": [("balance_id", "=", self.id)],
            "context": {"of_one_customer": True},
        }

    def action_adjust(self):
        """Return the dialog that adjusts this balance.

        :rtype: dict
        """
        self.ensure_one()
        contact = self._get_owner()
        partner_id = self._get_owners([contact])[contact][0]
        action = self.partner_id.action_adjust_credit_balance()
        action["context"] = {
            "default_partner_id": partner_id,
            "default_company_id": self.company_id.id,
            "default_currency_id": self.currency_id.id,
        }
        return action

    # === BUSINESS METHODS === #

    @api.model
    def _lock_or_create(self, owners):
        """Return the balances of these owners, locked; new ones where there are none.

        It waits for another request that is at one of them. When that changed it, the
        database tells so, and Odoo replays this request on the new values.

        :param list[tuple] owners: The ids of the commercial partner, the company and
                                   the currency.
        :return: The balances by owner, in superuser mode.
        :rtype: dict[tuple, account.credit.balance]
        """
        if not owners:
            return {}
        owners = sorted(set(owners))
        balances = self.sudo()
        balances.flush_model()
        self._create_missing(owners)
        self.env.cr.execute(
            SQL(
                """
                SELECT id, partner_id, company_id, currency_id
                  FROM account_credit_balance
                 WHERE (partner_id, company_id, currency_id) IN %s
                   AND merged_into_id IS NULL
              ORDER BY id
                   FOR UPDATE
                """,
                tuple(owners),
            )
        )
        locked = {
            tuple(owner): balances.browse(balance_id)
            for balance_id, *owner in self.env.cr.fetchall()
        }
        balances.browse().union(*locked.values()).invalidate_recordset(flush=False)
        return locked

    @api.model
    def _create_missing(self, owners):
        """Create the balances of owners who have none, also while others do so.

        Contacts that get their first one are marked: they are looked up at issue.
        """
        self.env.cr.execute(
            SQL(
                """
                WITH created AS (
                    INSERT INTO account_credit_balance
                           (partner_id, company_id, currency_id, amount,
                            create_uid, create_date, write_uid, write_date)
                    SELECT owner.partner_id, owner.company_id, owner.currency_id, 0,
                           %(uid)s, now() AT TIME ZONE 'UTC',
                           %(uid)s, now() AT TIME ZONE 'UTC'
                      FROM (VALUES %(owners)s)
                           AS owner(partner_id, company_id, currency_id)
               ON CONFLICT (partner_id, company_id, currency_id)
                     WHERE merged_into_id IS NULL DO NOTHING
                 RETURNING partner_id
                )
                UPDATE res_partner SET has_credit_balance = true
                 WHERE id IN (SELECT partner_id FROM created)
                   AND has_credit_balance IS NOT true
                """,
                owners=SQL(", ").join(SQL("%s", owner) for owner in owners),
                uid=self.env.uid,
            )
        )
        partners = self.env["res.partner"].browse(owner[0] for owner in owners)
        partners.invalidate_recordset(["has_credit_balance"], flush=False)

    def _get_owner(self):
        """Return the key of this balance, its owner; see :meth:`_lock_or_create`.

        Of one that was merged, it is that of the balance where its amount is now.
        """
        self.ensure_one()
        balance = self
        while balance.merged_into_id:
            balance = balance.merged_into_id
        return balance.partner_id.id, balance.company_id.id, balance.currency_id.id

    @api.model
    def _get_owners(self, contacts):
        """Return whose balances the credit of these contacts is on.

        It is their commercial partner's, but for contacts that got a parent when
        something was held for them: that stays their own until nothing is left of it.

        :param iterable[tuple] contacts: The ids of the contact, the company and the
                                         currency.
        :return: By these, the key of the balance; see :meth:`_lock_or_create`.
        :rtype: dict[tuple, tuple]
        """
        contacts = set(contacts)
        partners = self.env["res.partner"].sudo().browse({key[0] for key in contacts})
        parts = partners.filtered(lambda each: each.commercial_partner_id != each)
        kept = parts and self.sudo().search(
            [
                ("partner_id", "in", parts.ids),
                ("merged_into_id", "=", False),
                ("amount", ">", 0),
            ]
        )
        own = {balance._get_owner() for balance in kept}
        return {
            key: key
            if key in own
            else (partners.browse(key[0]).commercial_partner_id.id, *key[1:])
            for key in contacts
        }

    def _refuse_overdraft(self, amount_after, move):
        """Refuse an entry that would take this balance below zero.

        :param float amount_after: The balance with the entry, below zero.
        :param account.move move: The entry.
        :raise UserError: Always.
        """
        self.ensure_one()
        raise UserError(
            self.env._(
                "The credit balance of %(customer)s is %(balance)s: %(entry)s would "
                "take it %(missing)s below zero.",
                customer=self.partner_id.display_name,
                balance=self.currency_id.format(self.amount),
                entry=move.display_name,
                missing=self.currency_id.format(-amount_after),
            )
        )

    @api.model
    def _find_balance(self, partner, company, currency):
        """Return the balance of a customer, if there is one.

        :rtype: account.credit.balance
        """
        contact = (partner.id, company.id, currency.id)
        partner_id, company_id, currency_id = self._get_owners([contact])[contact]
        return self.search(
            [
                ("partner_id", "=", partner_id),
                ("company_id", "=", company_id),
                ("currency_id", "=", currency_id),
                ("merged_into_id", "=", False),
            ]
        )

    # === BUSINESS METHODS - MERGED CONTACTS === #

    @api.model
    def _merge_contacts(self, sources, target):
        """Move the balances of contacts that are merged into another one.

        :param res.partner sources: The contacts that will not exist any more.
        :param res.partner target: The contact that stays.
        """
        self._name_holders(sources)
        owner = target.commercial_partner_id
        balances = self.sudo().search(
            [
                ("partner_id", "in", sources.ids),
                ("partner_id", "!=", owner.id),
                ("merged_into_id", "=", False),
            ]
        )
        owners = [
            (partner.id, balance.company_id.id, balance.currency_id.id)
            for balance in balances
            for partner in (balance.partner_id, owner)
        ]
        locked = self._lock_or_create(owners)
        for balance in balances:
            if not balance.currency_id.is_zero(balance.amount):
                balance._book_transfer(owner)
            balance.with_context(posting_credit=OURS).merged_into_id = locked[
                owner.id, balance.company_id.id, balance.currency_id.id
            ]

    @api.model
    def _name_holders(self, contacts):
        """Let the credit of contacts that is on another's balance say whose it is.

        When they are merged, it is not known any more whose they were.
        """
        self.env.flush_all()
        self.env.cr.execute(
            SQL(
                """
                UPDATE account_move_line line
                   SET partner_id = balance.partner_id
                  FROM account_credit_balance_entry entry
                  JOIN account_credit_balance balance ON balance.id = entry.balance_id
             LEFT JOIN account_credit_balance_entry next
                    ON next.previous_entry_id = entry.id
                 WHERE line.id = entry.move_line_id AND next.id IS NULL
                   AND line.parent_state = 'posted'
                   AND line.partner_id IN %s
                   AND line.partner_id != balance.partner_id
                """,
                tuple(contacts.ids),
            )
        )
        self.env["account.move.line"].invalidate_model(["partner_id"], flush=False)

    def _book_transfer(self, partner):
        """Book all of this locked balance over to that of another customer."""
        self.ensure_one()
        company = self.company_id
        moves = self.env["account.move"].with_company(company)
        label = self.env._("Contact merged: %s", self.partner_id.display_name)
        journal = company.credit_balance_journal_id
        date = moves._get_external_date(journal, None, company)
        balance = self.currency_id._convert(
            self.amount, company.currency_id, company, date
        )
        move = moves.create(
            {
                "move_type": "entry",
                "journal_id": journal.id,
                "company_id": company.id,
                "currency_id": self.currency_id.id,
                "date": date,
                "ref": label,
                "line_ids": [
                    Command.create(
                        {
                            "name": label,
                            "account_id": company.credit_balance_account_id.id,
                            "partner_id": owner.id,
                            "currency_id": self.currency_id.id,
                            "amount_currency": sign * self.amount,
                            "balance": sign * balance,
                        }
                    )
                    for owner, sign in ((self.partner_id, 1), (partner, -1))
                ],
            }
        )
        move.with_context(
            credit_entry=CreditEntryDetails(
                entry_type="merged",
                label=Label("merged", self.partner_id.display_name),
            )
        ).action_post()
