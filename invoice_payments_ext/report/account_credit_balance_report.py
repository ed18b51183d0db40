import json

from odoo import api, fields, models
from odoo.tools import SQL

# The oldest age in days that belongs to a bucket.
BUCKETS = (("0", 30), ("1", 90), ("2", 180), ("3", 365))


class AccountCreditBalanceReport(models.Model):
    """The credit that companies hold for their customers now, and its age.

    First in, first out: the rest is the money that came in last. So each line is an
    entry that added credit, with its rest. Credit that was given back (a reversal, an
    application that was undone, a transfer between merged contacts) is not new money:
    it makes earlier credit last longer. It counts as money that came in only where
    nothing else explains the balance.
    """

    _name = "account.credit.balance.report"
    _description = "Credit Balances Analysis"
    _auto = False
    _rec_name = "partner_id"
    _order = "date desc, id desc"

    balance_id = fields.Many2one(
        string="Credit Balance", comodel_name="account.credit.balance", readonly=True
    )
    partner_id = fields.Many2one(
        string="Customer", comodel_name="res.partner", readonly=True
    )
    company_id = fields.Many2one(comodel_name="res.company", readonly=True)
    currency_id = fields.Many2one(comodel_name="res.currency", readonly=True)
    company_currency_id = fields.Many2one(comodel_name="res.currency", readonly=True)
    entry_type = fields.Selection(
        string="Came in as",
        selection=lambda self: (
            self.env["account.credit.balance.entry"]._fields["entry_type"].selection
        ),
        readonly=True,
    )
    date = fields.Date(
        string="Held since", readonly=True, help="The accounting date of the entry."
    )
    age = fields.Integer(
        string="Age in Days", aggregator="avg", readonly=True, help="Until today."
    )
    age_bucket = fields.Selection(
        string="Age",
        selection=[
            ("0", "0-30 days"),
            ("1", "31-90 days"),
            ("2", "91-180 days"),
            ("3", "181-365 days"),
            ("4", "Older"),
        ],
        readonly=True,
    )
    amount_currency = fields.Monetary(string="Amount in Currency", readonly=True)
    amount = fields.Monetary(
        currency_field="company_currency_id",
        readonly=True,
        help="In the currency of the company that you work in, at the rate of today.",
    )

    _depends = {
        "account.credit.balance": [
            "partner_id",
            "company_id",
            "currency_id",
            "amount",
            "merged_into_id",
        ],
        "account.credit.balance.entry": ["balance_id", "entry_type", "amount", "date"],
        "res.currency.rate": ["currency_id", "company_id", "name", "rate"],
    }

    @property
    def _table_query(self) -> SQL:
        return SQL(
            """
            WITH RECURSIVE owner AS (
                -- The history of a balance goes on where it was merged into.
                SELECT id AS balance_id, id AS owner_id
                  FROM account_credit_balance
                 WHERE merged_into_id IS NULL AND amount > 0
             UNION ALL
                SELECT merged.id, owner.owner_id
                  FROM account_credit_balance merged
                  JOIN owner ON owner.balance_id = merged.merged_into_id
            )
            %(select)s
              FROM (%(received)s) AS received
              JOIN account_credit_balance balance ON balance.id = received.owner_id
             WHERE received.newer < balance.amount
            """,
            select=self._select(),
            received=self._select_received(),
        )

    @api.model
    def _select(self) -> SQL:
        left = SQL("LEAST(received.amount, balance.amount - received.newer)")
        age = SQL("(%s - received.date)", fields.Date.context_today(self))
        return SQL(
            """
            SELECT received.id,
                   balance.id AS balance_id,
                   balance.partner_id,
                   balance.company_id,
                   balance.currency_id,
                   %(company_currency_id)s AS company_currency_id,
                   received.entry_type,
                   received.date,
                   %(age)s AS age,
                   CASE %(buckets)s ELSE '4' END AS age_bucket,
                   %(left)s AS amount_currency,
                   %(left)s * (%(rates)s::jsonb ->> balance.currency_id::text)::numeric
                       AS amount
            """,
            company_currency_id=self.env.company.currency_id.id,
            age=age,
            buckets=SQL(" ").join(
                SQL("WHEN %s <= %s THEN %s", age, days, bucket)
                for bucket, days in BUCKETS
            ),
            left=left,
            rates=json.dumps(self._get_conversion_rates()),
        )

    @api.model
    def _select_received(self) -> SQL:
        """Return all entries that came in, each with the sum of later ones."""
        return SQL(
            """
            SELECT entry.id,
                   entry.entry_type,
                   entry.date,
                   entry.amount,
                   owner.owner_id,
                   COALESCE(SUM(entry.amount) OVER (
                       PARTITION BY owner.owner_id
                           ORDER BY %(is_given_back)s, entry.date DESC, entry.id DESC
                               ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
                   ), 0) AS newer
              FROM account_credit_balance_entry entry
              JOIN owner ON owner.balance_id = entry.balance_id
         LEFT JOIN account_credit_balance_entry undone
                ON undone.previous_entry_id = entry.id
             WHERE entry.amount > 0
            """,
            is_given_back=SQL(
                "(undone.id IS NOT NULL "
                "OR entry.entry_type IN ('reversal', 'unapplied', 'merged'))"
            ),
        )

    @api.model
    def _get_conversion_rates(self):
        """Return the value of one unit of each currency in the company's.

        :rtype: dict[int, float]
        """
        company = self.env.company
        held = (
            self.env["account.credit.balance"].sudo()._read_group([], ["currency_id"])
        )
        currencies = company.currency_id.union(*(currency for (currency,) in held))
        rates = currencies._get_rates(company, fields.Date.context_today(self))
        company_rate = rates[company.currency_id.id]
        return {currency: company_rate / rate for currency, rate in rates.items()}

    # === ACTION METHODS === #

    def action_open_balance(self):
        """Return the form of the credit balance that this line is a part of.

        :rtype: dict
        """
        self.ensure_one()
        return self.balance_id.get_formview_action()
