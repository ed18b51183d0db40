import json

from odoo import api, models
from odoo.tools import SQL

from ..credit.entry_labels import LABELS
from ..taken_back.reversal_states import WITHDRAWN
from .movement_words import APPROVAL, CREDIT_ENTRY, REVERSAL, WRITE_OFF

# The outcome of money taken back, as the Payments section has it.
OUTCOME_BY_REVERSAL = SQL(
    "CASE reversal.state WHEN 'open' THEN 'disputed' "
    "WHEN 'cancelled' THEN 'called_off' ELSE reversal.state END"
)
KIND_BY_REQUEST = SQL(
    "CASE approval.kind WHEN 'pay_out' THEN 'paid_out' "
    "WHEN 'adjustment' THEN 'credit' ELSE approval.kind END"
)

# How many labels the label of a credit entry may have inside, as in *Undone: Undone: …*
MOST_LABELS_WITHIN = 2


class AccountPaymentMovement(models.Model):
    """The rows of corrections: taken back, written off, credit, waiting requests."""

    _inherit = "account.payment.movement"

    @api.model
    def _query_reversals(self):
        """Return the money that was taken back.

        In the company's currency it is as the entries have it that booked it; where the
        bank did, in proportion to the payment.
        """
        invoice_id = SQL(
            """
            (SELECT min(rel.account_move_id)
               FROM account_move_account_payment_reversal_rel rel
              WHERE rel.account_payment_reversal_id = reversal.id)
            """
        )
        return self._prepare_part(
            REVERSAL,
            SQL("reversal.id"),
            SQL(
                """
                  FROM account_payment_reversal reversal
                  JOIN res_company company ON company.id = reversal.company_id
             LEFT JOIN account_payment payment ON payment.id = reversal.payment_id
             LEFT JOIN account_payment taking ON taking.id = reversal.taking_payment_id
             LEFT JOIN account_move parking ON parking.id = reversal.parking_move_id
             LEFT JOIN account_move invoice ON invoice.id = %s
                """,
                invoice_id,
            ),
            date=SQL("reversal.opened_on"),
            moved_on=SQL("COALESCE(reversal.last_message_on, reversal.create_date)"),
            company_id=SQL("reversal.company_id"),
            currency_id=SQL("reversal.currency_id"),
            partner_id=SQL("reversal.partner_id"),
            invoice_id=invoice_id,
            kind=SQL("'taken_back'"),
            channel=SQL(
                """
                CASE WHEN reversal.is_by_bank THEN 'bank'
                     WHEN reversal.last_message_on IS NULL THEN 'staff'
                     ELSE 'gateway' END
                """
            ),
            provider_id=SQL("reversal.provider_id"),
            journal_id=SQL("payment.journal_id"),
            outcome=OUTCOME_BY_REVERSAL,
            reason=SQL("COALESCE(reversal.reason, reversal.reason_code)"),
            reference=SQL("COALESCE(reversal.provider_reference, payment.name)"),
            days_after_due=self._get_days_after_due(SQL("reversal.opened_on")),
            payment_id=SQL("reversal.payment_id"),
            reversal_id=SQL("reversal.id"),
            transaction_id=SQL("reversal.transaction_id"),
            **self._get_reversal_amounts(),
        )

    @api.model
    def _get_reversal_amounts(self):
        """Return the amounts of money taken back: moved while it is withdrawn.

        :rtype: dict[str, SQL]
        """
        in_proportion = self._round_in_company(
            SQL(
                "reversal.amount * payment.amount_company_currency_signed "
                "/ NULLIF(payment.amount, 0)"
            )
        )
        in_company = SQL(
            """
            -abs(COALESCE(
                taking.amount_company_currency_signed,
                parking.amount_total_signed,
                %s, 0))
            """,
            in_proportion,
        )
        moved = "CASE WHEN reversal.state IN %s THEN %s ELSE 0 END"
        return {
            "amount_moved": SQL(moved, WITHDRAWN, SQL("-reversal.amount")),
            "company_amount_moved": SQL(moved, WITHDRAWN, in_company),
        }

    @api.model
    def _query_write_offs(self):
        """Return the posted write-offs, and those that were undone."""
        is_undone = SQL(
            """
            EXISTS (SELECT FROM account_move undoing
                     WHERE undoing.reversed_entry_id = move.id
                       AND undoing.state = 'posted')
            """
        )
        return self._prepare_part(
            WRITE_OFF,
            SQL("move.id"),
            SQL(
                """
                  FROM account_move move
                  JOIN res_company company ON company.id = move.company_id
             LEFT JOIN account_journal journal ON journal.id = move.journal_id
             LEFT JOIN account_move invoice ON invoice.id = move.written_off_invoice_id
                 WHERE move.written_off_invoice_id IS NOT NULL
                   AND move.state = 'posted'
                """
            ),
            date=SQL("move.date"),
            moved_on=SQL("move.create_date"),
            company_id=SQL("move.company_id"),
            currency_id=SQL("move.currency_id"),
            partner_id=SQL("invoice.partner_id"),
            invoice_id=SQL("move.written_off_invoice_id"),
            kind=SQL("'write_off'"),
            channel=SQL("'staff'"),
            method=self.env["account.journal"]._field_to_sql("journal", "name"),
            journal_id=SQL("move.journal_id"),
            outcome=SQL("CASE WHEN %s THEN 'undone' ELSE 'written_off' END", is_undone),
            reason=SQL("move.ref"),
            reference=SQL("move.name"),
            days_after_due=self._get_days_after_due(SQL("move.date")),
            amount_written_off=SQL(
                "CASE WHEN %s THEN 0 ELSE abs(move.amount_total) END", is_undone
            ),
            company_amount_written_off=SQL(
                "CASE WHEN %s THEN 0 ELSE abs(move.amount_total_signed) END", is_undone
            ),
            move_id=SQL("move.id"),
        )

    @api.model
    def _query_credit_entries(self):
        """Return the history of the credit balances: no money moves in it."""
        return self._prepare_part(
            CREDIT_ENTRY,
            SQL("entry.id"),
            SQL(
                """
                  FROM account_credit_balance_entry entry
                  JOIN account_credit_balance balance ON balance.id = entry.balance_id
                  JOIN res_company company ON company.id = balance.company_id
             LEFT JOIN account_move_line line ON line.id = entry.move_line_id
             LEFT JOIN account_payment payment ON payment.id = line.payment_id
             LEFT JOIN account_journal journal ON journal.id = line.journal_id
             LEFT JOIN account_move invoice ON invoice.id = entry.invoice_id
                """
            ),
            date=SQL("entry.date"),
            moved_on=SQL("entry.made_at"),
            company_id=SQL("balance.company_id"),
            currency_id=SQL("balance.currency_id"),
            partner_id=SQL("balance.partner_id"),
            invoice_id=SQL("entry.invoice_id"),
            kind=SQL("'credit'"),
            credit_type=SQL("entry.entry_type"),
            channel=SQL("COALESCE(payment.payment_channel, 'staff')"),
            method=self.env["account.journal"]._field_to_sql("journal", "name"),
            journal_id=SQL("line.journal_id"),
            outcome=SQL("'succeeded'"),
            reason=SQL("COALESCE(entry.note, %s)", self._get_label_words()),
            reference=SQL("line.move_name"),
            days_after_due=self._get_days_after_due(SQL("entry.date")),
            amount_credit=SQL("entry.amount"),
            # An entry that undoes another one is about the same journal item.
            company_amount_credit=SQL(
                """
                CASE WHEN entry.amount * line.amount_currency > 0
                     THEN line.balance ELSE -line.balance END
                """
            ),
            payment_id=SQL("line.payment_id"),
            move_id=SQL("line.move_id"),
        )

    @api.model
    def _get_label_words(self):
        """Return the label of a credit entry in the language of the reader.

        A label of a later version of this addon, or with too many others inside, is
        told as it was stored.

        :rtype: SQL
        """
        texts = json.dumps({name: str(self.env._(LABELS[name])) for name in LABELS})
        told = SQL("NULL")
        for number in range(MOST_LABELS_WITHIN, -1, -1):
            words = SQL(f"(entry.label_words{'->1' * number})")
            told = SQL(
                """
                replace(%(texts)s::jsonb->>(%(words)s->>0), %(place)s,
                        CASE WHEN jsonb_typeof(%(words)s->1) = 'array'
                             THEN %(within)s ELSE %(words)s->>1 END)
                """,
                texts=texts,
                words=words,
                place="%s",
                within=told,
            )
        return SQL("COALESCE(%s, entry.label)", told)

    @api.model
    def _query_approvals(self):
        """Return the requests that wait for a second person: nothing moved yet."""
        amount = SQL("approval.amount")
        date = SQL("approval.create_date::date")
        return self._prepare_part(
            APPROVAL,
            SQL("approval.id"),
            SQL(
                """
                  FROM account_payment_approval approval
                  JOIN res_company company ON company.id = approval.company_id
             LEFT JOIN account_move invoice ON invoice.id = approval.invoice_id
                 WHERE approval.state = 'waiting'
                """
            ),
            date=date,
            moved_on=SQL("approval.create_date"),
            company_id=SQL("approval.company_id"),
            currency_id=SQL("approval.currency_id"),
            partner_id=SQL("approval.partner_id"),
            invoice_id=SQL("approval.invoice_id"),
            kind=KIND_BY_REQUEST,
            channel=SQL("'staff'"),
            outcome=SQL("'waiting'"),
            reason=SQL("approval.reason"),
            days_after_due=self._get_days_after_due(date),
            amount_waiting=amount,
            company_amount_waiting=self._in_company_currency(
                amount, SQL("approval.currency_id"), date
            ),
            payment_id=SQL("approval.payment_id"),
            move_id=SQL("approval.move_id"),
            approval_id=SQL("approval.id"),
        )
