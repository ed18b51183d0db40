from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.tools import format_date

from ..core.door import Door

RESCHEDULE = Door(
    "account.payment.promise.reschedule",
    rights="_check_own_promise",
    lock="_lock_promise",
    check="_check_reschedule",
    work="_carry_out_reschedule",
)
WITHDRAW = Door(
    "account.payment.promise.withdraw",
    rights="_check_own_promise",
    lock="_lock_promise",
    check="_check_withdraw",
    work="_carry_out_withdraw",
)

# By whom a promise was made, and how.
CHANNELS = {
    "portal": "The customer, in the portal",
    "phone": "The customer, on the phone",
    "mail": "The customer, by mail",
    "other": "The customer, in another way",
}

# The methods of `account.move` that rooms call on invoices whose promise was made,
# moved, withdrawn, kept or broken. Each gets the promises.
AFTER_PROMISE_CHANGE = ("_follow_promise",)


class AccountPaymentPromise(models.Model):
    """A customer's word to pay an amount of some invoices by a day.

    It says nothing of money: whether it is kept follows from the money that was applied
    to the invoices meanwhile. See `_decide`.
    """

    _name = "account.payment.promise"
    _description = "Promise to Pay"
    _inherit = [
        "mail.thread",
        "payment.door.mixin",
        "payment.lock.mixin",
        "payment.consent.mixin",
    ]
    _order = "date desc, id desc"
    _mail_post_access = "read"

    partner_id = fields.Many2one(
        string="Customer",
        comodel_name="res.partner",
        required=True,
        readonly=True,
        index=True,
        ondelete="restrict",
    )
    currency_id = fields.Many2one(
        comodel_name="res.currency", required=True, readonly=True
    )
    company_id = fields.Many2one(
        comodel_name="res.company", required=True, readonly=True, index=True
    )
    invoice_ids = fields.Many2many(
        string="Invoices",
        comodel_name="account.move",
        relation="account_move_account_payment_promise_rel",
        column1="account_payment_promise_id",
        column2="account_move_id",
        readonly=True,
    )
    amount = fields.Monetary(readonly=True)
    date = fields.Date(
        string="Promised Day", required=True, readonly=True, tracking=True
    )
    promised_on = fields.Date(required=True, readonly=True)
    date_ids = fields.One2many(
        string="Days that were Promised",
        comodel_name="account.payment.promise.date",
        inverse_name="promise_id",
        readonly=True,
    )
    state = fields.Selection(
        selection=[
            ("open", "Open"),
            ("kept", "Kept"),
            ("broken", "Broken"),
            ("withdrawn", "Withdrawn"),
        ],
        default="open",
        required=True,
        readonly=True,
        index=True,
        tracking=True,
        help="Kept: the amount was applied to the invoices by the day. Broken: it was "
        "not, or the money was taken back. Withdrawn: somebody said so, or nothing is "
        "owed any more.",
    )
    channel = fields.Selection(
        string="Promised By",
        selection=list(CHANNELS.items()),
        required=True,
        readonly=True,
    )
    user_id = fields.Many2one(
        string="Recorded By",
        comodel_name="res.users",
        required=True,
        readonly=True,
    )
    token_id = fields.Many2one(
        string="Charged on that Day",
        comodel_name="payment.token",
        readonly=True,
        ondelete="set null",
        help="The saved method that the customer agreed to have charged on the "
        "promised day. None: the customer pays.",
    )
    applied_before = fields.Json(
        readonly=True,
        help="By the id of an entry, the amount of it that was applied to the invoices "
        "before the promise was made.",
    )
    applied_amount = fields.Monetary(
        string="Applied",
        compute="_compute_applied_amount",
        help="The amount that was applied to the invoices since the promise, with an "
        "accounting date up to the promised day.",
    )
    is_to_be_decided = fields.Boolean(
        readonly=True,
        help="Money came or left, and the schedule is to look at the promise again.",
    )

    _to_be_decided_idx = models.Index("(id) WHERE is_to_be_decided OR state = 'open'")

    # === COMPUTE METHODS === #

    @api.depends("amount", "currency_id", "date")
    def _compute_display_name(self):
        for promise in self:
            promise.display_name = (
                f"{promise.currency_id.format(promise.amount)}, "
                f"{format_date(self.env, promise.date)}"
            )

    @api.depends("invoice_ids.amount_residual", "date")
    def _compute_applied_amount(self):
        facts = self._get_facts()
        for promise in self:
            promise.applied_amount = facts[promise].applied

    # === CHECK METHODS === #

    def _check_own_promise(self):
        """Check that the user may change these promises.

        :raise AccessError: If the user is neither of the staff that records payments
                            nor the customer.
        """
        promises_sudo = self.sudo().exists()
        if not self._is_of_customer():
            self.invoice_ids._check_payment_rights()
            self.check_access("read")
            return
        own = self.env.user.partner_id.commercial_partner_id
        if not promises_sudo or promises_sudo.partner_id != own:
            raise AccessError(self.env._("You do not have access to this promise."))

    def _check_open(self):
        """Check that this locked promise can still be changed.

        :raise UserError: Naming its state.
        """
        if not self._is_of_customer():
            self._check_company_selected()
        promise_sudo = self.sudo()
        if promise_sudo.state != "open":
            words = dict(self._fields["state"]._description_selection(self.env))
            raise UserError(
                self.env._(
                    "The promise of %(promise)s is %(state)s: it cannot be changed.",
                    promise=promise_sudo.display_name,
                    state=words[promise_sudo.state].lower(),
                )
            )

    def _check_reschedule(self, date, note):
        self._check_open()
        promise_sudo = self.sudo()
        promise_sudo.invoice_ids._check_promised_day(date)
        if fields.Date.to_date(date) == promise_sudo.date:
            raise UserError(self.env._("It is promised for this day already."))

    def _check_withdraw(self, reason):
        self._check_open()

    # === ACTION METHODS === #

    def action_reschedule(self):
        """Return the dialog that moves this promise to another day.

        :rtype: dict
        """
        self.ensure_one()
        return self.invoice_ids._prepare_promise_dialog(
            self.env._("Move the promise"),
            promise_id=self.id,
            amount=self.amount,
            date=self.date,
            channel=self.channel,
        )

    def action_withdraw(self):
        self.withdraw()

    # === BUSINESS METHODS - DOORS === #

    def reschedule(self, date, note=None, idempotency_key=None):
        """Move this open promise to another day. Does not commit.

        The days that were promised before are kept.

        :param datetime.date|str date: The day by which the customer pays.
        :param str note: For the records.
        :param str idempotency_key: See `account.move.charge`.
        :return: This promise.
        :rtype: account.payment.promise
        :raise UserError: If it is not open, or the day does not fit.
        :raise AccessError: If the user may not change it.
        """
        return self._pass(RESCHEDULE, idempotency_key, date=date, note=note)

    def withdraw(self, reason=None, idempotency_key=None):
        """Withdraw this open promise: the invoices are collected as before.

        Does not commit. Nothing is charged on the promised day.

        :param str reason: For the records.
        :param str idempotency_key: See `account.move.charge`.
        :return: This promise.
        :rtype: account.payment.promise
        :raise UserError: If it is not open.
        :raise AccessError: If the user may not change it.
        """
        return self._pass(WITHDRAW, idempotency_key, reason=reason)

    # === BUSINESS METHODS - STEPS === #

    def _lock_promise(self, **_arguments):
        """Lock this promise, and before it its invoices."""
        promise_sudo = self.sudo()
        promise_sudo.invoice_ids._lock_for_payment()
        promise_sudo._lock_rows()
        self.invalidate_recordset()

    def _carry_out_reschedule(self, date, note):
        promise_sudo = self.sudo()
        promise_sudo.date = date
        promise_sudo._note_day(note)
        promise_sudo._tell_invoices(
            self.env._("The promise was moved: %s", promise_sudo.display_name), note
        )
        promise_sudo._follow_change()
        return self

    def _carry_out_withdraw(self, reason):
        promise_sudo = self.sudo()
        promise_sudo._set_state(
            "withdrawn",
            self.env._("The promise was withdrawn: %s", promise_sudo.display_name),
            reason,
        )
        return self

    # === BUSINESS METHODS === #

    def _note_day(self, note=None):
        """Add the day of this promise to those that were promised."""
        self.env["account.payment.promise.date"].create(
            {"promise_id": self.id, "date": self.date, "note": note}
        )

    def _set_state(self, state, words, note=None):
        """Set another state and tell it.

        :param str state: A value of the field.
        :param str words: The sentence for the chatter of the invoices.
        :param str note: What a person said of it.
        """
        self.ensure_one()
        self.state = state
        self._tell_invoices(words, note)
        self._follow_change()

    def _tell_invoices(self, words, note=None):
        """Log a sentence on the invoices of this promise, and on itself the note."""
        body = f"{words} ({note.strip()})" if note and note.strip() else words
        self.invoice_ids._message_log_batch(dict.fromkeys(self.invoice_ids.ids, body))
        if note and note.strip():
            self._message_log(body=note.strip())

    def _follow_change(self):
        """Let the rooms above know, and the forms that are open."""
        for name in AFTER_PROMISE_CHANGE:
            getattr(self.invoice_ids, name)(self)
        self.invoice_ids._notify_payments_changed()

    # === GETTERS === #

    @api.model
    def _is_of_customer(self):
        """Tell if the customer is at work, and not the staff.

        :rtype: bool
        """
        return not (self.env.su or self.env.user._is_internal())
