from odoo import api, fields, models


class PaymentTransaction(models.Model):
    """The company that an attempt brings its money to."""

    _inherit = "payment.transaction"

    # Odoo's is that of the provider, which serves the branches of its company too.
    company_id = fields.Many2one(
        related=None, compute="_compute_company_id", comodel_name="res.company"
    )

    # === COMPUTE METHODS === #

    @api.depends(lambda self: self._get_company_sources())
    def _compute_company_id(self):
        """Take the company of the payment, or else that of the invoices."""
        for tx in self:
            tx.company_id = (
                tx.payment_id.company_id
                or tx.source_transaction_id.company_id
                or tx._get_branch_of_documents()
                or tx.provider_id.company_id
            )

    @api.model
    def _get_company_sources(self):
        """Return the fields that the company of an attempt comes from.

        Orders have attempts where `sale` is installed.

        :rtype: list[str]
        """
        names = ["payment_id", "source_transaction_id", "invoice_ids", "provider_id"]
        return names + [name for name in ("sale_order_ids",) if name in self._fields]

    # === GETTERS === #

    def _may_come_by_order(self, invoice):
        """Tell if this is of the customer of an invoice, and of its company.

        :param account.move invoice: The invoice of an order that this paid.
        :rtype: bool
        """
        self.ensure_one()
        customer = invoice.partner_id.commercial_partner_id
        company = self.payment_id.company_id or self.provider_id.company_id
        return (
            self.partner_id.commercial_partner_id == customer
            and company in invoice.company_id.parent_ids
        )

    def _get_branch_of_documents(self):
        """Return the one company of the documents, if the provider serves it.

        :rtype: res.company
        """
        self.ensure_one()
        companies = self.invoice_ids.company_id
        if "sale_order_ids" in self._fields:
            companies |= self.sale_order_ids.company_id
        if len(companies) == 1 and self.provider_id.company_id in companies.parent_ids:
            return companies
        return companies.browse()
