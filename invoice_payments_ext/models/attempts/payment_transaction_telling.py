import logging

import psycopg2

from odoo import models

from ..states import OUTCOMES, UNRESOLVED_OUTCOMES

_logger = logging.getLogger(__name__)


class PaymentTransaction(models.Model):
    """The tasks that tell a person of an attempt."""

    _inherit = "payment.transaction"

    # === TELLING PEOPLE === #

    def _report_excess(self):
        """Tell a person when not all the money could be allocated."""
        self.ensure_one()
        payment = self.payment_id
        invoices = self._get_attempt_invoices()
        lines = payment._get_receivable_lines()
        excess = -sum(lines.mapped("amount_residual_currency"))
        if (
            self._is_refund()
            or not invoices
            or self.currency_id.compare_amounts(excess, 0) <= 0
        ):
            return
        self._schedule_payment_activity(
            invoices[0],
            self.env._("Payment above the remaining amount"),
            self.env._(
                "%(payment)s brought %(excess)s more than remained to be paid. It is "
                "kept for the customer as an outstanding credit: refund it, use it for "
                "another invoice or move it to the credit balance.",
                payment=payment._get_html_link(),
                excess=self.currency_id.format(excess),
            ),
            payment.move_id,
        )

    def _warn_not_settled(self, message):
        """Tell a person that money moved which could not be booked."""
        self._get_attempt_invoices()._notify_payments_changed()
        records = self._get_attempt_invoices() or self.source_transaction_id.payment_id
        for record in records[:1]:
            self._schedule_payment_activity(
                record,
                self.env._("Refunded, not booked")
                if self._is_refund()
                else self.env._("Payment received, not booked"),
                self.env._(
                    "%(reference)s (%(amount)s) succeeded at the provider, but could "
                    "not be booked: %(message)s It is tried again automatically.",
                    reference=self._get_html_link(),
                    amount=self.currency_id.format(abs(self.amount)),
                    message=message,
                ),
                self,
            )

    def _tell_fault(self, error):
        """Tell a person that an answer could not be applied as it should be.

        The outcome is stored before; nothing that fails here may undo that. The task
        ends when the outcome is found. Where it was known, a person ends it: something
        of the database's own code failed.
        """
        record = (self._get_attempt_invoices() or self._get_root().payment_id.exists())[
            :1
        ]
        if not record:
            return
        try:
            with self.env.cr.savepoint():
                self._schedule_payment_activity(
                    record,
                    self.env._("Answer of the provider not applied"),
                    self.env._(
                        "An error came up while the provider's answer on %(reference)s "
                        "was recorded: %(error)s The outcome is %(outcome)s.",
                        reference=self._get_html_link(),
                        error=error,
                        outcome=self._get_outcome_label(),
                    ),
                    self if self.outcome in UNRESOLVED_OUTCOMES else None,
                )
        except psycopg2.Error:
            raise
        except Exception:  # noqa: BLE001, pylint: disable=broad-except
            _logger.exception("Nobody could be told of %s", self.reference)

    def _schedule_payment_activity(self, record, summary, note, cause=None):
        """Give the person in charge of an invoice or a payment a task, once.

        Somebody who has no right to payments could not do it: an administrator gets it.

        :param recordset record: The invoice or the payment.
        :param str summary: The task, in a few words.
        :param str note: What it is about, in sentences.
        :param recordset cause: The entry, or the attempt, whose end is that of the
                                task; see `mail.activity`.
        """
        if record.activity_ids.filtered(
            lambda activity: (
                activity.summary == summary and self.reference in (activity.note or "")
            )
        ):
            return
        people = [record.create_uid, self.env.ref("base.user_admin")]
        if record._name == "account.move":
            people.insert(0, record.invoice_user_id)
        if self.charge_invoice_id:
            people.insert(0, self.create_uid)
        responsible = next(filter(_may_act, people), people[-1])
        record.activity_schedule(
            "mail.mail_activity_data_todo",
            summary=summary,
            note=note,
            user_id=responsible.id,
            **_get_cause_values(cause),
        )

    def _end_settled_tasks(self):
        """End the tasks about these attempts that are booked, or came to nothing."""
        settled = self.filtered(
            lambda tx: (
                tx.is_post_processed
                if tx.state == "done"
                else OUTCOMES[tx.outcome].is_final
            )
        )
        # In superuser mode: they may be another person's tasks.
        tasks_sudo = (
            self.env["mail.activity"]
            .sudo()
            .search([("payment_cause_transaction_id", "in", settled.ids)])
        )
        if tasks_sudo:
            tasks_sudo.action_feedback()


def _get_cause_values(cause):
    """Return the values of a task that name its cause, if it has one."""
    if not cause:
        return {}
    is_entry = cause._name == "account.move"
    name = "payment_cause_move_id" if is_entry else "payment_cause_transaction_id"
    return {name: cause.id}


def _may_act(user):
    """Tell if a user can do a task about a payment."""
    return user.active and user.has_group("invoice_payments_ext.group_payment_record")
