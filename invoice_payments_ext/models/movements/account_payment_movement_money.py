from odoo import api, fields, models
from odoo.tools import SQL

from ..attempts.payment_transaction_tries import IS_FOLLOWED_BY_SUCCESS
from ..attempts.standing import IS_STANDING
from ..states import PENDING_OUTCOMES, POSTED_STATES, UNSUCCESSFUL_OUTCOMES
from ..taken_back.reversal_states import WITHDRAWN
from .movement_words import BANK_LINE, PAYMENT, TRANSACTION


class AccountPaymentMovement(models.Model):
    """The rows of money: attempts, payments and matches with a bank statement."""

    _inherit = "account.payment.movement"

    # === ATTEMPTS === #

    @api.model
    def _query_attempts(self):
        """Return the attempts through a provider, each with its payment if it has one.

        Not among them: forms of payment that were only opened, saved methods that were
        checked, authorizations whose captures are shown, voids that were carried out,
        applications of credit (its history shows them) and announced payments that are
        recorded as an external payment.
        """
        invoice_id = SQL(
            """
            COALESCE(tx.charge_invoice_id, (
                SELECT min(rel.invoice_id) FROM account_invoice_transaction_rel rel
                 WHERE rel.transaction_id
                     = COALESCE(tx.source_transaction_id, tx.id)))
            """
        )
        date = SQL("tx.movement_date")
        return self._prepare_part(
            TRANSACTION,
            SQL("tx.id"),
            self._get_attempt_tables(invoice_id),
            date=date,
            moved_on=SQL("COALESCE(tx.last_state_change, tx.create_date)"),
            company_id=SQL("tx.company_id"),
            currency_id=SQL("tx.currency_id"),
            partner_id=SQL("tx.partner_id"),
            invoice_id=invoice_id,
            channel=SQL(
                "CASE WHEN tx.operation = 'refund' AND tx.payment_channel = 'portal' "
                "THEN 'gateway' ELSE tx.payment_channel END"
            ),
            provider_id=SQL("tx.provider_id"),
            method=self.env["payment.method"]._field_to_sql("method", "name"),
            journal_id=SQL("payment.journal_id"),
            outcome=SQL("tx.outcome"),
            decline_class=SQL("tx.decline_class"),
            reason=SQL("tx.state_message"),
            reference=SQL("tx.reference"),
            attempt_number=SQL("tx.attempt_number"),
            is_test=SQL("COALESCE(tx.provider_mode = 'test', false)"),
            days_after_due=self._get_days_after_due(date),
            transaction_id=SQL("tx.id"),
            payment_id=SQL("tx.payment_id"),
            move_id=SQL("payment.move_id"),
            **self._get_attempt_words(),
            **self._get_attempt_amounts(date),
        )

    @api.model
    def _get_attempt_tables(self, invoice_id):
        """Return the tables of attempts, and which of them are movements."""
        return SQL(
            """
              FROM payment_transaction tx
              JOIN res_company company ON company.id = tx.company_id
         LEFT JOIN account_payment payment ON payment.id = tx.payment_id
         LEFT JOIN payment_method method ON method.id = tx.payment_method_id
         LEFT JOIN account_move invoice ON invoice.id = %(invoice_id)s
             WHERE tx.outcome != 'draft' AND tx.operation != 'validation'
               AND tx.provider_id NOT IN %(credit)s
               AND NOT (tx.outcome = 'canceled' AND tx.operation != 'refund'
                        AND tx.source_transaction_id IS NOT NULL)
               AND NOT (tx.outcome IN ('succeeded', 'canceled') AND tx.id IN (
                    SELECT part.source_transaction_id FROM payment_transaction part
                     WHERE part.source_transaction_id IS NOT NULL
                       AND part.operation != 'refund' AND part.outcome = 'succeeded'))
               AND NOT (tx.outcome = 'canceled' AND tx.id IN (
                    SELECT standing.announced_transaction_id
                      FROM account_payment standing
                     WHERE standing.announced_transaction_id IS NOT NULL
                       AND %(is_standing)s))
            """,
            invoice_id=invoice_id,
            credit=SQL(
                "(SELECT id FROM payment_provider WHERE code = 'credit_balance')"
            ),
            is_standing=IS_STANDING,
        )

    @api.model
    def _get_attempt_words(self):
        """Return the columns that say the kind of an attempt, and how it stands.

        :rtype: dict[str, SQL]
        """
        return {
            "kind": SQL(
                """
                CASE WHEN tx.operation != 'refund' THEN 'attempt'
                     WHEN tx.refund_credit_payment_id IS NOT NULL THEN 'paid_out'
                     ELSE 'refund' END
                """
            ),
            "is_recovered": SQL(
                """
                CASE WHEN tx.outcome IN %s AND tx.operation != 'refund'
                          AND tx.source_transaction_id IS NULL
                     THEN %s
                     ELSE false END
                """,
                UNSUCCESSFUL_OUTCOMES,
                SQL(
                    IS_FOLLOWED_BY_SUCCESS,
                    id=SQL("tx.id"),
                    credit=self.env["payment.transaction"]._get_credit_method_id(),
                ),
            ),
            "is_pending_too_long": SQL(
                """
                tx.outcome IN %s AND COALESCE(%s::timestamp
                > COALESCE(tx.last_state_change, tx.create_date)
                + method.pending_days * interval '1 day', false)
                """,
                PENDING_OUTCOMES,
                fields.Datetime.now(),
            ),
            "is_in_transit": SQL(
                """
                tx.outcome = 'succeeded' AND payment.move_id IS NOT NULL
                AND payment.state IN %s AND payment.is_matched IS NOT TRUE
                """,
                POSTED_STATES,
            ),
        }

    @api.model
    def _get_attempt_amounts(self, date):
        """Return the amounts of attempts: asked for, and moved.

        An authorization asks for its rest, beside the captures. A void asks for none.

        :rtype: dict[str, SQL]
        """
        attempted = SQL(
            """
            CASE WHEN tx.request_kind = 'void' THEN 0
                 WHEN tx.outcome = 'authorized' THEN tx.amount - COALESCE((
                      SELECT sum(part.amount) FROM payment_transaction part
                       WHERE part.source_transaction_id = tx.id
                         AND part.operation != 'refund'
                         AND part.outcome IN ('succeeded', 'canceled')), 0)
                 WHEN tx.outcome = 'announced' THEN GREATEST(tx.amount - COALESCE((
                      SELECT sum(standing.amount) FROM account_payment standing
                       WHERE standing.announced_transaction_id = tx.id
                         AND standing.currency_id = tx.currency_id
                         AND %(is_standing)s), 0), 0)
                 ELSE tx.amount END
            """,
            is_standing=IS_STANDING,
        )
        # The rate of the books, except where another amount was recorded. A subquery
        # is made for other currencies only; a join would be for all.
        in_company = SQL(
            """
            CASE WHEN tx.currency_id = company.currency_id THEN %(attempted)s
                 ELSE COALESCE(
                     (SELECT booked.amount_company_currency_signed
                        FROM account_payment booked
                       WHERE booked.id = tx.payment_id AND booked.state IN %(posted)s
                         AND booked.currency_id = tx.currency_id
                         AND booked.amount = abs(tx.amount)),
                     %(converted)s) END
            """,
            attempted=attempted,
            posted=POSTED_STATES,
            converted=self._in_company_currency(attempted, SQL("tx.currency_id"), date),
        )
        moved = "CASE WHEN tx.outcome = 'succeeded' THEN %s ELSE 0 END"
        return {
            "amount_attempted": attempted,
            "amount_moved": SQL(moved, SQL("tx.amount")),
            "company_amount_attempted": in_company,
            "company_amount_moved": SQL(moved, in_company),
        }

    # === PAYMENTS === #

    @api.model
    def _query_payments(self):
        """Return the payments of customers that no attempt brought.

        Not among them: drafts, credit (its history shows it) and money taken back (the
        record of that shows it).
        """
        invoice_id = SQL(
            """
            (SELECT min(rel.invoice_id) FROM account_move__account_payment rel
              WHERE rel.payment_id = payment.id)
            """
        )
        date = SQL("payment.date")
        is_posted = SQL("payment.state IN %s", POSTED_STATES)
        return self._prepare_part(
            PAYMENT,
            SQL("payment.id"),
            self._get_payment_tables(invoice_id),
            date=date,
            moved_on=SQL("payment.create_date"),
            company_id=SQL("payment.company_id"),
            currency_id=SQL("payment.currency_id"),
            partner_id=SQL("payment.partner_id"),
            invoice_id=invoice_id,
            kind=SQL(
                """
                CASE WHEN payment.payment_type = 'inbound' THEN 'external'
                     WHEN payment.source_payment_id IS NOT NULL AND (
                          SELECT source.journal_id IN %s FROM account_payment source
                           WHERE source.id = payment.source_payment_id)
                     THEN 'paid_out' ELSE 'refund' END
                """,
                self._get_credit_journals(),
            ),
            channel=SQL("COALESCE(payment.payment_channel, 'staff')"),
            method=self._get_external_method(),
            external_kind=SQL("payment.external_kind"),
            journal_id=SQL("payment.journal_id"),
            outcome=SQL(
                """
                CASE WHEN %s THEN 'succeeded'
                     WHEN payment.mistake_reason IS NOT NULL THEN 'mistaken'
                     ELSE payment.state END
                """,
                is_posted,
            ),
            reason=SQL("payment.memo"),
            reference=SQL("COALESCE(payment.payment_reference, payment.name)"),
            days_after_due=self._get_days_after_due(date),
            payment_id=SQL("payment.id"),
            move_id=SQL("payment.move_id"),
            **self._get_payment_amounts(is_posted),
        )

    @api.model
    def _get_external_method(self):
        """Return how money came that no provider moved, as the section words it.

        The kind, and the journal; and the method, where somebody gave it a name.

        :rtype: SQL
        """
        journal = self.env["account.journal"]._field_to_sql("journal", "name")
        kinds = self.env["account.payment"]._fields["external_kind"]
        kind = SQL(
            "CASE %s END",
            SQL(" ").join(
                SQL("WHEN payment.external_kind = %s THEN %s", name, label)
                for name, label in kinds._description_selection(self.env)
            ),
        )
        return SQL(
            """
            concat_ws(' · ', %(kind)s, NULLIF(%(journal)s, %(kind)s),
                CASE WHEN payment_method.code = 'manual' AND method_line.name IN (
                          SELECT value FROM jsonb_each_text(payment_method.name)
                     ) THEN NULL ELSE method_line.name END)
            """,
            kind=kind,
            journal=journal,
        )

    @api.model
    def _get_payment_amounts(self, is_posted):
        """Return the amounts of payments, which moved if they are posted.

        :param SQL is_posted: The condition.
        :rtype: dict[str, SQL]
        """
        return {
            "amount_moved": SQL(
                """
                CASE WHEN NOT %s THEN 0 WHEN payment.payment_type = 'inbound'
                     THEN payment.amount ELSE -payment.amount END
                """,
                is_posted,
            ),
            "company_amount_moved": SQL(
                "CASE WHEN %s THEN payment.amount_company_currency_signed ELSE 0 END",
                is_posted,
            ),
        }

    @api.model
    def _get_payment_tables(self, invoice_id):
        """Return the tables of payments, and which of them are movements here."""
        return SQL(
            """
              FROM account_payment payment
              JOIN res_company company ON company.id = payment.company_id
         LEFT JOIN account_journal journal ON journal.id = payment.journal_id
         LEFT JOIN account_payment_method_line method_line
                ON method_line.id = payment.payment_method_line_id
         LEFT JOIN account_payment_method payment_method
                ON payment_method.id = method_line.payment_method_id
         LEFT JOIN account_move invoice ON invoice.id = %s
             WHERE payment.payment_transaction_id IS NULL
               AND payment.partner_type = 'customer' AND payment.state != 'draft'
               AND payment.is_taken_back IS NOT TRUE
               AND payment.journal_id NOT IN %s
            """,
            invoice_id,
            self._get_credit_journals(),
        )

    @api.model
    def _get_credit_journals(self):
        """Return the query of the journals that credit is booked in."""
        return SQL(
            "(SELECT credit_balance_journal_id FROM res_company "
            "WHERE credit_balance_journal_id IS NOT NULL)"
        )

    # === THE BANK === #

    @api.model
    def _query_bank_lines(self):
        """Return the journal items of bank statements that no payment stands behind.

        They are on a receivable account, or directly on the account of credit. Lines by
        which the bank took a payment back are left out: the record of that shows them.
        """
        invoice_id = SQL(
            """
            (SELECT min(owed.move_id) FROM account_partial_reconcile part
               JOIN account_move_line owed ON owed.id = part.debit_move_id
              WHERE part.credit_move_id = line.id)
            """
        )
        return self._prepare_part(
            BANK_LINE,
            SQL("line.id"),
            self._get_bank_tables(invoice_id),
            date=SQL("line.date"),
            moved_on=SQL("line.create_date"),
            company_id=SQL("line.company_id"),
            currency_id=SQL("line.currency_id"),
            partner_id=SQL("line.partner_id"),
            invoice_id=invoice_id,
            kind=SQL("'bank'"),
            channel=SQL("'bank'"),
            method=self.env["account.journal"]._field_to_sql("journal", "name"),
            journal_id=SQL("line.journal_id"),
            outcome=SQL("'succeeded'"),
            reason=SQL("line.name"),
            reference=SQL("line.move_name"),
            days_after_due=self._get_days_after_due(SQL("line.date")),
            amount_moved=SQL("-line.amount_currency"),
            company_amount_moved=SQL("-line.balance"),
            move_id=SQL("line.move_id"),
        )

    @api.model
    def _get_bank_tables(self, invoice_id):
        """Return the tables of bank matches, and which of them are movements here."""
        return SQL(
            """
              FROM account_move_line line
              JOIN res_company company ON company.id = line.company_id
         LEFT JOIN account_journal journal ON journal.id = line.journal_id
         LEFT JOIN account_move invoice ON invoice.id = %s
             WHERE line.statement_line_id IS NOT NULL AND line.payment_id IS NULL
               AND line.parent_state = 'posted'
               AND line.account_id IN (
                   SELECT id FROM account_account
                    WHERE account_type = 'asset_receivable'
                    UNION SELECT credit_balance_account_id FROM res_company)
               AND NOT (line.balance > 0 AND EXISTS (
                   SELECT FROM account_partial_reconcile part
                     JOIN account_move_line paid ON paid.id = part.credit_move_id
                     JOIN account_payment_reversal reversal
                       ON reversal.payment_id = paid.payment_id
                      AND reversal.is_by_bank AND reversal.state IN %s
                    WHERE part.debit_move_id = line.id))
            """,
            invoice_id,
            WITHDRAWN,
        )
