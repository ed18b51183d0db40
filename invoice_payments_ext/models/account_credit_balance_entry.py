from collections import defaultdict

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError

from ..tools import OURS


class AccountCreditBalanceEntry(models.Model):
    """One line of the history of a credit balance: never changed, never deleted.

    Each posted journal item on a credit account makes one. When the journal item is not
    posted any more, an opposite one follows it; posted again, another one follows that.
    So the entries of a journal item are a chain, in which each follows one other.
    """

    _name = "account.credit.balance.entry"
    _description = "Credit Balance Entry"
    _order = "id desc"
    # Who and when are fields of its own: those of the ORM may be emptied later.
    _log_access = False

    balance_id = fields.Many2one(
        comodel_name="account.credit.balance",
        required=True,
        readonly=True,
        index=True,
        ondelete="restrict",
    )
    partner_id = fields.Many2one(related="balance_id.partner_id")
    company_id = fields.Many2one(related="balance_id.company_id")
    currency_id = fields.Many2one(related="balance_id.currency_id")
    entry_type = fields.Selection(
        string="Type",
        selection=[
            ("adjustment", "Adjustment"),
            ("overpayment", "Overpayment"),
            ("credit_note", "Credit note"),
            ("refund", "Refund to balance"),
            ("applied", "Applied to invoice"),
            ("unapplied", "Application undone"),
            ("paid_out", "Paid out"),
            ("merged", "Contact merged"),
            ("manual", "Journal entry"),
            ("reversal", "Reversal"),
        ],
        required=True,
        readonly=True,
    )
    amount = fields.Monetary(
        readonly=True, help="Above zero what came in, below zero what went out."
    )
    balance_after = fields.Monetary(readonly=True)
    date = fields.Date(string="Accounting Date", required=True, readonly=True)
    move_line_id = fields.Many2one(
        string="Journal Item",
        comodel_name="account.move.line",
        required=True,
        readonly=True,
        index=True,
        ondelete="restrict",
    )
    move_id = fields.Many2one(related="move_line_id.move_id")
    previous_entry_id = fields.Many2one(
        string="Follows",
        comodel_name="account.credit.balance.entry",
        readonly=True,
        ondelete="restrict",
        help="The entry of the same journal item before this one.",
    )
    invoice_id = fields.Many2one(
        comodel_name="account.move",
        readonly=True,
        index="btree_not_null",
        ondelete="restrict",
        help="The invoice that it is about.",
    )
    label = fields.Char(readonly=True, help="What the customer reads.")
    note = fields.Char(string="Internal Note", readonly=True)
    user_id = fields.Many2one(
        string="By",
        comodel_name="res.users",
        required=True,
        readonly=True,
        default=lambda self: self.env.uid,
        ondelete="restrict",
    )
    made_at = fields.Datetime(
        string="On", required=True, readonly=True, default=fields.Datetime.now
    )

    _first_uniq = models.UniqueIndex(
        "(move_line_id) WHERE previous_entry_id IS NULL",
        "This journal item is in the history of the credit balance already.",
    )
    _previous_uniq = models.UniqueIndex(
        "(previous_entry_id) WHERE previous_entry_id IS NOT NULL",
        "This entry of the credit balance was followed by another one already.",
    )
    _history_idx = models.Index("(balance_id, id DESC)")

    def init(self):
        """Keep the history as it is in the database too, whatever SQL is run on it."""
        self.env.cr.execute(
            """
            CREATE OR REPLACE FUNCTION account_credit_balance_entry_keep()
            RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
                RAISE EXCEPTION 'The history of a credit balance is never changed.'
                      USING ERRCODE = 'restrict_violation';
            END $$;
            DROP TRIGGER IF EXISTS account_credit_balance_entry_keep
                                ON account_credit_balance_entry;
            CREATE TRIGGER account_credit_balance_entry_keep
            BEFORE UPDATE OR DELETE OR TRUNCATE ON account_credit_balance_entry
            FOR EACH STATEMENT EXECUTE FUNCTION account_credit_balance_entry_keep();
            """
        )

    # === CRUD METHODS === #

    @api.model_create_multi
    def create(self, vals_list):
        self.env["account.credit.balance"]._check_is_posting()
        return super().create(vals_list)

    def write(self, vals):  # pylint: disable=method-required-super
        raise AccessError(self._get_kept_reason())

    def unlink(self):  # pylint: disable=method-required-super
        raise AccessError(self._get_kept_reason())

    @api.model
    def _get_kept_reason(self):
        return self.env._(
            "The history of a credit balance is never changed: undo the entry that "
            "made it."
        )

    # === BUSINESS METHODS === #

    @api.model
    def _enter_lines(self, lines, is_undone=False):
        """Write posted journal items on a credit account into the history.

        :param account.move.line lines: The journal items.
        :param bool is_undone: Whether they were posted until now, and are not any more.
        :raise UserError: If a balance would fall below zero, or it is not known whose
                          balance it is.
        """
        lines = lines.sudo()  # Who may post the entry may change the balance by it.
        latest = self._get_latest(lines)
        if is_undone:
            lines = lines.filtered(lambda line: line in latest)
        owners = {
            line: latest[line].balance_id._get_owner()
            if is_undone
            else self._get_kept_owner(line, latest) or self._get_owner(line)
            for line in lines
        }
        balances = self.env["account.credit.balance"]._get_locked(owners.values())
        by_balance = defaultdict(list)
        for line, owner in owners.items():
            previous = latest.get(line, self.browse())
            amount = -previous.amount if is_undone else -line.amount_currency
            by_balance[balances[owner]].append((amount, line, previous))
        vals_list = []
        for balance, parts in by_balance.items():
            amount_after = balance.amount
            # What comes in goes first: only what is left in the end counts.
            for amount, line, previous in sorted(
                parts, key=lambda part: part[0], reverse=True
            ):
                amount_after = balance.currency_id.round(amount_after + amount)
                vals_list.append(
                    {
                        **self._prepare_entry_vals(line, is_undone),
                        "balance_id": balance.id,
                        "amount": amount,
                        "balance_after": amount_after,
                        "previous_entry_id": previous.id,
                    }
                )
            if balance.currency_id.compare_amounts(amount_after, 0) < 0:
                balance._refuse_overdraft(amount_after, parts[0][1].move_id)
            balance.with_context(posting_credit=OURS).amount = amount_after
        # In superuser mode nobody is left out, but who did it is kept.
        self.sudo().with_context(posting_credit=OURS).create(vals_list)

    @api.model
    def _get_latest(self, lines):
        """Return the entry of each journal item that was written last.

        :rtype: dict[account.move.line, account.credit.balance.entry]
        """
        entries = self.sudo().search([("move_line_id", "in", lines.ids)], order="id")
        return {entry.move_line_id: entry for entry in entries}

    @api.model
    def _get_kept_owner(self, line, latest):
        """Return whose balance a journal item changed before it was reset.

        It is still theirs, also where the contact got another parent meanwhile.

        :param dict latest: What :meth:`_get_latest` returned.
        """
        balance = latest[line].balance_id if line in latest else None
        if balance and (
            balance.partner_id == line.partner_id
            and balance.currency_id == line.currency_id
        ):
            return balance._get_owner()
        return None

    @api.model
    def _get_owner(self, line):
        """Return whose balance a journal item changes; refuse one of nobody."""
        given = self.env.context.get("credit_entry")
        if isinstance(given, CreditEntryDetails):
            for balance in given.balances:
                if balance.partner_id == line.partner_id:
                    return balance._get_owner()
        partner = line.partner_id.commercial_partner_id
        if not partner:
            raise UserError(
                self.env._(
                    "%(entry)s books on the credit account %(account)s without a "
                    "customer: say whose credit it is.",
                    entry=line.move_id.display_name,
                    account=line.account_id.display_name,
                )
            )
        return partner.id, line.company_id.id, line.currency_id.id

    @api.model
    def _prepare_entry_vals(self, line, is_undone):
        """Return the values that the journal item itself gives.

        :rtype: dict
        """
        move = line.move_id
        given = self.env.context.get("credit_entry")
        values = given.values if isinstance(given, CreditEntryDetails) else {}
        return {
            "entry_type": self._get_entry_type(line, is_undone),
            "date": line.date,
            "move_line_id": line.id,
            "label": line.name or move.ref or move.name,
            "invoice_id": self._get_invoice(move).id,
            "user_id": self.env.uid,
            **(values if not is_undone else {}),
        }

    @api.model
    def _get_invoice(self, move):
        """Return the invoice that an entry pays from a credit balance, if it is one."""
        payment = move.origin_payment_id
        return payment.invoice_ids if len(payment.invoice_ids) == 1 else move.browse()

    @api.model
    def _get_entry_type(self, line, is_undone):
        """Return what a journal item is, where no door of this addon said it."""
        if is_undone or line.move_id.reversed_entry_id:
            return "reversal"
        if payment := line.move_id.origin_payment_id:
            return "applied" if payment.payment_type == "inbound" else "refund"
        return "manual"


class CreditEntryDetails:
    """What a door knows of the credit entries that its posting makes.

    It is passed in the context key `credit_entry`; no client can send one.

    :param balances: The balances that it changes: a contact that got another parent
                     keeps its own, which is not found by the customer any more.
    :param values: The `entry_type`, `invoice_id`, `label` and `note` of the entries.
    """

    def __init__(self, balances=(), **values):
        self.balances = balances
        self.values = values
