from odoo import fields, models


class ResPartner(models.Model):
    """How a customer keeps promises to pay."""

    _inherit = "res.partner"

    promise_kept_share = fields.Float(
        string="Promises Kept",
        compute="_compute_promise_figures",
        help="The share of the promises to pay that were kept, of those that are "
        "decided. Withdrawn ones do not count.",
        groups="account.group_account_invoice,account.group_account_readonly",
    )
    promise_summary = fields.Char(
        string="Promises to Pay",
        compute="_compute_promise_figures",
        groups="account.group_account_invoice,account.group_account_readonly",
    )

    # === COMPUTE METHODS === #

    def _compute_promise_figures(self):
        """Count the promises of the customer in the selected companies."""
        groups = self.env["account.payment.promise"]._read_group(
            [
                ("partner_id", "in", self.commercial_partner_id.ids),
                ("company_id", "in", self.env.companies.ids),
            ],
            ["partner_id", "state"],
            ["__count"],
        )
        counts = {(customer.id, state): count for customer, state, count in groups}
        for partner in self:
            customer_id = partner.commercial_partner_id.id
            kept, broken, still_open = (
                counts.get((customer_id, state), 0)
                for state in ("kept", "broken", "open")
            )
            decided = kept + broken
            partner.promise_kept_share = kept / decided if decided else 0.0
            partner.promise_summary = (
                self.env._("%(kept)s of %(decided)s kept", kept=kept, decided=decided)
                if decided
                else self.env._("%s open", still_open)
                if still_open
                else False
            )

    # === ACTION METHODS === #

    def action_open_promises(self):
        """Return the action that lists the promises of this customer.

        :rtype: dict
        """
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "invoice_payments_ext.account_payment_promise_action"
        )
        action["domain"] = [("partner_id", "=", self.commercial_partner_id.id)]
        action["context"] = {}
        return action
