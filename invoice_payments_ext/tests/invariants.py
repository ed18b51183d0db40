"""The invariants of the design, checked after each scenario by this one helper."""

from odoo.addons.invoice_payments_ext.models.payment_transaction import (
    IN_FLIGHT_OUTCOMES,
)


def check_invariants(test, invoices, late_confirmation=False):
    """Assert that attempts, payments and the ledger of these invoices agree.

    :param odoo.tests.TransactionCase test: The test that asserts.
    :param account.move invoices: The invoices to check.
    :param bool late_confirmation: Whether a gateway confirmed more than remained, so
                                   that an excess is held for the customer.
    """
    invoices.env.flush_all()
    invoices.env.invalidate_all()
    for invoice in invoices.sudo():
        currency = invoice.currency_id
        rows = invoice.get_payment_rows() if invoice.state == "posted" else []
        applied = sum(row["amount_applied"] for row in rows)
        if invoice.state == "posted":
            test.assertFalse(
                currency.compare_amounts(
                    invoice.amount_total - applied, invoice.amount_residual
                ),
                f"{invoice.name}: the section does not add up",
            )
        for payment in invoice.matched_payment_ids.filtered("move_id"):
            test.assertEqual(
                payment.move_id.origin_payment_id,
                payment,
                f"{payment.name}: its entry is not its own",
            )
        transactions = invoice.transaction_ids
        test.assertLessEqual(
            len(transactions.filtered("holds_invoice")),
            1,
            f"{invoice.name}: more than one attempt in flight",
        )
        in_flight = sum(
            tx._get_amount_in_flight()
            for tx in transactions
            if tx.outcome in IN_FLIGHT_OUTCOMES
        )
        if not late_confirmation:
            test.assertLessEqual(
                currency.compare_amounts(in_flight + applied, invoice.amount_total),
                0,
                f"{invoice.name}: in flight and applied exceed the total",
            )
        children = transactions.child_transaction_ids
        for tx in transactions | children | children.child_transaction_ids:
            _check_booked_once(test, tx)
        payments = invoice.matched_payment_ids | invoice.reconciled_payment_ids
        payments |= invoice.refund_allocation_ids.payment_id.source_payment_id
        for payment in payments.filtered(lambda payment: not payment.source_payment_id):
            _check_refunds(test, payment, late_confirmation)


def _check_booked_once(test, tx):
    """Assert that what succeeded is booked once, and that nothing else is."""
    payments = tx.env["account.payment"].search(
        [("payment_transaction_id", "=", tx.id)]
    )
    posted = payments.filtered(lambda payment: payment.state in ("in_process", "paid"))
    brought_money = tx.state == "done" and not tx.child_transaction_ids.filtered(
        lambda child: child.operation != "refund" and child.state in ("done", "cancel")
    )
    test.assertEqual(
        sum(posted.mapped("amount")),
        abs(tx.amount) if brought_money else 0.0,
        f"{tx.reference}: the provider's money and the books differ",
    )
    for move in posted.move_id:
        test.assertEqual(move.state, "posted", f"{move.name} is not posted")
        test.assertFalse(
            move.company_currency_id.compare_amounts(
                sum(move.line_ids.mapped("debit")), sum(move.line_ids.mapped("credit"))
            ),
            f"{move.name} does not balance",
        )


def _check_refunds(test, payment, late_confirmation):
    """Assert that no more is given back than was paid, and that it is allocated."""
    refunds = payment.payment_transaction_id.child_transaction_ids.filtered(
        lambda tx: tx.operation == "refund"
    )
    going = refunds.filtered(
        lambda tx: tx.outcome not in ("declined", "failed", "canceled")
    )
    booked = payment.search(
        [
            ("source_payment_id", "=", payment.id),
            ("state", "in", ("in_process", "paid")),
        ]
    )
    outside = booked.filtered(
        lambda refund: refund.payment_transaction_id not in refunds
    )
    given_back = sum(outside.mapped("amount")) - sum(going.mapped("amount"))
    if late_confirmation:
        return
    test.assertLessEqual(
        payment.currency_id.compare_amounts(given_back, payment.amount),
        0,
        f"{payment.name}: more was refunded than paid",
    )
    for refund in booked:
        lines = refund._get_receivable_lines()
        test.assertTrue(
            all(lines.mapped("reconciled")), f"{refund.name} is not reconciled"
        )
