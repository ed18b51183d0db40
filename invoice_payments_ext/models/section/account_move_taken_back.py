from odoo import models
from odoo.tools import SQL

# The state of a part of a row, by that of the record.
STATE_BY_REVERSAL = {
    "inquiry": "inquiry",
    "open": "disputed",
    "lost": "lost",
    "won": "won",
    "cancelled": "called_off",
}


class AccountMove(models.Model):
    """Money taken back, shown beneath its payment."""

    _inherit = "account.move"

    # === BUSINESS METHODS === #

    def _add_taken_back(self, refunds, payments):
        """Add the money taken back of these payments to their refunds.

        :param dict refunds: The result of :meth:`_get_refunds_by_source`.
        :param dict payments: The payments as they were read.
        """
        kinds = self.env["account.payment.reversal"]._fields["kind"]
        kinds = dict(kinds._description_selection(self.env))
        for each in self._query_taken_back(payments):
            part = self._prepare_refund(
                id=f"reversal-{each['id']}",
                kind="taken_back",
                date=each["opened_on"],
                time=each["create_date"],
                amount=each["amount"],
                state=STATE_BY_REVERSAL[each["state"]],
                reason=each["reason"] or each["reason_code"],
                method=kinds[each["kind"]],
                reference=each["provider_reference"] or "",
                user=each["author"],
                reversal_id=each["id"],
                reversal_kind=each["kind"],
                is_by_bank=each["is_by_bank"],
            )
            refunds.setdefault(("payment", each["payment_id"]), []).append(part)

    def _query_taken_back(self, payments):
        """Read the money taken back of these payments, at once.

        :rtype: list[dict]
        """
        payment_ids = [
            payment["id"] for payment in payments.values() if payment["has_reversals"]
        ]
        if not payment_ids:
            return []
        return self.env.execute_query_dict(
            SQL(
                """
                SELECT reversal.id, reversal.payment_id, reversal.kind, reversal.state,
                       reversal.amount, reversal.opened_on, reversal.reason,
                       reversal.create_date,
                       reversal.reason_code, reversal.provider_reference,
                       reversal.is_by_bank, author.name AS author
                  FROM account_payment_reversal reversal
             LEFT JOIN res_users users ON users.id = reversal.create_uid
             LEFT JOIN res_partner author ON author.id = users.partner_id
                 WHERE reversal.payment_id IN %s
              ORDER BY reversal.id
                """,
                tuple(payment_ids),
            )
        )

    # === GETTERS === #

    def _get_row_taken_back_reason(self, values):
        """Say why nothing of a row can be taken back; an empty text if it can.

        :rtype: str
        """
        currency = self.env["res.currency"].browse(values["currency_id"])
        gone = sum(
            part["amount"]
            for part in values["refunds"]
            if part["state"] in ("succeeded", "pending", "sent", "disputed", "lost")
            and part["kind"] in ("refund", "taken_back")
        )
        if currency.compare_amounts(values["amount"], gone) > 0:
            return ""
        return self.env._("All of it was taken back or refunded.")
