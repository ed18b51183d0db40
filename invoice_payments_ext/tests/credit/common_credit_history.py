from freezegun import freeze_time

from odoo.tools import SQL

from .common_credit import CreditCommon

REPORT = "invoice_payments_ext.action_report_credit_statement"


class CreditHistoryCommon(CreditCommon):
    """A customer with a history of credit: 300 now, and the entries of a test."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.company.partner_id.tz = "UTC"

    @classmethod
    def give_first_credit(cls):
        with freeze_time("2026-01-10 12:00:00"):
            return super().give_first_credit()

    def adjust(self, moment, amount, reason="Goodwill", customer=None, **values):
        """Adjust the customer's credit at a moment in UTC."""
        with freeze_time(moment):
            entry = (customer or self.customer).adjust_credit_balance(
                amount, reason=reason, **values
            )
            self.env.flush_all()
        return entry

    def add_history(self, moment, count):
        """Add this many entries by SQL: one of 1, undone and made again and again."""
        first = self.adjust(moment, 1)
        self.env.cr.execute(
            SQL(
                """
                WITH added AS (
                    SELECT nextval('account_credit_balance_entry_id_seq') AS id, number,
                           number %% 2 = 1 AS odd
                      FROM generate_series(1, %(count)s) AS number
                )
                INSERT INTO account_credit_balance_entry
                       (id, balance_id, entry_type, amount, balance_after, date,
                        move_line_id, previous_entry_id, label, user_id, made_at)
                SELECT added.id, entry.balance_id,
                       CASE WHEN odd THEN 'reversal' ELSE entry.entry_type END,
                       CASE WHEN odd THEN -1 ELSE 1 END,
                       entry.balance_after - CASE WHEN odd THEN 1 ELSE 0 END,
                       entry.date, entry.move_line_id,
                       coalesce(lag(added.id) OVER (ORDER BY added.id), entry.id),
                       'Entry ' || added.number, entry.user_id,
                       entry.made_at + added.number * interval '1 second'
                  FROM added CROSS JOIN account_credit_balance_entry entry
                 WHERE entry.id = %(entry_id)s
                """,
                count=count,
                entry_id=first.id,
            )
        )
        self.env.cr.execute("ANALYZE account_credit_balance_entry")
        self.env.invalidate_all()

    def count_read(self, work):
        """Return how many queries some work makes and how many entries they read."""
        read = []
        for _time in (1, 2):
            self.env.invalidate_all()
            before = self.env.cr.sql_log_count
            work()
            read.append(self.env.cr.sql_log_count - before)
            self.env.cr.execute(
                """
                SELECT seq_tup_read + idx_tup_fetch FROM pg_stat_xact_user_tables
                 WHERE relname = 'account_credit_balance_entry'
                """
            )
            read.append(self.env.cr.fetchone()[0])
        return read[2], read[3] - read[1]
