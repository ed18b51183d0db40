from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import format_date

from ...tools import is_there


class AccountMove(models.Model):
    """The journals, methods and days that an entry may be booked with."""

    _inherit = "account.move"

    # === BUSINESS METHODS - EXTERNAL PAYMENTS === #

    @api.model
    def _get_external_journal(self, journal_id, company):
        """Return the journal of an external payment; refuse one that does not fit."""
        journals = self.env["account.journal"]
        if not journal_id:
            journal = journals.search(
                [
                    *journals._check_company_domain(company),
                    ("type", "in", ("bank", "cash")),
                    ("id", "not in", company.sudo().credit_balance_journal_id.ids),
                ],
                order="type, sequence, id",
                limit=1,
            )
            if not journal:
                raise UserError(
                    self.env._("%s has no bank or cash journal.", company.name)
                )
            return journal
        journal = journals.browse(journal_id)
        if not is_there(journal):
            raise UserError(self.env._("There is no journal %s.", journal_id))
        if journal.company_id not in company.sudo().parent_ids:
            raise UserError(
                self.env._(
                    "The journal %(journal)s belongs to another company than "
                    "%(company)s.",
                    journal=journal.name,
                    company=company.name,
                )
            )
        if journal.type not in ("bank", "cash", "credit"):
            raise UserError(
                self.env._(
                    "The journal %s takes no payments: choose a bank or cash journal.",
                    journal.name,
                )
            )
        if journal == company.sudo().credit_balance_journal_id:
            raise UserError(
                self.env._(
                    "The journal %s keeps the customers' credit: no money is received "
                    "or paid there.",
                    journal.name,
                )
            )
        return journal

    @api.model
    def _get_external_method_line(self, journal, method_line_id, way="inbound"):
        """Return the method line of a payment; refuse one that does not fit."""
        method_lines = journal._get_available_payment_method_lines(way)
        method_lines = method_lines.filtered(
            lambda line: not line.sudo().payment_provider_id
        )
        if not method_line_id:
            if not method_lines:
                raise UserError(
                    self.env._(
                        "The journal %s has no incoming payment method.", journal.name
                    )
                    if way == "inbound"
                    else self.env._(
                        "The journal %s has no outgoing payment method.", journal.name
                    )
                )
            return method_lines[0]
        method_line = method_lines.browse(method_line_id)
        if method_line not in method_lines:
            raise UserError(
                self.env._(
                    "%(method)s is not an incoming payment method of the journal "
                    "%(journal)s for external payments.",
                    method=method_line.exists().name or method_line_id,
                    journal=journal.name,
                )
            )
        return method_line

    @api.model
    def _get_external_date(
        self, journal, date, company, has_tax=False, start=None, start_label=""
    ):
        """Return the day of an entry; refuse the future and locked periods.

        :param account.journal journal: The journal of the entry.
        :param date|str date: The day; today if not given.
        :param res.company company: The company whose periods are locked.
        :param bool has_tax: Whether the periods of tax returns count too.
        :param date start: The day of the document that the entry corrects, the earliest
                           one. For a colleague in another time zone it may have been
                           tomorrow.
        :param str start_label: The name of the corrected document, for the message.
        :rtype: datetime.date
        :raise UserError: If it is in the future, or in a locked period.
        """
        today = self._get_today(start)
        date = fields.Date.to_date(date) or today
        if date > today:
            raise UserError(
                self.env._(
                    "The date %s is in the future: choose today or an earlier day.",
                    format_date(self.env, date),
                )
            )
        if start and date < start:
            raise UserError(
                self.env._(
                    "The date %(date)s lies before that of %(document)s, %(start)s.",
                    date=format_date(self.env, date),
                    document=start_label,
                    start=format_date(self.env, start),
                )
            )
        violated = company._get_violated_lock_dates(date, has_tax, journal)
        if violated:
            raise UserError(
                self.env._(
                    "The date %(date)s lies in a locked period: %(locks)s.",
                    date=format_date(self.env, date),
                    locks=company._format_lock_dates(violated),
                )
            )
        return date

    @api.model
    def _get_today(self, start=None):
        """Return today, or the day of the corrected document if that is later.

        :rtype: datetime.date
        """
        today = fields.Date.context_today(self)
        return max(today, start) if start else today

    def _get_correction_date(self, journal, date, has_tax=False):
        """Return the day of a correction of this invoice.

        See :meth:`_get_external_date`.
        """
        self.ensure_one()
        return self._get_external_date(
            journal,
            date,
            self.company_id,
            has_tax,
            start=self.invoice_date,
            start_label=self.env._("the invoice"),
        )
