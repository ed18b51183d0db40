from contextlib import contextmanager
from unittest.mock import patch

import requests

from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.fields import Command
from odoo.tests import new_test_user
from odoo.tools import SQL, reset_cached_properties

from odoo.addons.account_payment.tests.common import AccountPaymentCommon

from .invariants import check_invariants


class ScriptedGateway:
    """Stands in for the gateway of the dummy provider, and keeps its requests.

    `answers` lists the next answers, in order; the last one stays. An answer
    is the state to report, an exception to raise, or a function of the transaction.
    """

    def __init__(self):
        self.requests = []
        self.answers = ["done"]
        self.reason = None

    def receive(self, tx):
        self.requests.append((tx.reference, tx.request_kind, tx.amount))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        if callable(answer):
            answer = answer(tx)
        if answer:
            tx._process("none", self.payment_data(tx, answer))

    def payment_data(self, tx, state):
        return {"reference": tx.reference, "state": state, "reason": self.reason}

    def notify(self, tx, state):
        """Send a webhook: the gateway's later word on a transaction."""
        self.apply(tx.sudo(), self.payment_data(tx, state))

    @staticmethod
    def apply(tx, payment_data):
        tx.provider_reference = f"GW-{tx.reference}"
        message = payment_data["reason"]
        match payment_data["state"]:
            case "done":
                tx._set_done(state_message=message)
            case "pending":
                tx._set_pending(state_message=message)
            case "authorized":
                tx._set_authorized(state_message=message)
            case "cancel":
                tx._set_canceled(state_message=message)
            case "error":
                tx._set_error(message or "Card declined")


