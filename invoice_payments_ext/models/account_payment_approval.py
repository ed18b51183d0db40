from markupsafe import Markup

from odoo import api, fields, models
from odoo.exceptions import AccessError, LockError, UserError

from ..tools import prepare_notification, without_defaults
from .core.door import SUBJECTS, Door, get_door_of
from .states import POSTED_STATES, UNSUCCESSFUL_OUTCOMES

# What counts towards the limit where it is not what was given on invoices.
GIVEN_ALONE_METHODS = {"pay_out": "_get_paid_out_alone"}
# What stays as it is once a request was decided on.
DECIDED_FIELDS = {
    "kind",
    "payment_id",
    "move_id",
    "balance_id",
    "invoice_id",
    "partner_id",
    "company_id",
    "currency_id",
    "amount",
    "reason",
    "arguments",
    "state",
    "requester_id",
    "decided_by_id",
    "decision_date",
    "decision_note",
    "result",
}


APPROVE = Door(
    "account.payment.approval.approve",
    rights="_check_decision_rights",
    lock="_lock_to_approve",
    check="_check_waiting",
    work="_carry_out_request",
    complete="_complete_request",
)
REJECT = Door(
    "account.payment.approval.reject",
    rights="_check_decision_rights",
    lock="_lock_request",
    check="_check_rejection",
    work="_carry_out_rejection",
)
WITHDRAW = Door(
    "account.payment.approval.withdraw",
    rights="_check_requester",
    lock="_lock_request",
    check="_check_waiting",
    work="_carry_out_withdrawal",
)


