from odoo.fields import Command
from odoo.tests import tagged

from ...models.tie_out.account_payment_tie_out import INVARIANTS
from ..credit.common_credit import CreditCommon

# For each invariant a fault that breaks it, written behind everybody's back, and the
# record that is found. `{name}` is the id of a record of the test.
FAULTS = {
    "applied": (
        "invoice",
        "UPDATE account_move SET amount_residual = 1 WHERE id = {invoice}",
    ),
    "unposted": (
        "invoice",
        "UPDATE account_move_line SET parent_state = 'draft' WHERE move_id = {entry}",
    ),
    "credited": (
        "credited",
        "UPDATE account_move SET amount_total = 1001 WHERE id = {credit_note}",
    ),
    "credited_lines": (
        "credit_note",
        "UPDATE account_move SET reversed_entry_id = NULL WHERE id = {credit_note}",
    ),
    "credited_tax": (
        "credited",
        "UPDATE account_move_line SET amount_currency = amount_currency - 0.01 "
        "WHERE move_id = {credit_note} AND tax_line_id IS NOT NULL",
    ),
    "written_off": (
        "write_off",
        "UPDATE account_move SET written_off_invoice_id = {credited} "
        "WHERE id = {write_off}",
    ),
    "in_flight": (
        "invoice",
        "UPDATE payment_transaction SET amount = 999 WHERE id = {pending}",
    ),
    "in_flight_together": (
        "together",
        "UPDATE payment_transaction SET amount = 1001 WHERE id = {together}",
    ),
    "attempts": (
        "invoice",
        "UPDATE payment_transaction_share SET holds_invoice = false "
        "WHERE transaction_id = {pending}",
    ),
    "stuck": (
        "pending",
        "UPDATE payment_transaction SET outcome = 'declined' WHERE id = {pending}",
    ),
    "fingerprint": (
        "charge",
        "UPDATE payment_transaction SET amount = 399 WHERE id = {charge}",
    ),
    "booked": (
        "charge",
        "UPDATE account_payment SET amount = 399 WHERE id = {payment}",
    ),
    "unsettled": (
        "charge",
        "UPDATE account_payment SET payment_transaction_id = NULL WHERE id = {payment};"
        "UPDATE payment_transaction SET last_state_change = '2000-01-01' "
        "WHERE id = {charge}",
    ),
    "payment_entry": (
        "payment",
        "UPDATE account_move SET state = 'draft' WHERE id = {entry}",
    ),
    "payment_agrees": (
        "payment",
        "UPDATE account_payment SET amount = 399 WHERE id = {payment}",
    ),
    "provider_agrees": (
        "payment",
        "UPDATE payment_transaction SET provider_id = {other_provider} "
        "WHERE id = {charge}",
    ),
    "refunded": (
        "payment",
        "UPDATE account_payment SET amount = 401 WHERE id = {refund}",
    ),
    "refund_matched": (
        "refund",
        "UPDATE account_move_line item SET amount_residual_currency = 50 "
        "FROM account_payment refund WHERE refund.id = {refund} "
        "AND item.move_id = refund.move_id "
        "AND item.account_id = refund.destination_account_id",
    ),
    "refund_of": (
        "refund",
        "UPDATE account_payment SET source_payment_id = NULL WHERE id = {refund}",
    ),
    "allocated": (
        "refund",
        "UPDATE account_refund_allocation SET amount = 51 WHERE payment_id = {refund}",
    ),
    "taken_back": (
        "reversal",
        "UPDATE account_payment_reversal SET amount = amount + 1 WHERE id = {reversal}",
    ),
    "balance": (
        "balance",
        "UPDATE account_credit_balance SET amount = amount + 1 WHERE id = {balance}",
    ),
    "running": (
        "balance",
        "UPDATE account_credit_balance SET amount = amount + 1 WHERE id = {balance}",
    ),
    "marked": (
        "balance",
        "UPDATE res_partner SET has_credit_balance = NULL WHERE id = {partner}",
    ),
    "ledger": (
        "credit_item",
        "UPDATE account_move_line SET amount_currency = 90 WHERE id = {credit_item}",
    ),
    "reversed": (
        "adjustment",
        "UPDATE account_move_line SET amount_currency = 2 * amount_currency "
        "WHERE move_id = {reversal_of_adjustment}",
    ),
    "holder": (
        "credit_item",
        "UPDATE account_move_line SET partner_id = NULL WHERE id = {credit_item}",
    ),
    "branch": (
        "credit_item",
        "UPDATE account_move_line SET company_id = {other_company} "
        "WHERE move_id = {invoice} AND display_type = 'payment_term'",
    ),
    "elsewhere": (
        "credit_account",
        "UPDATE res_company SET credit_balance_account_id = NULL WHERE id = {company}",
    ),
    "entry": (
        "entry",
        "UPDATE account_move_line SET balance = balance + 1 WHERE move_id = {entry}",
    ),
    "items": (
        "entry",
        "UPDATE account_move_line SET date = '2000-01-01' WHERE move_id = {entry}",
    ),
    "total": (
        "invoice",
        "UPDATE account_move SET payment_state = 'paid' WHERE id = {invoice}",
    ),
    "remaining": (
        "payment_item",
        "DELETE FROM account_partial_reconcile part USING account_move_line item, "
        "account_payment refund WHERE refund.id = {refund} "
        "AND item.move_id = refund.move_id AND part.debit_move_id = item.id",
    ),
    "matched": (
        "payment_item",
        "UPDATE account_move_line SET matching_number = NULL WHERE id = {payment_item}",
    ),
}
# Further faults, each with the invariant that finds it.
MORE_FAULTS = (
    # What is applied, and what remains.
    (
        "unposted",
        "invoice",
        "UPDATE account_move SET state = 'cancel' WHERE id = {invoice}",
    ),
    (
        "remaining",
        "payment_item",
        "UPDATE account_partial_reconcile SET amount = amount - 5 "
        "WHERE credit_move_id = {payment_item}",
    ),
    (
        "remaining",
        "payment_item",
        "UPDATE account_partial_reconcile "
        "SET credit_amount_currency = credit_amount_currency - 5 "
        "WHERE credit_move_id = {payment_item}",
    ),
    (
        "remaining",
        "write_off_item",
        "UPDATE account_move_line SET balance = 2 * balance, "
        "amount_currency = 2 * amount_currency, debit = 2 * debit, credit = 2 * credit "
        "WHERE move_id = {write_off}",
    ),
    (
        "matched",
        "payment_item",
        "UPDATE account_move_line SET account_id = {revenue} "
        "WHERE move_id = {invoice} AND display_type = 'payment_term'",
    ),
    # An invoice and its items.
    (
        "total",
        "credited",
        "UPDATE account_move SET payment_state = 'not_paid' WHERE id = {credited}",
    ),
    (
        "total",
        "credit_note",
        "UPDATE account_move SET amount_total = 1 WHERE id = {credit_note}",
    ),
    (
        "total",
        "invoice",
        "UPDATE account_move SET amount_total = amount_total + 1, "
        "amount_residual = amount_residual + 1 WHERE id = {invoice}",
    ),
    (
        "total",
        "invoice",
        "UPDATE account_move SET partner_id = {stranger}, "
        "commercial_partner_id = {stranger} WHERE id = {invoice}",
    ),
    (
        "total",
        "invoice",
        "UPDATE account_move SET currency_id = {other_currency} WHERE id = {invoice}",
    ),
    (
        "credited_lines",
        "credit_note",
        "UPDATE account_move SET reversed_entry_id = {invoice} "
        "WHERE id = {credit_note}",
    ),
    # An entry and its items.
    *(
        ("items", "entry", f"UPDATE {change}")
        for change in (
            "account_move SET state = 'draft' WHERE id = {entry}",
            "account_move SET journal_id = {cash} WHERE id = {entry}",
            "account_move_line SET company_id = {other_company} "
            "WHERE move_id = {entry}",
            "account_move_line SET debit = credit, credit = debit "
            "WHERE move_id = {entry}",
            "account_move_line SET balance = 2 * balance, debit = 2 * debit, "
            "credit = 2 * credit WHERE move_id = {entry}",
        )
    ),
    # A payment and its entry.
    *(
        ("payment_agrees", "payment", f"UPDATE {change}")
        for change in (
            "account_payment SET move_id = NULL WHERE id = {payment}",
            "account_payment SET company_id = {other_company} WHERE id = {payment}",
            "account_payment SET date = date + 1 WHERE id = {payment}",
            "account_payment SET date = date - 1 WHERE id = {payment}",
        )
    ),
    # A payment and its transaction.
    *(
        ("provider_agrees", "payment", f"UPDATE payment_transaction SET {change}")
        for change in (
            "payment_id = NULL WHERE id = {charge}",
            "payment_id = {disputed} WHERE id = {charge}",
            "company_id = {other_company} WHERE id = {charge}",
        )
    ),
    (
        "refund_of",
        "refund",
        "UPDATE account_payment SET source_payment_id = {disputed} WHERE id = {refund}",
    ),
    (
        "refund_of",
        "refund",
        "UPDATE payment_transaction tx "
        "SET source_transaction_id = other.payment_transaction_id "
        "FROM account_payment refund, account_payment other WHERE refund.id = {refund} "
        "AND other.id = {disputed} AND tx.id = refund.payment_transaction_id",
    ),
    # A transaction and its fingerprint. Those of before the installation have none.
    *(
        ("fingerprint", "charge", f"UPDATE payment_transaction SET {change}")
        for change in (
            "partner_id = {stranger} WHERE id = {charge}",
            "token_id = NULL WHERE id = {charge}",
            "operation = 'online_direct' WHERE id = {charge}",
            "outcome = 'declined' WHERE id = {charge}",
        )
    ),
    (
        "fingerprint",
        "pending",
        "UPDATE payment_transaction SET money_fingerprint = NULL WHERE id = {pending}",
    ),
    # An attempt that is on no invoice, or on another one.
    (
        "stuck",
        "pending",
        "DELETE FROM account_invoice_transaction_rel WHERE transaction_id = {pending}",
    ),
    (
        "stuck",
        "pending",
        "UPDATE payment_transaction SET charge_invoice_id = {credited} "
        "WHERE id = {pending}",
    ),
)


