from odoo import api, models
from odoo.exceptions import AccessError, UserError
from odoo.tools import SQL

from ...tools import NO_JIT
from .labels import LABELS

# The invariants, in the order of the page, and whose records break them.
INVARIANTS = {
    "applied": "account.move",
    "unposted": "account.move",
    "credited": "account.move",
    "credited_lines": "account.move",
    "credited_tax": "account.move",
    "written_off": "account.move",
    "in_flight": "account.move",
    "in_flight_together": "payment.transaction",
    "attempts": "account.move",
    "stuck": "payment.transaction",
    "fingerprint": "payment.transaction",
    "booked": "payment.transaction",
    "unsettled": "payment.transaction",
    "payment_entry": "account.payment",
    "payment_agrees": "account.payment",
    "provider_agrees": "account.payment",
    "refunded": "account.payment",
    "refund_matched": "account.payment",
    "refund_of": "account.payment",
    "allocated": "account.payment",
    "taken_back": "account.payment.reversal",
    "balance": "account.credit.balance",
    "running": "account.credit.balance",
    "marked": "account.credit.balance",
    "ledger": "account.move.line",
    "reversed": "account.move",
    "holder": "account.move.line",
    "branch": "account.move.line",
    "elsewhere": "account.account",
    "entry": "account.move",
    "items": "account.move",
    "total": "account.move",
    "remaining": "account.move.line",
    "matched": "account.move.line",
}
# Two amounts in these SQL statements differ by at least half a smallest unit.
DIFFERS = SQL("abs(expected - found) >= currency.rounding / 2")

# The records that break an invariant, unless somebody accepted these amounts.
FINDINGS = """
    WITH companies AS (SELECT unnest(%(company_ids)s::int[]) AS id),
         checked AS (%(statement)s)
    SELECT checked.id AS res_id, checked.company_id,
           checked.currency_id, checked.expected, checked.found,
           record.create_date < %(installed_at)s
           AS before_installation
      FROM checked
      JOIN %(table)s record ON record.id = checked.id
 LEFT JOIN res_currency currency ON currency.id = checked.currency_id
     WHERE checked.expected IS DISTINCT FROM checked.found
       AND (currency.id IS NULL OR %(differs)s)
       AND NOT EXISTS (
           SELECT FROM account_payment_tie_out_acceptance accepted
            WHERE accepted.invariant = %(invariant)s
              AND accepted.res_id = checked.id
              AND accepted.expected = checked.expected::float8
              AND accepted.found = checked.found::float8)
  ORDER BY checked.id
"""


class AccountPaymentTieOut(models.AbstractModel):
    """Holds gateway, transactions, payments, balances and ledger against each other.

    One SQL statement for each invariant, over all records at once. Each returns the
    records that break it, with the expected and the found amount.
    """

    _name = "account.payment.tie.out"
    _description = "Tie-out"

    @api.model
    def check(self, company_ids=None):
        """Return each record that breaks an invariant of the books.

        :param list[int] company_ids: The companies to check; the selected ones if not
                                      given, all of them in superuser mode.
        :return: For each a dict of `invariant`, `label`, `res_model`, `res_id`, `name`,
                 `company_id`, `currency_id`, the amounts `expected` and `found` in that
                 currency, and whether the record is from before the installation.
                 Records that somebody accepted with these amounts are left out.
        :rtype: list[dict]
        :raise AccessError: If the user may not read the books of these companies.
        """
        company_ids = self._get_company_ids(company_ids)
        self.env.flush_all()
        found = []
        labels = {name: self.env._(label) for name, label in LABELS.items()}
        installed_at = self._get_installed_at()
        self.env.cr.execute(NO_JIT)
        for invariant, (res_model, statement) in self._get_statements().items():
            rows = self.env.execute_query_dict(
                SQL(
                    FINDINGS,
                    company_ids=company_ids,
                    statement=statement,
                    installed_at=installed_at,
                    table=SQL.identifier(self.env[res_model]._table),
                    differs=DIFFERS,
                    invariant=invariant,
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

    @api.model
    def accept(self, reason, company_ids=None):
        """Accept the findings from before the installation: they are not listed again.

        A finding is listed again when its amounts change. Each acceptance is kept, with
        the person, the time and the reason.

        :param str reason: Why these records may stay as they are.
        :param list[int] company_ids: See :meth:`check`.
        :return: The acceptances, one for each finding.
        :rtype: account.payment.tie.out.acceptance
        :raise AccessError: If the user is not an accounting administrator, or may not
                            read the books of these companies.
        :raise UserError: If there is no reason, or nothing to accept.
        """
        if not (
            self.env.su or self.env.user.has_group("account.group_account_manager")
        ):
            raise AccessError(
                self.env._("Only accounting administrators may accept these records.")
            )
        payments = self.env["account.payment"]
        payments._check_reason(reason := payments._read_argument("reason", reason))
        earlier = [row for row in self.check(company_ids) if row["before_installation"]]
        if not earlier:
            raise UserError(
                self.env._("Nothing from before the installation is to be accepted.")
            )
        acceptances = self.env["account.payment.tie.out.acceptance"]
        kept = acceptances._fields.keys() & earlier[0].keys()
        return acceptances.sudo().create(
            [
                {**{key: row[key] for key in kept}, "reason": reason.strip()}
                for row in earlier
            ]
        )

    # === GETTERS === #

    def _get_installed_at(self):
        """Return when the addon was installed in this database.

        :rtype: datetime.datetime
        """
        return self.env.execute_query(
            SQL(
                "SELECT min(create_date) FROM ir_model_data "
                "WHERE module = 'invoice_payments_ext'"
            )
        )[0][0]

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
    def _get_statements(self):
        """Return the statement of each invariant with the model of its records.

        :return: By invariant a pair of the model's name and a statement that selects
                 `id`, `company_id`, `currency_id`, `expected` and `found` of the
                 records that may break it. It can use the table `companies`.
        :rtype: dict[str, tuple[str, SQL]]
        """
        return {
            name: (model, getattr(self, f"_get_{name}_statement")())
            for name, model in INVARIANTS.items()
        }
