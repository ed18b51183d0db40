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
    "credited_tax": (
        "credited",
        "UPDATE account_move_line SET amount_currency = amount_currency - 0.01 "
        "WHERE move_id = {credit_note} AND tax_line_id IS NOT NULL",
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
    "matched": (
        "payment_item",
        "UPDATE account_move_line SET matching_number = NULL WHERE id = {payment_item}",
    ),
}


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
        return {"credited": invoice, "credit_note": credit_note}

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
        return {"pending": pending, "together": together, "reversal": reversal}

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
        for invariant, (name, statement) in FAULTS.items():
            record = self.records[name]
            self.env.flush_all()
            with self.subTest(invariant), self.env.cr.savepoint(flush=False) as planted:
                self.env.cr.execute(statement.format(**ids))
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
