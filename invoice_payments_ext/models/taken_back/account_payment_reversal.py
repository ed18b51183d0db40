from datetime import datetime, time

from odoo import api, fields, models
from odoo.exceptions import UserError

from ..core.door import Door
from .reversal_states import KINDS, STATES, UNDECIDED, WITHDRAWN

DOORS = {
    name: Door(
        f"account.payment.reversal.{name}",
        rights="_check_decision_rights",
        lock="_lock_payment",
        check=f"_check_{name}",
        work=f"_carry_out_{name}",
    )
    for name in ("win", "lose", "cancel")
}


class AccountPaymentReversal(models.Model):
    """Money that left after it had come: a dispute, a returned debit, a late failure.

    The entries follow from the state alone: see `reversal_states`.
    """

    _name = "account.payment.reversal"
    _description = "Payment Taken Back"
    _inherit = ["mail.thread", "mail.activity.mixin", "payment.door.mixin"]
    _order = "opened_on desc, id desc"
    _mail_post_access = "read"

    payment_id = fields.Many2one(
        comodel_name="account.payment",
        required=True,
        readonly=True,
        index=True,
        ondelete="restrict",
    )
    company_id = fields.Many2one(
        related="payment_id.company_id", store=True, index=True
    )
    partner_id = fields.Many2one(
        string="Customer", related="payment_id.partner_id", store=True
    )
    currency_id = fields.Many2one(related="payment_id.currency_id", store=True)
    transaction_id = fields.Many2one(
        related="payment_id.payment_transaction_id", store=True
    )
    provider_id = fields.Many2one(
        string="Payment Provider", related="transaction_id.provider_id", store=True
    )
    invoice_ids = fields.Many2many(
        string="Invoices",
        comodel_name="account.move",
        relation="account_move_account_payment_reversal_rel",
        column1="account_payment_reversal_id",
        column2="account_move_id",
        readonly=True,
        help="The invoices that the payment paid when the money was taken back.",
    )
    kind = fields.Selection(
        selection=list(KINDS.items()), required=True, readonly=True, tracking=True
    )
    state = fields.Selection(
        selection=[(name, state.label) for name, state in STATES.items()],
        required=True,
        readonly=True,
        tracking=True,
        help="Inquiry: no money left. Open: withdrawn, and not decided. Lost: the "
        "customer owes it again. Won, cancelled: the money is back.",
    )
    is_undecided = fields.Boolean(compute="_compute_is_undecided")
    amount = fields.Monetary(
        readonly=True, tracking=True, help="In the currency of the payment."
    )
    gateway_amount = fields.Float(
        readonly=True, digits=0, help="As the provider named it, in its currency."
    )
    gateway_currency = fields.Char(readonly=True)
    provider_reference = fields.Char(
        string="Provider's Reference",
        readonly=True,
        copy=False,
        help="The provider's own id. It is recorded once for each payment: a dispute "
        "of an authorization that was captured in parts takes money of several.",
    )
    reason_code = fields.Char(readonly=True)
    reason_class = fields.Selection(
        selection=[
            ("funds", "Try later"),
            ("account", "Account closed or wrong"),
            ("consent", "Customer did not agree"),
            ("fraud", "Fraud"),
            ("goods", "Goods or service"),
            ("other", "Other"),
        ],
        readonly=True,
    )
    reason = fields.Char(readonly=True)
    opened_on = fields.Date(readonly=True, required=True)
    closed_on = fields.Date(readonly=True)
    respond_by = fields.Date(
        readonly=True, help="The last day on which the provider takes an answer."
    )
    last_message_on = fields.Datetime(
        readonly=True, help="When the provider sent the message that counts now."
    )
    decided_on = fields.Datetime(
        readonly=True,
        copy=False,
        help="When somebody decided what became of the money. What the provider said "
        "before that changes nothing.",
    )
    fee_amount = fields.Monetary(
        string="Fee", readonly=True, help="All fees, also those that came back."
    )
    fee_returned_amount = fields.Monetary(string="Fee Given Back", readonly=True)
    fee_move_id = fields.Many2one(
        string="Entry of the Fee", comodel_name="account.move", readonly=True
    )
    parking_move_id = fields.Many2one(
        string="Parking Entry",
        comodel_name="account.move",
        readonly=True,
        help="The entry that keeps the amount on the account of disputed payments; "
        "none while it is not there.",
    )
    taking_payment_id = fields.Many2one(
        string="Outgoing Payment",
        comodel_name="account.payment",
        readonly=True,
        help="The payment by which the customer owes the amount again.",
    )
    entry_ids = fields.One2many(
        string="Journal Entries",
        comodel_name="account.move",
        inverse_name="payment_reversal_id",
        readonly=True,
    )
    is_by_bank = fields.Boolean(
        string="By the Bank",
        readonly=True,
        help="A line of a bank statement, or an entry, books it already.",
    )
    gateway_url = fields.Char(string="At the Provider", readonly=True)

    _provider_reference_uniq = models.UniqueIndex(
        "(company_id, coalesce(provider_id, 0), provider_reference, payment_id) "
        "WHERE provider_reference IS NOT NULL",
        "This was taken back once, and is recorded already.",
    )

    # === COMPUTE METHODS === #

    @api.depends("kind", "payment_id.name")
    def _compute_display_name(self):
        kinds = dict(self._fields["kind"]._description_selection(self.env))
        for reversal in self:
            reversal.display_name = (
                f"{kinds.get(reversal.kind, '')} {reversal.payment_id.sudo().name}"
            )

    @api.depends("state")
    def _compute_is_undecided(self):
        for reversal in self:
            reversal.is_undecided = reversal.state in UNDECIDED

    # === CHECK METHODS === #

    def _check_decision_rights(self):
        """Check that the user may decide what became of the money.

        :raise AccessError: If the user is not of the level *Refund and credit*, or may
                            not read these records.
        """
        self.env["account.move"]._check_refund_rights()
        self.check_access("read")

    def _check_win(self, date, note):
        self._check_decision("won", date)

    def _check_lose(self, date, note):
        self._check_decision("lost", date)

    def _check_cancel(self, date, note):
        self._check_decision("cancelled", date)

    def _check_decision(self, state, date):
        """Check that people may bring this record to a state.

        :raise UserError: Naming the state that it has.
        """
        self._check_company_selected()
        for reversal in self._get_all_of_dispute():
            if reversal.state not in STATES[state].sources:
                words = dict(self._fields["state"]._description_selection(self.env))
                raise UserError(
                    self.env._(
                        "%(name)s is %(state)s: it cannot become %(wanted)s.",
                        name=reversal.display_name,
                        state=words[reversal.state].lower(),
                        wanted=words[state].lower(),
                    )
                )
            is_moved = STATES[state].money != STATES[reversal.state].money
            if reversal.is_by_bank and is_moved:
                raise UserError(
                    self.env._(
                        "%s is booked by a line of a bank statement: match the line by "
                        "which the money came back with the payment.",
                        reversal.display_name,
                    )
                )
            if date:
                reversal.sudo().payment_id._get_taken_back_date(date)

    # === ACTION METHODS === #

    def action_win(self):
        self.win()

    def action_lose(self):
        self.lose()

    def action_cancel(self):
        self.cancel()

    def action_open_taken_back(self):
        """Return the action that opens the form of this record.

        :rtype: dict
        """
        self.ensure_one()
        return self.get_formview_action()

    def action_open_gateway(self):
        """Return the action that opens this record at the provider.

        :rtype: dict
        """
        self.ensure_one()
        return {"type": "ir.actions.act_url", "url": self.gateway_url, "target": "new"}

    # === BUSINESS METHODS - DOORS === #

    def win(self, date=None, note=None, idempotency_key=None):
        """Book that the money came back, because the company was right.

        The invoice is paid as before. A fee stays. Does not commit.

        :param date|str date: The day of the entries; today if not given.
        :param str note: For the records.
        :param str idempotency_key: See `account.move.charge`.
        :return: This record.
        :rtype: account.payment.reversal
        :raise UserError: If its state does not allow it, or a value does not fit.
        :raise AccessError: If the user has no right to give money back.
        """
        return self._pass(DOORS["win"], idempotency_key, date=date, note=note)

    def lose(self, date=None, note=None, idempotency_key=None):
        """Book that the money is lost: the customer owes it again.

        The invoice reopens. Does not commit; see :meth:`win`.

        :return: This record.
        :rtype: account.payment.reversal
        """
        return self._pass(DOORS["lose"], idempotency_key, date=date, note=note)

    def cancel(self, date=None, note=None, idempotency_key=None):
        """Book that it was withdrawn or a mistake: the money is back, and the fee.

        Does not commit; see :meth:`win`.

        :return: This record.
        :rtype: account.payment.reversal
        """
        return self._pass(DOORS["cancel"], idempotency_key, date=date, note=note)

    # === BUSINESS METHODS - STEPS === #

    def _lock_payment(self, **_arguments):
        """Lock the payment, and before it the balances and invoices that it paid."""
        reversals = self._get_all_of_dispute()
        reversals.payment_id.sudo()._lock_to_take_back()
        reversals.invalidate_recordset()

    def _carry_out_win(self, date, note):
        return self._carry_out("won", date, note)

    def _carry_out_lose(self, date, note):
        return self._carry_out("lost", date, note)

    def _carry_out_cancel(self, date, note):
        return self._carry_out("cancelled", date, note)

    def _carry_out(self, state, date, note):
        """Bring this record, on a locked payment, to a state.

        :return: This record.
        """
        # The entries are not the staff's to write otherwise.
        now = fields.Datetime.now()
        day = fields.Date.to_date(date) or now.date()
        for reversal_sudo in self._get_all_of_dispute().sudo():
            if note:
                reversal_sudo._message_log(body=note)
            reversal_sudo.decided_on = min(now, datetime.combine(day, time.max))
            reversal_sudo._set_state(state, date)
        return self

    def _set_state(self, state, date=None):
        """Set another state, book it, and tell people.

        :param str state: A key of `STATES`.
        :param date|str date: The day on which it happened; today if not given.
        """
        self.ensure_one()
        self.state = state
        self._follow_state(date)

    def _follow_state(self, date=None):
        """Book the state, which is new, and tell people.

        :param date|str date: The day on which it happened; today if not given.
        """
        self.ensure_one()
        date = self.payment_id._get_taken_back_booking_date(date)
        self.closed_on = False if self.is_undecided else date
        self._end_tasks()
        self._keep_return_reason()
        self._move_money(date)
        if self.state == "cancelled":
            self._return_fee(date)
        self._tell_state()
        moves = self.taking_payment_id.refund_allocation_ids.invoice_id
        (self.invoice_ids | moves)._notify_payments_changed()

    def _keep_return_reason(self):
        """Let the attempt know why its debit came back, or that it did not.

        A code such as *account closed* stops the saved method, by the decline rules.
        """
        if self.kind == "returned_debit" and self.transaction_id:
            code = self.state == "lost" and self.reason_code
            self.sudo().transaction_id._keep_return_code(code)

    # === GETTERS === #

    def _get_all_of_dispute(self):
        """Return this record, and those of the other captures of its authorization.

        The provider decides on all of them at once.

        :rtype: account.payment.reversal
        """
        if not self.provider_id or not self.provider_reference:
            return self
        return self | self.search(
            [
                ("company_id", "=", self.company_id.id),
                ("provider_id", "=", self.provider_id.id),
                ("provider_reference", "=", self.provider_reference),
            ]
        )

    def _filter_withdrawn(self):
        """Return those of these whose money is not at the company."""
        return self.filtered(lambda reversal: reversal.state in WITHDRAWN)
