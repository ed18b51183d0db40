from dateutil.relativedelta import relativedelta

from odoo import fields, models
from odoo.exceptions import UserError

from ...tools import prepare_dialog
from ..core.door import Door

PROMISE = Door(
    "account.move.promise_to_pay",
    rights="_check_promise_rights",
    lock="_lock_to_promise",
    amount="_get_amount_to_promise",
    check="_check_promise",
    work="_carry_out_promise",
    is_batch=True,
)
# The invoices whose promises are looked at before the database transaction ends.
MARKED = "invoice_payments_ext.promised_invoices"


class AccountMove(models.Model):
    """The promises to pay invoices."""

    _inherit = "account.move"

    payment_promise_id = fields.Many2one(
        string="Promise to Pay",
        comodel_name="account.payment.promise",
        readonly=True,
        copy=False,
        index="btree_not_null",
        ondelete="set null",
        help="The last promise of the customer to pay this invoice.",
    )
    can_be_promised = fields.Boolean(
        compute="_compute_can_be_promised",
        help="Whether a promise to pay this invoice can be recorded.",
    )

    # === COMPUTE METHODS === #

    def _compute_can_be_promised(self):
        for move in self:
            move.can_be_promised = not move._get_no_promise_reason()

    # === ACTION METHODS === #

    def action_promise_to_pay(self):
        """Return the dialog that records the promise of a customer.

        :rtype: dict
        """
        for move in self:
            if reason := move._get_no_promise_reason():
                raise UserError(reason)
        return self._prepare_promise_dialog(self.env._("Promise to pay"))

    def _prepare_promise_dialog(self, title, **defaults):
        """Return the action that opens the dialog for these invoices.

        :rtype: dict
        """
        return prepare_dialog(
            "account.payment.promise.create",
            title,
            invoice_ids=[fields.Command.set(self.ids)],
            **defaults,
        )

    # === BUSINESS METHODS - DOORS === #

    def promise_to_pay(
        self,
        amount=None,
        date=None,
        channel="phone",
        note=None,
        token_id=None,
        consent=None,
        idempotency_key=None,
    ):
        """Record that the customer promises to pay these invoices. Does not commit.

        Until the day after, the invoices are not collected automatically.

        :param float amount: The amount in the currency of the invoices; all that
                             remains if not given.
        :param datetime.date|str date: The day by which the customer pays.
        :param str channel: How it was promised: `phone`, `mail` or `other`; `portal`
                            by the customer.
        :param str note: For the records.
        :param int token_id: The saved method to charge on that day; none if not given.
        :param str consent: How the customer agreed to that charge. From the customer:
                            the version of the text that was shown.
        :param str idempotency_key: See `account.move.charge`.
        :return: The promise.
        :rtype: account.payment.promise
        :raise UserError: If the invoices, the amount or the day do not fit.
        :raise AccessError: If the user may not promise, or record it.
        """
        return self._pass(
            PROMISE,
            idempotency_key,
            amount=amount,
            date=date,
            channel=channel,
            note=note,
            token_id=token_id,
            consent=consent,
        )

    # === BUSINESS METHODS - STEPS === #

    def _lock_to_promise(self, **_arguments):
        """Lock these invoices, and after them their customer: open promises count."""
        moves_sudo = self.sudo()
        moves_sudo._lock_for_payment()
        moves_sudo.commercial_partner_id._lock_to_give()
        self.invalidate_recordset(["payment_promise_id", "amount_residual", "state"])

    def _get_amount_to_promise(self, **_arguments):
        """Return the amount that remains of these invoices."""
        moves_sudo = self.sudo()
        return sum(moves_sudo.mapped("amount_residual"))

    def _carry_out_promise(self, amount, date, channel, note, token_id, consent):
        """Record a promise that was checked.

        :rtype: account.payment.promise
        """
        moves_sudo = self.sudo()
        promise_sudo = (
            self.env["account.payment.promise"]
            .sudo()
            .create(
                {
                    "partner_id": moves_sudo.commercial_partner_id.id,
                    "company_id": moves_sudo.company_id.id,
                    "currency_id": moves_sudo.currency_id.id,
                    "invoice_ids": [fields.Command.set(moves_sudo.ids)],
                    "amount": amount,
                    "date": date,
                    "promised_on": moves_sudo.company_id._get_own_today(),
                    "channel": channel,
                    "user_id": self.env.uid,
                    "token_id": token_id,
                }
            )
        )
        applied = promise_sudo._read_applied().get(promise_sudo.id, {})
        promise_sudo.applied_before = {
            str(entry_id): matched + refunded + taken_back
            for entry_id, (_date, matched, refunded, taken_back) in applied.items()
        }
        if token_id:
            text = self._get_promise_consent_text(token_id, consent)
            promise_sudo._keep_consent(text)
        promise_sudo._note_day(note)
        moves_sudo.payment_promise_id = promise_sudo
        promise_sudo._tell_invoices(
            self.env._(
                "Promise to pay: %(promise)s. %(channel)s.",
                promise=promise_sudo.display_name,
                channel=dict(
                    promise_sudo._fields["channel"]._description_selection(self.env)
                )[channel],
            ),
            note,
        )
        promise_sudo._follow_change()
        return promise_sudo.sudo(self.env.su)

    # === BUSINESS METHODS - MONEY THAT CAME OR LEFT === #

    def _recheck_promises(self, _change=None):
        """Look at the promises of these invoices before the transaction is committed.

        It asks the database nothing for invoices that were never promised.
        """
        promised = self.sudo().filtered("payment_promise_id")
        if not promised:
            return
        precommit = self.env.cr.precommit
        if MARKED not in precommit.data:
            precommit.add(promised.browse()._decide_marked_promises)
        precommit.data.setdefault(MARKED, set()).update(promised.ids)

    def _decide_marked_promises(self):
        """Decide the promises of the invoices to which money came."""
        moves = self.browse(self.env.cr.precommit.data.pop(MARKED, ())).exists()
        moves._get_promises("open", "kept", "broken")._decide_at_once()

    # === GETTERS === #

    def _get_no_promise_reason(self):
        """Say why no promise to pay this invoice can be recorded.

        Note: `self.ensure_one()`

        :return: The reason; empty if one can be.
        :rtype: str
        """
        self.ensure_one()
        promise = self.sudo().payment_promise_id
        if self.move_type != "out_invoice" or self.state != "posted":
            return self.env._("%s is not an issued invoice.", self.display_name)
        if self.currency_id.compare_amounts(self.amount_residual, 0) <= 0:
            return self.env._("Nothing remains to be paid of %s.", self.display_name)
        if promise.state == "open":
            return self.env._(
                "%(invoice)s is promised already: %(promise)s. Move or withdraw that "
                "promise.",
                invoice=self.display_name,
                promise=promise.display_name,
            )
        return ""

    def _get_promises(self, *states):
        """Return the promises in some states to pay these invoices.

        :rtype: account.payment.promise
        """
        return (
            self.env["account.payment.promise"]
            .sudo()  # Who sees the invoice sees its promises.
            .search([("invoice_ids", "in", self.ids), ("state", "in", states)])
        )

    def _get_open_promises(self):
        """Return the open promise of each of these invoices that has one.

        One query, whatever their number.

        :rtype: dict[account.move, account.payment.promise]
        """
        return {
            move: move.sudo().payment_promise_id
            for move in self
            if move.sudo().payment_promise_id.state == "open"
        }

    def _get_latest_promised_day(self):
        """Return the latest day that can be promised for these invoices.

        The days count from the due date. If that was over when they were promised
        first, they count from that promise: moving the day does not prolong them.

        :rtype: datetime.date
        """
        company = self.company_id
        due = max(date for date in self.mapped("invoice_date_due") if date)
        earlier = self._get_promises("open", "kept", "broken", "withdrawn")
        since = min(earlier.mapped("promised_on"), default=company._get_own_today())
        return max(due, since) + relativedelta(days=company.promise_max_days)
