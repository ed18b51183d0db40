from odoo import api, models


class PaymentLinkWizard(models.TransientModel):
    _inherit = "payment.link.wizard"

    @api.model
    def default_get(self, fields):
        """Propose no more of an invoice than is not in flight."""
        values = super().default_get(fields)
        if values.get("res_model") == "account.move" and "amount" in values:
            invoice = self.env["account.move"].browse(values["res_id"])
            if due := invoice._get_chargeable_amount():
                values["amount"] = min(values["amount"], due)
        return values

    def _compute_warning_message(self):
        """Name the attempt that may bring the amount: no link is made for it."""
        result = super()._compute_warning_message()
        for link in self.filtered(
            lambda link: link.res_model == "account.move" and not link.warning_message
        ):
            invoice = self.env["account.move"].browse(link.res_id)
            due = invoice._get_chargeable_amount()
            if invoice.currency_id.compare_amounts(link.amount, due) > 0:
                for attempt in invoice._get_attempts_with_money()[:1]:
                    link.warning_message = invoice._describe_attempt(attempt)
        return result

    def _compute_link(self):
        """Ask for money only as those may who record it, and for no more than is due.

        Stock only warns of such an amount, and makes its link nevertheless. The
        dialog's own word for the document does not count: any client can say it.

        :raise AccessError: If the user has no right to record payments of the invoice.
        :raise UserError: If it is another company's.
        """
        # An invoice that is printed has a link, whoever prints it.
        of_invoices = self.filtered(lambda link: link.res_model == "account.move")
        refused = self.browse()
        for link in of_invoices if not self.env.su else refused:
            invoice = self.env["account.move"].browse(link.res_id)
            invoice._check_payment_rights()
            invoice._check_company_selected()
            due = invoice._get_chargeable_amount()
            currency = invoice.currency_id
            if (
                currency.compare_amounts(link.amount, 0) <= 0
                or currency.compare_amounts(link.amount, due) > 0
            ):
                refused |= link
        refused.link = False
        return super(PaymentLinkWizard, self - refused)._compute_link()
