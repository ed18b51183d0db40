from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Domain

from ...tools import prepare_dialog
from ..core.door import Door
from .results import OPEN_STEPS, RESULT_BY_OUTCOME, RESULTS, STEPS, get_result

CHANGE = Door(
    "account.charge.run.line.change",
    rights="_check_run_rights",
    lock="_lock_run",
    check="_check_change",
    work="_carry_out_change",
)

DROP = Door(
    "account.charge.run.line.drop",
    rights="_check_run_rights",
    lock="_lock_run",
    check="_check_proposed",
    work="_carry_out_drop",
)


class AccountChargeRunLine(models.Model):
    """One invoice of a run: the proposal for it, the step it is at, and its attempt.

    The step is written by whoever takes the line; the result of an attempted line is
    the outcome of its attempt, and stored there only.
    """

    _name = "account.charge.run.line"
    _description = "Charge Run Line"
    _inherit = ["payment.seal.mixin", "payment.door.mixin"]
    _order = "id"
    _rec_name = "move_id"

    run_id = fields.Many2one(
        comodel_name="account.charge.run",
        required=True,
        readonly=True,
        index=True,
        ondelete="cascade",
    )
    company_id = fields.Many2one(related="run_id.company_id", store=True, index=True)
    run_state = fields.Selection(related="run_id.state", string="Status of the Run")
    move_id = fields.Many2one(
        string="Invoice",
        comodel_name="account.move",
        required=True,
        readonly=True,
        index=True,
        ondelete="cascade",
    )
    partner_id = fields.Many2one(string="Customer", related="move_id.partner_id")
    currency_id = fields.Many2one(related="move_id.currency_id")
    token_id = fields.Many2one(
        string="Saved Method",
        comodel_name="payment.token",
        readonly=True,
        index="btree_not_null",
        ondelete="set null",
    )
    method = fields.Char(compute="_compute_method")
    amount = fields.Monetary(
        readonly=True,
        help="The amount that is charged at most, in the invoice's currency.",
    )
    is_part = fields.Boolean(
        readonly=True, help="A person chose another amount than the one that is due."
    )
    credit_amount = fields.Monetary(
        string="From Credit",
        readonly=True,
        help="The amount that the customer's credit balance pays first.",
    )
    state = fields.Selection(
        string="Step",
        selection=[(step, step.capitalize()) for step in STEPS],
        default="proposed",
        required=True,
        readonly=True,
    )
    result = fields.Selection(
        selection=[(key, result.label._source) for key, result in RESULTS.items()],
        compute="_compute_result",
        search="_search_result",
    )
    reason_code = fields.Char(
        readonly=True, help="The code of the reason why it was skipped."
    )
    note = fields.Char(readonly=True, help="The reason in words.")
    message = fields.Char(
        compute="_compute_result", help="The reason, or the words of the provider."
    )
    transaction_id = fields.Many2one(
        string="Attempt",
        comodel_name="payment.transaction",
        readonly=True,
        index="btree_not_null",
        ondelete="set null",
    )
    try_number = fields.Integer(
        string="Try",
        default=1,
        readonly=True,
        help="Raised when the provider was too busy to carry out anything.",
    )
    waits = fields.Integer(
        readonly=True, help="How often somebody else was at the invoice."
    )
    claimed_by = fields.Char(readonly=True, help="The lane that took it.")
    claimed_on = fields.Datetime(readonly=True)
    not_before = fields.Datetime(readonly=True)
    queued_on = fields.Datetime(
        readonly=True, help="When it was handed to the job queue."
    )
    done_on = fields.Datetime(readonly=True)
    link_sent_on = fields.Datetime(
        string="Payment Link Sent", readonly=True, help="When the customer got a link."
    )

    _one_open_line_per_invoice = models.UniqueIndex(
        "(move_id) WHERE state IN ('ready', 'working')",
        "The invoice stands in another run.",
    )
    _to_take = models.Index("(id) WHERE state IN ('ready', 'working')")
    # The answer about a method decides on the next charge of it.
    _one_line_of_method_at_work = models.UniqueIndex(
        "(token_id) WHERE state = 'working'", "Another line charges the method."
    )

    # === COMPUTE METHODS === #

    @api.depends("token_id", "run_id.arguments")
    def _compute_method(self):
        for line in self:
            token_sudo = line.token_id.sudo()  # Its name is not a secret to the staff.
            line.method = (
                token_sudo._get_method_label()
                if token_sudo
                else line.run_id._get_external_name()
            )

    @api.depends("state", "note", "transaction_id.outcome")
    def _compute_result(self):
        for line in self:
            attempt_sudo = line.transaction_id.sudo()
            line.result = get_result(line.state, attempt_sudo.outcome or "unknown")
            line.message = line.note or attempt_sudo.state_message

    def _search_result(self, operator, value):
        if operator != "in":
            return NotImplemented
        domains = []
        for result in value:
            outcomes = [
                outcome
                for outcome, its_result in RESULT_BY_OUTCOME.items()
                if its_result == result
            ]
            domains += [
                Domain("state", "=", result) if result in STEPS else Domain.FALSE,
                Domain("state", "=", "attempted")
                & Domain("transaction_id.outcome", "in", outcomes),
            ]
        return Domain.OR(domains)

    # === CHECK METHODS === #

    def _check_run_rights(self):
        self.run_id._check_run_rights()

    def _lock_run(self, **_arguments):
        self.run_id._lock_run()

    def _check_proposed(self):
        """Check that this line is still a proposal, on a locked run."""
        if self.run_id.state != "draft" or self.state not in ("proposed", "skipped"):
            raise UserError(
                self.env._(
                    "%(run)s is not a proposal any more: its lines do not change.",
                    run=self.run_id.name,
                )
            )

    def _check_change(self, token_id, amount):
        """Check another method or amount for this line, on a locked run."""
        self._check_proposed()
        if self.state != "proposed":
            raise UserError(
                self.env._(
                    "%(invoice)s is skipped: %(reason)s",
                    invoice=self.move_id.display_name,
                    reason=self.note,
                )
            )
        if amount is not None:
            self._check_part(amount)
        if token_id:
            if self.run_id.kind == "external":
                raise UserError(self.env._("An external payment has no saved method."))
            invoice = self.move_id
            token = invoice._get_token_to_charge(token_id)
            invoice._check_token(token, self.amount if amount is None else amount)

    def _check_part(self, amount):
        """Check another amount for this line, on a locked run."""
        if self.run_id.kind == "issue" and self.currency_id.compare_amounts(
            amount, self.amount
        ):
            raise UserError(
                self.env._("A draft that is issued is charged with its whole amount.")
            )
        self.move_id._check_amount(
            amount,
            self.currency_id,
            None
            if self.run_id.kind == "issue"
            else self.move_id._get_chargeable_amount(),
            self.env._("chargeable amount"),
        )

    # === BUSINESS METHODS - DOORS === #

    def change(self, token_id=None, amount=None, idempotency_key=None):
        """Propose another method or amount for this line.

        :param int token_id: The saved payment method; as it is if not given.
        :param float amount: In the invoice's currency; as it is if not given.
        :param str idempotency_key: See `account.move.charge`.
        :return: The line.
        :rtype: account.charge.run.line
        :raise UserError: If the run is not a proposal, or a value does not fit.
        :raise AccessError: If the user has no right to charge.
        """
        return self._pass(CHANGE, idempotency_key, token_id=token_id, amount=amount)

    def drop(self, idempotency_key=None):
        """Take this line out of the proposal.

        :param str idempotency_key: See `account.move.charge`.
        :return: The run.
        :rtype: account.charge.run
        :raise UserError: If the run is not a proposal any more.
        :raise AccessError: If the user has no right to charge.
        """
        return self._pass(DROP, idempotency_key)

    def action_change(self):
        """Return the dialog that changes the method or the amount of this line.

        :rtype: dict
        """
        self.ensure_one()
        return prepare_dialog(
            "account.charge.run.line.change",
            self.env._("Change %s", self.move_id.display_name),
            line_id=self.id,
            token_id=self.token_id.id,
            amount=self.amount,
        )

    def action_drop(self):
        """Take these lines out of the proposal; for the button of a row."""
        for line in self:
            line.drop()

    # === BUSINESS METHODS - STEPS OF DOORS === #

    def _carry_out_change(self, token_id, amount):
        vals = {}
        if token_id:
            vals["token_id"] = token_id
        if amount is not None and self.currency_id.compare_amounts(amount, self.amount):
            vals |= {"amount": amount, "is_part": True}
        self.sudo().write(vals)
        return self

    def _carry_out_drop(self):
        run = self.run_id
        self.sudo().unlink()
        return run

    # === GETTERS === #

    def _get_method_name(self):
        """Return the name of the kind of method that pays this line.

        :rtype: str
        """
        return (
            self.token_id.sudo().payment_method_id.name
            or self.run_id._get_external_name()
            or self.env._("No method")
        )

    def _get_key_company(self, arguments):
        return self.sudo().company_id[:1]

    @api.model
    def _get_open_domain(self):
        """Return the domain of lines that a lane takes or works on.

        :rtype: Domain
        """
        return Domain("state", "in", OPEN_STEPS)
