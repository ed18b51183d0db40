from odoo import fields, models

from ..tools import prepare_notification


class AccountChargeRunConfirm(models.TransientModel):
    """The dialog that says in words what leaves, before a run is confirmed."""

    _name = "account.charge.run.confirm"
    _inherit = "payment.dialog.mixin"
    _description = "Confirm a Charge Run"

    run_id = fields.Many2one(
        comodel_name="account.charge.run", required=True, readonly=True
    )
    kind = fields.Selection(related="run_id.kind")
    words = fields.Char(readonly=True, required=True)
    totals_by_method = fields.Char(related="run_id.totals_by_method")
    external_words = fields.Char(related="run_id.external_words")

    # === ACTION METHODS === #

    def action_confirm(self):
        """Confirm the run, and tell if it waits for a second person.

        :rtype: dict
        """
        self.ensure_one()
        result = self.run_id.confirm(
            words=self.words, idempotency_key=self.idempotency_key
        )
        if result._name == "account.payment.approval":
            return result._get_waiting_notification()
        return prepare_notification(
            self.env._("Confirmed"),
            self.env._(
                "%s goes on in the background. You can close the page.",
                self.run_id.name,
            ),
        )


class AccountChargeRunExternal(models.TransientModel):
    """The dialog for external payments of many invoices: a list of cheques, say."""

    _name = "account.charge.run.external"
    _inherit = "payment.dialog.outside.mixin"
    _description = "Record External Payments of many Invoices"

    move_ids = fields.Many2many(
        string="Invoices", comodel_name="account.move", readonly=True
    )
    company_id = fields.Many2one(
        compute="_compute_company_id", store=True, precompute=True
    )
    journal_id = fields.Many2one(string=None)  # Its own: it is received here.
    date = fields.Date(default=fields.Date.context_today, required=True)
    external_kind = fields.Selection(
        string="Received as",
        selection=lambda self: self._get_external_kinds(),
        default="cheque",
        required=True,
    )
    memo = fields.Char()

    # === COMPUTE METHODS === #

    def _compute_company_id(self):
        for dialog in self:
            dialog.company_id = dialog.move_ids._filter_of_run_company().company_id

    # === ACTION METHODS === #

    def action_propose(self):
        """Propose the run, and open it.

        :rtype: dict
        """
        self.ensure_one()
        run = self.move_ids.propose_charge_run(
            "external",
            journal_id=self.journal_id,
            date=self.date,
            reference=self.reference,
            memo=self.memo,
            external_kind=self.external_kind,
            idempotency_key=self.idempotency_key,
        )
        return run._open_form()


class AccountChargeRunLineChange(models.TransientModel):
    """The dialog that changes the method or the amount of a proposed line."""

    _name = "account.charge.run.line.change"
    _inherit = "payment.dialog.mixin"
    _description = "Change a Line of a Charge Run"

    line_id = fields.Many2one(
        comodel_name="account.charge.run.line", required=True, readonly=True
    )
    move_id = fields.Many2one(related="line_id.move_id")
    currency_id = fields.Many2one(related="line_id.currency_id")
    kind = fields.Selection(related="line_id.run_id.kind")
    token_ids = fields.Many2many(
        comodel_name="payment.token", compute="_compute_token_ids"
    )
    token_id = fields.Many2one(
        string="Method",
        comodel_name="payment.token",
        domain="[('id', 'in', token_ids)]",
    )
    amount = fields.Monetary(required=True)

    # === COMPUTE METHODS === #

    def _compute_token_ids(self):
        for dialog in self:
            tokens_sudo = dialog.move_id._get_saved_tokens()
            dialog.token_ids = tokens_sudo.sudo(self.env.su)

    # === ACTION METHODS === #

    def action_change(self):
        """Change the line.

        :rtype: dict
        """
        self.ensure_one()
        line = self.line_id
        line.change(
            token_id=self.token_id if self.token_id != line.token_id else None,
            amount=self.amount,
            idempotency_key=self.idempotency_key,
        )
        return {"type": "ir.actions.act_window_close"}
