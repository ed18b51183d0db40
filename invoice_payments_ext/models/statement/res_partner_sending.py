from odoo import models
from odoo.exceptions import UserError

from ...tools import prepare_dialog
from ..core.door import Door

SEND_CUSTOMER_STATEMENT = Door(
    "res.partner.send_customer_statement",
    rights="_check_statement_rights",
    check="_check_statement_request",
    work="_request_statements",
    is_batch=True,
)


class ResPartner(models.Model):
    """The door that sends statements of account, and the dialog before it."""

    _inherit = "res.partner"

    # === ACTION METHODS === #

    def action_print_statement(self):
        """Return the dialog that prints the statements of these customers.

        :rtype: dict
        """
        return self._prepare_statement_dialog(self.env._("Print statement"), False)

    def action_send_statement(self):
        """Return the dialog that sends the statements of these customers.

        :rtype: dict
        """
        return self._prepare_statement_dialog(self.env._("Send statement"), True)

    def _prepare_statement_dialog(self, name, is_sending):
        """Return the dialog of statements, with one button that comes first."""
        owners = self.commercial_partner_id
        return prepare_dialog(
            "account.customer.statement",
            name,
            partner_ids=owners.ids,
            is_sending=is_sending,
        )

    # === BUSINESS METHODS - DOORS === #

    def send_customer_statement(
        self, date_from=None, date_to=None, company_id=None, idempotency_key=None
    ):
        """Send these customers their statements of account by e-mail.

        A schedule makes the PDFs and queues the mails, in the languages of the
        customers. Customers without a mail address are left out, and marked so.

        :param date|str date_from: See :meth:`get_customer_statement`.
        :param date|str date_to: See :meth:`get_customer_statement`.
        :param int company_id: The company, with its branches; the present one if not
                               given.
        :param str idempotency_key: See `account.move.charge`.
        :return: The statements by customer, and who is left out.
        :rtype: account.statement.sending
        :raise UserError: If the days are not a period, nobody has a mail address, or
                          the key was used with other values.
        :raise AccessError: If the user is not of the level *Record and charge*, or may
                            not read the books of the company.
        """
        return self._pass(
            SEND_CUSTOMER_STATEMENT,
            idempotency_key,
            date_from=date_from,
            date_to=date_to,
            company_id=company_id,
        )

    # === BUSINESS METHODS - STEPS === #

    def _check_statement_rights(self):
        """Check that the user may send statements of account.

        :raise AccessError: If the user is not of the level *Record and charge*, or may
                            not read the contacts.
        """
        self.env["account.move"]._check_payment_rights()
        self.check_access("read")

    def _check_statement_request(self, date_from, date_to, company_id):
        """Check that these statements can be sent to somebody."""
        company = self.env["res.company"].browse(company_id) or self.env.company
        owners = self.commercial_partner_id
        owners._check_statement_access(company)
        self._get_statement_period(company, date_from, date_to)
        if not any(owner._get_statement_recipient() for owner in owners):
            raise UserError(
                self.env._(
                    "%s: there is no valid e-mail address. Enter one on the contact.",
                    ", ".join(owners.mapped("display_name")),
                )
            )

    def _request_statements(self, date_from, date_to, company_id):
        """Store whose statements are due, and wake the schedule."""
        company = self.env["res.company"].browse(company_id) or self.env.company
        period = self._get_statement_period(company, date_from, date_to)
        sendings = self.env["account.statement.sending"]
        return sendings._request(self.commercial_partner_id, company, *period)
