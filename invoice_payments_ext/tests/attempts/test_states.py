import re
from datetime import timedelta
from pathlib import Path
from unittest.mock import patch

from hypothesis import given, settings
from hypothesis import strategies as st

from odoo.exceptions import UserError
from odoo.fields import Command
from odoo.tests import BaseCase, tagged
from odoo.tools import mute_logger
from odoo.tools.translate import LazyGettext, code_translations

from ...models.attempts.outcome_words import (
    CHARGE_WORDS,
    REFUND_WORDS,
)
from ...models.attempts.payment_transaction_steps import (
    GatewayAnswer,
)
from ...models.states import (
    CUSTOMER_STATES,
    EXPECTED_OUTCOMES,
    IN_FLIGHT_OUTCOMES,
    INITIAL_OUTCOMES,
    OTHER_STATES,
    OUTCOMES,
    PENDING_OUTCOMES,
    POSTED_STATES,
    RESOLVABLE_OUTCOMES,
    STATE_BY_ENTRY,
    STATE_BY_PAYMENT,
    STATES,
    UNPOSTED_STATES,
    UNRESOLVED_OUTCOMES,
    UNSUCCESSFUL_OUTCOMES,
    get_diagram,
    get_outcome,
)
from ..common import InvoicePaymentsCommon
from ..test_sequences import GENERATED

ARCHITECTURE = Path(__file__).parents[2] / "readme" / "ARCHITECTURE.md"
WORDS = {"amount": "", "reference": "", "provider": "", "reason": ""}


def get_reachable(outcomes):
    """Return the outcomes to which the table leads from these, and themselves."""
    reachable, left = set(), list(outcomes)
    while left:
        outcome = left.pop()
        if outcome not in reachable:
            reachable.add(outcome)
            left += OUTCOMES[outcome].next
    return reachable


class TestStates(BaseCase):
    """The table of states agrees with itself."""

    def test_transitions(self):
        for name, state in OUTCOMES.items():
            self.assertLessEqual(set(state.next), OUTCOMES.keys() - {name}, name)
            self.assertEqual(len(state.next), len(set(state.next)), name)
        self.assertEqual(get_reachable(INITIAL_OUTCOMES), OUTCOMES.keys())
        self.assertFalse(any(state.next for state in OTHER_STATES.values()))

    def test_every_attempt_can_end(self):
        for name, state in OUTCOMES.items():
            if not state.is_final:
                self.assertLessEqual({"succeeded", "declined"}, get_reachable([name]))
        # Only refunds come back; a charge that fails later stays, see `taken_back`.
        self.assertEqual(OUTCOMES["succeeded"].next, ("declined", "canceled"))

    def test_money_that_comes_late_is_never_refused(self):
        for name, state in OUTCOMES.items():
            self.assertTrue(state.money_moved or "succeeded" in state.next, name)

    def test_request_is_sent_once(self):
        for name, state in OUTCOMES.items():
            self.assertNotIn("ready", state.next)
            self.assertEqual("sent" in state.next, name in INITIAL_OUTCOMES, name)

    def test_implications(self):
        for name, state in STATES.items():
            if state.is_final or name in EXPECTED_OUTCOMES:
                self.assertFalse(state.may_hold_invoice or state.is_in_flight, name)
            else:
                self.assertTrue(state.may_hold_invoice, name)
            if state.is_in_flight:
                self.assertTrue(state.may_hold_invoice, name)
                self.assertFalse(state.money_moved or state.is_unsuccessful, name)
            if state.money_moved or state.is_unsuccessful:
                self.assertTrue(state.is_final, name)

    def test_lists(self):
        self.assertEqual(UNRESOLVED_OUTCOMES, ("ready", "sent", "unknown"))
        self.assertEqual(
            IN_FLIGHT_OUTCOMES, (*UNRESOLVED_OUTCOMES, "pending", "authorized")
        )
        self.assertEqual(EXPECTED_OUTCOMES, ("announced",))
        self.assertEqual(PENDING_OUTCOMES, ("pending", "announced"))
        self.assertLessEqual(set(RESOLVABLE_OUTCOMES), set(IN_FLIGHT_OUTCOMES))
        self.assertEqual(UNSUCCESSFUL_OUTCOMES, ("declined", "failed", "canceled"))
        self.assertEqual(POSTED_STATES, ("in_process", "paid"))
        self.assertEqual(UNPOSTED_STATES, ("draft", "canceled", "rejected"))
        self.assertLessEqual(set(STATE_BY_ENTRY.values()), STATES.keys())

    def test_customer_states(self):
        for name, state in STATES.items():
            self.assertIn(state.customer_state, {"", *CUSTOMER_STATES}, name)
            if state.is_in_flight:
                self.assertEqual(state.customer_state, "processing", name)
            if name in EXPECTED_OUTCOMES:
                self.assertEqual(state.customer_state, "awaiting_transfer", name)

    def test_words(self):
        self.assertEqual(CHARGE_WORDS.keys(), OUTCOMES.keys() | {"unbooked", "voided"})
        self.assertEqual(REFUND_WORDS.keys(), OUTCOMES.keys() | {"unbooked"})
        for words in (*CHARGE_WORDS.values(), *REFUND_WORDS.values()):
            self.assertIsInstance(words.title, LazyGettext)
            self.assertNotIn("%", words.sentence._translate("en_US") % WORDS)

    def test_diagram(self):
        text = ARCHITECTURE.read_text()
        block = re.search(r"```mermaid\n(stateDiagram.*?)\n```", text, re.DOTALL)
        self.assertEqual(block[1], get_diagram())


