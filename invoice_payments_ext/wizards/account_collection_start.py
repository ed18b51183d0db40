from odoo import api, fields, models
from odoo.exceptions import UserError

from ..models.collection.reasons import CHARGE, CREDIT
from ..tools import format_preview, prepare_notification

# So many reasons are named; of others there is only the number.
NAMED = 5


class AccountCollectionStart(models.TransientModel):
    """The dialog that puts open invoices into collection."""

    _name = "account.collection.start"
    _inherit = "payment.dialog.mixin"
    _description = "Start the Collection of Invoices"

    move_ids = fields.Many2many(
        string="Invoices", comodel_name="account.move", readonly=True
    )
    company_id = fields.Many2one(
        comodel_name="res.company", compute="_compute_company_id"
    )
    plan_id = fields.Many2one(
        comodel_name="account.collection.plan",
        compute="_compute_plan_id",
        store=True,
        readonly=False,
        precompute=True,
        domain="[('company_id', 'in', (False, company_id))]",
    )
    preview = fields.Html(compute="_compute_preview")

    # === COMPUTE METHODS === #

    @api.depends("move_ids")
    def _compute_company_id(self):
        for dialog in self:
            dialog.company_id = dialog.move_ids[:1].company_id

    @api.depends("move_ids")
    def _compute_plan_id(self):
        for dialog in self:
            dialog.plan_id = dialog.move_ids[:1].company_id.collection_plan_id

    @api.depends("move_ids", "plan_id")
    def _compute_preview(self):
        for dialog in self:
            dialog.preview = format_preview(dialog._describe_start())

    # === ACTION METHODS === #

    def action_start(self):
        """Put the invoices into collection, except those that cannot be.

        :return: The action that says how many were.
        :rtype: dict
        :raise UserError: If none of them can be put into collection.
        """
        self.ensure_one()
        moves, reasons = self.move_ids._split_by_start(self.plan_id)
        if not moves:
            raise UserError("\n".join(reasons[:NAMED]))
        for move in moves:
            move.start_collection(
                self.plan_id.id, idempotency_key=f"{self.idempotency_key}-{move.id}"
            )
        return prepare_notification(
            self.env._("Collection started"),
            self.env._(
                "Of %(all)s invoices, %(started)s are in collection now.",
                all=len(self.move_ids),
                started=len(moves),
            ),
            kind="warning" if reasons else "success",
        )

    # === HELPERS === #

    def _describe_start(self):
        """Return sentences on what will happen.

        :rtype: list[str]
        """
        if not self.plan_id:
            return [self.env._("Choose a plan.")]
        moves, reasons = self.move_ids._split_by_start(self.plan_id)
        lines = [
            self.env._(
                "%(count)s invoices are put into collection. One charge that should "
                "have been before is made up for. Mails and tasks of before are not.",
                count=len(moves),
            )
        ]
        decisions = moves._decide_charges(is_automatic=True) if moves else {}
        charged = moves.filtered(
            lambda move: decisions[move].action in (CHARGE, CREDIT)
        )
        for currency, some in charged.grouped("currency_id").items():
            amount = sum(decisions[move].amount for move in some)
            lines.append(
                self.env._(
                    "As it stands now, %(count)s of them would be charged "
                    "automatically: %(amount)s.",
                    count=len(some),
                    amount=currency.format(currency.round(amount)),
                )
            )
        if reasons:
            lines.append(
                self.env._(
                    "%(count)s are left out. %(reasons)s",
                    count=len(reasons),
                    reasons=" ".join(reasons[:NAMED]),
                )
            )
        return lines
