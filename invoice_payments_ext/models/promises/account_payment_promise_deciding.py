import logging
from datetime import UTC, timedelta
from typing import NamedTuple

import psycopg2

from odoo import api, fields, models
from odoo.tools import SQL

from ..states import POSTED_STATES

_logger = logging.getLogger(__name__)

# How many promises the schedule reads at a time.
BATCH = 200
# For how long a decided promise is looked at each day: nobody else's lock may keep
# money that left from being seen.
LOOKED_AT = timedelta(days=60)


class Facts(NamedTuple):
    """The amounts applied to the invoices of a promise since it was made.

    :param float applied: The amount by the promised day; refunds that the company made
                          do not lessen it.
    :param bool is_taken_back: Whether some of that money was taken back.
    :param float owed: The amount that remains of the invoices.
    """

    applied: float
    is_taken_back: bool
    owed: float


class AccountPaymentPromise(models.Model):
    """Whether promises were kept: the amounts applied to the invoices say it."""

    _inherit = "account.payment.promise"

    # === BUSINESS METHODS === #

    @api.model
    def _cron_decide_promises(self):
        """Decide the promises whose day is over, and those of which money left."""
        since = fields.Date.today() - LOOKED_AT
        due = self.search(
            [
                "|",
                "|",
                ("is_to_be_decided", "=", True),
                ("state", "=", "open"),
                "&",
                ("state", "in", ("kept", "broken")),
                ("date", ">=", since),
            ],
            order="id",
        )
        self.env["ir.cron"]._commit_progress(remaining=len(due))
        for start in range(0, len(due), BATCH):
            batch = due[start : start + BATCH]
            free = batch.try_lock_for_update()
            free.invalidate_recordset()
            free._decide()
            if not self.env["ir.cron"]._commit_progress(len(batch)):
                break

    def _decide_at_once(self):
        """Decide these promises where money came, in its database transaction.

        Only the better is decided here. Money that leaves may be matched again in the
        next moment: the schedule, which is woken, sees the books as they are then. No
        fault of this may keep money from being booked.
        """
        try:
            with self.env.cr.savepoint(flush=False):
                free = self.try_lock_for_update()
                free.invalidate_recordset()
                waiting = free._decide(only_better=True)
                waiting.is_to_be_decided = True
                self.env.flush_all()
        except psycopg2.Error as error:
            _logger.info("Promises %s are decided later: %s", self.ids, error)
            waiting = self
        except Exception:  # noqa: BLE001, pylint: disable=broad-except
            _logger.exception("Promises %s could not be decided", self.ids)
            waiting = self
        if waiting or free != self:
            self.env.ref("invoice_payments_ext.ir_cron_decide_promises")._trigger()
        self.env.flush_all()

    def _decide(self, only_better=False):
        """Decide these locked promises by the money that was applied.

        :param bool only_better: Decide only that a promise is kept.
        :return: Those that would become something else, if only the better is decided.
        :rtype: account.payment.promise
        """
        waiting = self.browse()
        facts = self._get_facts()
        days = {company: company._get_own_today() for company in self.company_id}
        for promise in self:
            state = promise._get_state(facts[promise], days[promise.company_id])
            if state == promise.state:
                continue
            if only_better and state != "kept":
                waiting |= promise
                continue
            promise._set_state(state, promise._get_words_for(state, facts[promise]))
            if state == "broken":
                promise._tell_person(facts[promise])
        (self - waiting).filtered("is_to_be_decided").is_to_be_decided = False
        return waiting

    def _get_state(self, facts, today):
        """Return the state that this promise has by these facts.

        :param Facts facts: See `_get_facts`.
        :param datetime.date today: The day of its company.
        :rtype: str
        """
        self.ensure_one()
        if self.state == "withdrawn":
            return "withdrawn"
        owes_nothing = self.currency_id.compare_amounts(facts.owed, 0) <= 0
        has_paid = self.currency_id.compare_amounts(facts.applied, 0) > 0
        if self.currency_id.compare_amounts(facts.applied, self.amount) >= 0 or (
            owes_nothing and has_paid
        ):
            return "kept"
        if self.state == "broken":
            return "broken"
        if facts.is_taken_back:
            return "broken"
        if owes_nothing:
            return "withdrawn"
        return "broken" if today > self.date else "open"

    def _get_words_for(self, state, facts):
        """Return the sentence for the chatter of the invoices about a new state.

        :rtype: str
        """
        name = self.display_name
        if state == "kept":
            return self.env._("The promise was kept: %s", name)
        if state == "withdrawn":
            return self.env._("Nothing is owed any more. The promise ends: %s", name)
        if state == "open":
            return self.env._("The promise is open again: %s", name)
        if facts.is_taken_back:
            return self.env._(
                "The promise is broken, because money was taken back: %s", name
            )
        return self.env._(
            "The promise is broken: %(promise)s. %(applied)s was applied by that day.",
            promise=name,
            applied=self.currency_id.format(facts.applied),
        )

    def _tell_person(self, facts):
        """Give the person in charge of the invoices a task about a broken promise."""
        self.ensure_one()
        invoice = self.invoice_ids.filtered(
            lambda move: move.state == "posted" and move.amount_residual
        )[:1]
        if invoice:
            reversals = self.env["account.payment.reversal"]
            invoice.activity_schedule(
                "mail.mail_activity_data_todo",
                date_deadline=self.company_id._get_own_today(),
                summary=self.env._("Promise to pay broken"),
                note=self._get_words_for("broken", facts),
                user_id=reversals._get_responsible(invoice, self.user_id).id,
                payment_cause_move_id=invoice.id,
            )

    # === GETTERS === #

    def _get_facts(self):
        """Return by promise the amounts applied to its invoices since it was made.

        Money counts by the accounting date of its entry: a transfer that the bank had
        in time is in time, also if its line is matched later. Money of an attempt
        counts by the day of the company on which it was confirmed, if that is earlier.
        Credit notes and write-offs bring no money.

        :rtype: dict[account.payment.promise, Facts]
        """
        rows = self._read_applied()
        facts = {}
        for promise in self:
            before = promise.applied_before or {}
            applied, is_taken_back = 0.0, False
            own = rows.get(promise.id, {})
            for entry_id, (date, matched, refunded, taken_back) in own.items():
                new = matched + refunded - before.get(str(entry_id), 0.0)
                if promise.date and date > promise.date:
                    continue
                applied += max(new, 0.0)
                is_taken_back |= taken_back > before.get(str(entry_id), 0.0)
            posted = promise.invoice_ids.filtered(lambda move: move.state == "posted")
            facts[promise] = Facts(
                promise.currency_id.round(applied),
                is_taken_back,
                sum(posted.mapped("amount_residual")),
            )
        return facts

    def _read_applied(self):
        """Return the money of the invoices of these promises, by promise and entry.

        :return: By entry the day on which it counts, the amount that is matched with
                 the invoices, that the company refunded, and that was taken back.
        :rtype: dict[int, dict[int, tuple]]
        """
        rows = {}
        if not self.ids:
            return rows
        self.env.flush_all()
        zones = {each.id: each.company_id._get_own_zone() for each in self}
        for promise_id, *values in self.env.execute_query(
            SQL(
                """
                SELECT promise.account_payment_promise_id, money.*
                  FROM account_move_account_payment_promise_rel promise
            JOIN LATERAL (%(money)s) money ON true
                 WHERE promise.account_payment_promise_id IN %(ids)s
                """,
                money=self._get_money_query(SQL("promise.account_move_id")),
                ids=tuple(self.ids),
            )
        ):
            entry_id, date, confirmed_on, *amounts = values
            if confirmed_on:
                # The entry has the day of whoever booked it, perhaps far from here.
                local = confirmed_on.replace(tzinfo=UTC).astimezone(zones[promise_id])
                date = min(date, local.date())
            own = rows.setdefault(promise_id, {})
            _date, *known = own.get(entry_id, (date, 0.0, 0.0, 0.0))
            sums = (a + b for a, b in zip(known, amounts, strict=True))
            own[entry_id] = (date, *sums)
        return rows

    @api.model
    def _get_money_query(self, move_id):
        """Return the query of the money of one invoice, by entry; see `_read_applied`.

        :param SQL move_id: The id of the invoice.
        :rtype: SQL
        """
        return SQL(
            """
            SELECT entry.id, entry.date, max(attempt.last_state_change),
                   sum(part.debit_amount_currency)::float AS matched,
                   0.0::float AS refunded, 0.0::float AS taken_back
              FROM account_move_line own
              JOIN account_partial_reconcile part ON part.debit_move_id = own.id
              JOIN account_move_line other ON other.id = part.credit_move_id
              JOIN account_move entry ON entry.id = other.move_id
         LEFT JOIN account_payment payment ON payment.move_id = entry.id
         LEFT JOIN payment_transaction attempt
                   ON attempt.id = payment.payment_transaction_id
             WHERE own.move_id = %(move_id)s
               AND own.display_type = 'payment_term'
               AND entry.move_type = 'entry'
               AND entry.written_off_invoice_id IS NULL
          GROUP BY entry.id
         UNION ALL
            SELECT entry.id, entry.date, max(attempt.last_state_change), 0.0::float,
                   sum(CASE WHEN refund.is_taken_back THEN 0 ELSE part.amount
                       END)::float,
                   sum(CASE WHEN refund.is_taken_back THEN part.amount ELSE 0
                       END)::float
              FROM account_refund_allocation part
              JOIN account_payment refund ON refund.id = part.payment_id
              JOIN account_payment source ON source.id = refund.source_payment_id
              JOIN account_move entry ON entry.id = source.move_id
              JOIN res_company company ON company.id = source.company_id
         LEFT JOIN payment_transaction attempt
                   ON attempt.id = source.payment_transaction_id
             WHERE part.invoice_id = %(move_id)s
               AND refund.state IN %(posted)s
               -- Credit that goes back to the balance pays nothing.
               AND source.journal_id IS DISTINCT FROM company.credit_balance_journal_id
          GROUP BY entry.id
            """,
            move_id=move_id,
            posted=tuple(POSTED_STATES),
        )