# The events of an attempt: each function takes the test and the transaction.
EVENTS = {
    **{
        state: lambda test, tx, state=state: test.gateway.notify(tx, state)
        for state in ("done", "pending", "authorized", "cancel", "error")
    },
    "announced": lambda test, tx: test.announce(tx),
    "another amount": lambda test, tx: test.notify_another_amount(tx),
    "send": lambda test, tx: test.send(tx),
    "no answer": lambda test, tx: test.record(tx, "unknown"),
    "refusal": lambda test, tx: test.record(tx, "declined"),
    "no connection": lambda test, tx: test.record(tx, "failed"),
    "crash": lambda test, tx: test.resolve_stale(tx),
    "never received": lambda test, tx: test.ask_provider(tx, {}),
    "charged": lambda test, tx: test.resolve(tx, True),
    "not charged": lambda test, tx: test.resolve(tx, False),
}
# Together these reach each transition of the table, without the generated ones.
LEFT_OPEN = ["send", "no answer"]
TOUR = (
    ("form", ["send", "pending", "authorized", "cancel", "done"]),
    ("form", ["pending", "another amount", "done"]),
    ("form", ["authorized", "another amount"]),
    ("form", ["done"]),
    ("form", ["error", "done"]),
    ("form", ["cancel"]),
    ("form", ["announced", "authorized"]),
    ("form", ["announced", "done"]),
    ("form", ["announced", "error"]),
    ("form", ["announced", "cancel"]),
    ("form", ["announced", "another amount"]),
    ("form", ["send", "announced"]),
    ("charge", ["announced"]),
    ("charge", [*LEFT_OPEN, "announced"]),
    ("charge", [*LEFT_OPEN, "not charged", "announced"]),
    ("charge", ["pending", "charged"]),
    ("charge", ["pending", "not charged"]),
    ("form", ["another amount", "done"]),
    ("form", ["error", "another amount"]),
    ("form", ["cancel", "another amount"]),
    ("charge", ["send", "no connection", "another amount"]),
    ("charge", ["pending", "cancel"]),
    ("charge", ["authorized", "done"]),
    ("charge", ["done"]),
    ("charge", ["error"]),
    ("charge", ["cancel"]),
    ("charge", ["another amount"]),
    ("charge", ["send", "authorized", "error"]),
    ("charge", ["send", "done"]),
    ("charge", ["send", "refusal"]),
    ("charge", ["send", "no connection", "done"]),
    ("charge", ["send", "cancel"]),
    ("charge", [*LEFT_OPEN, "pending", "error"]),
    ("charge", [*LEFT_OPEN, "authorized"]),
    ("charge", [*LEFT_OPEN, "error"]),
    ("charge", [*LEFT_OPEN, "never received"]),
    ("charge", [*LEFT_OPEN, "not charged", "pending", "done"]),
    ("charge", [*LEFT_OPEN, "not charged", "authorized"]),
    ("void", ["crash"]),
    ("void", ["error", "cancel"]),
    ("void", ["send", "no connection", "cancel"]),
)


