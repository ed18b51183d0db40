from odoo import api, fields, models

from ...tools import OURS, prepare_form, prepare_notification
from ..states import OUTCOMES, POSTED_STATES, get_outcome
from .outcome_words import CHARGE_WORDS, REFUND_WORDS

# The operations of attempts that somebody starts on a page, or from outside.
ONLINE_OPERATIONS = ("online_direct", "online_redirect", "online_token", "validation")

# The checks and values that the rooms add when somebody from outside starts an attempt,
# by any route. Each method gets the values of the attempt and returns values to add.
STARTED_ONLINE_METHODS = ("_prepare_own_method_vals", "_prepare_paced_vals")
# The checks of the rooms when anybody starts an attempt to charge a saved method. Each
# method gets the values of the attempt.
NEW_CHARGE_METHODS = ("_check_method_not_refused",)


class PaymentTransaction(models.Model):
    """An attempt to collect an amount for an invoice through a provider."""

    _name = "payment.transaction"
    _inherit = ["payment.transaction", "payment.door.mixin"]

    outcome = fields.Selection(
        selection=[(name, state.label) for name, state in OUTCOMES.items()],
        compute="_compute_outcome",
        store=True,
        index=True,
        help="The result of this attempt, as far as it is known. Unknown is not "
        "failed: the customer may have been charged.",
    )
    request_state = fields.Selection(
        selection=[
            ("ready", "Ready"),
            ("sent", "Sent"),
            ("unknown", "No Answer"),
            ("answered", "Answered"),
            ("not_sent", "Never Reached the Gateway"),
        ],
        readonly=True,
        copy=False,
        help="How far the request to the gateway came.",
    )
    request_sent_on = fields.Datetime(
        readonly=True,
        copy=False,
        help="When the request left. A gateway that does not know it is believed only "
        "some time after that.",
    )
    asked_on = fields.Datetime(
        string="Provider Asked On",
        readonly=True,
        copy=False,
        help="When the provider was last asked what became of this attempt.",
    )
    provider_word = fields.Char(
        string="The Provider Said",
        readonly=True,
        copy=False,
        help="The answer of the provider when it was last asked.",
    )
    request_kind = fields.Selection(
        selection=[
            ("charge", "Charge"),
            ("capture", "Capture"),
            ("void", "Void"),
            ("refund", "Refund"),
        ],
        readonly=True,
        copy=False,
    )
    charge_invoice_id = fields.Many2one(
        string="Charged Invoice",
        comodel_name="account.move",
        readonly=True,
        copy=False,
        index="btree_not_null",
        help="The invoice that this attempt was started on, where it is a single one.",
    )
    holds_invoice = fields.Boolean(
        readonly=True,
        copy=False,
        help="While set, no other attempt can be started on its invoices. It is "
        "released with the first final answer and never taken again, so that a late "
        "word of the gateway is never refused.",
    )
    retried_transaction_id = fields.Many2one(
        string="Repeats",
        comodel_name="payment.transaction",
        readonly=True,
        copy=False,
        index="btree_not_null",
        help="The failed attempt that this one repeats.",
    )
    memo = fields.Char(readonly=True, copy=False)
    is_customer_untold = fields.Boolean(
        string="Customer not told",
        readonly=True,
        copy=False,
        help="Whether whoever started it chose that the customer is sent no mail.",
    )

    _one_in_flight_per_invoice = models.UniqueIndex(
        "(charge_invoice_id) WHERE holds_invoice",
        "A payment attempt on this invoice is in flight already.",
    )

    # === COMPUTE METHODS === #

    @api.depends("state", "request_state")
    def _compute_outcome(self):
        for tx in self:
            tx.outcome = tx._get_outcome_of(tx.state, tx.request_state)

    # === CHECK METHODS === #

    def _check_attempt_rights(self):
        """Check that the user may act on these attempts.

        :raise AccessError: If the user is not of the level *Record and charge*, or, on
                            refunds, *Refund*, or may not see the attempts or change
                            their invoices.
        """
        invoices = self._get_attempt_invoices()
        if self._filter_refunds():
            invoices._check_refund_rights()
        invoices._check_payment_rights()
        self.check_access("read")

    @api.model
    def _check_accepted_amounts(self, vals_list):
        """Check that the gateways take the amounts of new attempts as they are.

        A part or a refund that is not ours to send was reported by the gateway. And a
        shop's order is not ours to refuse: the amount that the gateway takes is booked.

        :param list[dict] vals_list: The values of the attempts.
        :raise UserError: If one would take another amount.
        """
        # In superuser mode: providers are readable by administrators only.
        providers_sudo = self.env["payment.provider"].sudo()
        for vals in vals_list:
            is_sent = vals.get("request_state") == "ready"
            is_paid = vals.get("invoice_ids") and not vals.get("source_transaction_id")
            is_void = vals.get("request_kind") == "void"
            if vals.get("amount") and not is_void and (is_sent or is_paid):
                currency = self.env["res.currency"].browse(vals["currency_id"])
                providers_sudo.browse(vals["provider_id"])._check_accepted_amount(
                    abs(vals["amount"]), currency
                )

    # === CRUD METHODS === #

    @api.model_create_multi
    def create(self, vals_list):
        """Check attempts from outside; Odoo's routes are in superuser mode."""
        self._check_accepted_amounts(vals_list)
        prepared = []
        is_outside = not self.env.user._is_internal()
        for vals in map(self._add_own_share, vals_list):
            is_part = vals.get("source_transaction_id")
            if (
                is_outside
                and vals.get("operation") in ONLINE_OPERATIONS
                and not is_part
            ):
                for name in STARTED_ONLINE_METHODS:
                    vals = {**vals, **getattr(self, name)(vals)}
            if vals.get("token_id") and not is_part:
                for name in NEW_CHARGE_METHODS:
                    getattr(self, name)(vals)
            prepared.append(vals)
        transactions = super().create(prepared)
        transactions._keep_fingerprint()
        return transactions

    def write(self, vals):
        if self._collect_values(vals):
            return True
        if vals.get("request_state") == "sent":
            sent_on = self.env.cr.now().replace(microsecond=0)
            vals = {**vals, "request_sent_on": sent_on}
        for twin, reference in self._find_refunds_to_exchange(vals):
            super(PaymentTransaction, twin).write({"provider_reference": reference})
        result = super().write(vals)
        if vals.get("invoice_ids"):
            self.invoice_ids._unlink_strange_attempts()
        if "holds_invoice" in vals:
            self._follow_hold()
        if {"state", "request_state", "payment_id"} & vals.keys():
            by_caller = self.env.context.get("settled_by_caller") is OURS
            # While it is being sent or booked, its sender tells in a moment.
            told = self.filtered(
                lambda tx: (
                    tx.outcome != "sent" and not (by_caller and tx.state == "done")
                )
            )
            told._get_attempt_invoices()._notify_payments_changed()
        return result

    def _find_refunds_to_exchange(self, vals):
        """Find the refunds that were taken for these, to be given their ids.

        A refund of the same amount, reported before our answer, may have been taken for
        ours and ours imported as the other one. When the gateway then names ours, the
        two change ids: an id that nobody has any more would be imported again.

        :param dict vals: The values to be written on these.
        :return: The other refund and its new id, for each that it concerns.
        :rtype: Iterator[tuple[payment.transaction, str]]
        """
        if not (reported := vals.get("provider_reference")):
            return
        for tx in self._filter_refunds():
            if tx.provider_reference not in (False, reported):
                siblings = tx.source_transaction_id.child_transaction_ids
                twin = siblings._filter_refunds().filtered(
                    lambda other: other.provider_reference == reported
                )
                yield twin, tx.provider_reference

    # === ACTION METHODS === #

    def action_open_transaction(self):
        """Return the action that opens this attempt.

        :rtype: dict
        """
        self.ensure_one()
        return prepare_form(self, self.reference)

    def _get_outcome_notification(self):
        """Return the client action that tells a person the outcome of this attempt.

        Note: `self.ensure_one()`

        :rtype: dict
        """
        self.ensure_one()
        return prepare_notification(*self._describe_outcome())

    def _describe_outcome(self):
        """Say in words the outcome of this attempt and the next step.

        :return: A title, a sentence and the kind of notification.
        :rtype: tuple[str, str, str]
        """
        self.ensure_one()
        words = REFUND_WORDS if self._is_refund() else CHARGE_WORDS
        title, sentence, kind = words[self._get_situation()]
        values = {
            "amount": self.currency_id.format(abs(self.amount)),
            "reference": self.reference,
            # Providers are readable by administrators only.
            "provider": self.sudo().provider_id.name,
            "reason": self.state_message or "",
        }
        return self.env._(title), self.env._(sentence) % values, kind

    def _get_outcome_label(self):
        """Return the words for the outcome of this attempt.

        :rtype: str
        """
        labels = dict(self._fields["outcome"]._description_selection(self.env))
        return labels[self.outcome]

    def _get_situation(self):
        """Return the outcome, or how far more exactly it came; see `outcome_words`.

        :rtype: str
        """
        is_void = self.request_kind == "void"
        if self.outcome == "succeeded" and not is_void and not self._is_settled():
            return "unbooked"
        return "voided" if self.outcome == "canceled" and is_void else self.outcome

    # === BUSINESS METHODS - STEPS OF DOORS === #

    @api.model
    def _complete_attempt(self, attempt):
        """Run an attempt that a door prepared, if it did, and return it."""
        # In superuser mode: providers and the work on attempts are not the staff's.
        for attempt_sudo in attempt.sudo():
            attempt_sudo._run_attempt()
        return attempt.with_env(self.env)

    # === BUSINESS METHODS - REQUESTS === #

    def _is_refund_in_flight(self):
        """Tell if this refund may still go out, or went out and is not booked.

        Note: `self.ensure_one()`

        :rtype: bool
        """
        self.ensure_one()
        return not OUTCOMES[self.outcome].is_unsuccessful and not self._is_settled()

    # === GETTERS === #

    def _get_outcome_of(self, state, request_state):
        """Return the outcome that this attempt has in a state.

        Note: `self.ensure_one()`

        :rtype: str
        """
        self.ensure_one()
        provider_sudo = self.sudo().provider_id  # Readable by administrators only.
        is_announcement = not self._is_refund() and provider_sudo._announces_only()
        return get_outcome(state, request_state, is_announcement)

    def _get_attempt_invoices(self):
        """Return the invoices that these attempts are for."""
        return self.invoice_ids | self.source_transaction_id.invoice_ids

    def _is_refund(self):
        """Tell if this transaction gives money back; none at all does not.

        :rtype: bool
        """
        return self.operation == "refund"

    def _filter_refunds(self):
        """Return those of these transactions that give money back."""
        return self.filtered(lambda tx: tx._is_refund())

    def _is_settled(self):
        """Tell if the money that this attempt brought is in the books.

        Note: `self.ensure_one()`

        :rtype: bool
        """
        self.ensure_one()
        tx_sudo = self.sudo()
        captured = tx_sudo.child_transaction_ids.filtered(
            lambda tx: not tx._is_refund() and tx.state in ("done", "cancel")
        )
        return bool(captured) or tx_sudo.payment_id.state in POSTED_STATES

    def _release_invoice(self):
        """Let these attempts not hold their invoice any more, before another does.

        The one that has no answer yet holds it. The caller has locked the invoice.
        """
        self.filtered("holds_invoice").holds_invoice = False
        self.flush_recordset(["holds_invoice"])
        self.share_ids.flush_recordset(["holds_invoice"])

    def _has_more_beside(self):
        """Tell if its own part is booked, and another is still to be paid beside it."""
        return False

    def _get_amounts_beside(self, _invoice):
        """Yield the amounts of an invoice that are to be paid beside this attempt.

        :param account.move _invoice: One of its invoices.
        :return: The amounts in the attempt's currency.
        :rtype: Iterator[float]
        """
        yield from ()

    def _get_amount_in_flight(self):
        """Return the amount that this attempt may bring, or that is not booked yet.

        Note: `self.ensure_one()`

        :return: The amount in the currency of the attempt.
        :rtype: float
        """
        self.ensure_one()
        tx_sudo = self.sudo()
        children = tx_sudo.child_transaction_ids
        parts = children - children._filter_refunds()
        unbooked = sum(
            tx.amount
            for tx in parts
            if tx.outcome == "succeeded" and not tx._is_settled()
        )
        if OUTCOMES[tx_sudo.outcome].is_in_flight:
            ended = sum(tx.amount for tx in parts if tx.state in ("done", "cancel"))
            return tx_sudo.amount - ended + unbooked
        if tx_sudo.outcome == "succeeded" and not tx_sudo._is_settled():
            return tx_sudo.amount
        return unbooked
