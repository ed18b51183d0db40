from odoo import api, models
from odoo.exceptions import AccessError
from odoo.tools import SQL

from .account_payment_refund import POSTED_STATES, UNREFUNDED_OUTCOMES
from .payment_transaction import IN_FLIGHT_OUTCOMES
from .payment_transaction_refund import PAYS_OUT_CREDIT

# The settling schedule of Odoo runs every ten minutes.
SETTLING_MINUTES = 20
# Two amounts in these SQL statements differ by at least half a smallest unit.
DIFFERS = SQL("abs(expected - found) >= currency.rounding / 2")


class AccountPaymentTieOut(models.AbstractModel):
    """Holds gateway, transactions, payments, balances and ledger against each other.

    One SQL statement for each invariant, over all records at once. Each returns the
    records that break it, with what is expected of them and what was found.
    """

    _name = "account.payment.tie.out"
    _description = "Tie-out"

    @api.model
    def check(self, company_ids=None):
        """Return each record that breaks an invariant of the books.

        :param list[int] company_ids: The companies to check; the selected ones if not
                                      given, all of them in superuser mode.
        :return: For each a dict of `invariant`, `label`, `res_model`, `res_id`, `name`,
                 `company_id`, `currency_id`, and the amounts `expected` and `found` in
                 that currency.
        :rtype: list[dict]
        :raise AccessError: If the user may not read the books of these companies.
        """
        company_ids = self._get_company_ids(company_ids)
        self.env.flush_all()
        found = []
        labels = self._get_labels()
        for invariant, statement in self._get_statements().items():
            res_model = statement[0]
            rows = self.env.execute_query_dict(
                SQL(
                    """
                    WITH companies AS (SELECT unnest(%(company_ids)s::int[]) AS id),
                         checked AS (%(statement)s)
                    SELECT checked.id AS res_id, checked.company_id,
                           checked.currency_id, checked.expected, checked.found
                      FROM checked
                 LEFT JOIN res_currency currency ON currency.id = checked.currency_id
                     WHERE checked.expected IS DISTINCT FROM checked.found
                       AND (currency.id IS NULL OR %(differs)s)
                  ORDER BY checked.id
                    """,
                    company_ids=company_ids,
                    statement=statement[1],
                    differs=DIFFERS,
                )
            )
            records = self.env[res_model].browse(row["res_id"] for row in rows)
            names = {record.id: record.display_name for record in records.sudo()}
            found += [
                {
                    "invariant": invariant,
                    "label": labels[invariant],
                    "res_model": res_model,
                    "name": names[row["res_id"]],
                    **row,
                }
                for row in rows
            ]
        return found

    # === GETTERS === #

    def _get_company_ids(self, company_ids):
        """Return the companies to check; refuse those that are not the user's."""
        companies = self.env["res.company"]
        if self.env.su:
            return company_ids or companies.search([]).ids
        if not self.env.user.has_groups(
            "account.group_account_invoice,account.group_account_readonly"
        ):
            raise AccessError(self.env._("Only accounting may check the books."))
        chosen = companies.browse(company_ids or self.env.companies.ids)
        if chosen - self.env.companies:
            raise AccessError(
                self.env._("Check the books of your selected companies only.")
            )
        return chosen.ids

    @api.model
    def _get_labels(self):
        """Return what each invariant says."""
        env = self.env
        return {
            "applied": env._("What is applied and what remains make the total"),
            "booked": env._("What a provider confirmed is booked once, in full"),
            "unsettled": env._("What a provider confirmed is booked within minutes"),
            "payment_entry": env._("A payment counts as long as its entry is posted"),
            "refunded": env._("No more of a payment is given back than it brought"),
            "refund_matched": env._("A refund is matched with what it gives back"),
            "credited": env._("Credit notes do not exceed their invoice"),
            "credited_tax": env._("The last credit note leaves nothing of a tax"),
            "in_flight": env._("What is applied and in flight is not above the total"),
            "in_flight_together": env._(
                "What is paid at once is not above what is open"
            ),
            "attempts": env._("One attempt holds an invoice at a time"),
            "balance": env._("A credit balance is its history"),
            "running": env._("A credit balance is what its last entry says"),
            "marked": env._("Customers with a credit balance are marked so"),
            "ledger": env._("The history of credit is the ledger"),
            "reversed": env._("What changed credit is reversed once at the most"),
            "holder": env._("Credit is on the balance of its customer"),
            "entry": env._("Every entry balances"),
            "matched": env._("What is matched is fully reconciled together or not"),
        }

    def _get_statements(self):
        """Return the statement of each invariant with the model of what it returns.

        :return: By invariant a pair of the model's name and a statement that selects
                 `id`, `company_id`, `currency_id`, `expected` and `found` of what may
                 break it. It can use the table `companies`.
        :rtype: dict[str, tuple[str, SQL]]
        """
        return {
            **self._get_invoice_statements(),
            **self._get_payment_statements(),
            **self._get_credit_statements(),
            **self._get_entry_statements(),
        }

    def _get_invoice_statements(self):
        applied = SQL(
            """
            SELECT own.move_id, sum(side.amount) AS amount
              FROM (SELECT debit_move_id AS line_id, debit_amount_currency AS amount
                      FROM account_partial_reconcile
                 UNION ALL
                    SELECT credit_move_id, -credit_amount_currency
                      FROM account_partial_reconcile) side
              JOIN account_move_line own
                ON own.id = side.line_id AND own.display_type = 'payment_term'
          GROUP BY own.move_id
            """
        )
        invoices = SQL(
            "move.move_type = 'out_invoice' AND move.state = 'posted' "
            "AND move.company_id IN (SELECT id FROM companies)"
        )
        return {
            "applied": (
                "account.move",
                SQL(
                    """
                    SELECT move.id, move.company_id, move.currency_id,
                           move.amount_total AS expected,
                           coalesce(applied.amount, 0) + move.amount_residual AS found
                      FROM account_move move
                 LEFT JOIN (%s) applied ON applied.move_id = move.id
                     WHERE %s
                    """,
                    applied,
                    invoices,
                ),
            ),
            "credited": (
                "account.move",
                SQL(
                    """
                    SELECT move.id, move.company_id, move.currency_id,
                           least(move.amount_total, sum(note.amount_total)) AS expected,
                           sum(note.amount_total) AS found
                      FROM account_move move
                      JOIN account_move note ON note.reversed_entry_id = move.id
                       AND note.state = 'posted' AND note.move_type = 'out_refund'
                       AND note.currency_id = move.currency_id
                     WHERE %s
                  GROUP BY move.id
                    """,
                    invoices,
                ),
            ),
            # Those of this addon, as they were made; Odoo's own round each for itself.
            "credited_tax": (
                "account.move",
                SQL(
                    """
                    WITH note AS (
                        SELECT note.id, note.reversed_entry_id AS invoice_id,
                               note.amount_total, note.currency_id,
                               (note.credited_shares ->> 'amount')::numeric AS planned
                          FROM account_move note
                         WHERE note.state = 'posted' AND note.move_type = 'out_refund'
                           AND note.reversed_entry_id IS NOT NULL
                    ), ended AS (
                        SELECT move.id, move.company_id, move.currency_id
                          FROM account_move move
                          JOIN note ON note.invoice_id = move.id
                          JOIN res_currency currency ON currency.id = move.currency_id
                         WHERE %s
                      GROUP BY move.id, currency.id
                        HAVING bool_and(
                                   note.currency_id = move.currency_id
                                   AND note.planned IS NOT NULL
                                   AND abs(note.planned - note.amount_total)
                                     < currency.rounding / 2)
                           AND abs(move.amount_total - sum(note.amount_total))
                             < currency.rounding / 2
                    ), document AS (
                        SELECT id AS invoice_id, id FROM ended
                     UNION ALL
                        SELECT ended.id, note.id
                          FROM ended JOIN note ON note.invoice_id = ended.id
                    ), tax AS (
                        SELECT document.invoice_id,
                               sum(line.amount_currency) AS remainder
                          FROM document
                          JOIN account_move_line line ON line.move_id = document.id
                           AND line.tax_line_id IS NOT NULL
                      GROUP BY document.invoice_id, line.tax_line_id
                    )
                    SELECT ended.id, ended.company_id, ended.currency_id,
                           0 AS expected, sum(abs(tax.remainder)) AS found
                      FROM ended JOIN tax ON tax.invoice_id = ended.id
                  GROUP BY ended.id, ended.company_id, ended.currency_id
                    """,
                    invoices,
                ),
            ),
            "in_flight": (
                "account.move",
                SQL(
                    """
                    SELECT move.id, move.company_id, move.currency_id,
                           least(move.amount_residual, sum(tx.amount)) AS expected,
                           sum(tx.amount) AS found
                      FROM account_move move
                      JOIN account_invoice_transaction_rel link
                        ON link.invoice_id = move.id
                      JOIN payment_transaction tx ON tx.id = link.transaction_id
                       AND tx.outcome IN %s AND tx.operation != 'refund'
                       AND tx.currency_id = move.currency_id
                 LEFT JOIN payment_transaction child
                        ON child.source_transaction_id = tx.id
                 LEFT JOIN account_invoice_transaction_rel other
                        ON other.transaction_id = tx.id AND other.invoice_id != move.id
                     WHERE %s AND child.id IS NULL AND other.invoice_id IS NULL
                  GROUP BY move.id
                    """,
                    tuple(IN_FLIGHT_OUTCOMES),
                    invoices,
                ),
            ),
            # Who pays several invoices at once pays no more than is open of them. What
            # is authorized may be for more, such as an order, and is captured as far as
            # it is open.
            "in_flight_together": (
                "payment.transaction",
                SQL(
                    """
                    SELECT tx.id, tx.company_id, tx.currency_id,
                           least(tx.amount, sum(move.amount_residual)) AS expected,
                           tx.amount AS found
                      FROM payment_transaction tx
                      JOIN account_invoice_transaction_rel link
                        ON link.transaction_id = tx.id
                      JOIN account_move move
                        ON move.id = link.invoice_id AND %s
                 LEFT JOIN payment_transaction child
                        ON child.source_transaction_id = tx.id
                     WHERE tx.outcome IN %s AND tx.operation != 'refund'
                       AND tx.state != 'authorized' AND child.id IS NULL
                  GROUP BY tx.id
                    HAVING count(*) > 1
                       AND bool_and(move.currency_id = tx.currency_id)
                    """,
                    invoices,
                    tuple(IN_FLIGHT_OUTCOMES),
                ),
            ),
            "attempts": (
                "account.move",
                SQL(
                    """
                    SELECT move.id, move.company_id, NULL::int AS currency_id,
                           1 AS expected, count(*) AS found
                      FROM payment_transaction tx
                      JOIN account_move move ON move.id = tx.charge_invoice_id
                     WHERE tx.holds_invoice
                       AND move.company_id IN (SELECT id FROM companies)
                  GROUP BY move.id
                    """
                ),
            ),
        }

    def _get_payment_statements(self):
        # What was captured or voided in parts is booked by the parts.
        transactions = SQL(
            """
            SELECT tx.id, tx.company_id, tx.currency_id, tx.last_state_change,
                   CASE WHEN tx.state = 'done' AND parts.id IS NULL
                        THEN abs(tx.amount) ELSE 0 END AS expected,
                   booked.amount AS found
              FROM payment_transaction tx
         LEFT JOIN (SELECT DISTINCT source_transaction_id AS id
                      FROM payment_transaction
                     WHERE operation != 'refund' AND state IN ('done', 'cancel')
                   ) parts ON parts.id = tx.id
         LEFT JOIN (SELECT payment_transaction_id AS id, sum(amount) AS amount
                      FROM account_payment WHERE state IN %s
                  GROUP BY payment_transaction_id
                   ) booked ON booked.id = tx.id
             WHERE tx.operation != 'validation'
               AND tx.company_id IN (SELECT id FROM companies)
            """,
            POSTED_STATES,
        )
        of_companies = SQL("payment.company_id IN (SELECT id FROM companies)")
        return {
            "booked": (
                "payment.transaction",
                SQL(
                    "SELECT id, company_id, currency_id, expected, found "
                    "FROM (%s) tx WHERE found IS NOT NULL",
                    transactions,
                ),
            ),
            "unsettled": (
                "payment.transaction",
                SQL(
                    """
                    SELECT id, company_id, currency_id, expected, 0 AS found
                      FROM (%s) tx
                     WHERE found IS NULL AND last_state_change
                           < now() AT TIME ZONE 'UTC' - interval '%s minutes'
                    """,
                    transactions,
                    SETTLING_MINUTES,
                ),
            ),
            "payment_entry": (
                "account.payment",
                SQL(
                    """
                    SELECT payment.id, payment.company_id, payment.currency_id,
                           CASE WHEN payment.state IN %(posted)s
                                THEN payment.amount ELSE 0 END AS expected,
                           CASE WHEN move.state = 'posted'
                                THEN payment.amount ELSE 0 END AS found
                      FROM account_payment payment
                      JOIN account_move move ON move.id = payment.move_id
                 LEFT JOIN res_company company ON company.id = payment.company_id
                       AND company.credit_balance_journal_id = payment.journal_id
                     WHERE (payment.state IN %(posted)s OR company.id IS NOT NULL)
                       AND %(of_companies)s
                    """,
                    posted=POSTED_STATES,
                    of_companies=of_companies,
                ),
            ),
            "refunded": (
                "account.payment",
                SQL(
                    """
                    SELECT given.id, given.company_id, given.currency_id,
                           least(given.paid, given.amount) AS expected,
                           given.amount AS found
                      FROM (
                    SELECT payment.id, payment.company_id, payment.currency_id,
                           -- Of credit, it is what was taken, as the ledger says.
                           CASE WHEN payment.journal_id IS DISTINCT FROM
                                     of_payment.credit_balance_journal_id
                                THEN payment.amount
                                ELSE coalesce((
                                     SELECT sum(line.amount_currency)
                                       FROM account_move_line line
                                      WHERE line.move_id = payment.move_id
                                        AND line.parent_state = 'posted'
                                        AND line.account_id
                                          = of_payment.credit_balance_account_id), 0)
                            END AS paid,
                           -- Kept on a balance, then paid out to where it came from:
                           -- it is given back once.
                           sum(part.amount) - least(
                               coalesce(sum(part.amount) FILTER (WHERE part.kept), 0),
                               coalesce(sum(part.amount) FILTER (WHERE part.of_credit),
                                        0)
                           ) AS amount
                      FROM (SELECT refund.source_payment_id AS id, refund.amount,
                                   refund.journal_id = company.credit_balance_journal_id
                                       AND tx.id IS NULL AS kept,
                                   coalesce(%(pays_out)s, false) AS of_credit
                              FROM account_payment refund
                              JOIN res_company company ON company.id = refund.company_id
                         LEFT JOIN payment_transaction tx
                                ON tx.id = refund.payment_transaction_id
                             WHERE refund.state IN %(posted)s
                               AND refund.source_payment_id IS NOT NULL
                         UNION ALL
                            SELECT taken.id, -line.amount_currency, false, false
                              FROM account_payment taken
                              JOIN res_company company
                                ON company.credit_balance_journal_id = taken.journal_id
                               AND company.id = taken.company_id
                              JOIN account_move undone
                                ON undone.reversed_entry_id = taken.move_id
                              JOIN account_move_line line ON line.move_id = undone.id
                               AND line.account_id = company.credit_balance_account_id
                             WHERE taken.payment_type = 'inbound'
                               AND line.parent_state = 'posted'
                         UNION ALL
                            SELECT source.payment_id, -tx.amount, false, %(pays_out)s
                              FROM payment_transaction tx
                              JOIN payment_transaction source
                                ON source.id = tx.source_transaction_id
                         LEFT JOIN account_payment booked ON booked.id = tx.payment_id
                               AND booked.state IN %(posted)s
                             WHERE tx.operation = 'refund' AND booked.id IS NULL
                               AND tx.outcome NOT IN %(unrefunded)s
                           ) part
                      JOIN account_payment payment ON payment.id = part.id
                      JOIN res_company of_payment ON of_payment.id = payment.company_id
                     WHERE %(of_companies)s
                  GROUP BY payment.id, of_payment.id
                           ) given
                    """,
                    pays_out=PAYS_OUT_CREDIT,
                    posted=POSTED_STATES,
                    unrefunded=UNREFUNDED_OUTCOMES,
                    of_companies=of_companies,
                ),
            ),
            "refund_matched": (
                "account.payment",
                SQL(
                    """
                    SELECT payment.id, payment.company_id, payment.currency_id,
                           0 AS expected, sum(line.amount_residual_currency) AS found
                      FROM account_payment payment
                      JOIN account_move_line line ON line.move_id = payment.move_id
                       AND line.account_id = payment.destination_account_id
                     WHERE payment.state IN %s AND payment.source_payment_id IS NOT NULL
                       AND %s
                  GROUP BY payment.id
                    """,
                    POSTED_STATES,
                    of_companies,
                ),
            ),
        }

    def _get_credit_statements(self):
        balances = SQL(
            """
            SELECT balance.id, balance.company_id, balance.currency_id,
                   balance.amount AS expected,
                   coalesce(sum(entry.amount), 0) AS total,
                   coalesce((array_agg(entry.balance_after ORDER BY entry.id DESC))[1],
                            0) AS latest
              FROM account_credit_balance balance
         LEFT JOIN account_credit_balance_entry entry ON entry.balance_id = balance.id
             WHERE balance.company_id IN (SELECT id FROM companies)
          GROUP BY balance.id
            """
        )
        return {
            "balance": (
                "account.credit.balance",
                SQL(
                    "SELECT id, company_id, currency_id, expected, total AS found "
                    "FROM (%s) balance",
                    balances,
                ),
            ),
            "running": (
                "account.credit.balance",
                SQL(
                    "SELECT id, company_id, currency_id, expected, latest AS found "
                    "FROM (%s) balance",
                    balances,
                ),
            ),
            # What is held for a customer who is not marked is not seen at issue.
            "marked": (
                "account.credit.balance",
                SQL(
                    """
                    SELECT balance.id, balance.company_id, balance.currency_id,
                           balance.amount AS expected,
                           CASE WHEN partner.has_credit_balance
                                THEN balance.amount ELSE 0 END AS found
                      FROM account_credit_balance balance
                      JOIN res_partner partner ON partner.id = balance.partner_id
                     WHERE balance.merged_into_id IS NULL
                       AND balance.company_id IN (SELECT id FROM companies)
                    """
                ),
            ),
            "ledger": (
                "account.move.line",
                SQL(
                    """
                    SELECT line.id, line.company_id, line.currency_id,
                           CASE WHEN line.parent_state = 'posted'
                                THEN -line.amount_currency ELSE 0 END AS expected,
                           coalesce(sum(entry.amount), 0) AS found
                      FROM account_move_line line
                      JOIN res_company company ON company.id = line.company_id
                       AND company.credit_balance_account_id = line.account_id
                 LEFT JOIN account_credit_balance_entry entry
                        ON entry.move_line_id = line.id
                     WHERE line.company_id IN (SELECT id FROM companies)
                  GROUP BY line.id
                 UNION ALL
                    -- What was taken off the credit account behind the history's back.
                    SELECT line.id, line.company_id, line.currency_id,
                           0 AS expected, sum(entry.amount) AS found
                      FROM account_credit_balance_entry entry
                      JOIN account_move_line line ON line.id = entry.move_line_id
                      JOIN res_company company ON company.id = line.company_id
                     WHERE line.account_id
                           IS DISTINCT FROM company.credit_balance_account_id
                       AND line.company_id IN (SELECT id FROM companies)
                  GROUP BY line.id
                    """
                ),
            ),
            # An entry is reversed once, and while it stands.
            "reversed": (
                "account.move",
                SQL(
                    """
                    WITH booked AS (
                        SELECT move.id, move.company_id, line.currency_id, move.state,
                               move.reversed_entry_id,
                               -sum(line.amount_currency) AS amount
                          FROM account_move_line line
                          JOIN res_company company ON company.id = line.company_id
                           AND company.credit_balance_account_id = line.account_id
                          JOIN account_move move ON move.id = line.move_id
                         WHERE move.move_type = 'entry'
                           AND line.company_id IN (SELECT id FROM companies)
                      GROUP BY move.id, line.currency_id
                    )
                    SELECT own.id, own.company_id, own.currency_id,
                           CASE WHEN own.state != 'posted' THEN 0
                                WHEN own.amount > 0
                                THEN greatest(-own.amount, least(sum(undone.amount), 0))
                                ELSE least(-own.amount, greatest(sum(undone.amount), 0))
                            END AS expected,
                           sum(undone.amount) AS found
                      FROM booked own
                      JOIN booked undone ON undone.reversed_entry_id = own.id
                       AND undone.currency_id = own.currency_id
                       AND undone.state = 'posted'
                  GROUP BY own.id, own.company_id, own.currency_id, own.state,
                           own.amount
                    """
                ),
            ),
            # Contacts get other parents, and their credit stays whose it was. But while
            # a balance of a contact's own holds something, nothing that is new for it
            # is on another's; what is given back is where it was taken.
            "holder": (
                "account.move.line",
                SQL(
                    """
                    WITH RECURSIVE held AS (
                        SELECT id, id AS end_id
                          FROM account_credit_balance WHERE merged_into_id IS NULL
                     UNION ALL
                        SELECT merged.id, held.end_id
                          FROM account_credit_balance merged
                          JOIN held ON held.id = merged.merged_into_id
                    )
                    SELECT line.id, line.company_id, line.currency_id,
                           -line.amount_currency AS expected, 0 AS found
                      FROM account_credit_balance_entry entry
                 LEFT JOIN account_credit_balance_entry next
                        ON next.previous_entry_id = entry.id
                      JOIN account_move_line line ON line.id = entry.move_line_id
                       AND line.parent_state = 'posted'
                      JOIN account_credit_balance balance
                        ON balance.id = entry.balance_id
                 LEFT JOIN held ON held.id = balance.id
                 LEFT JOIN account_credit_balance own
                        ON own.partner_id = line.partner_id
                       AND own.company_id = line.company_id
                       AND own.currency_id = line.currency_id
                       AND own.merged_into_id IS NULL
                     WHERE next.id IS NULL
                       AND line.company_id IN (SELECT id FROM companies)
                       AND (line.partner_id IS NULL
                            OR held.id IS NULL
                            OR balance.company_id != line.company_id
                            OR balance.currency_id != line.currency_id
                            OR (own.id != held.end_id
                                AND balance.partner_id != line.partner_id
                                AND entry.previous_entry_id IS NULL
                                AND (
                                    SELECT earlier.balance_after
                                      FROM account_credit_balance_entry earlier
                                     WHERE earlier.balance_id = own.id
                                       AND earlier.id < entry.id
                                  ORDER BY earlier.id DESC LIMIT 1) > 0
                                AND NOT EXISTS (
                                    SELECT FROM account_move move
                                 LEFT JOIN account_payment payment
                                        ON payment.move_id = move.id
                                 LEFT JOIN account_payment source
                                        ON source.id = payment.source_payment_id
                                 LEFT JOIN res_company company
                                        ON company.credit_balance_journal_id
                                         = source.journal_id
                                     WHERE move.id = line.move_id
                                       AND (move.reversed_entry_id IS NOT NULL
                                            OR company.id IS NOT NULL))))
                    """
                ),
            ),
        }

    def _get_entry_statements(self):
        return {
            "entry": (
                "account.move",
                SQL(
                    """
                    SELECT move.id, move.company_id, company.currency_id,
                           0 AS expected, sum(line.balance) AS found
                      FROM account_move_line line
                      JOIN account_move move ON move.id = line.move_id
                      JOIN res_company company ON company.id = move.company_id
                     WHERE line.parent_state = 'posted'
                       AND line.company_id IN (SELECT id FROM companies)
                  GROUP BY move.id, company.id
                    HAVING sum(line.balance) != 0
                    """
                ),
            ),
            "matched": (
                "account.move.line",
                SQL(
                    """
                    SELECT DISTINCT line.id, line.company_id,
                           NULL::int AS currency_id,
                           coalesce(part.full_reconcile_id, 0) AS expected,
                           CASE WHEN line.matching_number IS NULL
                                  OR (line.full_reconcile_id IS NOT NULL
                                      AND NOT line.reconciled)
                                  OR line.matching_number != coalesce(
                                         line.full_reconcile_id::text,
                                         line.matching_number)
                                THEN -1
                                ELSE coalesce(line.full_reconcile_id, 0) END AS found
                      FROM (SELECT debit_move_id AS line_id, full_reconcile_id
                              FROM account_partial_reconcile
                         UNION ALL
                            SELECT credit_move_id, full_reconcile_id
                              FROM account_partial_reconcile) part
                      JOIN account_move_line line ON line.id = part.line_id
                     WHERE line.company_id IN (SELECT id FROM companies)
                    """
                ),
            ),
        }
