from datetime import timedelta

from odoo import api, fields, models
from odoo.fields import Domain

from ..states import EXPECTED_OUTCOMES, IN_FLIGHT_OUTCOMES, POSTED_STATES


class PaymentTransaction(models.Model):
    """Payments that members start in the portal, and the list in flight."""

    _inherit = "payment.transaction"

    portal_tab = fields.Char(
        readonly=True,
        copy=False,
        help="The browser tab in which it was started. Another tab waits for it.",
    )

    # === BUSINESS METHODS === #

    @api.model
    def _get_portal_domain(self):
        """Return the domain of the user's attempts in flight, and of announced ones.

        They are those of the user's own commercial partner, as its payments are; see
        `account.payment`. A capture is a part of its authorization.

        :rtype: odoo.fields.Domain
        """
        if not self.env["account.move"].sudo(False).has_access("read"):
            return Domain.FALSE
        is_open = Domain("outcome", "in", (*IN_FLIGHT_OUTCOMES, *EXPECTED_OUTCOMES))
        is_unbooked = (
            Domain("outcome", "=", "succeeded")
            & Domain("is_post_processed", "=", False)
            & Domain("payment_id", "=", False)
        )
        return (
            Domain("partner_id", "child_of", self.env.user.commercial_partner_id.id)
            & Domain("company_id", "in", self.env.companies.ids)
            & Domain("operation", "!=", "validation")
            & (
                Domain("operation", "=", "refund")
                | Domain("source_transaction_id", "=", False)
            )
            & (is_open | is_unbooked)
        )

    @api.model
    def _get_portal_search_domain(self, search, search_in):
        """Return the domain of attempts with this text; see `account.payment`.

        :rtype: odoo.fields.Domain
        """
        domains = {
            "reference": Domain("reference", "ilike", search),
            "invoice": Domain("invoice_ids.name", "ilike", search),
            "method": Domain("payment_method_id.name", "ilike", search)
            | Domain("token_id.payment_details", "ilike", search),
            "amount": self.env["account.payment"]._get_portal_amount_domain(search),
        }
        return domains.get(search_in) or Domain.OR(domains.values())

    @api.model
    def _get_portal_period_domain(self, date_begin, date_end):
        """Return the domain of attempts of a period; see `account.payment`.

        :rtype: odoo.fields.Domain
        """
        domain = Domain("create_date", ">=", date_begin) if date_begin else Domain.TRUE
        if date_end:
            domain &= Domain("create_date", "<", date_end + timedelta(days=1))
        return domain

    def _prepare_portal_rows(self):
        """Return these attempts in words for their customer; see `account.payment`.

        :rtype: list[dict]
        """
        moves = self.env["account.move"]
        rows = []
        for tx in self:
            state = moves._get_portal_state(
                {
                    "state": tx.outcome,
                    "transaction_id": tx.id,
                    "payment_id": tx.payment_id.id,
                }
            )
            rows.append(
                {
                    "id": f"tx-{tx.id}",
                    "title": self.env._("Refund")
                    if tx._is_refund()
                    else self.env._("Payment"),
                    **moves._prepare_portal_state(state),
                    "reference": tx.reference,
                    "method": tx._get_portal_method(),
                    "date": fields.Date.to_date(tx.create_date),
                    "amount": tx._get_expected_amount()
                    if tx.outcome in EXPECTED_OUTCOMES
                    else tx.amount,
                    "currency": tx.currency_id,
                    "invoices": tx._get_attempt_invoices()._filter_of_customer(
                        tx.partner_id
                    ),
                    "receipt_url": "",
                    "test_label": self.env._("Test mode") if tx._is_test() else "",
                }
            )
        return rows

    def _prepare_paid_parts(self):
        """Return what became of each invoice of this payment, for its member.

        Note: `self.ensure_one()`; in superuser mode, as the visitor.

        :return: One dict an invoice, with `invoice`, `discount`, what is `left` of it,
                 the `amount` that was paid or is to come, credit included, and how much
                 of the credit was `given_up` and remains to be paid.
        :rtype: list[dict]
        """
        self.ensure_one()
        # Of credit alone, the attempt's amount is the credit.
        credit = self._get_standing_credit_payments() - self.payment_id
        is_credit_due = self.state != "done" or self.credit_first_amount
        parts = []
        for invoice in self.invoice_ids:
            share = self.share_ids.filtered(
                lambda each, invoice=invoice: each.invoice_id == invoice
            )
            left = invoice._get_portal_remaining()
            own = credit.filtered(
                lambda each, invoice=invoice: invoice in each.reconciled_invoice_ids
            )
            spent = sum(own.mapped("amount"))
            unspent = 0.0
            if not is_credit_due:
                unspent = self.currency_id.round(share.credit_amount - spent)
            elif share:
                spent = share.credit_amount
            parts.append(
                {
                    "invoice": invoice,
                    "discount": share.discount_amount,
                    "left": left,
                    "amount": (share.amount if share else self.amount) + spent,
                    # What is needed no more was not given up.
                    "given_up": max(min(unspent, left["to_pay"]), 0.0),
                }
            )
        return parts

    def _prepare_credit_receipts(self):
        """Return the payments from credit in words, each with its receipt.

        The receipt is that of the page of the invoice.

        :rtype: list[dict]
        """
        rows = []
        for payment in self._get_standing_credit_payments():
            [row] = payment._prepare_portal_rows()
            invoice = (payment.reconciled_invoice_ids & self.invoice_ids)[:1]
            if invoice:
                suffix = f"/payments/{payment.id}/receipt"
                rows.append(
                    {**row, "receipt_url": invoice.get_portal_url(suffix=suffix)}
                )
        return rows

    # === GETTERS === #

    def _get_standing_credit_payments(self):
        """Return the payments that credit made for this, alone or beside money.

        :rtype: account.payment
        """
        payments = self.credit_payment_ids
        if self.provider_code == "credit_balance":
            payments |= self.payment_id
        return payments.filtered(lambda each: each.state in POSTED_STATES)

    def _get_member_processing_values(self):
        """Return the values with which the payment form goes on.

        Of a decline it says our sentence and the next step: the provider's own words
        are for the staff.

        Note: `self.ensure_one()`

        :rtype: dict
        """
        values = self._get_processing_values()
        if values["state"] == "error":
            values["state_message"] = self.env._(
                "%(method)s was declined. Nothing was charged. Please choose another "
                "payment method, or ask your bank.",
                method=self._get_portal_method(),
            )
        return values

    def _get_portal_method(self):
        """Return the payment method in words for the customer: `Visa •••• 4242`.

        Note: `self.ensure_one()`

        :rtype: str
        """
        self.ensure_one()
        name = self.payment_method_id.name
        details = self.token_id.payment_details
        return f"{name} •••• {details}" if details else name
