from datetime import timedelta

from dateutil.relativedelta import relativedelta

from odoo import fields, models
from odoo.exceptions import AccessError
from odoo.tools.misc import hash_sign, verify_hash_signed

from ...tools import prepare_filename

# For how long the link of a statement shows the open invoices without a login.
LINK_DAYS = 90
# Groups that read all journal items of their companies.
READERS = ("account.group_account_invoice", "account.group_account_readonly")
LINK_SCOPE = "invoice_payments_ext.statement"


class ResPartner(models.Model):
    """The statement of account of a customer: who may have it, and for which days."""

    _inherit = "res.partner"

    monthly_statement = fields.Selection(
        selection=[("yes", "Sent each month"), ("no", "Not sent")],
        company_dependent=True,
        tracking=True,
        groups="account.group_account_invoice,account.group_account_readonly",
        help="Whether this customer gets a statement of account each month by e-mail. "
        "Empty: as the settings of the company say.",
    )

    # === CHECK METHODS === #

    def _check_statement_access(self, company):
        """Check that the user may read the statements of these customers.

        :param res.company company: The company, whose branches are in it.
        :raise AccessError: If the user is not in accounting, or may not read the
                            contacts or the books of the company and its branches.
        """
        if self.env.su:
            return
        self.check_access("read")
        # Of others, such as salespeople, rules may hide a part of the items.
        if not any(map(self.env.user.has_group, READERS)):
            raise AccessError(
                self.env._("Statements of account are for people in accounting.")
            )
        if company._get_statement_books() - self.env.user.sudo().company_ids:
            raise AccessError(
                self.env._(
                    "The statement is about the books of %s and its branches: you may "
                    "not read all of them.",
                    company.sudo().name,
                )
            )

    # === GETTERS === #

    def _get_statement_period(self, company, date_from=None, date_to=None):
        """Return the days of a period; without days, this month and the two before.

        :rtype: tuple[date, date]
        :raise UserError: If the days are not a period.
        """
        balances = self.env["account.credit.balance"]
        balance = balances.new({"company_id": company.id})
        first, last = balance._get_statement_period(date_from, date_to)
        if not date_from:
            first = last + relativedelta(months=-2, day=1)
        return first, last

    def _get_statement_context(self):
        """Return the company and the days that the context names, as checked values.

        :return: The company, the first and the last day.
        :rtype: tuple
        """
        context = self.env.context
        company = self.env["res.company"].browse(context.get("statement_company_id"))
        company = company or self.env.company
        period = (
            context.get(f"statement_{name}") or None
            for name in ("date_from", "date_to")
        )
        return company, *self._get_statement_period(company, *period)

    def _get_statement_recipient(self):
        """Return the contact that gets the statements: the one for invoices.

        :return: A contact with a valid mail address, or none.
        :rtype: res.partner
        """
        self.ensure_one()
        contact = self.browse(self.address_get(["invoice"])["invoice"])
        return (contact | self).filtered("email_normalized")[:1]

    def _get_statement_language(self, company):
        """Return the language of a customer's documents.

        :rtype: str
        """
        self.ensure_one()
        return self.lang or company.sudo().partner_id.lang

    def _get_report_base_filename(self):
        """Return the name of the file of a statement, without its ending."""
        self.ensure_one()
        _company, date_from, date_to = self._get_statement_context()
        return prepare_filename(
            self.env._("Statement of account"), self.name, date_from, "-", date_to
        )

    # === LINKS === #

    def _get_statement_pay_url(self, company):
        """Return the address at which anybody who has it can pay all that is open.

        It shows the open invoices, each with its payment form, and ends after a time.

        :param res.company company: The company.
        :rtype: str
        """
        self.ensure_one()
        token = hash_sign(
            self.sudo().env,
            LINK_SCOPE,
            [self.commercial_partner_id.id, company.id],
            expiration=timedelta(days=LINK_DAYS),
        )
        return f"{company.sudo().get_base_url()}/my/statement/pay?token={token}"

    def _read_statement_token(self, token):
        """Return the customer and the company of a link.

        :return: Two empty recordsets if it is not valid, or not any more.
        :rtype: tuple[res.partner, res.company]
        """
        try:
            values = verify_hash_signed(self.sudo().env, LINK_SCOPE, token)
        except (TypeError, ValueError, IndexError):  # Not a token at all.
            values = None
        partner_id, company_id = values or (False, False)
        return (
            self.browse(partner_id).exists(),
            self.env["res.company"].browse(company_id).exists(),
        )

    def _get_statement_invoices(self, company):
        """Return the invoices of a statement that can be paid now, the oldest first.

        The caller says who may see them.

        :rtype: account.move
        """
        invoices = self.env["account.move"].search(
            [
                ("commercial_partner_id", "=", self.commercial_partner_id.id),
                ("company_id", "in", company._get_statement_books().ids),
                ("move_type", "=", "out_invoice"),
                ("state", "=", "posted"),
                ("payment_state", "in", ("not_paid", "partial")),
            ],
            order="invoice_date_due, id",
        )
        return invoices.filtered(lambda invoice: invoice._has_to_be_paid())
