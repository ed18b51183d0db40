from odoo import api, fields, models

from .external_kinds import EXTERNAL_KINDS


class PaymentDialogOutsideMixin(models.AbstractModel):
    """The parts shared by dialogs that record money outside any gateway."""

    _name = "payment.dialog.outside.mixin"
    _inherit = "payment.dialog.mixin"
    _description = "Payment Dialog for Money outside any Gateway"

    company_id = fields.Many2one(comodel_name="res.company")
    journal_id = fields.Many2one(
        string="Paid from",
        comodel_name="account.journal",
        compute="_compute_journal_id",
        store=True,
        readonly=False,
        check_company=True,
        domain="[('type', 'in', ('bank', 'cash', 'credit')), "
        "('is_credit_balance', '=', False)]",
    )
    reference = fields.Char(
        help="The number on the document: the cheque's number, the transfer's "
        "reference."
    )

    @api.model
    def _get_external_kinds(self):
        """Return the kinds of external payments, for a field to choose one.

        :rtype: list[tuple[str, str]]
        """
        field = self.env["account.payment"]._fields["external_kind"]
        return field._description_selection(self.env)

    @api.model
    def _get_external_options(self):
        """Return the kinds of external payments as the choices of a dialog.

        :rtype: list[dict]
        """
        return [
            {
                "value": name,
                "label": self.env["account.move"]._get_external_kind_label(name),
                "icon": kind.icon,
            }
            for name, kind in EXTERNAL_KINDS.items()
        ]

    # === COMPUTE METHODS === #

    @api.depends(lambda self: self._get_journal_dependencies())
    def _compute_journal_id(self):
        """Propose the journal of the kind, where the dialog has kinds."""
        moves = self.env["account.move"]
        for dialog in self:
            company = dialog.company_id
            kind = "external_kind" in dialog._fields and dialog.external_kind
            if company and kind:
                dialog.journal_id = moves._propose_journal(kind, company)
                continue
            dialog.journal_id = (
                moves._get_external_journal(False, company) if company else False
            )

    @api.model
    def _get_journal_dependencies(self):
        """Return the names of the fields that the journal follows.

        :rtype: list[str]
        """
        names = ("company_id", "external_kind")
        return [name for name in names if name in self._fields]
