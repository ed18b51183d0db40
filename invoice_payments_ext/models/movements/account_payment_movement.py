from collections.abc import Collection

from odoo import api, fields, models
from odoo.fields import Domain
from odoo.tools import SQL

from ..gateways.payment_decline_rule import DECLINE_CLASSES
from .movement_words import CHANNELS, KINDS, MOVEMENT_OUTCOMES, NUMBERS


class AccountPaymentMovement(models.Model):
    """All payments of customers over all invoices: one row is one movement.

    An attempt that brought a payment is one row with it. Nothing is stored here: the
    rows are read from the records that Odoo and this addon keep.
    """

    _name = "account.payment.movement"
    _description = "Payment Movement"
    _auto = False
    _rec_name = "reference"
    _order = "moved_on desc, id desc"

    source = fields.Integer(string="Table", readonly=True, aggregator=None)
    source_id = fields.Integer(string="Record", readonly=True, aggregator=None)
    date = fields.Date(
        readonly=True,
        help="The day in the books; of an attempt that is not booked, the day on which "
        "it was started.",
    )
    moved_on = fields.Datetime(
        string="Time", readonly=True, help="When it came to its outcome."
    )
    company_id = fields.Many2one(comodel_name="res.company", readonly=True)
    company_currency_id = fields.Many2one(comodel_name="res.currency", readonly=True)
    currency_id = fields.Many2one(comodel_name="res.currency", readonly=True)
    partner_id = fields.Many2one(
        string="Customer", comodel_name="res.partner", readonly=True
    )
    invoice_id = fields.Many2one(
        comodel_name="account.move",
        readonly=True,
        help="The invoice, or the first of several.",
    )
    invoice_user_id = fields.Many2one(
        string="Salesperson", comodel_name="res.users", readonly=True
    )
    kind = fields.Selection(selection=KINDS, readonly=True)
    credit_type = fields.Selection(
        string="Change of Credit",
        selection=lambda self: (
            self.env["account.credit.balance.entry"]._fields["entry_type"].selection
        ),
        readonly=True,
    )
    channel = fields.Selection(selection=CHANNELS, readonly=True)
    provider_id = fields.Many2one(
        comodel_name="payment.provider",
        readonly=True,
        # Readable by administrators only, but its name is no secret to the staff.
        bypass_search_access=True,
    )
    method = fields.Char(readonly=True)
    external_kind = fields.Selection(
        string="Received as",
        selection=lambda self: (
            self.env["account.payment"]
            ._fields["external_kind"]
            ._description_selection(self.env)
        ),
        readonly=True,
        help="How an external payment came: in cash, by cheque…",
    )
    journal_id = fields.Many2one(comodel_name="account.journal", readonly=True)
    outcome = fields.Selection(selection=MOVEMENT_OUTCOMES, readonly=True)
    decline_class = fields.Selection(selection=DECLINE_CLASSES, readonly=True)
    reason = fields.Char(readonly=True)
    reference = fields.Char(readonly=True)
    attempt_number = fields.Integer(
        string="Try",
        readonly=True,
        aggregator=None,
        help="Which attempt for the invoice it is.",
    )
    is_recovered = fields.Boolean(
        string="Recovered",
        readonly=True,
        help="It came to nothing, and a later attempt for the invoice succeeded.",
    )
    is_pending_too_long = fields.Boolean(
        string="Pending Too Long",
        readonly=True,
        help="Whether it is pending, or announced, for longer than its payment method "
        "usually takes.",
    )
    is_in_transit = fields.Boolean(
        string="In Transit",
        readonly=True,
        help="The gateway has the money: it stands on the outstanding account, and is "
        "not matched with the bank yet.",
    )
    is_test = fields.Boolean(string="Test Mode", readonly=True)
    days_after_due = fields.Integer(
        readonly=True,
        aggregator="avg",
        help="The days from the day on which the invoice was due until this movement. "
        "Below zero: before it was due.",
    )
    # Above zero to the company, below zero to the customer.
    amount_attempted = fields.Monetary(
        string="Attempted in Currency",
        readonly=True,
        help="The amount that a provider was asked for, whatever came of it.",
    )
    amount_moved = fields.Monetary(
        string="Moved in Currency",
        readonly=True,
        help="The money that moved. Credit that is kept or applied is none.",
    )
    amount_credit = fields.Monetary(
        string="Credit in Currency",
        readonly=True,
        help="The change of the customer's credit balance, which is no money received.",
    )
    amount_written_off = fields.Monetary(
        string="Written Off in Currency", readonly=True
    )
    amount_waiting = fields.Monetary(
        string="Requested in Currency",
        readonly=True,
        help="The amount of a correction that waits for a second person.",
    )
    company_amount_attempted = fields.Monetary(
        string="Attempted",
        currency_field="company_currency_id",
        readonly=True,
        help="In the currency of the company, as booked; of an attempt that is not "
        "booked, at the rate of the day.",
    )
    company_amount_moved = fields.Monetary(
        string="Moved", currency_field="company_currency_id", readonly=True
    )
    company_amount_credit = fields.Monetary(
        string="Credit", currency_field="company_currency_id", readonly=True
    )
    company_amount_written_off = fields.Monetary(
        string="Written Off", currency_field="company_currency_id", readonly=True
    )
    company_amount_waiting = fields.Monetary(
        string="Requested", currency_field="company_currency_id", readonly=True
    )
    transaction_id = fields.Many2one(
        comodel_name="payment.transaction", readonly=True, string="Attempt"
    )
    payment_id = fields.Many2one(comodel_name="account.payment", readonly=True)
    move_id = fields.Many2one(
        comodel_name="account.move", readonly=True, string="Journal Entry"
    )
    reversal_id = fields.Many2one(
        comodel_name="account.payment.reversal", readonly=True, string="Taken Back As"
    )
    approval_id = fields.Many2one(
        comodel_name="account.payment.approval", readonly=True, string="Request"
    )

    _depends = {
        "account.credit.balance": ["partner_id", "company_id", "currency_id"],
        "account.credit.balance.entry": [
            "amount",
            "date",
            "entry_type",
            "invoice_id",
            "label",
            "label_words",
            "note",
        ],
        "account.move": [
            "invoice_date_due",
            "invoice_user_id",
            "reversed_entry_id",
            "state",
            "written_off_invoice_id",
        ],
        "account.move.line": ["amount_currency", "balance", "payment_id"],
        "account.partial.reconcile": ["credit_move_id", "debit_move_id"],
        "account.payment": [
            "amount",
            "amount_company_currency_signed",
            "announced_transaction_id",
            "date",
            "external_kind",
            "invoice_ids",
            "is_matched",
            "is_taken_back",
            "mistake_reason",
            "move_id",
            "payment_channel",
            "payment_transaction_id",
            "state",
        ],
        "account.payment.approval": ["amount", "state"],
        "account.payment.reversal": ["amount", "invoice_ids", "is_by_bank", "state"],
        "payment.transaction": [
            "amount",
            "attempt_number",
            "decline_class",
            "invoice_ids",
            "movement_date",
            "outcome",
            "payment_channel",
            "payment_id",
            "state_message",
        ],
        "res.currency.rate": ["company_id", "currency_id", "name", "rate"],
    }

    @property
    def _table_query(self) -> SQL:
        return SQL(" UNION ALL ").join(
            getattr(self, name)() for name in self._get_part_methods()
        )

    # === SEARCH METHODS === #

    @api.model
    @api.private
    @api.readonly
    def search_fetch(self, domain, field_names=None, offset=0, limit=None, order=None):
        """Find the rows first, and read their columns then.

        Else PostgreSQL would make all columns of all rows, to sort them.
        """
        found = super().search_fetch(domain, [], offset, limit, order)
        found.fetch(field_names)
        return found

    @api.model
    def _search(self, domain, *args, **kwargs):
        """Let rows that are named by their ids be found by those of their records.

        All reading comes here. PostgreSQL takes seconds to compile this query, and
        gains nothing by it; the groups of a pivot fit into a little more memory.
        """
        self.env.cr.execute("SET LOCAL jit = off; SET LOCAL work_mem = '32MB'")
        domain = Domain(domain).map_conditions(self._add_source_ids)
        return super()._search(domain, *args, **kwargs)

    @api.model
    def _add_source_ids(self, condition):
        """Return a condition on the ids of rows with that on their records added."""
        is_list = isinstance(condition.value, Collection)
        values = condition.value if is_list else [condition.value]
        if (
            condition.field_expr != "id"
            or condition.operator not in ("=", "in")
            or not values
            or not all(isinstance(value, int) and value for value in values)
        ):
            return condition
        by_source = {}
        for value in values:
            by_source.setdefault(value % NUMBERS, []).append(value // NUMBERS)
        return condition & Domain.OR(
            Domain("source", "=", source) & Domain("source_id", "in", ids)
            for source, ids in by_source.items()
        )

    # === HELPERS OF THE QUERY === #

    @api.model
    def _get_part_methods(self):
        """Return the methods with the parts of the query, one for each table.

        :rtype: tuple[str, ...]
        """
        return (
            "_query_attempts",
            "_query_payments",
            "_query_bank_lines",
            "_query_reversals",
            "_query_write_offs",
            "_query_credit_entries",
            "_query_approvals",
        )