@tagged("post_install", "-at_install")
class TestStatesInUse(InvoicePaymentsCommon):
    """Attempts change, and are treated, as the table of states says."""

    def setUp(self):
        super().setUp()
        authorization = self.start_attempt("authorized")
        with self.stopped_before_sending():
            void = authorization.void()
            charge = self.make_invoice().charge(self.token.id)
        form = self._create_transaction(
            "redirect",
            amount=100.0,
            currency_id=self.invoice.currency_id.id,
            reference="FORM-1",
            invoice_ids=[Command.set(self.make_invoice().ids)],
        )
        self.started = {"charge": charge, "form": form, "void": void}
        self.seen = set()
        self._keep()

    # === EVENTS === #

    def announce(self, tx):
        """Let a provider that only announces payments say that it waits for one."""
        providers = self.env.registry["payment.provider"]
        with patch.object(providers, "_announces_only", lambda _provider: True):
            self.gateway.notify(tx, "pending")
            self.env.flush_all()

    def notify_another_amount(self, tx):
        """Let the gateway confirm another amount than was asked for."""
        data = {"amount": 1.0, "currency_code": tx.currency_id.name}
        with patch.object(type(tx), "_extract_amount_data", lambda tx, _data: data):
            tx.sudo()._process("none", self.gateway.payment_data(tx, "done"))

    def send(self, tx):
        """Let the request leave, from our steps or from Odoo's own flow."""
        if tx.outcome == "draft":
            tx.request_state = "sent"
        else:
            tx._mark_sent()

    def record(self, tx, refusal):
        """Record how a request ended that was sent."""
        if tx.request_state == "sent":
            tx._record_answer(tx._refuse(GatewayAnswer(tx), refusal, "No"))

    def resolve_stale(self, tx):
        """Let the resolver find the attempt that a crash left."""
        delay = timedelta(days=-1)
        with patch.object(type(tx), "_get_stale_delay", lambda tx: delay):
            tx._end_stale_request()

    def ask_provider(self, tx, payment_data):
        """Let the gateway tell the outcome of a request when it is asked."""
        providers = self.env.registry["payment.provider"]
        with (
            patch.object(providers, "_fetch_outcome", lambda *_args: payment_data),
            patch.object(providers, "_get_arrival_delay", lambda _self: timedelta(0)),
        ):
            tx._ask_provider()

    def resolve(self, tx, charged):
        """Let a person say the outcome, which only an unknown attempt allows."""
        attempt = tx.with_user(self.supervisor)
        if tx.outcome in RESOLVABLE_OUTCOMES:
            attempt.resolve(charged, "Seen in the backend")
        else:
            with self.assertRaises(UserError):
                attempt.resolve(charged, "Seen in the backend")

    # === CHECKS === #

    def check_step(self, tx, before, held):
        """Assert that a step and its effects are those of the table."""
        state = OUTCOMES[tx.outcome]
        if tx.outcome != before:
            self.assertIn(tx.outcome, OUTCOMES[before].next, f"After {before}")
            self.seen.add((before, tx.outcome))
        is_announced = tx.outcome in EXPECTED_OUTCOMES
        self.assertEqual(
            tx.outcome, get_outcome(tx.state, tx.request_state, is_announced)
        )
        # Another amount is a first final answer too, although a person is asked.
        released = not state.may_hold_invoice or tx.state == "error"
        self.assertEqual(tx.holds_invoice, held and not released, tx.outcome)
        self.assertFalse(tx.holds_invoice and not state.may_hold_invoice, tx.outcome)

    def check_treatment(self, tx):
        """Assert that amounts and actions agree with the table."""
        state = OUTCOMES[tx.outcome]
        is_counted = state.is_in_flight or (state.money_moved and not tx._is_settled())
        self.assertEqual(tx._get_amount_in_flight(), tx.amount if is_counted else 0)
        row = self.rows(tx._get_attempt_invoices().with_user(self.supervisor)).get(
            f"tx-{tx.id}"
        )
        if row:
            actions = {action["name"] for action in row["actions"]}
            is_child = bool(tx.source_transaction_id)
            self.assertEqual("retry" in actions, state.is_unsuccessful and not is_child)
            self.assertEqual("resolve" in actions, tx.outcome in RESOLVABLE_OUTCOMES)
            self.assertEqual(
                actions & {"received", "cancel_announced"},
                {"received", "cancel_announced"}
                if tx.outcome in EXPECTED_OUTCOMES
                else set(),
            )
            self.assertEqual(
                (row["state_color"], row["is_closed"]),
                (state.color, state.is_unsuccessful),
            )

    def run_sequence(self, start, events):
        """Let events happen to an attempt, and check it after each of them."""
        tx = self.started[start].with_env(self.env).sudo()
        for event in events:
            before = [(each, each.outcome, each.holds_invoice) for each in self.all(tx)]
            EVENTS[event](self, tx)
            for each, outcome, held in before:
                self.check_step(each, outcome, held)
            if tx.outcome != before[0][1]:
                self.check_treatment(tx)

    def all(self, tx):
        """Return an attempt and the authorization that it is a part of."""
        return tx | tx.source_transaction_id

    # === TESTS === #

    @mute_logger(
        "odoo.addons.invoice_payments_ext.models.attempts",
        "odoo.addons.payment.models.payment_transaction",
        "odoo.sql_db",
    )
    def test_generated_sequences(self):
        """The transitions that happen are exactly those of the table."""

        def check(start, events):
            self.begin_sequence()
            try:
                self.run_sequence(start, events)
            finally:
                self.end_sequence()

        for start, events in TOUR:
            check(start, events)
        table = {
            (name, following)
            for name, state in OUTCOMES.items()
            for following in state.next
            if name != "succeeded"  # Refunds come back in tests of `taken_back`.
        }
        self.assertEqual(self.seen, table)
        given(
            st.sampled_from(sorted(self.started)),
            st.lists(st.sampled_from(list(EVENTS)), min_size=2, max_size=6),
        )(settings(GENERATED, max_examples=200)(check))()

    def test_all_states_of_odoo_are_known(self):
        states = self.env["payment.transaction"]._fields["state"].get_values(self.env)
        for state in states:
            self.assertIn(get_outcome(state, False), OUTCOMES)
        payment_states = self.env["account.payment"]._fields["state"]
        self.assertEqual(
            set(STATE_BY_PAYMENT), set(payment_states.get_values(self.env))
        )
        self.assertEqual(
            self.env["payment.transaction"]._fields["outcome"].get_values(self.env),
            list(OUTCOMES),
        )

    def test_words_are_translated_where_they_are_used(self):
        self.env["res.lang"]._activate_lang("fr_FR")
        words = {
            "Authorization voided": "Autorisation annulée",
            "%(amount)s was released (%(reference)s).": "%(amount)s : libéré.",
            "Being processed": "En cours",
        }
        key = ("invoice_payments_ext", "fr_FR")
        void = self.started["void"].with_context(lang="fr_FR")
        self.gateway.notify(void, "cancel")
        with patch.dict(code_translations.python_translations, {key: words}):
            title, sentence, _kind = void._describe_outcome()
            state = void.env["account.move"]._prepare_portal_state("processing")
        self.assertEqual(title, "Autorisation annulée")
        self.assertIn(": libéré.", sentence)
        self.assertEqual(state["state_label"], "En cours")
