from odoo import Command, api, fields, models

from ..states import POSTED_STATES


class PaymentTransaction(models.Model):
    """Attempts for several invoices: how much of the money each of them gets."""

    _inherit = "payment.transaction"

    share_ids = fields.One2many(
        string="Shares",
        comodel_name="payment.transaction.share",
        inverse_name="transaction_id",
        readonly=True,
        copy=False,
        help="The invoices that the money is for, each with its amount. An attempt for "
        "a single invoice has one while it holds the invoice.",
    )

    # === BUSINESS METHODS - SHARES === #

    @api.model
    def _prepare_shares(self, amounts, is_held=False):
        """Return the values of the shares of a new attempt.

        An invoice that gets its discounted amount gets the early-payment discount too.

        :param dict amounts: By invoice, how much of the money it gets.
        :param bool is_held: Whether the attempt holds the invoices.
        :return: Commands for `share_ids`.
        :rtype: list
        """
        moves = self.env["account.move"]
        discounts = moves._get_discounts_covered(amounts) if len(amounts) > 1 else {}
        return [
            Command.create(
                {
                    "invoice_id": invoice.id,
                    "amount": amount,
                    "discount_amount": discounts.get(invoice, 0.0),
                    "holds_invoice": is_held,
                }
            )
            for invoice, amount in amounts.items()
        ]

    @api.model
    def _add_own_share(self, vals):
        """Add the share of an attempt that holds a single invoice.

        One index over the shares of all attempts lets the database refuse a second
        attempt, whether either of them is for one invoice or for several.

        :param dict vals: The values of a new attempt.
        :rtype: dict
        """
        invoice_id = vals.get("charge_invoice_id")
        if not (vals.get("holds_invoice") and invoice_id) or vals.get("share_ids"):
            return vals
        invoice = self.env["account.move"].browse(invoice_id)
        amounts = {invoice: abs(vals.get("amount") or 0.0)}
        return {**vals, "share_ids": self._prepare_shares(amounts, is_held=True)}

    def _follow_hold(self):
        """Let the shares hold their invoices as long as these attempts do."""
        held = self.env["payment.transaction.share"].search_fetch(
            [("transaction_id", "in", self.ids)], ["transaction_id", "holds_invoice"]
        )
        for shares in held.grouped("transaction_id").values():
            is_held = shares.transaction_id.holds_invoice
            shares.filtered(
                lambda share, is_held=is_held: share.holds_invoice != is_held
            ).holds_invoice = is_held

    def _is_shared(self):
        """Tell if several invoices have each their share of this attempt's money.

        :rtype: bool
        """
        return not self._is_refund() and len(self._get_root().share_ids) > 1

    def _get_amount_in_flight_for(self, invoice):
        """Return how much this attempt may bring to one of its invoices.

        Without shares, an attempt for several invoices counts in full, as far as the
        invoice can take it.

        :param account.move invoice: The invoice.
        :return: The amount in the currency of the attempt.
        :rtype: float
        """
        self.ensure_one()
        amount = self._get_amount_in_flight()
        if len(self.invoice_ids) < 2:
            return amount
        if shares := self.share_ids:
            own = shares.filtered(lambda share: share.invoice_id == invoice)
            is_whole = self.currency_id.compare_amounts(amount, own.amount) >= 0
            # The discount comes with the money: it is not to be paid beside it.
            return own.amount + own.discount_amount if is_whole else amount
        return min(
            amount,
            invoice._from_own_currency(self.currency_id, invoice.amount_residual),
        )

    def _book_in_shares(self, values):
        """Create and post the payment, and give each invoice its share of it.

        Stock reconciles all the invoices in the order of their due dates. Then an
        instalment that nobody asked for could take the money of another invoice.

        :param dict values: See :meth:`_book`.
        :return: The payment.
        :rtype: account.payment
        """
        provider, invoices = self.provider_id, self._get_root().share_ids.invoice_id
        method_line = provider.journal_id.inbound_payment_method_line_ids.filtered(
            lambda line: line.payment_provider_id == provider
        )
        given = self._divide_by_shares()
        discounts = self._get_discounts_granted(given)
        payment = self.env["account.payment"].create(
            {
                "amount": self.amount,
                "payment_type": "inbound",
                "currency_id": self.currency_id.id,
                "partner_id": self.partner_id.commercial_partner_id.id,
                "partner_type": "customer",
                "journal_id": provider.journal_id.id,
                "payment_method_line_id": method_line[:1].id,
                "payment_token_id": self.token_id.id,
                "payment_transaction_id": self.id,
                "memo": f"{self.reference} - {self.provider_reference or ''}",
                "invoice_ids": [Command.set(invoices.ids)],
                "destination_account_id": invoices[:1]._get_receivable_account().id,
                "write_off_line_vals": invoices._prepare_discount_lines(
                    discounts, fields.Date.context_today(self)
                ),
                **values,
            }
        )
        payment.action_post()
        self.payment_id = payment
        self._give_shares(payment, given, discounts)
        return payment

    def _divide_by_shares(self):
        """Divide the money of this attempt by the shares of its invoices.

        Captures of one authorization go on where the last one ended.

        :return: By share, the amount in the currency of the attempt.
        :rtype: dict[payment.transaction.share, float]
        """
        root = self._get_root()
        given = sum(self._get_parts_booked_before().mapped("amount"))
        left = self.amount
        amounts = {}
        for share in root.share_ids:
            before = min(given, share.amount)
            amounts[share] = min(self.currency_id.round(share.amount - before), left)
            given -= before
            left = self.currency_id.round(left - amounts[share])
        return amounts

    def _get_parts_booked_before(self):
        """Return the other captures of the authorization that gave their money.

        :rtype: payment.transaction
        """
        parts = self._get_root().child_transaction_ids
        others = parts - parts._filter_refunds() - self
        return others.filtered(lambda tx: tx.payment_id.state in POSTED_STATES)

    def _get_discounts_granted(self, amounts):
        """Return the discounts that are booked with the money of this attempt.

        What was promised when the customer paid holds, however late the answer comes.
        Announced money has to come in time. Whoever paid the invoice in the meantime,
        be it in part, took the discount away.

        :param dict amounts: See :meth:`_divide_by_shares`.
        :return: By invoice, its discount.
        :rtype: dict[account.move, float]
        """
        is_late_possible = self.provider_id._announces_only()
        day = fields.Date.context_today(self) if is_late_possible else None
        discounts = {}
        for share, amount in amounts.items():
            invoice, discount = share.invoice_id, share.discount_amount
            if (
                discount
                and invoice.state == "posted"
                and not self.currency_id.compare_amounts(amount, share.amount)
                and invoice._is_eligible_for_early_payment_discount(
                    self.currency_id, day
                )
                and not self.currency_id.compare_amounts(
                    discount, invoice._get_discount_of_terms()
                )
            ):
                discounts[invoice] = discount
        return discounts

    def _give_shares(self, payment, amounts, discounts):
        """Reconcile a payment with each invoice, up to its share and its discount.

        The part that an invoice does not need any more stays open on the payment, for
        the customer.

        :param account.payment payment: The posted payment of this attempt.
        :param dict amounts: See :meth:`_divide_by_shares`.
        :param dict discounts: By invoice, the discount that the payment books.
        """
        for share, amount in amounts.items():
            invoice = share.invoice_id
            if invoice.state != "posted":
                continue
            invoice._reconcile_part(
                invoice._get_open_receivable_lines(payment.destination_account_id),
                payment._get_receivable_lines().filtered(
                    lambda line: not line.reconciled
                ),
                self.currency_id.round(amount + discounts.get(invoice, 0.0)),
            )
