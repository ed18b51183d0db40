from odoo import fields, models

from ..states import CUSTOMER_STATES, STATES


class AccountMove(models.Model):
    """The Payments section of the portal: the staff's rows in words for a customer.

    No memo, no reason, no name of staff and no word of a provider is in it.
    """

    _inherit = "account.move"

    # === BUSINESS METHODS === #

    def _get_portal_payment_section(self):
        """Return the values of the portal's section of payments.

        The caller has checked that the customer may see the invoice, and calls in
        superuser mode.

        :return: The rows of :meth:`_get_portal_payment_rows`, and the amounts of the
                 invoice with which they add up.
        :rtype: dict
        """
        self.ensure_one()
        rows = self._get_portal_payment_rows()
        return {
            "rows": rows,
            "refund_label": self._get_portal_refund_label(rows)
            or self._get_portal_settled_label(),
            "amount_total": self.amount_total,
            "amount_remaining": self.amount_residual,
            "amount_reserved": min(
                self.amount_residual, self._get_reserved_amount_shown()
            ),
            # A part of an authorization may be booked already.
            "amount_processing": min(
                self.amount_residual,
                sum(
                    row["amount"]
                    for row in rows
                    if row["state"] == "processing"
                    and row["currency"] == self.currency_id
                ),
            ),
        }

    def _get_portal_payment_rows(self):
        """Return the payments of this invoice in words for its customer.

        Oldest first, so that total − Σ `amount_applied` = remaining reads downwards.
        Refunds beneath their payment count too, with a negative amount.
        `amount` is in the row's own `currency`, `amount_applied` in the invoice's. Of
        the states of attempts, only those for the customer are left: `succeeded`,
        `processing`, `awaiting_transfer` and `declined`.

        :return: One dict a row, with `id`, `kind`, `state`, `title`, `method`,
                 `reference`, `date`, `amount`, `currency`, `amount_applied`,
                 `messages`, `receipt_url`, `finish_url`, `test_label` and `refunds`.
        :rtype: list[dict]
        """
        self.ensure_one()
        if self.state != "posted" or not self.is_sale_document():
            return []
        rows = self._show_refunds_apart(self.get_payment_rows())
        rows = [row for row in rows if self._is_portal_row(row)]
        may_pay = not self.currency_id.is_zero(self.amount_residual) and not any(
            self._get_portal_state(row) == "processing" for row in rows
        )
        portal_rows = []
        for row in rows:
            portal_rows.append(self._prepare_portal_row(row, may_pay))
            # Only the last attempt tells the next step.
            may_pay = may_pay and row["kind"] != "attempt"
        return portal_rows[::-1]

    # === ROWS === #

    def _is_portal_row(self, row):
        """Tell if a row of the staff concerns the customer."""
        return (
            bool(STATES[row["state"]].customer_state)
            or not self.currency_id.is_zero(row["amount_applied"])
            or bool(row["amount_refunded"])
        )

    def _get_portal_state(self, row):
        """Return the customer's word for the state of a row or a refund.

        :rtype: str
        """
        state = STATES[row["state"]].customer_state or "succeeded"
        if state == "succeeded" and row["transaction_id"] and not row["payment_id"]:
            return "processing"  # Received, but not booked yet.
        return state

    def _prepare_portal_state(self, state):
        """Return a state of :meth:`_get_portal_state` in words and color.

        :rtype: dict[str, str]
        """
        label, color = CUSTOMER_STATES[state]
        return {
            "state": state,
            "state_label": self.env._(label),
            "state_color": color,
        }

    def _prepare_portal_row(self, row, may_pay):
        """Return a row in words for the customer.

        :param dict row: A row of :meth:`get_payment_rows`.
        :param bool may_pay: Whether a declined payment can be made good now.
        :rtype: dict
        """
        state = self._get_portal_state(row)
        currency = self.env["res.currency"].browse(row["currency_id"])
        refunds = [
            self._prepare_portal_refund(refund, row)
            for refund in sorted(row["refunds"], key=lambda refund: refund["date"])
            if self._is_portal_refund(refund)
        ]
        return {
            "id": row["id"],
            "kind": row["kind"],
            **self._prepare_portal_state(state),
            "title": self._get_portal_title(row),
            "method": self._get_portal_method(row),
            "reference": self._get_portal_reference(row),
            "date": fields.Date.to_date(row["date"]),
            "amount": row["amount"],
            "currency": currency,
            "amount_applied": row["amount_applied"],
            "messages": [
                *self._get_portal_state_messages(row, state, may_pay),
                *self._get_portal_amount_messages(row, state, currency),
            ],
            "receipt_url": self._get_portal_receipt_url(row),
            "finish_url": row["finish_url"],
            "test_label": row["test_label"],
            "refunds": refunds,
        }

    def _is_portal_refund(self, refund):
        """Tell if a refund concerns the customer; a dispute does when it is decided."""
        if refund["kind"] == "taken_back":
            return refund["state"] == "lost"
        return STATES[refund["state"]].is_in_flight or refund["state"] == "succeeded"

    def _prepare_portal_refund(self, refund, row):
        """Return a refund in words for the customer, shown beneath its payment.

        :rtype: dict
        """
        state = self._get_portal_state(refund)
        titles = {
            "refund": self.env._("Refund"),
            "kept": self.env._("Kept as your credit"),
            "paid_out": self.env._("Credit paid out to you"),
            "undone": self.env._("Back on your credit"),
            "taken_back": self.env._("Taken back by your bank"),
        }
        if refund.get("reversal_kind") == "returned_debit":
            titles["taken_back"] = self.env._("Returned by your bank")
        elif refund.get("reversal_kind") == "late_failure":
            titles["taken_back"] = self.env._("Failed later")
        method = ""
        if refund["transaction_id"]:
            method = self._get_portal_method(row)
        elif refund["kind"] == "refund":
            method = self._get_portal_method({**refund, "kind": "external"})
        return {
            "id": refund["id"],
            **self._prepare_portal_state(state),
            "title": titles[refund["kind"]],
            "method": method,
            "date": fields.Date.to_date(refund["date"]),
            "amount": refund["amount"],
            "amount_applied": refund["amount_applied"],
            "currency": self.env["res.currency"].browse(row["currency_id"]),
            "messages": [
                self.env._(
                    "This refund is being processed. There is nothing for you to do."
                )
            ]
            if state == "processing"
            else [],
            "receipt_url": self._get_portal_receipt_url(refund),
            "test_label": refund["test_label"],
        }

    # === RECEIPTS === #

    def _get_portal_receipt_url(self, row):
        """Return where the customer gets the receipt of a row, or an empty text.

        :rtype: str
        """
        if not self._has_portal_receipt(row):
            return ""
        return self.get_portal_url(suffix=f"/payments/{row['payment_id']}/receipt")

    def _has_portal_receipt(self, row):
        """Tell if there is a receipt of a row, or of a refund, for the customer."""
        return bool(row["payment_id"]) and row["state"] == "succeeded"

    def _get_portal_receipt_payment_ids(self):
        """Return the payments and refunds of which the customer may have the receipt.

        Called in superuser mode, as :meth:`_get_portal_payment_section`.

        :rtype: list[int]
        """
        self.ensure_one()
        if self.state != "posted" or not self.is_sale_document():
            return []
        return [
            part["payment_id"]
            for row in self.get_payment_rows()
            for part in (row, *row["refunds"])
            if self._has_portal_receipt(part)
        ]

    # === GETTERS === #

    def _get_reserved_amount_shown(self):
        """Return the reserved credit that the visitor may see: only the customer.

        :rtype: float
        """
        is_own = self._filter_of_customer(self.env.user.partner_id)
        return self._get_reserved_amount() if is_own else 0.0

    def _filter_of_customer(self, partner):
        """Return those of these invoices that are a customer's own.

        Somebody may have paid for somebody else.

        :param res.partner partner: Any contact of the customer.
        """
        return self.filtered(
            lambda move: move.commercial_partner_id == partner.commercial_partner_id
        )

    def _is_open_to_member(self):
        """Tell if the visitor is a customer who may act on this own invoice.

        The link of an invoice opens its page also to a member whose login is not of the
        company of the invoice, which the doors and the page of methods refuse.

        Called in superuser mode, as the visitor.
        """
        user = self.env.user
        return (
            not user._is_public()
            and bool(self._filter_of_customer(user.partner_id))
            and self.with_user(user).has_access("read")
        )

    def _is_legal_document(self):
        """Tell if this is the document itself, and no proforma any more.

        Odoo calls it a proforma until it was sent. Once a part of it was paid, and the
        invoice was mailed with the receipt, it is the same everywhere. A credit note is
        never a proforma: it is mailed with the receipt of its refund.

        :rtype: bool
        """
        self.ensure_one()
        return (
            self.state == "posted"
            and self.is_sale_document()
            and (self.move_type == "out_refund" or self.payment_state != "not_paid")
        )

    def _get_invoice_proforma_pdf_report_filename(self):
        if self._is_legal_document():
            return self._get_invoice_report_filename()
        return super()._get_invoice_proforma_pdf_report_filename()

    def _get_payment_form_url(self):
        """Return the address that opens the payment form of this invoice.

        Any person who has it may see and pay the invoice.

        :rtype: str
        """
        self.ensure_one()
        return self.get_base_url() + self.get_portal_url(
            query_string="&payment=True", anchor="portal_pay"
        )
