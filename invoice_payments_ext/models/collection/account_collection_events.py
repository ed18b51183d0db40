from odoo import api, fields, models

# Reasons that end when the customer saves or chooses a payment method.
METHOD_REASONS = (
    "no_method",
    "never",
    "ask_customer",
    "needs_customer",
    "method_unfit",
)
# After a decline, or before one that the networks count: another method need not wait.
TRIED_REASONS = ("not_before", "budget", "", False)
# Reasons that end when the customer permits automatic charges.
PERMISSION_REASONS = ("permission_off", "above_permitted")
# Reasons that end when the invoice is posted again.
POSTING_REASONS = ("not_posted", "cancelled")


class AccountCollection(models.Model):
    """Events that change when something is done next."""

    _inherit = "account.collection"

    # === BUSINESS METHODS === #

    @api.model
    def _start(self, moves, plan=None):
        """Put posted invoices into collection.

        The first step is found by the schedule, so that issuing costs next to nothing.

        :param account.move moves: Invoices without a record.
        :param account.collection.plan plan: The plan; the company's if not given.
        :rtype: account.collection
        """
        if not moves:
            return self.browse()
        now = fields.Datetime.now()
        rows = self.create(
            [
                {
                    "move_id": move.id,
                    "company_id": move.company_id.id,
                    "plan_id": (plan or move.company_id.collection_plan_id).id,
                    "next_at": now,
                }
                for move in moves
            ]
        )
        self._wake()
        return rows

    def _restart(self):
        """Go on with invoices that were posted again."""
        waiting = self.filtered(
            lambda row: row.state == "stopped" and row.wait_reason in POSTING_REASONS
        )
        waiting.write({"state": "running", "stop_reason": False, "wait_reason": False})
        waiting._look_again()

    def _look_again(self):
        """Let the schedule decide anew, because something changed."""
        running = self.filtered(lambda row: row.state == "running")
        if running:
            running.next_at = fields.Datetime.now()
            self._wake()

    def _charge_again(self):
        """Let the schedule charge at once, because nothing is in the way any more.

        Where no charge of the plan has come yet, it charges on its day.
        """
        rows = self.filtered(lambda row: row.state in ("running", "exhausted"))
        waiting = rows.filtered(lambda row: not row._has_charge_begun())
        waiting._look_again()
        rows -= waiting
        rows.write(
            {
                "state": "running",
                "charge_due": "event",
                "told_reason": False,
            }
        )
        rows._look_again()

    def _finish(self):
        """End the collection of invoices that are paid, also late."""
        open_rows = self.filtered(lambda row: row.state != "done")
        open_rows.write(
            {
                "state": "done",
                "next_at": False,
                "step_id": False,
                "charge_due": False,
                "wait_reason": "paid",
                "wait_words": False,
                "paused_until": False,
                "pause_reason": False,
                "stop_reason": False,
            }
        )

    def _begin_again(self):
        """Begin the plan anew, as on a new record: missed steps are not made up."""
        self.write(
            {
                "handled_until": fields.Datetime.now(),
                "charge_due": "step",
            }
        )
        self._go_on()

    def _go_on(self):
        """Go on with collections that were paused, stopped or exhausted."""
        self.write(
            {
                "state": "running",
                "paused_until": False,
                "pause_reason": False,
                "stop_reason": False,
                "wait_reason": False,
                "wait_words": False,
                "told_reason": False,
            }
        )
        self._look_again()

    def _pause(self, until, reason):
        """Do nothing for a while.

        :param str until: The day on which it goes on; none if a person resumes it.
        :param str reason: Why.
        """
        for row in self:
            row.write(
                {
                    "state": "paused",
                    "paused_until": until,
                    "pause_reason": reason,
                    "wait_reason": "paused",
                    "wait_words": reason,
                    "next_at": row._get_morning(fields.Date.to_date(until))
                    if until
                    else False,
                }
            )

    def _halt(self, reason, words):
        """Stop the collection until a person resumes it, or an event does.

        :param str reason: The code of the reason.
        :param str words: The sentence for people.
        """
        self.write(
            {
                "state": "stopped",
                "next_at": False,
                "charge_due": False,
                "wait_reason": reason,
                "wait_words": words,
                "stop_reason": words,
                "paused_until": False,
                "pause_reason": False,
            }
        )

    def _follow_amounts(self):
        """Follow the rest of the invoices: paid, or open once more.

        An invoice that is open again after it was paid is for a person: the money
        may have been taken back.
        """
        for row in self:
            move = row.move_id
            is_paid = move.currency_id.is_zero(move.amount_residual)
            if move.state == "posted" and is_paid:
                row._finish()
            elif move.state == "posted" and row.state == "done":
                row._halt("stopped", self.env._("It is open again after it was paid."))
            else:
                row._look_again()

    @api.model
    def _follow_method(self, partners, tokens):
        """Let invoices be charged at once to methods that are new, renewed or chosen.

        An invoice that was declined only for now is charged if one of them is the
        method that comes first, and it was not tried for the invoice just now.

        :param res.partner partners: Any contacts of the customers.
        :param payment.token tokens: The methods.
        """
        self._find_waiting(partners, METHOD_REASONS)._charge_again()
        tried = self._find_waiting(partners, TRIED_REASONS)
        tried.filtered(lambda row: row._may_charge_at_once(tokens))._charge_again()

    @api.model
    def _find_to_charge_at_once(self, partner, company):
        """Return the rows whose charge is due as soon as the customer permits it.

        Those that the schedule has not looked at yet are among them.

        :param res.partner partner: Any contact of the customer.
        :param res.company company: The company that charges.
        :rtype: account.collection
        """
        rows = self._find_waiting(partner, (*PERMISSION_REASONS, "", False), company)
        return rows.filtered(
            lambda row: (
                (row.wait_reason or row.charge_due or not row.handled_until)
                and row._has_charge_begun()
            )
        )

    @api.model
    def _find_waiting(self, partners, reasons, companies=None):
        """Return the running or exhausted rows of customers that wait for them to act.

        :param res.partner partners: Any contacts of the customers.
        :param tuple reasons: The codes of reasons that are waited for.
        :rtype: account.collection
        """
        domain = [
            ("state", "in", ("running", "exhausted")),
            ("wait_reason", "in", reasons),
            (
                "move_id.commercial_partner_id",
                "in",
                partners.sudo().commercial_partner_id.ids,
            ),
        ]
        if companies:
            domain.append(("company_id", "in", companies.ids))
        return self.sudo().search_fetch(domain)
