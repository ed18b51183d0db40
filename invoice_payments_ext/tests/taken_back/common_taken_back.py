from ..refunds.common_refund import RefundCommon


class TakenBackCommon(RefundCommon):
    """An invoice that was charged, and whose money is taken back."""

    def setUp(self):
        super().setUp()
        self.company = self.company.with_env(self.env)
        self.payment = self.charge()
        self._keep()

    def report(self, kind="dispute", payment=None, **values):
        """Report that money was taken back, and keep it."""
        payment = payment or self.payment
        reversal = payment.report_taken_back(kind, **values)
        self._keep()
        return reversal

    def tell(self, state="open", payment=None, reference="dp_1", **values):
        """Let the provider say what became of a payment's money."""
        payment = payment or self.payment
        tx = payment.sudo().payment_transaction_id
        reversal = tx.provider_id._process_reversal(
            {
                "transaction": tx,
                "reference": reference,
                "kind": "dispute",
                "state": state,
                **values,
            }
        )
        self._keep()
        return reversal.with_user(self.supervisor)

    def get_accounts(self, reversal):
        """Return the accounts that entries of money taken back use, by a letter."""
        company = self.company.sudo()
        payment = self.payment.sudo().with_env(self.env)
        return {
            payment.outstanding_account_id: "O",
            payment.destination_account_id: "R",
            company.disputed_payments_account_id: "X",
            company.provider_fee_account_id: "F",
        }

    def booked(self, reversal):
        """Return the bookings of a record, in their order.

        :return: For each, the amount by the letter of the account.
        """
        reversal.env.flush_all()
        reversal.env.invalidate_all()
        letters = self.get_accounts(reversal)
        return [
            {letters[line.account_id]: line.amount_currency for line in move.line_ids}
            for move in reversal.sudo().entry_ids.sorted("id")
        ]

    def ledger_sums(self):
        """Return the sum of the company's items, by the letter of the account."""
        self.env.flush_all()
        sums = {}
        for account, letter in self.get_accounts(None).items():
            if not account:
                continue
            lines = self.env["account.move.line"].search(
                [("account_id", "=", account.id), ("parent_state", "=", "posted")]
            )
            sums[letter] = self.company.currency_id.round(sum(lines.mapped("balance")))
        return sums

    def owed(self, invoice=None):
        """Return the open amount of an invoice, and its state of payment."""
        invoice = (invoice or self.invoice).sudo()
        self.env.flush_all()
        invoice.invalidate_recordset()
        return invoice.amount_residual, invoice.payment_state
