from odoo import api, fields, models


class ResPartner(models.Model):
    """The default saved method of a contact, and the method that is charged."""

    _inherit = "res.partner"

    default_payment_token_id = fields.Many2one(
        string="Default Payment Method",
        comodel_name="payment.token",
        company_dependent=True,
        copy=False,
        tracking=True,
        groups="invoice_payments_ext.group_payment_record",
        domain="[('id', 'in', selectable_payment_token_ids)]",
        help="The saved payment method that this customer's invoices are charged to if "
        "no other is chosen.",
    )
    selectable_payment_token_ids = fields.Many2many(
        comodel_name="payment.token",
        compute="_compute_selectable_payment_token_ids",
        groups="invoice_payments_ext.group_payment_record",
    )

    @api.depends("payment_token_ids", "commercial_partner_id.payment_token_ids")
    @api.depends_context("company")
    def _compute_selectable_payment_token_ids(self):
        """List the saved methods of the customer that this company uses."""
        for partner in self:
            tokens = partner.payment_token_ids
            tokens |= partner.commercial_partner_id.payment_token_ids
            partner.selectable_payment_token_ids = tokens.filtered(
                lambda token: (
                    token.active
                    and token.company_id in self.env.company.sudo().parent_ids
                )
            )

    def _choose_default_token(self, usable_tokens):
        """Return the saved method to charge: the default one, or the newest.

        A contact's own default comes before that of its commercial partner, both those
        of the company that is the environment's.

        :param payment.token usable_tokens: The methods of both that can be charged.
        :rtype: payment.token
        """
        # In superuser mode: accountants may have no right to read the contact.
        for owner in (self | self.commercial_partner_id).sudo():
            if owner.default_payment_token_id in usable_tokens:
                return owner.default_payment_token_id
        return usable_tokens.sorted("id", reverse=True)[:1]

    def _get_tokens_for_charges(self, company, removed=None):
        """Return the saved methods that invoices of these contacts are charged to.

        Conditions of a single invoice, such as its currency, are left out.

        :param res.company company: The company that charges.
        :param payment.token removed: Methods that are not there any more.
        :return: For each contact its method, none where there is none to charge.
        :rtype: dict[res.partner, payment.token]
        """
        # In superuser mode: methods and providers are not readable by members.
        contacts_sudo = self.sudo().with_company(company)
        owners_sudo = contacts_sudo | contacts_sudo.commercial_partner_id
        tokens_sudo = contacts_sudo.env["payment.token"].search(
            [("partner_id", "in", owners_sudo.ids)]
        )
        if removed:
            tokens_sudo -= removed
        by_owner = tokens_sudo.filtered(
            lambda token: not token._get_company_unusable_reason(company)
        ).grouped("partner_id")
        none = tokens_sudo.browse()
        return {
            contact: contact_sudo._choose_default_token(
                none.union(
                    *(
                        by_owner.get(owner, none)
                        for owner in contact_sudo | contact_sudo.commercial_partner_id
                    )
                )
            )
            for contact, contact_sudo in zip(self, contacts_sudo, strict=True)
        }
