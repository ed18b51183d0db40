import re

from odoo import api, models
from odoo.fields import Domain

from ..states import POSTED_STATES

NUMBER = re.compile(r"\d[\d\s.,'’]*")


def read_amount(text):
    """Return the amount that a text contains, with either sign for the decimals.

    The last point or comma separates them if one or two digits follow, or three where
    another sign separates the thousands.

    :param str text: What a person searches for.
    :return: The amount without its sign; None if there is not exactly one number.
    :rtype: float or None
    """
    numbers = NUMBER.findall(text or "")
    if len(numbers) != 1 or re.search(r"[^\W\d_]{4,}", text):
        return None
    number = re.sub(r"[\s'’]", "", numbers[0]).rstrip(".,")
    whole, sign, fraction = number, "", ""
    if place := max(number.rfind("."), number.rfind(",")) + 1:
        whole, sign, fraction = number[: place - 1], number[place - 1], number[place:]
    if sign and len(fraction) == 3 and not set(whole) & {".", ","} - {sign}:
        whole, fraction = whole + fraction, ""  # A sign of thousands.
    elif sign in whole:
        whole, fraction = whole + fraction, ""
    return float(f"{re.sub('[.,]', '', whole) or 0}.{fraction or 0}")


class AccountPayment(models.Model):
    """The payments and refunds that a customer lists in the portal.

    Credit that is spent or kept is not money that moved: it is in the history of the
    credit balance.
    """

    _inherit = "account.payment"

    # The newest of one customer come from it without a sort, however many there are.
    _partner_id_date_idx = models.Index("(partner_id, date DESC, id DESC)")

    # === BUSINESS METHODS === #

    @api.model
    def _get_portal_domain(self):
        """Return the domain of the payments that the user may see in the portal.

        They are those of the user's own commercial partner, for whom Odoo's rules grant
        the invoices; nobody's if the user may read no invoices.

        :rtype: odoo.fields.Domain
        """
        if not self.env["account.move"].sudo(False).has_access("read"):
            return Domain.FALSE
        companies = self.env.companies
        credit_journals = companies.sudo().credit_balance_journal_id
        return Domain(
            [
                ("partner_id", "child_of", self.env.user.commercial_partner_id.id),
                ("partner_type", "=", "customer"),
                ("state", "in", (*POSTED_STATES, "rejected")),
                ("journal_id", "not in", credit_journals.ids),
                ("company_id", "in", companies.ids),
            ]
        )

    @api.model
    def _get_portal_search_domain(self, search, search_in):
        """Return the domain of payments with this text, as a customer sees it.

        :param str search: A part of a number or a name, or an amount.
        :param str search_in: `reference`, `invoice`, `method`, `amount` or `all`
        :rtype: odoo.fields.Domain
        """
        reference = Domain.OR(
            Domain(name, "ilike", search)
            for name in (
                "name",
                "payment_reference",
                "payment_transaction_id.reference",
            )
        )
        invoice = Domain.OR(
            Domain(name, "ilike", search)
            for name in (
                "move_id.line_ids.matched_debit_ids.debit_move_id.move_id.name",
                "refund_allocation_ids.invoice_id.name",
            )
        )
        method = Domain.OR(
            Domain(name, "ilike", search)
            for name in (
                "payment_transaction_id.payment_method_id.name",
                "payment_transaction_id.token_id.payment_details",
                "payment_token_id.payment_details",
                "payment_method_line_id.name",
            )
        )
        domains = {
            "reference": reference,
            "invoice": invoice,
            "method": method,
            "amount": self._get_portal_amount_domain(search),
        }
        return domains.get(search_in) or Domain.OR(domains.values())

    @api.model
    def _get_portal_amount_domain(self, search):
        """Return the domain of the records of an amount, as a person writes it.

        :param str search: `20.5`, `20,50` or `$ 1,234.50`, with or without a sign.
        :rtype: odoo.fields.Domain
        """
        amount = read_amount(search)
        if amount is None:
            return Domain.FALSE
        # Less than the smallest unit of any currency.
        return Domain.OR(
            Domain("amount", ">", each - 0.0005) & Domain("amount", "<", each + 0.0005)
            for each in {amount, -amount}
        )

    @api.model
    def _get_portal_period_domain(self, date_begin, date_end):
        """Return the domain of the payments of a period.

        :param datetime.date date_begin: The first day; none for no limit.
        :param datetime.date date_end: The last day; none for no limit.
        :rtype: odoo.fields.Domain
        """
        domain = Domain("date", ">=", date_begin) if date_begin else Domain.TRUE
        return domain & (Domain("date", "<=", date_end) if date_end else Domain.TRUE)

    def _prepare_portal_rows(self):
        """Return these payments in words for their customer.

        Called in superuser mode on payments that the customer may see.

        :return: One dict a payment, with `id`, `title`, `state`, `state_label`,
                 `state_color`, `reference`, `method`, `date`, `amount` (below zero
                 when it was given back), `currency`, `invoices`, `test_label` and
                 `receipt_url`.
        :rtype: list[dict]
        """
        moves = self.env["account.move"]
        rows = []
        for payment in self:
            is_refund = payment.payment_type == "outbound"
            state = "succeeded" if payment.state in POSTED_STATES else "declined"
            invoices = (
                payment.reconciled_invoice_ids
                | payment.refund_allocation_ids.invoice_id
            )
            rows.append(
                {
                    "id": f"pay-{payment.id}",
                    "title": payment._get_portal_title(),
                    **moves._prepare_portal_state(state),
                    "reference": payment.name,
                    "method": payment._get_portal_method(),
                    "date": payment.date,
                    "amount": -payment.amount if is_refund else payment.amount,
                    "currency": payment.currency_id,
                    "invoices": invoices._filter_of_customer(payment.partner_id),
                    "test_label": payment._get_test_label(),
                    "receipt_url": f"/my/payments/{payment.id}/receipt"
                    if state == "succeeded" and not payment.is_taken_back
                    else "",
                }
            )
        return rows

    # === GETTERS === #

    def _get_portal_title(self):
        """Return the kind of this payment, in a word for the customer.

        :rtype: str
        """
        if self.is_taken_back:
            return self.env._("Returned")
        is_refund = self.payment_type == "outbound"
        return self.env._("Refund") if is_refund else self.env._("Payment")

    def _get_test_label(self):
        """Return the words for a payment in test mode; an empty text for any other.

        Note: `self.ensure_one()`

        :rtype: str
        """
        self.ensure_one()
        # In superuser mode: customers print receipts too.
        is_test = any(tx._is_test() for tx in self.sudo().payment_transaction_id)
        return self.env._("Test mode") if is_test else ""

    def _get_portal_method(self):
        """Return how the money came or went, in words for the customer.

        Note: `self.ensure_one()`

        :rtype: str
        """
        self.ensure_one()
        if self.payment_transaction_id:
            return self.payment_transaction_id._get_portal_method()
        if self.payment_token_id:
            return self.payment_token_id._get_method_label()
        line = self.payment_method_line_id
        method = line.payment_method_id
        is_unnamed = method.code == "manual" and line.name in (
            method.name,
            method.with_context(lang="en_US").name,
        )
        return self.env["account.move"]._get_portal_method(
            {
                "kind": "credit" if self.is_from_credit else "external",
                "journal_type": self.journal_id.type,
                "own_method_name": "" if is_unnamed else line.name,
                "external_kind": self.external_kind,
            }
        )
