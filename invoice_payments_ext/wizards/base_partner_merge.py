from odoo import api, models

# A merged customer has one record of these where each contact had one.
MERGED_MODELS = (
    "account.credit.balance",
    "account.auto.pay",
    "account.statement.sending",
)


class BasePartnerMerge(models.TransientModel):
    _inherit = "base.partner.merge.automatic.wizard"

    @api.model
    def _update_values(self, src_partners, dst_partner):
        """Spend nobody's credit unasked: who was switched off for one, is for all.

        Odoo takes the values of any of them.
        """
        partners_sudo = (src_partners | dst_partner).sudo()
        if not all(partners_sudo.mapped("credit_applied_at_issue")):
            partners_sudo.write({"credit_applied_at_issue": False})
        return super()._update_values(src_partners, dst_partner)

    @api.model
    def _update_foreign_keys(self, src_partners, dst_partner):
        """Book the credit balances over, before records that refer to them move.

        Where both have a record of which there can be one, Odoo deletes one or fails.
        """
        for model in MERGED_MODELS:
            self.env[model]._merge_contacts(src_partners, dst_partner)
        self.env.flush_all()
        return super()._update_foreign_keys(src_partners, dst_partner)
