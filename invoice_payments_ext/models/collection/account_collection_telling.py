import logging

from odoo import models

from .reasons import CHARGE, CREDIT, WAIT

_logger = logging.getLogger(__name__)

REMINDER = "invoice_payments_ext.mail_template_collection_reminder"


class AccountCollection(models.Model):
    """The mails to the customer and the tasks of the staff."""

    _inherit = "account.collection"

    # === BUSINESS METHODS === #

    def _do_steps(self, decision, due):
        """Do the steps that are due and are not charges; of reminders only the last.

        :param ChargeDecision decision: The decision of now.
        :param list due: The steps that are due.
        """
        has_method = decision.action in (CHARGE, CREDIT, WAIT)
        fitting = [step for step in due if self._is_audience(step, has_method)]
        reminders = [step for step in fitting if step.kind == "remind"]
        if reminders:
            self._remind(decision.reason, reminders[-1].mail_template_id)
            self.told_reason = decision.reason
        for step in fitting:
            if step.kind == "call":
                self._assign_task(
                    self.env._("Call the customer"),
                    self.env._(
                        "%(amount)s of %(invoice)s are open. %(reason)s",
                        amount=self.currency_id.format(self.amount_residual),
                        invoice=self.move_id.name,
                        reason=self.wait_words or "",
                    ),
                )
            elif step.kind == "notice" and decision.token:
                self._announce_next(decision)

    def _is_audience(self, step, has_method):
        """Tell if a step is for this customer now.

        :param account.collection.step step: The step.
        :param bool has_method: Whether the customer has a method that may be charged.
        :rtype: bool
        """
        if step.audience == "with_method":
            return has_method
        if step.audience == "without_method":
            return not has_method
        if step.audience == "declined":
            last = self.move_id._get_last_charges()[self.move_id]
            return last.outcome == "declined" and (
                not step.decline_class or last.decline_class == step.decline_class
            )
        return True

    def _exhaust(self):
        """End the plan: the invoice is still open."""
        self.write({"state": "exhausted", "next_at": False, "step_id": False})
        action = self.plan_id.end_action
        amount = self.currency_id.format(self.amount_residual)
        if action == "auto_pay_off":
            self.move_id.partner_id.set_auto_pay(
                False,
                note=self.env._(
                    "The collection of %s came to its end.", self.move_id.name
                ),
                company_id=self.company_id.id,
            )
        elif action == "write_off":
            self._assign_task(
                self.env._("Write off?"),
                self.env._(
                    "Nothing more is done automatically: %(amount)s are still open. "
                    "Write them off, or collect them another way.",
                    amount=amount,
                ),
            )
        elif action == "activity":
            self._assign_task(
                self.env._("Collection came to its end"),
                self.env._(
                    "Nothing more is done automatically: %(amount)s are still open.",
                    amount=amount,
                ),
            )

    # === TELLING PEOPLE === #

    def _remind(self, reason, template=None):
        """Queue a mail with a link to pay, if the customer may be reminded.

        :param str reason: The code of the reason why nothing was charged.
        :param mail.template template: The template; the standard one if not given.
        """
        move = self.move_id
        if move.no_followup:
            return
        template = template or self.env.ref(REMINDER, raise_if_not_found=False)
        if not template:
            return
        if not move.partner_id.email:
            self._assign_task(
                self.env._("No mail address"),
                self.env._("The customer could not be reminded."),
            )
            return
        template = template.with_company(self.company_id)
        template.with_context(collection_reason=reason).send_mail(move.id)
        self.env.ref("mail.ir_cron_mail_scheduler_action")._trigger()
        move._message_log(
            body=self.env._(
                "%(customer)s is reminded by mail. %(reason)s",
                customer=move.partner_id.display_name,
                reason=self.wait_words or "",
            )
        )

    def _assign_task(self, summary, note):
        """Give the person in charge of the invoice a task.

        :param str summary: The task, in a few words.
        :param str note: What it is about, in a sentence.
        """
        reversals = self.env["account.payment.reversal"]
        self.move_id.activity_schedule(
            "mail.mail_activity_data_todo",
            date_deadline=self._get_today(),
            summary=summary,
            note=note,
            user_id=reversals._get_responsible(self.move_id).id,
            payment_cause_move_id=self.move_id.id,
        )
