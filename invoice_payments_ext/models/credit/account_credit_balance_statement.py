from datetime import datetime, time, timedelta

import pytz
from dateutil.relativedelta import relativedelta

from odoo import fields, models
from odoo.exceptions import UserError
from odoo.tools import format_date

from ...tools import prepare_dialog
from ..core.door import Door

# They fill 50 pages, in 5 s. Many more would keep wkhtmltopdf busy for minutes.
MAX_PRINTED_LINES = 2000

SEND_STATEMENT = Door(
    "account.credit.balance.send_statement",
    rights="_check_statement_rights",
    check="_check_statement",
    work="_send_statement",
)


class AccountCreditBalance(models.Model):
    """The statement of a credit balance for a period, as the customer sees it.

    A line belongs to the day on which it was entered, in the time zone of the company.
    Entries of a balance are made one after the other, so that a period is a part of the
    history without gaps, and the balance after its last line is the closing balance. By
    their accounting dates, which may lie in the past, the lines would not add up.
    """

    _inherit = "account.credit.balance"

    # === ACTION METHODS === #

    def action_open_statement(self):
        """Return the dialog that prints a statement of this balance or sends it.

        :rtype: dict
        """
        self.ensure_one()
        return prepare_dialog(
            "account.credit.balance.statement",
            self.env._("Statement"),
            balance_id=self.id,
        )

    # === BUSINESS METHODS - DOORS === #

    def get_statement(self, date_from=None, date_to=None):
        """Return the statement of this balance for a period.

        Its cost depends on the lines of the period, not on the history before it.

        :param date|str date_from: The first day; about a year before the last one if
                                   not given.
        :param date|str date_to: The last day; today if not given.
        :return: The days, the opening balance, the lines (oldest first, each with its
                 `entry_id`, `date`, public `label`, `amount` and `balance` after it),
                 the sums of the amounts that came in and went out, and the closing
                 balance.
        :rtype: dict
        :raise UserError: If the days are not a period.
        :raise AccessError: If the user may not read this balance.
        """
        self.ensure_one()
        self.check_access("read")
        return self._get_statement(date_from, date_to)

    def send_statement(self, date_from=None, date_to=None, idempotency_key=None):
        """Queue the statement of a period for the customer, as an e-mail with its PDF.

        The text is the template *Credit: Statement*, in the customer's language. That
        it was sent is logged on the contact.

        :param date|str date_from: See :meth:`get_statement`.
        :param date|str date_to: See :meth:`get_statement`.
        :param str idempotency_key: See `account.move.charge`.
        :return: The queued e-mail.
        :rtype: mail.mail
        :raise UserError: If the days are not a period, there is no e-mail address, or
                          the key was used with other values.
        :raise AccessError: If the user is not of the level *Record and charge*, or may
                            not read this balance.
        """
        return self._pass(
            SEND_STATEMENT, idempotency_key, date_from=date_from, date_to=date_to
        )

    # === BUSINESS METHODS - STEPS === #

    def _check_statement_rights(self):
        """Check that the user may send statements of these balances.

        :raise AccessError: If the user is not of the level *Record and charge*, or may
                            not read them.
        """
        self.env["account.move"]._check_payment_rights()
        self.check_access("read")

    def _check_statement(self, date_from, date_to):
        """Check that these days are a period."""
        self._get_statement_period(date_from, date_to)

    def _send_statement(self, date_from, date_to):
        """Queue the statement of a period that was checked."""
        date_from, date_to = self._get_statement_period(date_from, date_to)
        template = self.env.ref("invoice_payments_ext.mail_template_credit_statement")
        mail = self.env["mail.mail"].browse(
            template.with_context(
                statement_date_from=date_from, statement_date_to=date_to
            ).send_mail(self.id)
        )
        mail_sudo = mail.sudo()  # Queued e-mails are readable by administrators only.
        if not mail_sudo.email_to and not any(
            mail_sudo.recipient_ids.mapped("email_normalized")
        ):
            raise UserError(
                self.env._(
                    "%s has no valid e-mail address: enter one on the contact.",
                    self.partner_id.display_name,
                )
            )
        self.partner_id._message_log(
            body=self.env._(
                "The credit statement from %(date_from)s to %(date_to)s was sent to "
                "the customer.",
                date_from=format_date(self.env, date_from),
                date_to=format_date(self.env, date_to),
            )
        )
        return mail

    def _get_statement(self, date_from=None, date_to=None, max_lines=None):
        """Return a statement to somebody who may read it; see :meth:`get_statement`.

        :param int max_lines: Refuse a period with more lines than these.
        """
        date_from, date_to = self._get_statement_period(date_from, date_to)
        first, last = self._get_statement_ends(date_from, date_to)
        entries = first.search_fetch(
            [
                ("balance_id", "=", self.id),
                ("id", ">", first.id or 0),
                ("id", "<=", last.id or 0),
            ],
            self._get_history_fields(),
            order="id",
            limit=max_lines and max_lines + 1,
        )
        if max_lines and len(entries) > max_lines:
            raise UserError(
                self.env._(
                    "There are more than %s lines in this period: choose a shorter "
                    "one.",
                    max_lines,
                )
            )
        lines = self._prepare_history_lines(entries)
        return {
            "balance_id": self.id,
            "partner_id": self.partner_id.id,
            "company_id": self.company_id.id,
            "currency_id": self.currency_id.id,
            "date_from": date_from,
            "date_to": date_to,
            "opening_balance": first.balance_after,
            "lines": lines,
            "amount_in": self.currency_id.round(
                sum(line["amount"] for line in lines if line["amount"] > 0)
            ),
            "amount_out": self.currency_id.round(
                -sum(line["amount"] for line in lines if line["amount"] < 0)
            ),
            "closing_balance": last.balance_after,
        }

    def _prepare_history_lines(self, entries):
        """Return entries of this balance as the customer reads them.

        :rtype: list[dict]
        """
        local = self._in_statement_time_zone()
        return [
            {
                "entry_id": entry.id,
                "date": fields.Datetime.context_timestamp(local, entry.made_at).date(),
                "label": entry.label_shown,
                "amount": entry.amount,
                "balance": entry.balance_after,
            }
            for entry in entries
        ]

    # === GETTERS === #

    def _get_history(self, offset=0, limit=None):
        """Return the history as the customer reads it, the newest lines first.

        :rtype: list[dict]
        """
        self.ensure_one()
        entries = self.env["account.credit.balance.entry"].search_fetch(
            [("balance_id", "=", self.id)],
            self._get_history_fields(),
            offset=offset,
            limit=limit,
        )
        return self._prepare_history_lines(entries)

    def _get_history_fields(self):
        return ["made_at", "label", "label_words", "amount", "balance_after"]

    def _get_statement_ends(self, date_from, date_to):
        """Return the last entries before the period and of it, in superuser mode.

        They are found in the index: it does not matter how many there are before.

        :rtype: tuple[account.credit.balance.entry, account.credit.balance.entry]
        """
        entries_sudo = self.env["account.credit.balance.entry"].sudo()
        first, last = (
            entries_sudo.search_fetch(
                [("balance_id", "=", self.id), ("made_at", "<", moment)],
                ["balance_after"],
                order="made_at DESC, id DESC",
                limit=1,
            )
            for moment in self._get_statement_moments(date_from, date_to)
        )
        # By id they are in order even if a server's clock was not.
        return first, max(first, last, key=lambda entry: entry.id or 0)

    def _get_statement_moments(self, date_from, date_to):
        """Return when a period begins and when it is over, in UTC.

        :rtype: tuple[datetime, datetime]
        """
        zone = self._in_statement_time_zone().env.tz
        try:
            return tuple(
                zone.localize(datetime.combine(day, time.min))
                .astimezone(pytz.utc)
                .replace(tzinfo=None)
                for day in (date_from, date_to + timedelta(days=1))
            )
        except OverflowError:
            raise UserError(
                self.env._(
                    "There is no statement from %(date_from)s to %(date_to)s.",
                    date_from=format_date(self.env, date_from),
                    date_to=format_date(self.env, date_to),
                )
            ) from None

    def _get_statement_period(self, date_from=None, date_to=None):
        """Return the days of a period, with defaults for days that are not given.

        That is today, and before it the twelve months that began on a first.

        :rtype: tuple[date, date]
        """
        try:
            date_from, date_to = map(fields.Date.to_date, (date_from, date_to))
            date_to = date_to or fields.Date.context_today(
                self._in_statement_time_zone()
            )
            date_from = date_from or date_to + relativedelta(months=-11, day=1)
        except (TypeError, ValueError):
            raise UserError(self.env._("The period is not given as days.")) from None
        if date_from > date_to:
            raise UserError(
                self.env._(
                    "The period ends on %(date_to)s, before it begins on "
                    "%(date_from)s.",
                    date_from=format_date(self.env, date_from),
                    date_to=format_date(self.env, date_to),
                )
            )
        return date_from, date_to

    def _in_statement_time_zone(self):
        """Return this balance in the time zone of its company, or else of the user.

        So all users get the same statement.
        """
        zone = self.company_id.sudo().partner_id.tz
        return self.with_context(tz=zone) if zone else self

    def _get_report_base_filename(self):
        """Return the name of the statement's file, with the period of the context."""
        self.ensure_one()
        date_from, date_to = self._get_statement_period(
            self.env.context.get("statement_date_from"),
            self.env.context.get("statement_date_to"),
        )
        return self.env._(
            "Credit statement %(date_from)s to %(date_to)s",
            date_from=date_from,
            date_to=date_to,
        )
