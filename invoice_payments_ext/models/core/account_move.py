from contextlib import ExitStack, contextmanager

from odoo import models
from odoo.exceptions import LockError, UserError

from ...tools import OURS, without_defaults
from .told_later import ToldLater

# The fields of an entry that rooms keep to: whether it is posted, whose it is, when it
# is due, whether it may be charged automatically, and which attempts are for it.
WATCHED_FIELDS = frozenset(
    (
        "state",
        "partner_id",
        "company_id",
        "currency_id",
        "invoice_date_due",
        "auto_pay_excluded",
        "transaction_ids",
    )
)

# The methods of rooms around a change of these, in this order.
BEFORE_CHANGE = (
    "_check_changed_by_payment",
    "_check_reverses_as_buttons_do",
    "_check_credit_holder_kept",
    "_unmatch_spent_credit",
)

AFTER_CHANGE = (
    "_enter_credit_lines",
    "_recheck_promises",
    "_follow_collection_change",
    "_end_unposted_tasks",
    "_unlink_linked_strange_attempts",
)

# The rooms act around the posting of entries: each is a context manager.
AROUND_POSTING = (
    "_starting_collection",
    "_paying_issued_from_credit",
    "_taking_prepayments",
    "_checking_credited",
    "_checking_credited_by_hand",
    "_posting_with_payment",
)

# The rooms act around the undoing of entries: each is a context manager.
AROUND_UNDOING = ("_giving_credit_back",)

# The methods of rooms for a credit note that Odoo matched with its invoice.
AFTER_CREDIT_NOTE = ("_give_credit_back",)

# The methods of rooms that add to the payments shown and printed on an invoice.
WIDGET_DETAILS = ("_mark_credit_in_widget", "_mark_write_offs_in_widget")


class AccountMove(models.Model):
    """Odoo's hooks on entries, each overridden once: here the rooms take their turns.

    So the order in which the files of models are loaded decides nothing.
    """

    _name = "account.move"
    _inherit = [
        "payment.seal.mixin",
        "account.move",
        "payment.door.mixin",
        "payment.lock.mixin",
        "payment.undo.mixin",
    ]

    _undo_blockers = (
        "_get_money_in_flight_blockers",
        "_get_origin_payment_blockers",
        "_get_pay_out_blockers",
        "_get_reversal_blockers",
        "_get_kept_as_credit_blockers",
        "_get_taken_back_blockers",
        "_get_mistake_blockers",
    )

    # === COMPUTE METHODS === #

    def _compute_payments_widget_reconciled_info(self):
        """Let the rooms describe the payments of an invoice."""
        result = super()._compute_payments_widget_reconciled_info()
        for move in self.filtered("invoice_payments_widget"):
            widget = move.invoice_payments_widget
            for name in WIDGET_DETAILS:
                getattr(move, name)(widget["content"])
            move.invoice_payments_widget = widget
        return result

    # === CHECK METHODS === #

    def _get_origin_payment_blockers(self, way):
        """Name the blockers of the payments that these are the entries of."""
        if way != "unpost":
            yield from self.origin_payment_id._get_undo_blockers(way)

    # === CRUD METHODS === #

    def message_post(self, **kwargs):
        """Keep the notes on payments to the chatter: they are for nobody's inbox."""
        if self.env.context.get("log_payment_note") is OURS:
            return self._message_log(**kwargs)
        return super().message_post(**kwargs)

    def write(self, vals):
        if WATCHED_FIELDS.isdisjoint(vals):
            return super().write(vals)
        for name in BEFORE_CHANGE:
            getattr(self, name)(vals)
        result = super().write(vals)
        for name in AFTER_CHANGE:
            getattr(self, name)(vals)
        return result

    # === ACTION METHODS === #

    def button_draft(self):
        if not self:  # Odoo asks for none with each invoice that is issued.
            return super().button_draft()
        self._check_can_be_undone("reset")
        with self._undoing():
            return super(AccountMove, self._by_button()).button_draft()

    def button_cancel(self):
        self._check_can_be_undone("reset")
        return super(AccountMove, self._by_button()).button_cancel()

    def action_toggle_block_payment(self):
        """Let Odoo's own button write the state of payment, which is sealed."""
        self.check_access("write")
        unsealed = self.with_context(written_by_door=OURS)
        return super(AccountMove, unsealed).action_toggle_block_payment()

    # === BUSINESS METHODS - HELPERS === #

    def _lock_for_payment(self):
        """Lock these invoices until the end of the database transaction.

        :raise UserError: If somebody else is at one of these invoices right now.
        """
        try:
            self._lock_rows()
        except LockError as error:
            raise UserError(
                self.env._(
                    "Somebody else is working on the payments of %s right now. Look at "
                    "the changes, then try again.",
                    ", ".join(self.mapped("display_name")),
                )
            ) from error

    def _notify_payments_changed(self):
        """Follow that payments of these invoices changed."""
        self._tell_open_forms()

    def _tell_open_forms(self):
        """Let the open forms of these invoices read their payments again.

        Whoever changes many holds that back: see `ToldLater`.
        """
        later = self.env.context.get("forms_told_later")
        if isinstance(later, ToldLater):
            later.ids.update(self.ids)
            return
        for invoice in self:
            self.env["bus.bus"]._sendone(
                invoice, "invoice_payments_ext/changed", {"move_id": invoice.id}
            )

    # === GETTERS === #

    def _is_unsealed_draft(self, is_new):
        was_posted = is_new and self.posted_before
        return super()._is_unsealed_draft(is_new) and not was_posted

    def _is_booked(self, is_payment=False):
        """Tell if this is posted, so that people do not change its figures.

        The entry of a line of a bank statement follows that line.

        :param bool is_payment: Whether it must be the entry of a customer's payment.
        :rtype: bool
        """
        self.ensure_one()
        if self.state != "posted" or self.statement_line_id:
            return False
        return not is_payment or any(
            payment._is_of_customer() for payment in self.origin_payment_id
        )

    # === BUSINESS METHODS === #

    def _post(self, soft=True):
        """Let the rooms do their part before and after these entries are posted."""
        with ExitStack() as rooms:
            for name in AROUND_POSTING:
                rooms.enter_context(getattr(self, name)())
            posted = super(AccountMove, self._by_button())._post(soft)
            return posted.with_env(self.env)

    def _reverse_moves(self, default_values_list=None, cancel=False):
        """Give credit back before Odoo takes off all that paid these invoices."""
        self._check_can_be_undone("reverse")
        with ExitStack() as rooms:
            if cancel:
                rooms.enter_context(self.origin_payment_id._calling_off())
                rooms.enter_context(self._undoing())
            return super()._reverse_moves(default_values_list, cancel)

    @contextmanager
    def _undoing(self):
        """Let the rooms do their part before and after these entries are undone."""
        with ExitStack() as rooms:
            for name in AROUND_UNDOING:
                rooms.enter_context(getattr(self, name)())
            yield

    def _reconcile_reversed_moves(self, reverse_moves, move_reverse_cancel):
        """Let the rooms do their part when Odoo's own form credited an invoice.

        A door that issues a credit note for an amount reconciles it itself: Odoo
        would reconcile all of it with the invoice.
        """
        if self.env.context.get("credit_note_reconciled_by_door") is OURS:
            return reverse_moves
        result = super()._reconcile_reversed_moves(reverse_moves, move_reverse_cancel)
        for credit_note in without_defaults(reverse_moves).sudo():
            if credit_note.move_type == "out_refund":
                for name in AFTER_CREDIT_NOTE:
                    getattr(credit_note.reversed_entry_id, name)(credit_note)
        return result