@tagged("post_install", "-at_install")
class TestPlantedFaults(CreditCommon):
    """Each invariant finds a fault that is planted for it."""

    def setUp(self):
        super().setUp()
        self.records = {
            **self._make_paid_invoice(),
            **self._make_credited_invoice(),
            **self._make_attempts(),
            **self._make_credit_reversed(),
            "partner": self.partner,
            "company": self.company,
            "other_company": self.make_other_company(name="Other")["company"],
            "other_provider": self.provider.copy(),
            "credit_account": self.company.credit_balance_account_id,
            "stranger": self.env["res.partner"].create({"name": "Stranger"}),
            "cash": self.company_data["default_journal_cash"],
            "revenue": self.company_data["default_account_revenue"],
            "other_currency": self.env.ref("base.EUR"),
        }
        self._keep()

    def _make_paid_invoice(self):
        """Pay an invoice by a charge, of which a part is refunded, and by credit."""
        payment = self.charge(400)
        taken = self.invoice.apply_credit_balance(100)
        refund = self.refund(payment, 50)
        return {
            "invoice": self.invoice,
            "payment": payment,
            "charge": payment.payment_transaction_id,
            "entry": payment.move_id,
            "payment_item": payment._get_receivable_lines(),
            "refund": refund,
            "credit_item": taken.move_id._get_credit_lines(),
            "balance": self._balance(),
        }

    def _make_credited_invoice(self):
        """Credit a taxed invoice in full, in two parts."""
        self.company.credit_applied_at_issue = False
        line = {"name": "Service", "price_unit": 99.99}
        line["tax_ids"] = [Command.set(self.tax_sale_a.ids)]
        invoice = self.make_invoice(99.99, invoice_line_ids=[Command.create(line)])
        invoice = invoice.with_user(self.supervisor)
        credit_note = invoice.issue_credit_note(amount=33.33, reason="Less")
        invoice.issue_credit_note(reason="Less")
        write_off = self.make_invoice(90.0).with_user(self.supervisor)
        write_off = write_off.write_off(reason="Gone")
        return {
            "credited": invoice,
            "credit_note": credit_note,
            "write_off": write_off,
            "write_off_item": write_off.line_ids.filtered("credit"),
        }

    def _make_attempts(self):
        """Let a charge of one invoice wait, and one of two; and money be taken back."""
        self.gateway.answers = ["done", "pending"]
        disputed = self.make_invoice(200.0).charge(self.token.id).sudo().payment_id
        reversal = disputed.with_user(self.supervisor).report_taken_back("dispute")
        pending = self.invoice.charge(self.token.id, amount=100)
        several = self.make_invoice(500.0) | self.make_invoice(500.0)
        together = self.make_portal_transaction(
            "pending", amount=1000.0, invoice_ids=[Command.set(several.ids)]
        )
        return {
            "disputed": disputed,
            "pending": pending,
            "together": together,
            "reversal": reversal,
        }

    def _make_credit_reversed(self):
        """Give credit, and reverse the entry that gave it."""
        self.customer.adjust_credit_balance(30, reason="Goodwill")
        entry = self._balance().entry_ids[0].move_line_id.move_id.sudo()
        return {
            "adjustment": entry,
            "reversal_of_adjustment": entry._reverse_moves(cancel=True),
        }

    def tie_out(self):
        """Return the invariant and the record of each finding."""
        self.env.invalidate_all()
        return {
            (row["invariant"], row["res_model"], row["res_id"])
            for row in self.env["account.payment.tie.out"].sudo().check()
        }

    def test_each_fault_is_found(self):
        self.assertFalse(self.tie_out())
        ids = {name: record.id for name, record in self.records.items()}
        faults = [(invariant, *fault) for invariant, fault in FAULTS.items()]
        for invariant, name, statement in (*faults, *MORE_FAULTS):
            record = self.records[name]
            self.env.flush_all()
            with (
                self.subTest(invariant, statement=statement),
                self.env.cr.savepoint(flush=False) as planted,
            ):
                self.env.cr.execute(statement.format(**ids))
                self.assertTrue(self.env.cr.rowcount)
                found = self.tie_out()
                planted.rollback()
                self.assertIn((invariant, record._name, record.id), found)
        self.assertFalse(self.tie_out())

    def test_a_payment_has_both_its_sides(self):
        """Its money on another account is found, and so is the customer's debt."""
        payment, entry = self.records["payment"], self.records["entry"]
        debt = self.records["payment_item"]
        expected = ("payment_agrees", "account.payment", payment.id)
        revenue = self.company_data["default_account_revenue"]
        for item in (debt, entry.line_ids - debt):
            self.assertEqual(len(item), 1)
            with (
                self.subTest(item.account_id.name),
                self.env.cr.savepoint(flush=False) as planted,
            ):
                self.env.cr.execute(
                    "UPDATE account_move_line SET account_id = %s WHERE id = %s",
                    [revenue.id, item.id],
                )
                found = self.tie_out()
                planted.rollback()
                self.assertIn(expected, found)

    def test_each_invariant_has_a_fault(self):
        """An invariant that is never seen to fail checks nothing."""
        self.assertEqual(list(FAULTS), list(INVARIANTS))
