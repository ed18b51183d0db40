from odoo import api, fields, models
from odoo.exceptions import UserError

from ...tools import prepare_notification
from ..core.door import SUBJECTS, get_door_of

# The fields that do not change once a request was decided on.
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


class AccountPaymentApproval(models.Model):
    """A correction above the limit that waits for a second person.

    A request is kept as the arguments of its door. Approving it goes through
    the same checks again, on the current values. Nobody has the right to write these
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
            ("adjustment", "Addition of Credit"),
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
        string="Customer",
        comodel_name="res.partner",
        readonly=True,
        index="btree_not_null",
        ondelete="restrict",
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
        readonly=True,
        help="The arguments of the request, by the parameters of its door.",
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
            ("account.credit.balance.entry", "Credit Balance Entry"),
        ],
        readonly=True,
        help="The record that it led to.",
    )

    # === COMPUTE METHODS === #

    @api.depends("kind", "amount", "currency_id", "payment_id", "move_id")
    def _compute_display_name(self):
        kinds = dict(self._fields["kind"]._description_selection(self.env))
        for request in self:
            # In superuser mode: the name is not a secret to people who see the request.
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

    # === CRUD METHODS === #

    def write(self, vals):
        """Keep requests and decisions as they are."""
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

    def _get_waiting_notification(self):
        """Return the client action that tells the requester the next step.

        :rtype: dict
        """
        self.ensure_one()
        return prepare_notification(
            self.env._("Waits for a second person"),
            self.env._(
                "%(request)s needs a second person. It is carried out when one of "
                "these approves it: %(approvers)s.",
                request=self.display_name,
                approvers=", ".join(
                    self._get_approvers(self.company_id, self.requester_id).mapped(
                        "name"
                    )
                ),
            ),
            "warning",
        )

    # === GETTERS === #

    @api.model
    def _get_record_field(self, kind):
        """Return the field with the record that requests of a kind are about."""
        return SUBJECTS[get_door_of(kind).model]

    def _get_record_in_company(self):
        """Return the record of this request, to act on it for its company."""
        return self._get_record().with_company(self.company_id)

    def _get_record(self):
        """Return the record that this request is about."""
        self.ensure_one()
        return self[self._get_record_field(self.kind)]
