from contextlib import ExitStack, contextmanager

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Domain

from ...tools import OURS
from ..states import POSTED_STATES

# Rooms that keep entries which Odoo deletes with a payment: each cancels its own and
# returns their payments.
KEPT_ENTRIES = ("_cancel_entries_in_credit_history",)

# The rooms act around the calling off of payments: cancelled, rejected, deleted, or
# reversed at once by another entry. Each is a context manager.
AROUND_CALLING_OFF = ("_expecting_announced_again",)

# The checks of rooms before payments are posted, whoever posts them and where.
BEFORE_POSTING = ("_check_charges_to_post",)


class AccountPayment(models.Model):
    """Odoo's hooks on payments, each overridden once, and lean booking.

    With each change of a payment, the ORM looks for the invoices that it is reconciled
    with, and for the payments of these: five queries, some ten times a payment. While a
    door creates and posts a payment (`booked_by_door`) there are none to be found.
    """

    _name = "account.payment"
    _inherit = [
        "payment.seal.mixin",
        "account.payment",
        "payment.door.mixin",
        "payment.lock.mixin",
        "payment.undo.mixin",
    ]

    # Odoo has no inverse of these. With one, the ORM knows the records of a payment
    # from its cache; without, it searches for it with each change.
    entry_ids = fields.One2many(
        comodel_name="account.move", inverse_name="origin_payment_id", readonly=True
    )
    entry_line_ids = fields.One2many(
        comodel_name="account.move.line", inverse_name="payment_id", readonly=True
    )
    is_from_credit = fields.Boolean(
        compute="_compute_is_from_credit",
        help="Whether this is credit that was spent, and not money that came.",
    )
    _undo_blockers = (
        "_get_refund_in_flight_blockers",
        "_get_mistake_blockers",
        "_get_given_back_blockers",
        "_get_returned_blockers",
        "_get_credit_keeper_blockers",
        "_get_posted_entry_blockers",
        "_get_taken_back_blockers",
    )

    # === COMPUTE METHODS === #

    @api.depends("journal_id", "company_id", "payment_type")
    def _compute_is_from_credit(self):
        for payment in self:
            journal = payment.company_id.sudo().credit_balance_journal_id
            payment.is_from_credit = bool(
                payment.payment_type == "inbound"
                and journal
                and payment.journal_id == journal
            )

    # === CHECK METHODS === #

    @api.model
    def _check_reason(self, reason):
        """Check that a reason was given, and that it says something.

        :raise UserError: If it is none.
        """
        if not reason or not reason.strip():
            raise UserError(self.env._("A reason is required."))

    def _check_level_to_post(self):
        """Check that the user may record these payments of customers.

        Doors checked it, and vendors are not their matter.

        :raise AccessError: If the user is not of the level that money from a customer
                            needs, or money to a customer.
        """
        if self.env.su or self.env.context.get("booked_by_door") is OURS:
            return
        moves = self.env["account.move"]
        customers = self.filtered(lambda payment: payment._is_of_customer())
        if customers:
            moves._check_payment_rights()
        if customers.filtered(
            lambda payment: (
                payment.payment_type == "outbound"
                and not payment.journal_id.is_credit_balance
            )
        ):
            moves._check_refund_rights()

    def _check_can_be_rejected(self):
        """Check that these payments may be rejected; rooms above add their reasons.

        :raise UserError: Naming the reason, and the way to take instead.
        """

    # === CRUD METHODS === #

    @api.model_create_multi
    def create(self, vals_list):
        if self.env.context.get("booked_by_door") is not OURS:
            return super().create(vals_list)
        fresh = self.with_context(nothing_reconciled_yet=OURS)
        return super(AccountPayment, fresh).create(vals_list).with_env(self.env)

    def _get_outstanding_account(self, payment_type):
        """Find it for people of a branch, too.

        Odoo looks it up as the main company, which they may not enter.
        """
        payments_sudo = super(AccountPayment, self.sudo())
        account_sudo = payments_sudo._get_outstanding_account(payment_type)
        return account_sudo.with_env(self.env)

    def message_post(self, **kwargs):
        """Keep the notes on attempts to the chatter: they are for nobody's inbox."""
        if self.env.context.get("log_payment_note") is OURS:
            return self._message_log(**kwargs)
        return super().message_post(**kwargs)

    # === ACTION METHODS === #

    def action_post(self):
        """Post refunds after the payments that they give back.

        The charge of a saved method is told as the work of the user.
        """
        for name in BEFORE_POSTING:
            getattr(self, name)()
        if not self.env.su:
            self = self.with_context(payment_backend_action=True)
        sources = self & self.source_payment_id
        if sources and sources != self:
            sources.action_post()
            self -= sources
        if self.env.context.get("booked_by_door") is OURS and all(
            payment.outstanding_account_id for payment in self
        ):
            self = self.with_context(nothing_reconciled_yet=OURS)
        return super(AccountPayment, self._by_button()).action_post()

    def action_validate(self):
        return super(AccountPayment, self._by_button()).action_validate()

    def action_draft(self):
        self._check_can_be_undone("reset")
        return super(AccountPayment, self._with_entry()).action_draft()

    def action_cancel(self):
        """Keep the entries that rooms still need.

        Odoo deletes those of payments that were reset to draft.
        """
        self._check_can_be_undone("reset")
        payments = self._with_entry()
        for name in KEPT_ENTRIES:
            payments -= getattr(payments, name)()
        with payments._calling_off():
            return super(AccountPayment, payments).action_cancel()

    def action_reject(self):
        """Cancel the entries of customers' payments: a rejected one pays nothing.

        Odoo leaves them posted, and the invoices paid.
        """
        self._check_can_be_undone("reset")
        # Before their entries are unmatched from what took the money back.
        self._check_can_be_rejected()
        # Payments that take or give back credit are reset or cancelled instead.
        entries = self._filter_of_customers()._with_entry().move_id
        with self._calling_off():
            entries.filtered(lambda move: move.state == "posted").button_cancel()
            return super(AccountPayment, self._by_button()).action_reject()

    # === BUSINESS METHODS === #

    @contextmanager
    def _calling_off(self):
        """Let the rooms do their part before and after these are called off."""
        with ExitStack() as rooms:
            for name in AROUND_CALLING_OFF:
                rooms.enter_context(getattr(self, name)())
            yield

    def _generate_journal_entry(self, *args, **kwargs):
        """Log the entry that a door of this addon books on its payment only."""
        self = self._by_button()  # Odoo confirms the payment with it.
        if self.env.context.get("nothing_reconciled_yet") is OURS:
            self = self.with_context(
                mail_create_nolog=True, mail_create_nosubscribe=True
            )
        return super()._generate_journal_entry(*args, **kwargs)

    def _search_reconciled_invoice_ids(self, operator, value):
        if self.env.context.get("nothing_reconciled_yet") is OURS:
            return Domain.FALSE
        return super()._search_reconciled_invoice_ids(operator, value)

    # === BUSINESS METHODS - ALLOCATION === #

    def _get_receivable_lines(self):
        """Return the lines of this payment's entry that are allocated."""
        return self.move_id.line_ids.filtered(
            lambda line: line.account_id == self.destination_account_id
        )

    def _reconcile_in_order(self, plan):
        """Reconcile the open amounts of these groups of lines, one by one."""
        # Reconciling changes nothing that an invoice's lines are made of.
        self.env["account.move.line"].with_context(
            skip_invoice_sync=True
        )._reconcile_plan(
            [
                lines.filtered(
                    lambda line: (
                        line.account_id == self.destination_account_id
                        and not line.reconciled
                    )
                )
                for lines in plan
            ]
        )

    # === GETTERS === #

    def _is_unsealed_draft(self, is_new):
        was_charged = bool(self.payment_transaction_id)
        return super()._is_unsealed_draft(is_new) and not was_charged

    def _with_entry(self):
        """Return these for a change of state that their journal entries follow."""
        return self._by_button().with_context(entry_follows=OURS)

    def _is_of_customer(self):
        """Tell if this payment changes what a customer owes, whatever it is called.

        :rtype: bool
        """
        self.ensure_one()
        return (
            self.partner_type == "customer"
            or self.destination_account_id.account_type == "asset_receivable"
        )

    def _filter_of_customers(self):
        """Return those of these payments that are of customers, and are money."""
        return self.filtered(
            lambda payment: (
                payment.partner_type == "customer"
                and not payment.journal_id.is_credit_balance
            )
        )

    def _filter_capped(self):
        """Return those of these payments that a cap depends on."""
        return self.sudo().filtered(
            lambda payment: (
                payment.source_payment_id or payment.journal_id.is_credit_balance
            )
        )

    def _is_posted(self):
        """Tell if this payment counts, and its journal entry does."""
        self.ensure_one()
        return self.state in POSTED_STATES and self.sudo().move_id.state == "posted"
