from odoo import fields, models


class AccountMove(models.Model):
    """The refunds of the Payments section, each beneath the row that it gives back."""

    _inherit = "account.move"

    # === REFUNDS === #

    def _get_refunds_by_source(self, transactions, payments):
        """Group the refunds by the attempt (`tx`) or `payment` they give back."""
        refunds = {}
        by_attempt = set()
        for tx in transactions.values():
            if tx["operation"] != "refund":
                continue
            payment = payments.get(tx["payment_id"], {})
            by_attempt.add(tx["payment_id"])
            source = ("tx", tx["source_transaction_id"])
            if payment.get("source_payment_id"):
                # It may have been reported on an authorization, which is not shown.
                source = ("payment", payment["source_payment_id"])
            refunds.setdefault(source, []).append(
                self._prepare_gateway_refund(tx, payment)
            )
        for payment in payments.values():
            source_id = payment["source_payment_id"]
            is_refund = source_id and not payment["is_taken_back"]
            if is_refund and payment["id"] not in by_attempt:
                refunds.setdefault(("payment", source_id), []).append(
                    self._prepare_booked_refund(payment, payments.get(source_id, {}))
                )
        return refunds

    def _prepare_gateway_refund(self, tx, payment):
        """Return a refund through a gateway, with its payment if it is booked.

        :rtype: dict
        """
        kind = "paid_out" if tx["pays_out_credit"] else "refund"
        if tx["provider_code"] == "credit_balance":
            kind = "undone"
        return self._prepare_refund(
            id=f"tx-{tx['id']}",
            date=payment.get("date") or tx["create_date"],
            amount=abs(tx["amount"]),
            state=tx["outcome"],
            reason=tx["state_message"],
            memo=tx["memo"],
            kind=kind,
            method=self.env._("To the original method"),
            reference=tx["reference"],
            time=tx["create_date"],
            provider_reference=tx["provider_reference"],
            payment_name=payment.get("name"),
            transaction_name=tx["reference"],
            user=tx["author"],
            payment_id=tx["payment_id"],
            transaction_id=tx["id"],
            is_test=tx["is_test"],
            is_pending_too_long=tx["is_pending_too_long"],
        )

    def _prepare_booked_refund(self, payment, source):
        """Return a refund outside any gateway, or money that is kept as credit.

        :param dict payment: The payment that gives back.
        :param dict source: The payment that is given back.
        :rtype: dict
        """
        credit_journal_id = self.company_id.sudo().credit_balance_journal_id.id
        kind = "refund"
        if payment["journal_id"] == credit_journal_id:
            is_undone = source.get("journal_id") == credit_journal_id
            kind = "undone" if is_undone else "kept"
        return self._prepare_refund(
            id=f"pay-{payment['id']}",
            date=payment["date"],
            amount=payment["amount"],
            state=self._get_payment_state(payment),
            reason=payment["mistake_reason"],
            memo=payment["memo"],
            kind=kind,
            method=self._get_payment_method_words(payment),
            journal_type=payment["journal_type"],
            own_method_name=payment["own_method_name"],
            reference=payment["payment_reference"] or payment["name"],
            time=payment["create_date"],
            payment_name=payment["name"],
            user=payment["author"],
            payment_id=payment["id"],
            bank_entry=payment["bank_entry"],
            is_allocated=payment["is_allocated"],
        )

    def _get_payment_method_words(self, payment):
        """Return how money came or went that no provider moved.

        :rtype: str
        """
        credit_journal = self.company_id.sudo().credit_balance_journal_id
        parts = [payment["journal"]]
        if payment["journal_id"] != credit_journal.id:
            parts.append(payment["method"])
        return " · ".join(filter(None, parts))

    def _prepare_refund(self, **values):
        """Complete the values of a refund, shown beneath its payment."""
        refund = {
            "kind": "refund",
            "reason": "",
            "journal_type": "",
            "own_method_name": "",
            "memo": "",
            "transaction_id": False,
            "payment_id": False,
            "is_test": False,
            "is_pending_too_long": False,
            "time": "",
            "provider_reference": "",
            "payment_name": "",
            "transaction_name": "",
            "bank_entry": "",
            "is_allocated": False,
            "actions": [],
        }
        refund.update(
            (key, value) for key, value in values.items() if value is not None
        )
        refund["date"] = fields.Date.to_string(values["date"])
        refund["time"] = fields.Datetime.to_string(values.get("time")) or ""
        return refund
