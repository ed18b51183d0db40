from odoo import api, models
from odoo.exceptions import UserError

from ..core.door import Door
from .reasons import CHARGE, CREDIT, REASONS

DOORS = {
    name: Door(
        f"account.move.{name}",
        rights=rights,
        lock=lock,
        check=f"_check_{name}",
        work=f"_carry_out_{name}",
        complete=complete,
    )
    for name, rights, lock, complete in (
        ("start_collection", "_check_payment_rights", "_lock_to_charge", None),
        ("pause_collection", "_check_payment_rights", "_lock_to_charge", None),
        ("resume_collection", "_check_payment_rights", "_lock_to_charge", None),
        ("stop_collection", "_check_refund_rights", "_lock_to_charge", None),
        (
            "collect_now",
            "_check_payment_rights",
            "_lock_to_collect_now",
            "_complete_charge",
        ),
    )
}


class AccountMove(models.Model):
    """The doors to the collection of an invoice."""

    _inherit = "account.move"

    # === CHECK METHODS === #

    def _check_start_collection(self, plan_id):
        """Check that this invoice can be collected; see :meth:`start_collection`."""
        self._check_collectable()
        row = self._get_collections(self)
        if row.state in ("running", "paused"):
            raise UserError(
                self.env._("%s is in collection already.", self.display_name)
            )
        self._get_collection_plan(plan_id)

    def _check_pause_collection(self, until, reason):
        """Check a pause; see :meth:`pause_collection`."""
        row = self._check_in_collection("running", "paused", "exhausted")
        if until and until <= str(row._get_today()):
            raise UserError(
                self.env._("A pause ends after today: choose a later day, or none.")
            )

    def _check_resume_collection(self):
        self._check_collectable()
        self._check_in_collection("paused", "stopped", "exhausted")

    def _check_stop_collection(self, reason):
        self._check_in_collection("running", "paused", "exhausted")
        if not (reason or "").strip():
            raise UserError(self.env._("Write why nothing more is to be collected."))

    def _check_in_collection(self, *states):
        """Check that this invoice is in collection, in one of some states.

        :return: The record, in superuser mode.
        :rtype: account.collection
        :raise UserError: If it is not.
        """
        self._check_company_selected()
        row = self._get_collections(self)
        if not row:
            raise UserError(self.env._("%s is not in collection.", self.display_name))
        if row.state not in states:
            words = dict(row._fields["state"]._description_selection(self.env))
            raise UserError(
                self.env._(
                    "The collection of %(invoice)s is %(state)s already.",
                    invoice=self.display_name,
                    state=words[row.state].lower(),
                )
            )
        return row

    def _check_collect_now(self):
        """Check that this invoice can be charged now; see :meth:`collect_now`."""
        self._check_collectable()
        self._check_in_collection("running", "paused", "stopped", "exhausted")
        decision = self._decide_to_collect_now()
        if decision.action == CHARGE and self.currency_id.is_zero(decision.credit):
            self._check_charge(decision.token.id, decision.amount)

    # === BUSINESS METHODS - DOORS === #

    def start_collection(self, plan_id=None, idempotency_key=None):
        """Put this open invoice into collection, or begin it anew. Does not commit.

        :param int plan_id: The plan; the company's if not given.
        :param str idempotency_key: See :meth:`charge`.
        :return: The record of its collection.
        :rtype: account.collection
        :raise UserError: If it is not an open invoice, there is no plan, or it is in
                          collection already.
        :raise AccessError: If the user has no right to charge.
        """
        return self._pass(DOORS["start_collection"], idempotency_key, plan_id=plan_id)

    def pause_collection(self, until=None, reason=None, idempotency_key=None):
        """Do nothing automatically about this invoice for a while. Does not commit.

        :param date|str until: The day on which it goes on; a person resumes it if not
                               given.
        :param str reason: Why, for the records.
        :rtype: account.collection
        """
        return self._pass(
            DOORS["pause_collection"], idempotency_key, until=until, reason=reason
        )

    def resume_collection(self, idempotency_key=None):
        """Go on with the collection that was paused or stopped. Does not commit.

        :rtype: account.collection
        """
        return self._pass(DOORS["resume_collection"], idempotency_key)

    def stop_collection(self, reason, idempotency_key=None):
        """Do nothing more automatically about this invoice. Does not commit.

        :param str reason: Why, for the records.
        :rtype: account.collection
        :raise AccessError: If the user is not of the level *Refund and credit*.
        """
        return self._pass(DOORS["stop_collection"], idempotency_key, reason=reason)

    def collect_now(self, idempotency_key=None):
        """Collect this invoice now, as a person: credit first. Commits as `charge`.

        It is not counted as automatic, and needs no permission of the customer.

        :param str idempotency_key: See :meth:`charge`.
        :return: The attempt; none if the credit balance paid all of it.
        :rtype: payment.transaction
        :raise UserError: If it cannot be charged now, with the reason.
        """
        return self._pass(DOORS["collect_now"], idempotency_key)

    # === BUSINESS METHODS - STEPS === #

    def _lock_to_collect_now(self):
        """Lock this invoice, and before it the balance that may pay it."""
        self._lock_to_apply_credit()

    def _carry_out_start_collection(self, plan_id):
        plan = self._get_collection_plan(plan_id)
        rows = self.env["account.collection"].sudo()
        row = self._get_collections(self)
        if row:
            row.plan_id = plan
            row._begin_again()
        else:
            self._mark_collection(True)
            row = rows._start(self.sudo(), plan)
        self._log_collection(self.env._("Collection started: %s.", plan.name))
        return row.sudo(self.env.su)

    def _carry_out_pause_collection(self, until, reason):
        row = self._get_collections(self)
        row._pause(until, reason)
        self._log_collection(row._describe_halt() or self.env._("Collection paused."))
        return row.sudo(self.env.su)

    def _carry_out_resume_collection(self):
        row = self._get_collections(self)
        row._go_on()
        self._log_collection(self.env._("Collection resumed."))
        return row.sudo(self.env.su)

    def _carry_out_stop_collection(self, reason):
        row = self._get_collections(self)
        row._halt("stopped", reason)
        self._log_collection(self.env._("Collection stopped. %s", reason))
        return row.sudo(self.env.su)

    def _carry_out_collect_now(self):
        """Spend the credit and prepare the charge of the rest, on a locked invoice."""
        decision = self._decide_to_collect_now()
        if not self.currency_id.is_zero(decision.credit):
            self.apply_credit_balance(decision.credit)
        if decision.action == CREDIT:
            return self.env["payment.transaction"]
        self._check_charge(decision.token.id, decision.amount)
        return self._prepare_charge(decision.token.id, decision.amount)

    def _log_collection(self, words):
        """Leave a trace of what a person did with the collection."""
        self.sudo()._message_log(body=words, author_id=self.env.user.partner_id.id)

    # === GETTERS === #

    def _decide_to_collect_now(self):
        """Return the decision to charge this invoice, by a person.

        :rtype: ChargeDecision
        :raise UserError: If it is not to be charged now.
        """
        decision = self._decide_charges()[self]
        if refusal := self._get_refusal_now(decision):
            raise UserError(
                self.env._(
                    "%(invoice)s is not charged now. %(refusal)s",
                    invoice=self.display_name,
                    refusal=refusal,
                )
            )
        return decision

    def _get_refusal_now(self, decision):
        """Return why this invoice is not charged now, by a person.

        :param ChargeDecision decision: The decision on it.
        :return: The reason in words; empty if it is charged.
        :rtype: str
        """
        if decision.action in (CHARGE, CREDIT):
            return ""
        label = self.env._(REASONS[decision.reason].label)
        return f"{label}. {decision.words or ''}".strip()

    @api.model
    def _get_collection_plan(self, plan_id):
        """Return the plan with this id, or the company's.

        :rtype: account.collection.plan
        :raise UserError: If there is none, or it is another company's.
        """
        company = self.company_id.sudo()
        plans = self.env["account.collection.plan"].sudo()
        plan = plans.browse(plan_id or ()).exists() or (
            plans if plan_id else company.collection_plan_id
        )
        if not plan or plan.company_id not in (company, plan.company_id.browse()):
            raise UserError(
                self.env._(
                    "There is no such plan for %s. Choose one, or set the plan of the "
                    "company in the settings.",
                    company.name,
                )
            )
        return plan
