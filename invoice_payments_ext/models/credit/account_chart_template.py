from odoo import models


class AccountChartTemplate(models.AbstractModel):
    _inherit = "account.chart.template"

    def _post_load_data(self, template_code, company, template_data):
        """Give a company its credit account and journal with its chart of accounts."""
        result = super()._post_load_data(template_code, company, template_data)
        company._create_credit_balance_books()
        company._set_write_off_accounts()
        return result
