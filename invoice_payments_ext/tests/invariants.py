"""The invariants of the design, checked after each scenario by this one helper."""

import hashlib
from collections import defaultdict
from unittest.mock import patch

from odoo.api import Environment

from odoo.addons.invoice_payments_ext.models.states import IN_FLIGHT_OUTCOMES


def check_invariants(test, invoices, late_confirmation=False):
    """Assert that attempts, payments and the ledger of these invoices agree.

    :param odoo.tests.TransactionCase test: The test that asserts.
    :param account.move invoices: The invoices to check.
    :param bool late_confirmation: Whether a gateway confirmed more than remained, so
                                   that an excess is held for the customer.
    """
    invoices.env.flush_all()
    invoices.env.invalidate_all()
    applied_by_invoice = {}
    test.assertEqual(
        invoices.sudo()._get_amounts_in_flight(),
        {move: move._get_amount_in_flight() for move in invoices.sudo()},
        "the list and the section say different amounts in flight",
    )
    for invoice in invoices.sudo():
        currency = invoice.currency_id
        rows = invoice.get_payment_rows() if invoice.state == "posted" else []
        applied = sum(row["amount_applied"] for row in rows)
        applied_by_invoice[invoice] = applied
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
        children = transactions.child_transaction_ids
        for tx in transactions | children | children.child_transaction_ids:
            _check_booked_once(test, tx)
        payments = invoice.matched_payment_ids | invoice.reconciled_payment_ids
        payments |= invoice.refund_allocation_ids.payment_id.source_payment_id
        for payment in payments.filtered(lambda payment: not payment.source_payment_id):
            _check_refunds(test, payment, late_confirmation)
        check_credit_notes(test, invoice)
    if not late_confirmation:
        _check_in_flight(test, invoices.sudo(), applied_by_invoice)
    check_tie_out(test, late_confirmation)


def check_tie_out(test, late_confirmation=False):
    """Assert that nothing in the whole database breaks an invariant of the books.

    :param bool late_confirmation: See :func:`check_invariants`.
    """
    found = find_with_kept_plans(test.env)
    test.assertFalse(
        [row for row in found if not (late_confirmation and _is_late(test, row))],
        "the books do not tie out",
    )


def find_with_kept_plans(env, company_ids=None):
    """Return what the tie-out finds in these companies, or in all.

    It runs after each test, over a few records: three quarters of its time are the
    planning of the same statements. PostgreSQL keeps these plans in its connection.
    """
    with patch.object(Environment, "execute_query_dict", _execute_prepared):
        return env["account.payment.tie.out"].sudo().check(company_ids)


def _execute_prepared(env, query):
    statement = env.cr.mogrify(query.code, query.params).decode()
    name = f"kept_{hashlib.sha1(statement.encode()).hexdigest()}"
    env.cr.execute("SELECT 1 FROM pg_prepared_statements WHERE name = %s", [name])
    if not env.cr.fetchone():
        env.cr.execute(f"PREPARE {name} AS {statement}")
    env.cr.execute(f"EXECUTE {name}")
    return env.cr.dictfetchall()


def _is_late(test, row):
    """Tell if a gateway's late word may explain a row of the tie-out."""
    if row["invariant"] not in ("refunded", "refund_matched"):
        return row["invariant"] == "in_flight"
    payment = test.env["account.payment"].sudo().browse(row["res_id"])
    source = payment.source_payment_id or payment
    return "done" in source._get_gateway_refunds().mapped("state")


def _check_in_flight(test, invoices, applied):
    """Assert that no amount in flight exceeds that of its invoice or invoices.

    :param account.move invoices: The invoices to check, in superuser mode.
    :param dict applied: By invoice the amount applied to it, in its currency.
    """
    in_flight = {
        tx: tx._get_amount_in_flight()
        for tx in invoices.transaction_ids
        if tx.outcome in IN_FLIGHT_OUTCOMES
    }
    groups = {invoice: invoice for invoice in applied}
    groups.update({tx: tx.invoice_ids for tx in in_flight if len(tx.invoice_ids) > 1})
    for group in groups.values():
        if not all(invoice in applied for invoice in group):
            continue
        going = sum(
            amount for tx, amount in in_flight.items() if tx.invoice_ids <= group
        )
        test.assertLessEqual(
            group.currency_id.compare_amounts(
                going + sum(applied[invoice] for invoice in group),
                sum(group.mapped("amount_total")),
            ),
            0,
            f"{group.mapped('name')}: in flight and applied exceed the total",
        )


