from ..common import InvoicePaymentsCommon


class RefundCommon(InvoicePaymentsCommon):
    """An invoice that was charged, seen by the supervisor, who may refund."""

    def setUp(self):
        super().setUp()
        self.invoice = self.invoice.with_user(self.supervisor)
        self._keep()

    def charge(self, amount=None):
        """Charge the invoice and return the payment."""
        self.gateway.answers = ["done"]
        payment = self.invoice.charge(self.token.id, amount=amount).sudo().payment_id
        return payment.with_user(self.supervisor)

    def record(self, amount=None, invoice=None, **values):
        """Record an external payment of the invoice."""
        invoice = invoice or self.invoice
        return invoice.record_external_payment(amount=amount, **values)

    def refund(self, payment, amount=None, answer="done", reason="A mistake", **values):
        """Refund the payment, with this answer of the gateway."""
        self.gateway.answers = [answer]
        return payment.refund(amount=amount, reason=reason, **values)

    def row(self, payment, invoice=None):
        """Return the row of a payment on the invoice."""
        for row in self.rows(invoice).values():
            if row["payment_id"] == payment.id:
                return row
        return None

    def action(self, row, name):
        """Return an action of a row."""
        return next(
            (action for action in row["actions"] if action["name"] == name), None
        )

    def receivable(self, payment):
        """Return the open amount of a payment on the receivable account."""
        payment.env.flush_all()
        payment.env.invalidate_all()
        return sum(
            payment.sudo()._get_receivable_lines().mapped("amount_residual_currency")
        )
