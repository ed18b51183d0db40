from contextlib import ExitStack, contextmanager
from unittest.mock import patch

from ..refunds.common_refund import RefundCommon
from .common_credit_balance import CreditBalanceCommon


class CreditCommon(RefundCommon):
    """A customer for whom 300 are held, and an invoice of 1,000."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.company.credit_adjustment_account_id = cls.company_data[
            "default_account_expense"
        ]
        cls.customer = cls.partner.with_user(cls.supervisor)
        cls.give_first_credit()

    @classmethod
    def give_first_credit(cls):
        cls.customer.adjust_credit_balance(300, reason="Goodwill")
        cls.env.flush_all()

    def setUp(self):
        super().setUp()
        self.company = self.company.with_env(self.env)
        self.customer = self.partner.with_user(self.supervisor)

    _balance = CreditBalanceCommon._balance
    _history = CreditBalanceCommon._history

    def _make_discounted_invoice(self, computation="included", **values):
        """Return an invoice of 200 that 196 pay in time."""
        term = self.make_discount_terms(early_pay_discount_computation=computation)
        return self.make_invoice(
            200.0,
            **{"invoice_date": False, "invoice_payment_term_id": term.id, **values},
        )

    @contextmanager
    def assertLockedFirst(self):
        """Assert that the balances that are changed were locked before all else."""
        balances = type(self.env["account.credit.balance"])
        mixins = [type(self.env[name]) for name in ("account.move", "account.payment")]
        get_locked, lock_rows = balances._lock_or_create, mixins[0]._lock_rows
        first, later, others = set(), set(), []

        def spy_on_balances(records, owners):
            owners = set(owners)
            (later if others else first).update(owners)
            return get_locked(records, owners)

        def spy_on_rows(records):
            others.append(records)
            return lock_rows(records)

        with ExitStack() as stack:
            stack.enter_context(
                patch.object(balances, "_lock_or_create", spy_on_balances)
            )
            for mixin in mixins:
                stack.enter_context(patch.object(mixin, "_lock_rows", spy_on_rows))
            yield
        self.assertTrue(later, "no balance was changed after an invoice was locked")
        self.assertEqual(later - first, set(), "locked after invoices or payments")
        self.assertEqual(first - later, set(), "locked, but not changed")

    def move_contact(self):
        """Give the customer a parent: existing credit stays the customer's own."""
        self.partner.parent_id = self.env["res.partner"].create(
            {"name": "Parent", "is_company": True}
        )

    def held(self, currency=None):
        """Return the credit that is held for the customer."""
        return self._balance(currency=currency).amount

    def balance(self):
        """Return the balance, as the supervisor sees it."""
        return self._balance().with_user(self.supervisor)

    def pay_out_to_card(self, payment, amount, answer="done", **values):
        """Pay out to the card of a payment, with this answer of the gateway."""
        self.gateway.answers = [answer]
        return self.balance().pay_out(
            amount, reason="Asked for", payment_id=payment.id, **values
        )

    def types(self):
        """Return the types and amounts of the history, without the first."""
        return [(kind, amount) for kind, amount, _after in self._history()[1:]]

    @staticmethod
    def copy_reversed(entry):
        """Return a draft that reverses an entry, made past Odoo's own form."""
        reversal = entry.copy({"reversed_entry_id": entry.id})
        debit, credit = reversal.line_ids.sorted("balance", reverse=True)
        debit.account_id, credit.account_id = credit.account_id, debit.account_id
        return reversal