def _check_booked_once(test, tx):
    """Assert that each attempt that succeeded is booked once, and no other."""
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
    if late_confirmation:
        return
    journal = payment.sudo().company_id.credit_balance_journal_id
    kept = outside.filtered(lambda refund: refund.journal_id == journal)
    of_credit = going.filtered(lambda tx: tx._pays_out_credit())
    # Of money that had gone before, the customer owes it: it is not given back again.
    taken = booked.filtered("is_taken_back")
    held = payment._get_receivable_lines()
    matched = taken._get_receivable_lines().matched_credit_ids.filtered(
        lambda partial: partial.credit_move_id in held
    )
    taken_amount = sum(matched.mapped("debit_amount_currency"))
    outside -= taken
    # First the money that left, then the amounts taken off the invoices. Money that
    # was kept as credit and then paid out to its source counts once in each.
    for given_back in (
        sum((outside - kept).mapped("amount")) - sum(going.mapped("amount")),
        sum(outside.mapped("amount")) - sum((going - of_credit).mapped("amount")),
    ):
        test.assertLessEqual(
            payment.currency_id.compare_amounts(
                given_back + taken_amount, payment.amount
            ),
            0,
            f"{payment.name}: more was refunded than paid",
        )
    for refund in booked - taken:
        lines = refund._get_receivable_lines()
        test.assertTrue(
            all(lines.mapped("reconciled")), f"{refund.name} is not reconciled"
        )


def check_credit_notes(test, invoice):
    """Assert that credit notes of this addon are right, alone and together.

    They never exceed the invoice; the tax of each is in proportion, within the smallest
    unit; and when all is credited, nothing is left on any account.
    """
    credit_notes = invoice.reversal_move_ids.filtered(
        lambda move: move.state == "posted" and move.move_type == "out_refund"
    ).sorted("id")
    ours = credit_notes.filtered("credited_shares")
    if not ours:
        return
    currency = invoice.currency_id
    total = sum(
        note.currency_id._convert(note.amount_total, currency, date=note.date)
        for note in credit_notes
    )
    test.assertLessEqual(
        currency.compare_amounts(total, invoice.amount_total),
        0,
        f"{invoice.name}: more is credited than invoiced",
    )
    for credit_note in ours:
        _check_printed_totals(test, credit_note)
    _check_proportion(test, invoice, credit_notes)
    is_ended = not currency.compare_amounts(total, invoice.amount_total)
    rates = set((invoice | credit_notes).mapped("invoice_currency_rate"))
    is_same_rate = len(rates) == 1
    # An ordinary credit note on other accounts leaves the parts that it did not credit.
    is_alike = add_up(credit_notes - ours).keys() <= add_up(invoice).keys()
    if not is_ended or not is_alike or credit_notes[-1] not in ours:
        return
    # One of Odoo's own may credit a unit more of a tax than was left of it, which none
    # after it can make good.
    others = 2 * len(credit_notes - ours)
    for name, amounts in add_up(invoice | credit_notes).items():
        booked = {currency: amounts[0]}
        if is_same_rate:
            booked[invoice.company_currency_id] = amounts[1]
        for unit, amount in booked.items():
            test.assertLessEqual(
                round(abs(amount) / unit.rounding),
                others,
                f"{invoice.name}: {amounts} on {name}",
            )


def add_up(moves):
    """Add up the booked amounts, by account, tax and repartition line.

    :return: The amounts in the currency of the documents and in the company's.
    :rtype: dict[tuple, list[float]]
    """
    result = defaultdict(lambda: [0.0, 0.0])
    for line in moves.line_ids:
        repartition = line.tax_repartition_line_id
        tax = repartition.tax_id
        key = (
            line.account_id.code,
            # The rest of a price without tax is the tax's base.
            ",".join(map(str, line.tax_ids.ids)) if not tax else tax.id,
            str(line.tax_tag_ids.ids),
            (tax.invoice_repartition_line_ids.ids.index(repartition.id))
            if repartition in tax.invoice_repartition_line_ids
            else tax.refund_repartition_line_ids.ids.index(repartition.id)
            if repartition
            else None,
        )
        result[key][0] += line.amount_currency
        result[key][1] += line.balance
    return result


def _check_printed_totals(test, credit_note):
    """Assert that a credit note is printed as it is booked."""
    currency = credit_note.currency_id
    totals = credit_note.tax_totals
    for key, amount in (
        ("total_amount_currency", credit_note.amount_total),
        ("tax_amount_currency", credit_note.amount_tax),
        ("total_amount", -credit_note.amount_total_signed),
    ):
        test.assertFalse(
            (
                currency if "currency" in key else credit_note.company_currency_id
            ).compare_amounts(totals[key], amount),
            f"{credit_note.name}: {key} {totals[key]} is printed for {amount}",
        )


def _check_proportion(test, invoice, credit_notes):
    """Assert that a credit note's taxes are within one unit of their proportion.

    The proportion is that of the rest before it; see `credited_shares`. It is known
    exactly up to the first credit note of another kind.
    """
    exact = invoice._get_parts()["_currency"]
    for credit_note in credit_notes:
        known = credit_note.credited_shares
        if not known or invoice.currency_id.compare_amounts(
            known["amount"], credit_note.amount_total
        ):
            return
        wanted, booked = defaultdict(float), defaultdict(int)
        for part, units in exact.items():
            share = known["shares"].get(str(part.line), 0.0)
            wanted[part.tax] += units * share
            exact[part] = units * (1 - share)
        for part, units in credit_note._get_parts()["_currency"].items():
            booked[part.tax] += units
        for tax in (wanted.keys() | booked.keys()) - {None}:
            test.assertLessEqual(
                abs(booked[tax] - wanted[tax]),
                1 + 1e-6,
                f"{credit_note.name}: the tax {tax} is {booked[tax]}, in proportion it "
                f"is {wanted[tax]}",
            )