class InvoicePaymentsCommon(AccountPaymentCommon):
    """Invoices of one customer with a saved method at a scripted gateway.

    The code under test commits between its steps: the tests run on a test cursor, whose
    commits are savepoints.
    """

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        # The supervisor may refund, credit and write off as well.
        cls.accountant, cls.supervisor = (
            new_test_user(
                cls.env,
                login=f"invoice_payments_{login}",
                groups=f"base.group_user,account.group_account_invoice{level}",
                company_id=cls.company.id,
                company_ids=[Command.set(cls.company.ids)],
            )
            for login, level in (
                ("accountant", ""),
                ("supervisor", ",invoice_payments_ext.group_payment_refund"),
            )
        )
        cls.partner.property_account_receivable_id = cls.company_data[
            "default_account_receivable"
        ]
        cls.provider.journal_id = cls.company_data["default_journal_bank"]
        # Each test starts with these; the class makes them as a test would.
        cls.token = cls._create_token(cls)
        cls.invoice = cls.make_invoice(cls)

    def setUp(self):
        super().setUp()
        self.env.flush_all()
        self._open_cursor()
        self.late_confirmation = False
        self._script_gateway()
        for name in ("partner", "provider", "token"):
            setattr(self, name, getattr(self, name).with_env(self.env))
        self.invoice = self.invoice.with_env(self.env).with_user(self.accountant)
        self._keep()

    def _open_cursor(self):
        """Let the test run on a cursor whose commits are savepoints."""
        self.registry_enter_test_mode()
        cursor = self.registry.cursor()
        self.addCleanup(cursor.close)
        self.env = self.env(cr=cursor)

    def _keep(self):
        """Commit the records that the test prepared."""
        self.env.flush_all()
        self.env.cr.commit()  # pylint: disable=invalid-commit

    def _script_gateway(self):
        """Put the scripted gateway in the place of the dummy provider's."""
        self.gateway = gateway = ScriptedGateway()
        transactions = self.env.registry["payment.transaction"]
        providers = self.env.registry["payment.provider"]
        for name in (
            "_send_payment_request",
            "_send_capture_request",
            "_send_void_request",
            "_send_refund_request",
        ):
            self.patch(transactions, name, lambda tx: gateway.receive(tx))
        self.patch(transactions, "_extract_amount_data", lambda tx, data: None)
        apply_updates = transactions._apply_updates
        self.patch(
            transactions,
            "_apply_updates",
            lambda tx, data: (
                gateway.apply(tx, data)
                if tx.provider_code != "custom"
                else apply_updates(tx, data)
            ),
        )

        def compute_features(records):
            records.support_manual_capture = "partial"
            records.support_refund = "partial"
            records.support_tokenization = True
            records.support_express_checkout = False

        self.patch(providers, "_compute_feature_support_fields", compute_features)

    def tearDown(self):
        invoices = self.env["account.move"].search(
            [("partner_id", "=", self.partner.id), ("move_type", "=", "out_invoice")]
        )
        check_invariants(self, invoices, self.late_confirmation)
        super().tearDown()

    # === GENERATED SEQUENCES === #

    def begin_sequence(self):
        """Let a sequence run on a cursor of its own, whose commits are undone too."""
        self.outer_env = self.env
        self.env.cr.execute("SELECT 1")  # Its savepoint comes before ours.
        self.cr.execute("SAVEPOINT sequence")
        self.env = self.env(cr=self.registry.cursor())
        self.gateway.requests.clear()

    def end_sequence(self):
        self.env.cr.close()
        self.cr.execute("ROLLBACK TO SAVEPOINT sequence")
        self.cr.execute("RELEASE SAVEPOINT sequence")
        self.env = self.outer_env
        self.env.invalidate_all(flush=False)

    # === HELPERS === #

    def book_by_hand(self, *lines, **values):
        """Return the draft of an entry of the customer, as an accountant types it.

        :param lines: Of each item the account and the balance.
        """
        return self.env["account.move"].create(
            {
                "line_ids": [
                    Command.create(
                        {
                            "account_id": account.id,
                            "partner_id": self.partner.id,
                            "balance": balance,
                        }
                    )
                    for account, balance in lines
                ],
                **values,
            }
        )

    def make_invoice(self, amount=1000.0, post=True, **values):
        """Return an invoice of the customer, seen as the accountant sees it."""
        invoice = self.env["account.move"].create(
            {
                "move_type": "out_invoice",
                "partner_id": self.partner.id,
                "invoice_date": "2026-01-15",
                "currency_id": self.company.currency_id.id,
                "invoice_line_ids": [
                    Command.create(
                        {"name": "Service", "price_unit": amount, "tax_ids": False}
                    )
                ],
                **values,
            }
        )
        if post:
            invoice.action_post()
        self.env.flush_all()
        return invoice.with_user(self.accountant)

    def make_invoice_with_instalments(self, amount=1000.0):
        """Return an invoice that is due in two halves, a month between them."""
        terms = self.env["account.payment.term"].create(
            {
                "name": "Half now, half in a month",
                "line_ids": [
                    Command.create(
                        {"value": "percent", "value_amount": 50.0, "nb_days": days}
                    )
                    for days in (0, 30)
                ],
            }
        )
        return self.make_invoice(amount, invoice_payment_term_id=terms.id)

    def make_discount_terms(self, percentage=2, days=10, due_in=0, **values):
        """Return a payment term with an early-payment discount.

        :param float percentage: The discount, of the total.
        :param int days: For how many days after the invoice's date it is given.
        :param int due_in: After how many days the invoice is due.
        :param values: More values of the payment term.
        """
        due = {"value": "percent", "value_amount": 100, "nb_days": due_in}
        return self.env["account.payment.term"].create(
            {
                "name": f"{percentage} % in {days} days",
                "early_discount": True,
                "discount_percentage": percentage,
                "discount_days": days,
                "line_ids": [Command.create(due)],
                **values,
            }
        )

    def make_currency(self, code, rate=2.0):
        """Return a currency with one rate, which the provider serves too."""
        currency = self.env["res.currency"].with_context(active_test=False)
        currency = currency.search([("name", "=", code)])
        currency.active = True
        currency.rate_ids.unlink()
        self.set_rate(currency, "2020-01-01", rate)
        self.provider.available_currency_ids |= currency
        return currency

    def make_other_company(self, **values):
        """Set up another company of the user, whom the test's own cursor knows.

        :return: The company data of Odoo's tests.
        :rtype: dict
        """
        data = self.setup_other_company(**values)
        for env in list(self.env.transaction.envs):
            reset_cached_properties(env)
        return data

    def make_currency_journal(self, currency=None):
        """Return a bank journal in a currency: in euro, a third of the company's."""
        return self.env["account.journal"].create(
            {
                "name": "Bank in another currency",
                "code": "BFOR",
                "type": "bank",
                "company_id": self.company.id,
                "currency_id": (currency or self.make_currency("EUR", 3.0)).id,
            }
        )

    def set_rate(self, currency, date, rate):
        """Set how many units of the currency one unit of the company's is."""
        self.env["res.currency.rate"].create(
            {
                "currency_id": currency.id,
                "company_id": self.company.id,
                "name": date,
                "rate": rate,
            }
        )

    def make_user(self, login, groups, **values):
        """Return a user of the company."""
        return new_test_user(
            self.env,
            login=login,
            groups=groups,
            company_id=self.company.id,
            company_ids=[Command.set(self.company.ids)],
            **values,
        )

    def start_attempt(self, answer, **values):
        """Charge the invoice once, with this answer of the gateway."""
        self.gateway.answers = [answer]
        return self.invoice.charge(self.token.id, **values)

    def make_stuck_attempt(self, request_state, **values):
        """Return an attempt as a crash leaves it: `ready` or `sent`."""
        with self.stopped_before_sending():
            attempt = self.invoice.charge(self.token.id, **values)
        attempt.sudo().request_state = request_state
        self._keep()
        return attempt

    def stopped_before_sending(self):
        """Let attempts be prepared in the block, but not sent."""
        model = self.env.registry["payment.transaction"]
        return patch.object(model, "_run_attempt", lambda tx: None)

    def make_portal_transaction(self, state=None, message=None, **values):
        """Return a transaction that a customer started in the portal."""
        tx = self._create_transaction(
            "redirect",
            currency_id=self.invoice.currency_id.id,
            **{
                "amount": 100.0,
                "reference": "PORTAL-1",
                "invoice_ids": [Command.set(self.invoice.ids)],
                **values,
            },
        )
        if state:
            self.gateway.apply(tx, {"state": state, "reason": message})
        if state in ("done", "cancel"):
            tx.sudo()._post_process()
        self._keep()
        return tx

    def make_transfer_provider(self):
        """Return Odoo's own *Wire Transfer*, for the company of the tests."""
        method = self.env.ref("payment_custom.payment_method_wire_transfer").sudo()
        provider = (
            self.env["payment.provider"]
            .sudo()
            .search([("code", "=", "custom"), ("company_id", "=", self.company.id)])
        )
        if provider.state != "enabled":
            provider.payment_method_ids = method
            provider.write({"state": "enabled", "is_published": True})
            provider.journal_id = self.company_data["default_journal_bank"].id
            method.active = True
            provider.invalidate_recordset()
        return provider

    def announce(self, amount=1000.0, invoices=None, is_submitted=True):
        """Return the transaction of a customer who chose to transfer an amount."""
        provider = self.make_transfer_provider()
        invoices = invoices or self.invoice
        tx = (
            self.env["payment.transaction"]
            .sudo()
            .create(
                {
                    "provider_id": provider.id,
                    "payment_method_id": provider.payment_method_ids[:1].id,
                    "amount": amount,
                    "currency_id": invoices.currency_id.id,
                    "partner_id": invoices[0].partner_id.id,
                    "operation": "online_redirect",
                    "invoice_ids": [Command.set(invoices.ids)],
                }
            )
        )
        if is_submitted:
            tx._process("custom", {"reference": tx.reference})
        self._keep()
        return tx

    def register_payment(self, invoice, **values):
        """Register a payment of the invoice in Odoo's own dialog."""
        dialog = (
            self.env["account.payment.register"]
            .with_context(active_model="account.move", active_ids=invoice.ids)
            .create(values)
        )
        return dialog._create_payments()

    def register_with_token(self, **values):
        """Charge the saved method in Odoo's own register dialog."""
        bank = self.company_data["default_journal_bank"].with_env(self.env)
        line = bank.inbound_payment_method_line_ids.filtered(
            lambda line: line.payment_provider_id == self.provider
        )
        with self.mocked_get_payment_method_information():
            payment = self.register_payment(
                self.invoice,
                journal_id=bank.id,
                payment_method_line_id=line.id,
                payment_token_id=self.token.id,
                **values,
            )
        self._keep()
        self.assertTrue(payment.payment_transaction_id)
        return payment

    def make_credit_note(self, invoice, amount=None):
        """Return a posted credit note of the invoice."""
        reversal = (
            self.env["account.move.reversal"]
            .with_context(active_model="account.move", active_ids=invoice.ids)
            .create({"journal_id": invoice.sudo().journal_id.id})
        )
        credit_note = self.env["account.move"].browse(
            reversal.reverse_moves()["res_id"]
        )
        if amount:
            credit_note.invoice_line_ids.price_unit = amount
        credit_note.action_post()
        return credit_note

    def rows(self, invoice=None):
        """Return the rows of the invoice as the accountant gets them, by their id."""
        invoice = invoice or self.invoice
        invoice.env.flush_all()
        invoice.env.invalidate_all()
        return {row["id"]: row for row in invoice.get_payment_rows()}

    def ledger(self, payments):
        """Return the entries of these payments and the entries booked with them.

        In a form in which those of twin invoices are equal.
        """
        payments.env.flush_all()
        payments.env.invalidate_all()
        moves = payments.sudo().move_id
        partials = moves.line_ids.matched_debit_ids | moves.line_ids.matched_credit_ids
        moves |= partials.exchange_move_id
        lines = [
            (
                line.journal_id.id,
                str(line.date),
                line.account_id.code,
                line.currency_id.name,
                line.amount_currency,
                line.balance,
                line.amount_residual,
                line.reconciled,
            )
            for line in moves.line_ids
        ]
        return sorted(lines, key=repr)

    def transport_error(self, error):
        """Return the error that Odoo raises for an error of the HTTP client."""
        try:
            try:
                raise error
            except requests.RequestException:
                # As Odoo raises it: the transport error is its context.
                # pylint: disable-next=translation-required
                raise ValidationError("No connection.")  # noqa: B904
        except ValidationError as raised:
            return raised

    def outcomes(self, invoice=None):
        """Return the outcomes of the attempts on the invoice, oldest first."""
        invoice = invoice or self.invoice
        return invoice.sudo().transaction_ids.sorted("id").mapped("outcome")

    def run_resolver(self):
        """Run the schedule as if the attempts had been waiting long enough."""
        self.env.cr.execute(
            """
            UPDATE payment_transaction
               SET write_date = write_date - interval '1 hour',
                   request_sent_on = request_sent_on - interval '1 hour',
                   asked_on = asked_on - interval '1 hour'
            """
        )
        self.env.invalidate_all()
        self.env["payment.transaction"].sudo()._cron_resolve_attempts()
        self.env.invalidate_all()

    @contextmanager
    def assertRefused(self, message, error=(UserError, AccessError)):
        """Assert that the block is refused with this message and changes nothing."""
        self.env.flush_all()
        self.env.cr.commit()  # pylint: disable=invalid-commit
        before = self._take_snapshot()
        with self.assertRaisesRegex(error, message):
            yield
            self.env.flush_all()
        # A request that ends with an error does the same.
        self.env.cr.rollback()
        self.env.invalidate_all()
        self.assertEqual(self._take_snapshot(), before)

    def _take_snapshot(self):
        snapshot = {"requests": list(self.gateway.requests)}
        for table, columns in (
            ("account_move", "id, state, name, payment_state, amount_residual"),
            ("account_payment", "id, state, amount"),
            ("account_partial_reconcile", "id, amount"),
            ("payment_transaction", "id, state, outcome, request_state, amount"),
            ("account_idempotency_key", "key"),
        ):
            self.env.cr.execute(
                SQL("SELECT %s FROM %s ORDER BY 1", SQL(columns), SQL.identifier(table))
            )
            snapshot[table] = self.env.cr.fetchall()
        return snapshot

    @staticmethod
    def make_http_error(status, **headers):
        """Return the error that a provider's module raises, given the HTTP status."""
        response = requests.Response()
        response.status_code = status
        response.headers.update(headers)
        error = ValidationError("Payment failed")
        error.__cause__ = requests.HTTPError(response=response)
        return error

    @contextmanager
    def force_error_once(self, model, method, error):
        """Raise an error instead of the first call of a method."""
        owner = self.env.registry[model]
        original = getattr(owner, method)
        raised = []

        def wrapper(record, *args, **kwargs):
            if not raised:
                raised.append(True)
                raise error
            return original(record, *args, **kwargs)

        with patch.object(owner, method, wrapper):
            yield raised
