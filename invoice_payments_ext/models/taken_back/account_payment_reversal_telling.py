from odoo import fields, models
from odoo.tools import format_date

from .reversal_states import WITHDRAWN

# The methods of rooms when money was lost: each is one of `account.payment.reversal`.
AFTER_LOST = ("_mail_returned_debit",)


class AccountPaymentReversal(models.Model):
    """The people who are told of money taken back."""

    _inherit = "account.payment.reversal"

    # === TELLING PEOPLE === #

    def _tell_state(self):
        """Tell the staff of a new state by a task, and the rooms of lost money."""
        record = self.invoice_ids[:1] or self.payment_id
        words = dict(self._fields["state"]._description_selection(self.env))
        for each in self.invoice_ids | self.payment_id.move_id:
            each._message_log(
                body=self.env._(
                    "%(name)s (%(amount)s): %(state)s.",
                    name=self._get_html_link(),
                    amount=self.currency_id.format(self.amount),
                    state=words[self.state],
                )
            )
        if self.is_undecided:
            self._schedule_task(
                record,
                self.env._("Answer the dispute"),
                self.env._(
                    "%(amount)s of %(payment)s is disputed (%(name)s)%(reason)s.",
                    amount=self.currency_id.format(self.amount),
                    payment=self.payment_id._get_html_link(),
                    name=self._get_html_link(),
                    reason=f": {self.reason}" if self.reason else "",
                ),
                self.respond_by,
            )
        elif self.state == "lost":
            self._schedule_task(
                record,
                self.env._("Payment taken back"),
                self.env._(
                    "%(amount)s of %(payment)s was taken back (%(name)s): the customer "
                    "owes it again.",
                    amount=self.currency_id.format(self.amount),
                    payment=self.payment_id._get_html_link(),
                    name=self._get_html_link(),
                ),
                cause=self.invoice_ids[:1],
            )
            for name in AFTER_LOST:
                getattr(self, name)()

    def _tell_not_covered(self, amount):
        """Tell a person of money taken back that neither invoices nor credit cover."""
        self._schedule_task(
            self.invoice_ids[:1] or self.payment_id,
            self.env._("Taken back, but not covered"),
            self.env._(
                "%(amount)s of %(payment)s was taken back (%(name)s), but it pays no "
                "invoice any more: it was kept as credit and spent, or given back "
                "before. The customer owes it: collect it or write it off.",
                amount=self.currency_id.format(amount),
                payment=self.payment_id._get_html_link(),
                name=self._get_html_link(),
            ),
        )

    def _tell_amount_unbooked(self, amount, code):
        """Tell a person, once, of another amount that the books cannot follow.

        :param float amount: The amount that the provider names.
        :param str code: The currency of the amount.
        """
        summary = self.env._("The provider took another amount")
        if summary in self._get_tasks().mapped("summary"):
            return
        self._schedule_task(
            self.invoice_ids[:1] or self.payment_id,
            summary,
            self.env._(
                "%(name)s has %(booked)s, and the provider now says that it took "
                "%(amount)s %(currency)s of all captures together. Correct it by hand.",
                name=self._get_html_link(),
                booked=self.currency_id.format(self.amount),
                amount=amount,
                currency=code or self.currency_id.name,
            ),
        )

    def _schedule_task(self, record, summary, note, deadline=None, cause=None):
        """Give the person in charge of the payment a task.

        :param account.move cause: The invoice that ends the task once it is paid.
        """
        deadline = deadline or fields.Date.context_today(self)
        record.activity_schedule(
            "mail.mail_activity_data_todo",
            date_deadline=deadline,
            summary=summary,
            note=note,
            user_id=self._get_responsible(record).id,
            payment_cause_move_id=cause.id if cause else False,
        )

    def _end_tasks(self):
        """End the tasks about this record, which a new state has no use for."""
        self._get_tasks().action_feedback()

    def _follow_respond_by(self):
        """Let the task to answer be due when the provider says now."""
        if self.is_undecided and self.respond_by:
            tasks = self._get_tasks()
            tasks.filtered(
                lambda task: task.date_deadline != self.respond_by
            ).date_deadline = self.respond_by

    def _get_tasks(self):
        """Return the open tasks about this record.

        :rtype: mail.activity
        """
        record = self.invoice_ids[:1] or self.payment_id
        return record.activity_ids.filtered(
            lambda activity: (
                f'data-oe-id="{self.id}"' in (activity.note or "")
                and self._name in activity.note
            )
        )

    def _get_responsible(self, record, maker=None):
        """Return the person in charge of an invoice or a payment.

        Somebody who has no right to payments could not do it: an administrator gets it.

        :param record: The `account.move` or `account.payment`.
        :param res.users maker: Who recorded the matter; whoever made the record if not
                                given.
        :rtype: res.users
        """
        people = [maker or record.create_uid, self.env.ref("base.user_admin")]
        if record._name == "account.move":
            people.insert(0, record.invoice_user_id)
        able = (
            user
            for user in people
            if user.active
            and user.has_group("invoice_payments_ext.group_payment_record")
        )
        return next(able, people[-1])

    def _get_notice(self):
        """Return the sentence that stands above an invoice while it is disputed.

        :rtype: str
        """
        values = {
            "amount": self.currency_id.format(self.amount),
            "payment": self.payment_id.name,
        }
        if self.state not in WITHDRAWN:
            notice = self.env._(
                "The customer's bank asks about %(amount)s of %(payment)s.", **values
            )
        else:
            notice = self.env._(
                "%(amount)s of %(payment)s is disputed and was withdrawn.", **values
            )
        if self.respond_by:
            day = format_date(self.env, self.respond_by)
            notice += " " + self.env._("Answer by %s.", day)
        return notice
