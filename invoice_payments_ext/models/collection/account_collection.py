from odoo import api, fields, models
from odoo.fields import Domain

STATES = [
    ("running", "Running"),
    ("paused", "Paused"),
    ("stopped", "Stopped"),
    ("exhausted", "Exhausted"),
    ("done", "Done"),
]

# The scheduled action that runs all that is due.
SCHEDULE = "invoice_payments_ext.ir_cron_collect"


class AccountCollection(models.Model):
    """When something is done next about one open invoice, and why it waits.

    The attempts and the messages of the invoice tell the steps that were done.
    """

    _name = "account.collection"
    _description = "Collection of an Invoice"
    _order = "next_at, id"
    _rec_name = "move_id"

    move_id = fields.Many2one(
        string="Invoice",
        comodel_name="account.move",
        required=True,
        readonly=True,
        ondelete="cascade",
    )
    company_id = fields.Many2one(
        comodel_name="res.company", required=True, readonly=True, index=True
    )
    partner_id = fields.Many2one(string="Customer", related="move_id.partner_id")
    currency_id = fields.Many2one(related="move_id.currency_id")
    amount_residual = fields.Monetary(
        string="Remaining", related="move_id.amount_residual"
    )
    plan_id = fields.Many2one(
        comodel_name="account.collection.plan",
        required=True,
        readonly=True,
        ondelete="restrict",
    )
    state = fields.Selection(
        selection=STATES, required=True, readonly=True, default="running", index=True
    )
    step_id = fields.Many2one(
        string="Next Step",
        comodel_name="account.collection.step",
        readonly=True,
        ondelete="set null",
        help="Empty before the schedule has seen it, and before the plan ends.",
    )
    next_at = fields.Datetime(
        string="Next Time",
        readonly=True,
        help="When the schedule looks at it. Empty: it waits for an event, such as the "
        "outcome of an attempt, and not for the clock.",
    )
    wait_reason = fields.Char(
        readonly=True,
        help="The code of the reason for which nothing was charged the last time.",
    )
    wait_words = fields.Char(string="Waits Because", readonly=True)
    paused_until = fields.Date(
        readonly=True, help="The day on which it goes on. Empty: a person resumes it."
    )
    pause_reason = fields.Char(readonly=True)
    stop_reason = fields.Char(readonly=True)
    tries = fields.Integer(
        readonly=True, help="How often the schedule has charged for this invoice."
    )
    token_id = fields.Many2one(
        string="Last Method",
        comodel_name="payment.token",
        readonly=True,
        ondelete="set null",
        help="The payment method that the schedule charged the last time.",
    )
    handled_until = fields.Datetime(
        readonly=True, help="The steps of the plan until this moment are done."
    )
    charge_due = fields.Selection(
        selection=[("step", "By a step"), ("event", "By an event")],
        readonly=True,
        help="A charge is due and waits. By an event, such as a new payment method, it "
        "does not keep the distance to the attempt before.",
    )
    told_reason = fields.Char(
        readonly=True, help="The reason of which a person was told by a task."
    )
    notice_amount = fields.Monetary(readonly=True)
    notice_date = fields.Date(
        readonly=True, help="The day of the debit that the customer was told."
    )
    notice_token_id = fields.Many2one(
        comodel_name="payment.token", readonly=True, ondelete="set null"
    )
    notice_mail_id = fields.Many2one(
        comodel_name="mail.mail", readonly=True, ondelete="set null"
    )
    notice_sent_on = fields.Datetime(
        readonly=True, help="When the notice really left. No debit comes before that."
    )

    _one_per_invoice = models.Constraint(
        "unique(move_id)", "The invoice is in collection already."
    )
    _next_at_idx = models.Index("(next_at) WHERE state IN ('running', 'paused')")

    # === BUSINESS METHODS === #

    @api.model
    def _get_due_domain(self):
        """Return the domain of the rows whose time has come.

        Pauses that end are among them: :meth:`_run_step` ends them.

        :rtype: Domain
        """
        return Domain("state", "in", ("running", "paused")) & Domain(
            "next_at", "<=", fields.Datetime.now()
        )

    @api.model
    def _wake(self):
        """Let the schedule look at the rows that are due."""
        known = self.env["ir.model.data"]._xmlid_to_res_id(SCHEDULE)
        if not known:
            return
        schedule = self.env["ir.cron"].sudo().browse(known)
        # As `_trigger` does it, without reading the action: issuing an invoice waits.
        triggers = self.env["ir.cron.trigger"].sudo()
        triggers.create({"cron_id": known, "call_at": fields.Datetime.now()})
        self.env.cr.postcommit.add(schedule._notifydb)
