from odoo import fields, models
from odoo.tools import SQL

from ..attempts.standing import IS_STANDING
from ..mistakes.record_facts import OF_RECORD
from ..refunds.payment_transaction_booking import PAYS_OUT_CREDIT
from ..refunds.taken_back import TAKEN_BACK
from ..states import PENDING_OUTCOMES


class AccountMove(models.Model):
    """The data of the rows of the Payments section, read at once.

    A handful of queries, however many rows there are.
    """

    _inherit = "account.move"

    def _query_reconciled_entries(self):
        """Read the amounts allocated to this invoice, by their entry.

        Its credit notes are among them also when they are allocated elsewhere, and its
        write-offs after they were undone.
        """
        self.env["account.partial.reconcile"].flush_model()
        self.env["account.move.line"].flush_model()
        rows = self.env.execute_query_dict(
            SQL(
                """
                WITH part AS (
                    SELECT line_id, sum(applied) AS applied,
                           array_remove(array_agg(partial_id), NULL) AS partial_ids
                      FROM (%(sides)s) side
                  GROUP BY line_id
                )
                SELECT move.id, move.name, move.ref, move.move_type, move.date,
                       move.state, move.statement_line_id, %(journal)s AS journal,
                       move.written_off_invoice_id,
                       (SELECT min(undoing.name) FROM account_move undoing
                         WHERE undoing.reversed_entry_id = move.id
                           AND undoing.state = 'posted') AS undone_by,
                       author.name AS author, move.create_date,
                       max(line.payment_id) AS payment_id,
                       array_agg(line.id) AS line_ids,
                       sum(part.applied) AS applied,
                       array_to_string(
                           array_agg(array_to_string(part.partial_ids, ',')), ','
                       ) AS partial_ids,
                       min(line.name) AS label,
                       count(DISTINCT line.currency_id) AS currencies,
                       min(line.currency_id) AS currency_id,
                       min(line.company_currency_id) AS company_currency_id,
                       abs(sum(line.amount_currency)) AS amount,
                       abs(sum(line.balance)) AS balance,
                       -sum(line.amount_residual_currency) AS unallocated
                  FROM part
                  JOIN account_move_line line ON line.id = part.line_id
                  JOIN account_move move ON move.id = line.move_id
                  JOIN account_journal journal ON journal.id = move.journal_id
             LEFT JOIN res_users users ON users.id = move.create_uid
             LEFT JOIN res_partner author ON author.id = users.partner_id
                 WHERE move.id != %(move_id)s
              GROUP BY move.id, journal.id, author.id
                """,
                journal=self.env["account.journal"]._field_to_sql("journal", "name"),
                sides=SQL(" UNION ALL ").join(self._get_reconciled_sides()),
                move_id=self.id,
            )
        )
        for row in rows:
            self._complete_entry(row)
        return {row["id"]: row for row in rows}

    def _complete_entry(self, row):
        """Complete the values of an entry as it was read."""
        ids = (row["partial_ids"] or "").split(",")
        row["partial_ids"] = [int(each) for each in ids if each]
        if row["currencies"] > 1:
            row["amount"] = row["balance"]
            row["currency_id"] = row["company_currency_id"]

    def _get_reconciled_sides(self):
        """Return the queries of the lines that are allocated to this invoice.

        :return: Each selects a `line_id` and how much of it is `applied`.
        :rtype: list[SQL]
        """
        sides = [
            SQL(
                """
                SELECT part.%(other)s AS line_id, %(sign)s * part.%(amount)s AS applied,
                       part.id AS partial_id
                  FROM account_move_line own
                  JOIN account_partial_reconcile part ON part.%(own)s = own.id
                 WHERE own.move_id = %(move_id)s AND own.display_type = 'payment_term'
                """,
                own=SQL.identifier(f"{own}_move_id"),
                other=SQL.identifier(f"{other}_move_id"),
                amount=SQL.identifier(f"{own}_amount_currency"),
                sign=self.direction_sign * (-1 if own == "debit" else 1),
                move_id=self.id,
            )
            for own, other in (("debit", "credit"), ("credit", "debit"))
        ]
        sides.append(
            SQL(
                """
                SELECT line.id AS line_id, 0 AS applied, NULL::int AS partial_id
                  FROM account_move move
                  JOIN account_move_line line ON line.move_id = move.id
                 WHERE move.reversed_entry_id = %(move_id)s AND move.state = 'posted'
                   AND move.move_type = 'out_refund'
                   AND line.display_type = 'payment_term'
             UNION ALL
                SELECT line.id, 0, NULL
                  FROM account_move move
                  JOIN account_move_line line ON line.move_id = move.id
                 WHERE move.written_off_invoice_id = %(move_id)s
                   AND line.amount_currency < 0
                """,
                move_id=self.id,
            )
        )
        return sides

    def _query_transactions(self, entries):
        """Read the attempts on this invoice, their captures and refunds."""
        payment_ids = {row["payment_id"] for row in entries.values()} - {None}
        self.env["payment.transaction"].flush_model()
        rows = self.env.execute_query_dict(
            SQL(
                """
                WITH root AS (
                    SELECT transaction_id AS id FROM account_invoice_transaction_rel
                     WHERE invoice_id = %(move_id)s
                     UNION SELECT payment_transaction_id FROM account_payment
                            WHERE id IN %(payment_ids)s
                ), part AS (
                    SELECT id FROM payment_transaction
                     WHERE source_transaction_id IN (SELECT id FROM root)
                ), own AS (
                    SELECT id FROM root UNION SELECT id FROM part
                     UNION SELECT id FROM payment_transaction
                            WHERE source_transaction_id IN (SELECT id FROM part)
                )
                SELECT tx.id, tx.reference, tx.provider_reference, tx.amount,
                       tx.currency_id, tx.outcome, tx.state_message, tx.operation,
                       tx.decline_class, tx.decline_code, tx.decline_network_code,
                       tx.decline_advice_code, tx.request_kind, tx.payment_id,
                       tx.source_transaction_id, tx.charge_invoice_id, tx.holds_invoice,
                       tx.memo, tx.create_date, tx.partner_name, token.payment_details,
                       author.name AS author, retried.reference AS retry_of,
                       provider.code AS provider_code,
                       coalesce(tx.provider_mode, provider.state) = 'test' AS is_test,
                       tx.provider_mode != CASE provider.state
                           WHEN 'enabled' THEN 'live' WHEN 'test' THEN 'test'
                       END AS is_of_other_mode,
                       tx.outcome IN %(pending)s AND %(now)s::timestamp
                           > coalesce(tx.last_state_change, tx.create_date)
                       + method.pending_days * interval '1 day' AS is_pending_too_long,
                       %(pays_out)s AS pays_out_credit,
                       %(provider)s AS provider, %(method)s AS method,
                       %(shares)s
                  FROM payment_transaction tx
                  JOIN payment_provider provider ON provider.id = tx.provider_id
                  JOIN payment_method method ON method.id = tx.payment_method_id
             LEFT JOIN payment_token token ON token.id = tx.token_id
             LEFT JOIN payment_transaction retried
                    ON retried.id = tx.retried_transaction_id
             LEFT JOIN res_users users ON users.id = tx.create_uid
             LEFT JOIN res_partner author ON author.id = users.partner_id
                 WHERE tx.id IN (SELECT id FROM own)
                   AND tx.outcome != 'draft' AND tx.operation != 'validation'
                """,
                shares=self._get_share_columns(),
                pending=PENDING_OUTCOMES,
                now=fields.Datetime.now(),
                pays_out=PAYS_OUT_CREDIT,
                provider=self.env["payment.provider"]._field_to_sql("provider", "name"),
                method=self.env["payment.method"]._field_to_sql("method", "name"),
                payment_ids=tuple(payment_ids) or (0,),
                move_id=self.id,
            )
        )
        return {row["id"]: row for row in rows}

    def _get_share_columns(self):
        """Return how many invoices an attempt is for, its share, and if it came."""
        self.env["payment.transaction.share"].flush_model()
        return SQL(
            """
            (SELECT count(*) FROM account_invoice_transaction_rel rel
              WHERE rel.transaction_id = tx.id) AS invoice_count,
            (SELECT share.amount FROM payment_transaction_share share
              WHERE share.transaction_id = tx.id
                AND share.invoice_id = %s) AS share_amount,
            (SELECT COALESCE(sum(standing.amount), 0) FROM account_payment standing
              WHERE standing.announced_transaction_id = tx.id
                AND standing.currency_id = tx.currency_id
                AND %s) AS amount_received,
            EXISTS (SELECT 1 FROM account_payment standing
              WHERE standing.announced_transaction_id = tx.id
                AND %s) AS has_come
            """,
            self.id,
            IS_STANDING,
            IS_STANDING,
        )

    def _get_discount_column(self):
        """Return what a payment takes off besides its money, if that is a discount."""
        # In superuser mode: it is a setting of the accounting.
        company_sudo = self.company_id.sudo()
        return SQL(
            """
            (SELECT -sum(line.amount_currency) - payment.amount
               FROM account_move_line line
              WHERE line.move_id = payment.move_id
                AND line.account_id = payment.destination_account_id
                AND EXISTS (SELECT FROM account_move_line off
                             WHERE off.move_id = payment.move_id
                               AND off.account_id = %s)) AS discount
            """,
            # A branch may have no such account yet.
            company_sudo.account_journal_early_pay_discount_loss_account_id.id or None,
        )

    def _get_shown_payments(self, payment_ids):
        """Return the query of the payments behind the rows, and their refunds.

        :param tuple[int] payment_ids: The payments behind the entries and attempts.
        :rtype: SQL
        """
        return SQL(
            """
            WITH own AS (
                SELECT id FROM account_payment WHERE id IN %(payment_ids)s
                 UNION
                SELECT payment_id FROM account_move__account_payment
                 WHERE invoice_id = %(move_id)s
                 UNION
                SELECT refund.source_payment_id FROM account_payment refund
                  JOIN account_refund_allocation part ON part.payment_id = refund.id
                 WHERE part.invoice_id = %(move_id)s
            )
            SELECT id FROM own
             UNION
            SELECT refund.id FROM account_payment refund
              JOIN own ON own.id = refund.source_payment_id
            """,
            payment_ids=payment_ids or (0,),
            move_id=self.id,
        )

    def _query_payments(self, entries, transactions):
        """Read the payments behind the entries and attempts, and those never posted."""
        for name in ("payment", "refund.allocation", "payment.reversal"):
            self.env[f"account.{name}"].flush_model()
        found = (*entries.values(), *transactions.values())
        ids = tuple({row["payment_id"] for row in found} - {None})
        rows = self.env.execute_query_dict(
            SQL(
                """
                WITH shown AS (%(shown)s)
                SELECT payment.id, payment.name, payment.state, payment.amount,
                       payment.currency_id, payment.date, payment.memo, payment.move_id,
                       payment.payment_reference, payment.payment_type,
                       payment.payment_transaction_id, payment.source_payment_id,
                       payment.create_date, payment.is_taken_back, payment.journal_id,
                       author.name AS author, journal.type AS journal_type,
                       %(journal)s AS journal, method_line.name AS method,
                       CASE WHEN method.code = 'manual' AND method_line.name IN (
                                SELECT value FROM jsonb_each_text(method.name)
                            ) THEN '' ELSE method_line.name END AS own_method_name,
                       (SELECT -sum(line.amount_residual_currency)
                          FROM account_move_line line
                         WHERE line.move_id = payment.move_id
                           AND line.account_id = payment.destination_account_id
                           AND line.parent_state = 'posted')
                           AS unallocated,
                       (SELECT amount FROM (%(taken_back)s) taken
                         WHERE taken.id = payment.id) AS taken_back,
                       EXISTS (SELECT FROM account_payment_reversal reversal
                                WHERE payment_id = payment.id) AS has_reversals,
                       payment.external_kind, %(discount)s, %(of_record)s
                  FROM shown
                  JOIN account_payment payment ON payment.id = shown.id
                  JOIN account_journal journal ON journal.id = payment.journal_id
             LEFT JOIN account_payment_method_line method_line
                    ON method_line.id = payment.payment_method_line_id
             LEFT JOIN account_payment_method method
                    ON method.id = method_line.payment_method_id
             LEFT JOIN res_users users ON users.id = payment.create_uid
             LEFT JOIN res_partner author ON author.id = users.partner_id
                """,
                journal=self.env["account.journal"]._field_to_sql("journal", "name"),
                taken_back=TAKEN_BACK,
                of_record=OF_RECORD,
                discount=self._get_discount_column(),
                shown=self._get_shown_payments(ids),
            )
        )
        return {row["id"]: row for row in self._name_external_kinds(rows)}
