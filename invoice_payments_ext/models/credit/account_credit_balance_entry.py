from collections import defaultdict

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError

from ...tools import OURS
from .credit_entry_details import CreditEntryDetails
from .entry_labels import Label


class AccountCreditBalanceEntry(models.Model):
    """One line of the history of a credit balance: never changed, never deleted.

    Each posted journal item on a credit account makes one. When the journal item is not
    posted any more, an opposite one follows it; posted again, another one follows that.
    So the entries of a journal item are a chain, in which each follows one other.
    """

    _name = "account.credit.balance.entry"
    _description = "Credit Balance Entry"
    _order = "id desc"
    _rec_name = "label"
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
            ("taken_back", "Taken back"),
            ("merged", "Contact merged"),
            ("manual", "Journal entry"),
            ("reversal", "Reversal"),
        ],
        required=True,
        readonly=True,
    )
    amount = fields.Monetary(
        readonly=True,
        help="Above zero for credit that came in, below zero for credit that went out.",
    )
    balance_after = fields.Monetary(
        readonly=True,
        aggregator=False,  # The sum of balances one after the other says nothing.
    )
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
    payment_id = fields.Many2one(string="Payment", related="move_line_id.payment_id")
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
    label = fields.Char(readonly=True, help="The text that the customer reads.")
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
    _day_idx = models.Index("(balance_id, made_at, id)")

    def init(self):
        """Keep the history unchanged in the database too, against any SQL."""
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
    def _enter_lines(self, lines):
        """Write into the history which journal items on a credit account now count.

        Those that are posted count, and those that are not do not any more. Items that
        are in the history already are left out: an automation rule may have posted or
        reset some within the same write.

        :param account.move.line lines: The journal items.
        :raise UserError: If a balance would fall below zero, it is not known whose
                          balance it is, or another entry undoes the amounts of these.
        """
        lines = lines.sudo()  # The right to post includes the change of the balance.
        latest = self._get_latest(lines)
        lines = lines.filtered(
            lambda line: (
                latest.get(line, self.browse())._is_in_force()
                != (line.move_id.state == "posted")
            )
        )
        undone = lines.filtered(lambda line: line.move_id.state != "posted")
        undone.move_id._check_can_be_undone("unpost")
        (lines - undone).move_id._check_may_enter_credit()
        (lines - undone).move_id._check_reversed_within()
        owners = {
            **{line: latest[line].balance_id._get_owner() for line in undone},
            **self._get_line_owners(lines - undone, latest),
        }
        balances = self.env["account.credit.balance"]._lock_or_create(owners.values())
        by_balance = defaultdict(list)
        for line, owner in owners.items():
            previous = latest.get(line, self.browse())
            amount = -previous.amount if line in undone else -line.amount_currency
            by_balance[balances[owner]].append((amount, line, previous))
        vals_list = []
        for balance, parts in by_balance.items():
            amount_after = balance.amount
            # Entries that add credit come first: only the balance at the end counts.
            for amount, line, previous in sorted(
                parts, key=lambda part: part[0], reverse=True
            ):
                amount_after = balance.currency_id.round(amount_after + amount)
                vals_list.append(
                    {
                        **self._prepare_entry_vals(line, previous, line in undone),
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
        if not lines:
            return {}  # Nearly always: with each invoice that is issued.
        entries = self.sudo().search([("move_line_id", "in", lines.ids)], order="id")
        return {entry.move_line_id: entry for entry in entries}

    def _is_in_force(self):
        """Tell if the journal item whose last entry this is counts in the balance.

        Its entries take turns: the first counts, the next undoes it, and so on.
        """
        entry, number = self, 0
        while entry:
            entry, number = entry.previous_entry_id, number + 1
        return number % 2 == 1

    @api.model
    def _get_line_owners(self, lines, latest):
        """Return whose balance each journal item changes; refuse those of nobody.

        An entry that gives another one back, or makes it again, is on the balance of
        that entry, also if the contact has another parent now.

        :param dict latest: The result of :meth:`_get_latest` for these.
        :rtype: dict[account.move.line, tuple]
        """
        for line in lines.filtered(lambda line: not line.partner_id):
            raise UserError(
                self.env._(
                    "%(entry)s books on the credit account %(account)s without a "
                    "customer: enter the customer whose credit it is.",
                    entry=line.move_id.display_name,
                    account=line.account_id.display_name,
                )
            )
        wanted = {
            line: (line.partner_id.id, line.company_id.id, line.currency_id.id)
            for line in lines
        }
        owners = self.env["account.credit.balance"]._get_owners(wanted.values())
        answered = self._get_answered_entries(lines, latest)
        return {
            line: answered[line].balance_id._get_owner()
            if answered[line]
            else owners[contact]
            for line, contact in wanted.items()
        }

    @api.model
    def _get_answered_entries(self, lines, latest):
        """Return which entry each journal item gives back, or makes again.

        :param dict latest: The result of :meth:`_get_latest` for these.
        :return: By journal item, none if a person wrote another contact on it since.
        :rtype: dict[account.move.line, account.credit.balance.entry]
        """
        sources = {
            line: line.move_id.origin_payment_id.source_payment_id for line in lines
        }
        undone = {
            line: source.move_id
            if source.is_from_credit
            else line.move_id.reversed_entry_id
            for line, source in sources.items()
        }
        moves = lines.move_id.browse().union(*undone.values())
        given_back = self._get_latest(moves._get_credit_lines()).values()
        by_move = self.browse().union(*given_back).grouped("move_id")
        return {
            line: (
                latest.get(line, self.browse())
                | by_move.get(undone[line], self.browse())
            ).filtered(
                lambda entry, line=line, source=source: (
                    entry.company_id == line.company_id
                    and entry.currency_id == line.currency_id
                    and (
                        source.is_from_credit
                        or entry.partner_id
                        in line.partner_id | line.partner_id.commercial_partner_id
                    )
                )
            )[:1]
            for line, source in sources.items()
        }

    @api.model
    def _prepare_entry_vals(self, line, previous, is_undone):
        """Return the values that the journal item itself gives.

        :param account.credit.balance.entry previous: The last entry of the journal item
            until now; none if it is posted for the first time.
        :param bool is_undone: Whether that entry is undone.
        :rtype: dict
        """
        move = line.move_id
        invoice = self._get_invoice(move)
        given = self.env.context.get("credit_entry")
        made_again = not is_undone and previous.previous_entry_id
        if is_undone:
            values = {**previous._prepare_same_vals(), "entry_type": "reversal"}
            values["label"] = Label("undone", previous._get_words())
        elif made_again and made_again.entry_type != "manual":
            values = made_again._prepare_same_vals()
        else:
            values = given.values if isinstance(given, CreditEntryDetails) else {}
        return self._write_down_label(
            {
                "entry_type": self._get_entry_type(move),
                "date": line.date,
                "move_line_id": line.id,
                "label": self._get_label(line, invoice),
                "invoice_id": invoice.id,
                "user_id": self.env.uid,
                **values,
            }
        )

    def _prepare_same_vals(self):
        """Return the details that an entry which undoes or repeats this one shares.

        It is not read from the journal item, whose label may be for the staff.

        :rtype: dict
        """
        self.ensure_one()
        return {
            "entry_type": self.entry_type,
            "label": self.label,
            "label_words": self.label_words,
            "note": self.note,
            "invoice_id": self.invoice_id.id,
        }

    @api.model
    def _get_invoice(self, move):
        """Return the invoice that an entry pays from a credit balance, if it is one."""
        payment = move.origin_payment_id
        return payment.invoice_ids if len(payment.invoice_ids) == 1 else move.browse()

    @api.model
    def _get_label(self, line, invoice):
        """Return the label for the customer, if no door of this addon gave one.

        :rtype: str or Label
        """
        move = line.move_id
        payment = move.origin_payment_id
        if invoice and payment.payment_type == "inbound":
            return Label("applied", invoice.name)
        if payment:
            return payment.memo or payment.name
        for reversed_entry in self._get_latest(
            move.reversed_entry_id._get_credit_lines()
        ).values():
            return Label("undone", reversed_entry._get_words())
        return line.name or move.ref or move.name

    @api.model
    def _get_entry_type(self, move):
        """Return the type of an entry, if no door of this addon gave one."""
        if move.reversed_entry_id:
            return "reversal"
        if payment := move.origin_payment_id:
            return "applied" if payment.payment_type == "inbound" else "refund"
        return "manual"