class AccountPaymentApproval(models.Model):
    """A refund, credit note, write-off or pay-out that waits for a second person.

    What was asked for is kept as the arguments of its door. Approving it goes through
    the same checks again, on what is true then. Nobody has the right to write these
    records; only the doors do.
    """

    _name = "account.payment.approval"
    _description = "Payment Approval"
    _inherit = ["mail.thread", "mail.activity.mixin", "payment.door.mixin"]
    _order = "id desc"
    _check_company_auto = True
    _mail_post_access = "read"

    kind = fields.Selection(
        selection=[
            ("refund", "Refund"),
            ("credit_note", "Credit Note"),
            ("write_off", "Write-off"),
            ("pay_out", "Pay-out of Credit"),
        ],
        required=True,
        readonly=True,
    )
    payment_id = fields.Many2one(
        comodel_name="account.payment",
        readonly=True,
        check_company=True,
        index="btree_not_null",
        ondelete="restrict",
        help="The payment that is to be refunded.",
    )
    move_id = fields.Many2one(
        string="Corrected Invoice",
        comodel_name="account.move",
        readonly=True,
        check_company=True,
        index="btree_not_null",
        ondelete="restrict",
        help="The invoice that is to be credited or written off.",
    )
    balance_id = fields.Many2one(
        comodel_name="account.credit.balance",
        readonly=True,
        check_company=True,
        index="btree_not_null",
        ondelete="restrict",
        help="The credit balance that is to be paid out.",
    )
    invoice_id = fields.Many2one(
        comodel_name="account.move",
        readonly=True,
        check_company=True,
        index="btree_not_null",
        ondelete="restrict",
        help="The invoice that it concerns, or the first of several.",
    )
    partner_id = fields.Many2one(
        string="Customer", comodel_name="res.partner", readonly=True
    )
    company_id = fields.Many2one(
        comodel_name="res.company", required=True, readonly=True, index=True
    )
    currency_id = fields.Many2one(
        comodel_name="res.currency", required=True, readonly=True
    )
    amount = fields.Monetary(required=True, readonly=True)
    reason = fields.Text(readonly=True)
    arguments = fields.Json(
        readonly=True, help="What was asked for, by the parameters of its door."
    )
    state = fields.Selection(
        string="Status",
        selection=[
            ("waiting", "Waiting"),
            ("approved", "Approved"),
            ("rejected", "Rejected"),
            ("withdrawn", "Withdrawn"),
        ],
        default="waiting",
        required=True,
        readonly=True,
        index=True,
        tracking=True,
    )
    requester_id = fields.Many2one(
        string="Requested by", comodel_name="res.users", required=True, readonly=True
    )
    is_requester = fields.Boolean(compute="_compute_is_requester")
    decided_by_id = fields.Many2one(comodel_name="res.users", readonly=True)
    decision_date = fields.Datetime(string="Decided on", readonly=True)
    decision_note = fields.Text(readonly=True)
    result = fields.Reference(
        selection=[
            ("account.payment", "Payment"),
            ("payment.transaction", "Payment Transaction"),
            ("account.move", "Journal Entry"),
        ],
        readonly=True,
        help="What it led to.",
    )

    # === COMPUTE METHODS === #

    @api.depends("kind", "amount", "currency_id", "payment_id", "move_id")
    def _compute_display_name(self):
        kinds = dict(self._fields["kind"]._description_selection(self.env))
        for request in self:
            # In superuser mode: the name alone is no secret to who may see the request.
            record_sudo = request.sudo()._get_record()
            request.display_name = self.env._(
                "%(kind)s of %(amount)s on %(record)s",
                kind=kinds.get(request.kind),
                amount=request.currency_id.format(request.amount),
                record=record_sudo.display_name,
            )

    @api.depends("requester_id")
    @api.depends_context("uid")
    def _compute_is_requester(self):
        for request in self:
            request.is_requester = request.requester_id == self.env.user

    # === CHECK METHODS === #

    def _check_decision_rights(self):
        """Check that the user may decide on this request.

        :raise AccessError: If the user is not of the level *Refund and credit*, may not
                            change the record, or asked for it.
        """
        self.check_access("read")
        record = self._get_record()
        self.env["account.move"]._check_refund_rights()
        # Nobody has the right to write balances: what is posted changes them.
        record.check_access("read" if self.kind == "pay_out" else "write")
        # Superuser mode gives rights, but makes nobody a second person.
        if self.requester_id == self.env.user:
            raise AccessError(
                self.env._(
                    "You asked for this yourself: another person has to decide on it. "
                    "You can withdraw it."
                )
            )

    def _check_requester(self):
        """Check that the user asked for this.

        :raise AccessError: If somebody else did.
        """
        self.check_access("read")
        if self.requester_id != self.env.user:
            raise AccessError(
                self.env._(
                    "Only %s, who asked for this, can withdraw it.",
                    self.requester_id.name,
                )
            )

    def _check_rejection(self, reason):
        """Check a rejection, on a locked request."""
        self._check_waiting()
        self.env["account.payment"]._check_reason(reason)

    def _check_waiting(self):
        """Check that nobody decided on this request before.

        :raise UserError: Saying who did, and how.
        """
        if self.state != "waiting":
            states = dict(self._fields["state"]._description_selection(self.env))
            raise UserError(
                self.env._(
                    "%(request)s does not wait any more: %(state)s by %(user)s.",
                    request=self.display_name,
                    state=states[self.state].lower(),
                    user=self.decided_by_id.name,
                )
            )

    # === CRUD METHODS === #

    def write(self, vals):
        """Keep what was asked for, and what was decided, as it is."""
        decided = any(request.state != "waiting" for request in self)
        if decided and DECIDED_FIELDS & vals.keys():
            raise UserError(self.env._("A request that was decided on is not changed."))
        return super().write(vals)

    @api.ondelete(at_uninstall=False)
    def _unlink_never(self):
        raise UserError(self.env._("Requests for approval are kept."))

    def _creation_message(self):
        """Say in the chatter that it was asked for, not that a record was created."""
        return self.env._("Requested")

    # === ACTION METHODS === #

    def action_approve(self):
        """Approve this request and tell that it was done.

        :return: The notification to show.
        :rtype: dict
        """
        self.ensure_one()
        result = self.approve()
        if result._name == "payment.transaction":
            return result._get_outcome_notification()
        return prepare_notification(
            self.env._("Approved"),
            self.env._(
                "%(request)s was carried out: %(result)s.",
                request=self.display_name,
                result=result.display_name,
            ),
            "success",
        )

    def action_reject(self):
        """Return the dialog that asks for the reason of a rejection.

        :rtype: dict
        """
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "res_model": "account.payment.approval.reject",
            "views": [(False, "form")],
            "target": "new",
            "name": self.env._("Reject the request"),
            "context": {"default_approval_id": self.id},
        }

    def action_withdraw(self):
        """Withdraw this request and tell that it was done.

        :return: The notification to show.
        :rtype: dict
        """
        self.ensure_one()
        self.withdraw()
        return prepare_notification(
            self.env._("Withdrawn"),
            self.env._("%s was withdrawn.", self.display_name),
            "info",
        )

    def _get_waiting_notification(self):
        """Return the client action that tells the requester what happens now.

        :rtype: dict
        """
        self.ensure_one()
        return prepare_notification(
            self.env._("Waits for a second person"),
            self.env._(
                "%(request)s is above the limit for one person. It is carried out when "
                "one of these approves it: %(approvers)s.",
                request=self.display_name,
                approvers=", ".join(
                    self._get_approvers(self.company_id, self.requester_id).mapped(
                        "name"
                    )
                ),
            ),
            "warning",
        )

    # === BUSINESS METHODS - DOORS === #

    def approve(self, idempotency_key=None):
        """Approve this request: check it again and carry it out.

        Commits where a gateway is asked, as `account.payment.refund`.

        :param str idempotency_key: See `account.move.charge`.
        :return: What the door would have returned: the refund or the attempt to refund,
                 the credit note, the entry of the write-off.
        :rtype: account.payment or payment.transaction or account.move
        :raise UserError: If it was decided on before, or cannot be carried out any
                          more; it stays waiting then.
        :raise AccessError: If the user has no right to refund, or asked for it.
        """
        return self._pass(APPROVE, idempotency_key)

    def reject(self, reason):
        """Reject this request: nothing is carried out.

        :param str reason: Why, for the requester. Required.
        :return: True
        :rtype: bool
        :raise UserError: If it was decided on before, or the reason is missing.
        :raise AccessError: If the user has no right to refund, or asked for it.
        """
        return self._pass(REJECT, reason=reason)

    def withdraw(self):
        """Withdraw this request, as the person who asked for it.

        :return: True
        :rtype: bool
        :raise UserError: If it was decided on before.
        :raise AccessError: If somebody else asked for it.
        """
        return self._pass(WITHDRAW)

    # === BUSINESS METHODS - STEPS === #

    @api.model
    def _hold(self, record, kind, arguments, amount):
        """Make what a door was asked for wait, where a second person is needed.

        Called by the doors on locked and checked records.

        :param recordset record: The payment, invoice or credit balance.
        :param str kind: `refund`, `credit_note`, `write_off` or `pay_out`
        :param dict arguments: The arguments of the door, as JSON can hold them.
        :param float amount: The amount that is refunded, credited, written off or paid
                             out, in the currency of the record.
        :return: The request; empty when no second person is needed.
        :rtype: account.payment.approval
        :raise UserError: If one of the kind waits for this record already, or nobody
                          could approve it.
        """
        if not self._is_above_limit(
            record, kind, arguments, amount, record.currency_id
        ):
            return self.browse()
        company = record.company_id.sudo()
        limit = company.payment_approval_limit
        self._check_none_waits(record, kind)
        approvers = self._get_approvers(company, self.env.user)
        if not approvers:
            raise UserError(
                self.env._(
                    "Above %(limit)s a second person has to approve this, and nobody "
                    "else of %(company)s has the level Refund and credit.",
                    limit=company.currency_id.format(limit),
                    company=company.name,
                )
            )
        # In superuser mode, as everywhere here: nobody may write requests.
        request_sudo = (
            without_defaults(self)
            .sudo()
            .create(self._prepare_request_vals(record, kind, arguments, amount))
        )
        request_sudo._ask(approvers, limit)
        return request_sudo.sudo(False)

    @api.model
    def _is_above_limit(self, record, kind, arguments, amount, currency):
        """Tell if a second person is needed; see :meth:`_hold`."""
        company = record.company_id.sudo()
        limit = company.payment_approval_limit
        if company.currency_id.is_zero(limit):
            return False
        given = self._convert_to_company(amount, currency, company)
        given += self._get_given_alone(record, kind, arguments)
        return company.currency_id.compare_amounts(given, limit) > 0

    @api.model
    def _prepare_request_vals(self, record, kind, arguments, amount):
        """Return the values of a request.

        :rtype: dict
        """
        return {
            "kind": kind,
            self._get_record_field(kind): record.id,
            "invoice_id": self._get_invoices(record)[:1].id,
            "partner_id": record.partner_id.id,
            "company_id": record.company_id.id,
            "currency_id": record.currency_id.id,
            "amount": amount,
            "reason": arguments["reason"],
            "arguments": arguments,
            "requester_id": self.env.uid,
        }

    @api.model
    def _check_none_waits(self, record, kind):
        """Check that no other request of this kind waits for this record.

        Both would be for the same remaining amount: one of them had to fail.
        """
        waiting = self.sudo().search(
            [
                (self._get_record_field(kind), "=", record.id),
                ("kind", "=", kind),
                ("state", "=", "waiting"),
            ],
            limit=1,
        )
        if waiting:
            raise UserError(
                self.env._(
                    "%(request)s, requested by %(user)s, waits for approval already. "
                    "Have it decided on or withdrawn first.",
                    request=waiting.display_name,
                    user=waiting.requester_id.name,
                )
            )

    def _ask(self, approvers, limit):
        """Give the approvers an activity, and note the request on the invoices."""
        company_currency = self.company_id.currency_id
        for approver in approvers:
            self.activity_schedule(
                "mail.mail_activity_data_todo",
                summary=self.env._("Approve or reject"),
                note=Markup.escape(self.reason or ""),
                user_id=approver.id,
            )
        self._log_on_invoices(
            self.env._(
                "%(request)s waits for a second person, as it is above the limit of "
                "%(limit)s: %(reason)s",
                request=self._get_html_link(),
                limit=company_currency.format(limit),
                reason=self.reason or "",
            )
        )

    def _lock_to_approve(self):
        """Lock the record that this request is about, and then the request."""
        door = get_door_of(self.kind)
        getattr(self._get_record(), door.lock)(**self.arguments)
        self._lock_request()

    def _carry_out_request(self):
        """Carry out this request on locked records, if it still can be."""
        record = self._get_record().with_company(self.company_id)
        door = get_door_of(self.kind)
        try:
            getattr(record, door.check)(**self.arguments)
            result = getattr(record, door.work)(**self.arguments)
        except UserError as error:
            raise UserError(
                self.env._(
                    "%(request)s cannot be carried out now, and stays waiting: "
                    "%(error)s",
                    request=self.display_name,
                    error=error,
                )
            ) from error
        self._decide(
            "approved",
            self.env._(
                "%(request)s, requested by %(user)s, was approved.",
                request=self._get_html_link(),
                user=self.requester_id.name,
            ),
            result=f"{result._name},{result[:1].id}",
        )
        return result

    def _complete_request(self, result):
        """Complete what this request led to, as its door does."""
        door = get_door_of(self.kind)
        if not door.complete:
            return result
        return getattr(self._get_record(), door.complete)(result)

    def _carry_out_rejection(self, reason):
        """Reject this locked request."""
        self._decide(
            "rejected",
            self.env._(
                "%(request)s was rejected: %(reason)s",
                request=self._get_html_link(),
                reason=reason.strip(),
            ),
            decision_note=reason.strip(),
        )
        return True

    def _carry_out_withdrawal(self):
        """Withdraw this locked request."""
        self._decide(
            "withdrawn", self.env._("%s was withdrawn.", self._get_html_link())
        )
        return True

    def _lock_request(self, **_arguments):
        """Lock this request until the end of the database transaction.

        Every decision changes the row: who read it before then fails to lock it, and
        Odoo replays the request on what is true now.
        """
        try:
            self.sudo().lock_for_update(allow_referencing=True)
        except LockError as error:
            raise UserError(
                self.env._(
                    "Somebody else is deciding on %s right now.", self.display_name
                )
            ) from error
        self._check_waiting()

    def _decide(self, state, message, **values):
        """Store a decision, end the activities and tell the requester."""
        self_sudo = self.sudo()
        self_sudo.write(
            {
                **values,
                "state": state,
                "decided_by_id": self.env.uid,
                "decision_date": fields.Datetime.now(),
            }
        )
        self_sudo.activity_ids.unlink()
        if state != "withdrawn":
            self_sudo.message_post(
                partner_ids=self_sudo.requester_id.partner_id.ids,
                subject=self.display_name,
                body=message,
            )
        self_sudo._log_on_invoices(message)

    def _log_on_invoices(self, message):
        """Note on the invoices what became of this request."""
        invoices = self._get_invoices(self._get_record())
        for record in (*invoices, *self.payment_id):
            record.sudo()._message_log(body=message)
        invoices._notify_payments_changed()

    # === GETTERS === #

    @api.model
    def _get_record_field(self, kind):
        """Return the field with the record that requests of a kind are about."""
        return SUBJECTS[get_door_of(kind).model]

    def _get_record(self):
        """Return the payment, invoice or balance that this request is about."""
        self.ensure_one()
        return self[self._get_record_field(self.kind)]

    @api.model
    def _get_invoices(self, record):
        """Return the invoices that a correction of this record concerns."""
        if record._name == "account.move":
            return record
        if record._name == "account.credit.balance":
            return self.env["account.move"]
        return record.sudo().reconciled_invoice_ids.sudo(self.env.su)

    @api.model
    def _get_approvers(self, company, requester):
        """Return who may approve what this person asks for in this company."""
        group = self.env.ref("invoice_payments_ext.group_payment_refund").sudo()
        return group.all_user_ids.filtered(
            lambda user: (
                user.active
                and not user.share
                and user != requester
                and company in user.company_ids
            )
        )

    @api.model
    def _convert_to_company(self, amount, currency, company):
        """Return an amount in the company's currency, at today's rate."""
        return currency._convert(
            abs(amount), company.currency_id, company, fields.Date.context_today(self)
        )

    @api.model
    def _get_given_alone(self, record, kind, arguments):
        """Return what this user gave on the same invoices without a second person.

        It counts towards the limit, so that the halves do not pass where the whole
        would not. Whenever it was: a day's limit is evaded by waiting for the next day.
        Money that was given back and bills that were reduced are counted apart, as a
        refund that reduces the bill is both.

        :return: The amount in the company's currency.
        :rtype: float
        """
        if name := GIVEN_ALONE_METHODS.get(kind):
            return getattr(self, name)(record)
        invoices_sudo = self._get_invoices(record).sudo()
        returns = kind == "refund" or arguments.get("destinations")
        reduces = kind != "refund" or arguments.get("reduce_bill")
        return max(
            self._get_returned_alone(record, invoices_sudo) if returns else 0.0,
            self._get_reduced_alone(invoices_sudo) if reduces else 0.0,
        )

    @api.model
    def _get_paid_out_alone(self, balance):
        """Return what this user paid out of a credit balance."""
        mine_sudo = (
            self.env["account.credit.balance.entry"]
            .sudo()
            .search(
                [
                    ("balance_id", "=", balance.id),
                    ("entry_type", "=", "paid_out"),
                    ("user_id", "=", self.env.uid),
                ]
            )
        )
        approved = self.sudo().search(
            [
                ("balance_id", "=", balance.id),
                ("decided_by_id", "=", self.env.uid),
                ("state", "=", "approved"),
            ]
        )
        taken = mine_sudo.move_id.origin_payment_id.filtered(
            lambda payment: payment.state in POSTED_STATES
        )
        for request in approved:
            result = request.result
            taken -= (
                result.source_payment_id
                if result._name == "account.payment"
                else result.refund_credit_payment_id
            )
        # What was not paid out in the end is back on the balance.
        returned = taken.refund_payment_ids.filtered(
            lambda payment: (
                payment.state in POSTED_STATES
                and payment.journal_id == payment.source_payment_id.journal_id
            )
        )
        return self._convert_to_company(
            sum(taken.mapped("amount")) - sum(returned.mapped("amount")),
            balance.currency_id,
            balance.company_id.sudo(),
        )

    @api.model
    def _get_approved_results(self, invoices_sudo):
        """Return what this user carried out as the second person: ids by model."""
        requests_sudo = self.sudo().search(
            [
                ("invoice_id", "in", invoices_sudo.ids),
                ("decided_by_id", "=", self.env.uid),
                ("state", "=", "approved"),
            ]
        )
        results = {}
        for request_sudo in requests_sudo:
            if result := request_sudo.result:
                results.setdefault(result._name, []).append(result.id)
        return results

    @api.model
    def _get_reduced_alone(self, invoices_sudo):
        """Return what this user took off the bills: credit notes and write-offs."""
        approved = self._get_approved_results(invoices_sudo).get("account.move", [])
        moves_sudo = invoices_sudo.search(
            [
                ("create_uid", "=", self.env.uid),
                ("state", "=", "posted"),
                ("id", "not in", approved),
                "|",
                ("written_off_invoice_id", "in", invoices_sudo.ids),
                "&",
                ("reversed_entry_id", "in", invoices_sudo.ids),
                ("move_type", "=", "out_refund"),
            ]
        ).filtered(lambda move: not move._get_undoing_entry())
        return sum(abs(move.amount_total_signed) for move in moves_sudo)

    @api.model
    def _get_returned_alone(self, record, invoices_sudo):
        """Return what this user gave back, or is giving back, of the payments."""
        approved = self._get_approved_results(invoices_sudo)
        payments_sudo = (
            invoices_sudo.matched_payment_ids | invoices_sudo.reconciled_payment_ids
        )
        if record._name == "account.payment":
            payments_sudo |= record.sudo()
        mine = [("create_uid", "=", self.env.uid)]
        transactions_sudo = payments_sudo.payment_transaction_id.search(
            [
                *mine,
                ("operation", "=", "refund"),
                ("source_transaction_id.payment_id", "in", payments_sudo.ids),
                ("outcome", "not in", UNSUCCESSFUL_OUTCOMES),
                ("id", "not in", approved.get("payment.transaction", [])),
                ("refund_credit_note_id", "not in", approved.get("account.move", [])),
            ]
        )
        outside_sudo = payments_sudo.search(
            [
                *mine,
                ("source_payment_id", "in", payments_sudo.ids),
                ("payment_transaction_id", "=", False),
                ("state", "in", POSTED_STATES),
                ("id", "not in", approved.get("account.payment", [])),
            ]
        ).filtered(lambda refund: not refund.source_payment_id.is_from_credit)
        return sum(
            self._convert_to_company(
                refund.amount, refund.currency_id, refund.company_id
            )
            for refunds in (transactions_sudo, outside_sudo)
            for refund in refunds
        )
