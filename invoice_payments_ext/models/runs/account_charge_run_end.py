import base64
import csv
import io
from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import SQL

from ...tools import TryAgainError, prepare_notification
from .results import OPEN_STEPS

# A cell that begins with one of these is a formula for a spreadsheet.
FORMULA_SIGNS = ("=", "+", "-", "@", "\t", "\r")


class AccountChargeRun(models.Model):
    """The end of a run, its results as a file, and mails with links to pay."""

    _inherit = "account.charge.run"

    # === ACTION METHODS === #

    def action_export(self):
        """Return the action that downloads the lines of this run with their results.

        :rtype: dict
        """
        self.ensure_one()
        self.check_access("read")
        # In superuser mode: who may read a run may not write its files.
        attachment = (
            self.env["ir.attachment"]
            .sudo()
            .create(
                {
                    "name": f"{self.name}.csv",
                    "res_model": self._name,
                    "res_id": self.id,
                    "mimetype": "text/csv",
                    "datas": base64.b64encode(self._get_csv().encode("utf-8-sig")),
                }
            )
        )
        return {
            "type": "ir.actions.act_url",
            "url": f"/web/content/{attachment.id}?download=true",
            "target": "download",
        }

    def action_send_payment_links(self):
        """Mail a link to pay to the customers without a method; tell how many.

        :rtype: dict
        """
        self.ensure_one()
        return self.send_payment_links()

    # === BUSINESS METHODS === #

    def send_payment_links(self):
        """Queue a mail with a link to pay for each invoice without a method, once.

        :return: The client action that says how many.
        :rtype: dict
        :raise UserError: If all got it before or pay, or none has a mail address.
        :raise AccessError: If the user has no right to charge.
        """
        self.ensure_one()
        self._check_run_rights()
        self._lock_run()
        # Nobody is asked to pay while a payment is being processed.
        lines = self._get_lines_to_link().filtered(
            lambda line: not line.move_id._is_being_paid()
        )
        if not lines:
            raise UserError(
                self.env._(
                    "No customer without a method is left who has a mail address and "
                    "is not paying already."
                )
            )
        template = self.env.ref("invoice_payments_ext.mail_template_payment_link")
        # In superuser mode: the link and the template are not the staff's.
        template.sudo().send_mail_batch(lines.move_id.ids)
        lines.sudo().link_sent_on = fields.Datetime.now()
        self.env.ref("mail.ir_cron_mail_scheduler_action").sudo()._trigger()
        return self._prepare_links_notification(lines)

    # === BUSINESS METHODS - THE END === #

    @api.model
    def _end_finished(self):
        """End the runs of which nothing is left, and tell the people who made them."""
        self.env.flush_all()
        rows = self.env.execute_query(
            SQL(
                """
                SELECT run.id FROM account_charge_run run
                 WHERE run.state = 'running'
                   AND (run.kind != 'automatic' OR run.run_date < %s)
                   AND NOT EXISTS (SELECT FROM account_charge_run_line line
                                    WHERE line.run_id = run.id AND line.state IN %s)
                """,
                # The day is over in each time zone.
                fields.Datetime.now().date() - timedelta(days=1),
                OPEN_STEPS,
            )
        )
        for [run_id] in rows:
            self.browse(run_id)._end()

    def _end(self):
        """End this run, once, and tell its starter."""
        try:
            self._lock_run()
        except TryAgainError:
            return  # Another lane is at it.
        if self.state != "running":
            return
        self.write({"state": "done", "ended_on": fields.Datetime.now()})
        if self.kind == "automatic":
            return
        self.activity_schedule(
            "mail.mail_activity_data_todo",
            date_deadline=self.company_id._get_own_today(),
            summary=self.env._("%s has ended", self.name),
            note=self._describe_end(),
            user_id=self.user_id.id,
        )

    def _describe_end(self):
        """Return the summary of a run that ended: its numbers and amounts.

        :rtype: str
        """
        progress = self.get_progress()
        numbers = ", ".join(
            f"{group['label']}: {group['count']}"
            for group in progress["groups"]
            if group["count"]
        )
        return self.env._(
            "%(numbers)s. Collected: %(moved)s.",
            numbers=numbers,
            moved=progress["moved"],
        )

    # === GETTERS === #

    def _prepare_links_notification(self, lines):
        """Return the client action that says how many mails were queued.

        :rtype: dict
        """
        return prepare_notification(
            self.env._("Payment links"),
            # One for each invoice: a customer may have several.
            self.env._("Mails with a link to pay: %s", len(lines)),
        )

    def _get_csv(self):
        """Return the lines of this run as text with commas.

        Amounts have a point and the decimals of their currency, as in the files of the
        portal. The time is that of the user, as on the screen.

        :rtype: str
        """
        self.ensure_one()
        results = dict(self.line_ids._fields["result"]._description_selection(self.env))
        text = io.StringIO()
        writer = csv.writer(text)
        writer.writerow(
            [
                self.env._("Invoice"),
                self.env._("Customer"),
                self.env._("Method"),
                self.env._("Amount"),
                self.env._("From credit"),
                self.env._("Currency"),
                self.env._("Result"),
                self.env._("Reason code"),
                self.env._("Reason"),
                self.env._("Attempt"),
                self.env._("Message"),
                self.env._("Done on"),
            ]
        )
        for line in self.line_ids:
            attempt_sudo = line.transaction_id.sudo()
            done_on = line.done_on and fields.Datetime.context_timestamp(
                self, line.done_on
            )
            decimals = line.currency_id.decimal_places
            cells = [
                line.move_id.display_name,
                line.partner_id.display_name,
                line.method,
                f"{line.amount:.{decimals}f}",
                f"{line.credit_amount:.{decimals}f}",
                line.currency_id.name,
                results[line.result],
                line.reason_code,
                line.note,
                attempt_sudo.reference,
                attempt_sudo.state_message,
                done_on and f"{done_on:%Y-%m-%d %H:%M:%S}",
            ]
            writer.writerow(map(_show_cell, cells))
        return text.getvalue()


def _show_cell(value):
    """Return a value for a cell, so that no spreadsheet takes it for a formula."""
    if not isinstance(value, str):
        return "" if value is None or value is False else value
    return f"'{value}" if value.startswith(FORMULA_SIGNS) else value
