from odoo import fields, models


class ResCompany(models.Model):
    """Whether customers get a statement of account each month."""

    _inherit = "res.company"

    monthly_statements = fields.Boolean(
        tracking=True,
        help="Customers get a statement of account of the last month by e-mail, if "
        "there was a movement in it or something is open. A customer's own choice on "
        "the contact comes first.",
    )

    # === GETTERS === #

    def _get_statement_books(self):
        """Return this company with its branches: the books that a statement covers.

        :rtype: res.company
        """
        return self.sudo().search([("id", "child_of", self.ids)])
