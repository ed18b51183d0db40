from odoo import models
from odoo.tools import SQL

from .row import Row

# The kind of a row, by the kind of a request about the invoice itself.
WAITING_KINDS = {"credit_note": "credit_note", "write_off": "write_off"}


class AccountMove(models.Model):
    """Corrections that wait for approval, on the invoice that they are about."""

    _inherit = "account.move"

    # === BUSINESS METHODS === #

    def _add_waiting(self, refunds, payments):
        """Add the refunds that wait for approval beneath their payments.

        :param dict refunds: The result of :meth:`_get_refunds_by_source`.
        :param dict payments: The payments as they were read.
        :return: The rows of the others.
        :rtype: list[Row]
        """
        rows = []
        for request in self._query_waiting(payments):
            shared = {
                "id": f"approval-{request['id']}",
                "state": "waiting",
                "date": request["create_date"],
                "time": request["create_date"],
                "amount": request["amount"],
                "reason": request["reason"],
                "reference": "",
                "user": request["author"],
                "approval_id": request["id"],
                "is_own_request": request["requester_id"] == self.env.uid,
            }
            if request["payment_id"] in payments:
                part = self._prepare_refund(
                    kind="refund", method=self._get_waiting_method(request), **shared
                )
                refunds.setdefault(("payment", request["payment_id"]), []).append(part)
                continue
            kind = WAITING_KINDS.get(request["kind"], "refund")
            values = self._prepare_row(
                kind=kind,
                method=self._get_row_labels()["kind"][kind],
                currency_id=request["currency_id"],
                amount_applied=0.0,
                channel=self.env._("Accounting"),
                **shared,
            )
            rows.append(Row(values, order=(request["create_date"], request["id"])))
        return rows

    def _query_waiting(self, payments):
        """Read the requests that wait for this invoice and its payments, at once.

        :rtype: list[dict]
        """
        self.env["account.payment.approval"].flush_model()
        return self.env.execute_query_dict(
            SQL(
                """
                SELECT request.id, request.kind, request.payment_id, request.amount,
                       request.currency_id, request.reason, request.requester_id,
                       request.create_date, author.name AS author,
                       request.arguments ->> 'to' AS target
                  FROM account_payment_approval request
                  JOIN res_users users ON users.id = request.requester_id
                  JOIN res_partner author ON author.id = users.partner_id
                 WHERE request.state = 'waiting'
                   AND (request.move_id = %(move_id)s
                        OR request.invoice_id = %(move_id)s
                        OR request.payment_id IN %(payment_ids)s)
              ORDER BY request.id
                """,
                move_id=self.id,
                payment_ids=tuple(payments) or (0,),
            )
        )

    # === GETTERS === #

    def _get_waiting_method(self, request):
        """Return where the money of a refund that waits is to go, in words.

        :rtype: str
        """
        return {
            "original": self.env._("To the original method"),
            "outside": self.env._("Outside the gateway"),
            "credit": self.env._("To the credit balance"),
        }.get(request["target"], "")

    def _get_waiting_actions(self, values, blocked):
        """Return the actions on a row, or a part of one, that waits for approval.

        :param dict values: The values of the row or the part.
        :param str blocked: Why the user may not refund; empty if he may.
        :rtype: Iterator[tuple[str, str]]
        """
        if values["is_own_request"]:
            yield "withdraw", ""
        elif not blocked:
            yield "approve", ""
            yield "reject", ""
        yield "open_request", ""
