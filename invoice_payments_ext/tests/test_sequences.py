import functools
import os

import requests
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from odoo.exceptions import AccessError, UserError
from odoo.fields import Command, Domain
from odoo.tests import new_test_user, tagged
from odoo.tools import mute_logger

from odoo.addons.invoice_payments_ext.models.states import (
    POSTED_STATES,
    RESOLVABLE_OUTCOMES,
)

from .credit.common_credit import CreditCommon
from .invariants import check_invariants, find_with_kept_plans

# How many sequences of how many steps; `setup/sequences` asks for more.
EXAMPLES = int(os.environ.get("SEQUENCES_EXAMPLES", "20"))
STEPS = int(os.environ.get("SEQUENCES_STEPS", "12"))
# Without a seed, the same sequences are generated each time.
SEED = os.environ.get("SEQUENCES_SEED")
GENERATED = settings(
    max_examples=EXAMPLES,
    stateful_step_count=STEPS,
    derandomize=not SEED,
    deadline=None,
    database=None,
    phases=(Phase.generate, Phase.shrink),
    suppress_health_check=list(HealthCheck),
)

# The currency of the first invoices, and whether they are taxed: each has its share of
# the examples, and is prepared once for all of them.
BEGINNINGS = (("USD", False), ("USD", True), ("EUR", False), ("EUR", True))
SHARE = settings(GENERATED, max_examples=-(-EXAMPLES // len(BEGINNINGS)))

MAX_INVOICES = 6

# Each door succeeds at least once in a long run; a short run does not reach all.
DOORS = (
    "issue_and_charge",
    "charge",
    "capture",
    "void",
    "retry",
    "resolve",
    "record_received",
    "cancel_announced",
    "record_external_payment",
    "undo_recording",
    "pay_as_member",
    "refund",
    "issue_credit_note",
    "write_off",
    "undo_write_off",
    "approve",
    "reject",
    "withdraw",
    "adjust_credit_balance",
    "apply_credit_balance",
    "undo_credit_application",
    "move_to_credit_balance",
    "_reverse_moves",
    "js_assign_outstanding_line",
    "pay_out",
    "action_draft",
    "action_cancel",
    "action_post",
    "button_draft",
    "button_cancel",
    "_merge",
    "write",
)

# Which of the existing records, counted round; and how much of the amount.
which = st.integers(0, 5)
percent = st.none() | st.sampled_from([100, 50, 33, 1, 120])
prices = st.sampled_from([100.0, 333.33, 0.03])
currencies = st.sampled_from(["USD", "EUR"])
customers = st.sampled_from(["company", "contact", "person"])
answers = st.sampled_from(
    [*["done"] * 4, "pending", "error", "unknown", "failed", "authorized"]
)
terms = st.sampled_from([None, None, "early", "instalments"])


def remembered(method):
    """Ask the database once a step, since each rule reads the records."""

    @functools.wraps(method)
    def wrapper(self, *args):
        key = (method.__name__, *args)
        if key not in self.memory:
            self.memory[key] = method(self, *args)
        return self.memory[key]

    return wrapper


class Sequence(RuleBasedStateMachine):
    """The actions of staff and gateways on the books of one company, in any order."""

    def __init__(self, test):
        super().__init__()
        self.test = test
        # Attempts confirmed after they were called off, and the payments given back.
        self.late_confirmation = False
        self.refunded_late = set()
        self.memory = {}
        # These take long, and are done once.
        self.is_merged = self.has_parent = False

    def teardown(self):
        self.test.end_sequence()

    # === RECORDS === #

    def find(self, model, *domain):
        """Return records of the customers, as the supervisor sees them."""
        own = Domain("partner_id", "in", self.test.customers_by_name_ids)
        records = self.test.env[model].sudo()
        records = records.search(own & Domain(list(domain)), order="id")
        return records.with_user(self.test.supervisor)

    @staticmethod
    def choose(records, number):
        return records[number % len(records)]

    @remembered
    def invoices(self):
        return self.find("account.move", ("move_type", "=", "out_invoice"))

    def issued(self):
        return self.in_state("posted")

    def drafts(self):
        return self.in_state("draft")

    def cancelled(self):
        return self.in_state("cancel")

    @remembered
    def in_state(self, state):
        return self.invoices().filtered(lambda move: move.state == state)

    @remembered
    def open_invoices(self):
        return self.issued().filtered("amount_residual")

    @remembered
    def payments(self):
        """Return the payments that can still be given back, in whole or in part."""
        found = self.find(
            "account.payment",
            ("payment_type", "=", "inbound"),
            ("state", "in", POSTED_STATES),
        )
        return found.filtered(lambda payment: payment._get_refundable_amount())

    @remembered
    def recorded(self):
        """Return the posted payments that no provider moved."""
        return self.find(
            "account.payment",
            ("state", "in", POSTED_STATES),
            ("payment_transaction_id", "=", False),
        )

    @remembered
    def credit_notes(self):
        """Return the open credit notes, each with a payment that can pay it out."""
        return [
            (payment, credit_note)
            for payment in self.payments()
            for credit_note in payment._get_open_credit_notes()
        ]

    @remembered
    def write_offs(self):
        return self.invoices().sudo().write_off_entry_ids.sorted("id")

    @remembered
    def attempts(self, *outcomes):
        found = self.find("payment.transaction", ("request_state", "!=", "not_sent"))
        return found.filtered(lambda tx: tx.sudo().outcome in outcomes)

    @remembered
    def credits(self):
        """Return the open items in favour of a customer."""
        return self.find(
            "account.move.line",
            ("account_type", "=", "asset_receivable"),
            ("parent_state", "=", "posted"),
            ("amount_residual_currency", "<", 0),
        )

    @remembered
    def balances(self):
        return self.find("account.credit.balance")

    @remembered
    def credit_payments(self):
        """Return the credit payments of staff that are not cancelled.

        A provider's payments are left out, as the tie-out lists those that are reset.
        """
        found = self.find(
            "account.payment",
            ("state", "!=", "canceled"),
            ("payment_transaction_id", "=", False),
        )
        return found.filtered(
            lambda payment: (
                payment.journal_id.is_credit_balance
                or payment.sudo().source_payment_id.is_from_credit
            )
        )

    @remembered
    def credit_entries(self):
        """Return the entries that changed balances, and those that reverse them."""
        entries = self.find("account.move", ("move_type", "=", "entry"))
        return entries.filtered(lambda move: move._get_credit_lines())

    @remembered
    def requests(self):
        return (
            self.test.env["account.payment.approval"]
            .sudo()
            .search(
                [("state", "=", "waiting"), ("company_id", "=", self.test.company.id)],
                order="id",
            )
        )

    def token(self, record):
        return self.test.find_token(record.sudo().partner_id)

    # === DOORS === #

    def do(self, door, *args, answer=None, **values):
        """Call a door; a refusal must not have changed anything."""
        self.script(answer)
        self.memory.clear()
        test = self.test
        test._keep()
        before = test._take_snapshot()
        name = getattr(door, "__name__", "")
        test.doors.setdefault(name, 0)
        try:
            door(*args, **values)
            test._keep()
            test.doors[name] += 1
        except AccessError:
            raise  # The supervisor may do all of this.
        except UserError:
            test.env.cr.rollback()
            test.env.invalidate_all()
            test.assertEqual(test._take_snapshot(), before, "it changed something")

    def script(self, answer):
        errors = {
            "unknown": requests.ReadTimeout("slow"),
            "failed": requests.ConnectTimeout("nobody"),
        }
        if answer in errors:
            answer = self.test.transport_error(errors[answer])
        self.test.gateway.answers = [answer or "done"]

    @staticmethod
    def part(total, share, currency):
        """Return a share of an amount; nothing for the door's own choice."""
        return None if share is None else currency.round(total * share / 100)

    def make_invoice(self, customer, currency, price, term=None, **values):
        test = self.test
        return test.make_invoice(
            price,
            post=False,
            partner_id=test.customers_by_name[customer],
            currency_id=test.currencies[currency],
            invoice_payment_term_id=test.terms[term],
            **({"invoice_date": False} if term else {}),
            **values,
        ).with_user(test.supervisor)

    @precondition(lambda self: len(self.invoices()) < MAX_INVOICES)
    @rule(
        customer=customers,
        currency=currencies,
        price=prices,
        term=terms,
        taxed=st.booleans(),
    )
    def issue(self, customer, currency, price, term, taxed):
        draft = self.make_invoice(customer, currency, price, term)
        if taxed:
            draft.sudo().invoice_line_ids.tax_ids = self.test.tax
        self.do(draft.action_post)

    def prepare(self, currency, taxed):
        """Prepare a paid and an open invoice, with credit and waiting attempts."""
        for customer, price in (("company", 100), ("contact", 100), ("person", 333.33)):
            self.issue(customer, currency, price, None, taxed)
        self.charge(0, None, "done")
        self.write_off(5, None)
        self.adjust_credit_balance("contact", currency, 50.0)

    @initialize(answer=answers)
    def begin(self, answer):
        self.charge(0, 50, answer)

    @precondition(lambda self: len(self.invoices()) < MAX_INVOICES)
    @rule(customer=customers, currency=currencies, price=prices, answer=answers)
    def issue_and_charge(self, customer, currency, price, answer):
        draft = self.make_invoice(customer, currency, price)
        self.do(draft.issue_and_charge, self.token(draft), answer=answer)

    @precondition(lambda self: self.open_invoices())
    @rule(invoice=which, share=percent, answer=answers)
    def charge(self, invoice, share, answer):
        invoice = self.choose(self.open_invoices(), invoice)
        amount = self.part(invoice.amount_residual, share, invoice.currency_id)
        self.do(invoice.charge, self.token(invoice), amount, answer=answer)

    @precondition(lambda self: self.open_invoices())
    @rule(
        invoice=which,
        share=percent,
        excess=st.sampled_from([None, "credit"]),
        journal=st.sampled_from(["bank", "cash", "foreign"]),
    )
    def record(self, invoice, share, excess, journal):
        invoice = self.choose(self.open_invoices(), invoice)
        amount = self.part(invoice.amount_residual, share, invoice.currency_id)
        self.do(
            invoice.record_external_payment,
            amount=amount,
            excess=excess,
            journal_id=self.test.journals[journal],
        )

    @precondition(lambda self: len(self.open_invoices()) > 1)
    @rule(first=which, second=which)
    def record_several(self, first, second):
        invoices = self.open_invoices()
        several = self.choose(invoices, first) | self.choose(invoices, second)
        self.do(several.record_external_payment)

    @precondition(lambda self: len(self.open_invoices()) > 1)
    @rule(first=which, second=which, share=percent, excess=st.booleans())
    def record_jointly(self, first, second, share, excess):
        """Record one payment; other customers and currencies are refused."""
        invoices = self.open_invoices()
        several = self.choose(invoices, first) | self.choose(invoices, second)
        currency = several.currency_id[:1]
        total = sum(several.mapped("amount_residual"))
        self.do(
            several.record_joint_payment,
            amount=self.part(total, share, currency),
            excess="credit" if excess else None,
        )

    @precondition(lambda self: self.recorded())
    @rule(payment=which)
    def undo_recording(self, payment):
        """Take back what was recorded by mistake: received, refunded or kept."""
        payment = self.choose(self.recorded(), payment)
        self.do(payment.undo_recording, "A mistake")

    @precondition(lambda self: self.open_invoices())
    @rule(
        invoice=which,
        second=st.none() | which,
        share=percent,
        way=st.sampled_from(["card", "credit", "credit first"]),
        answer=answers,
    )
    def member_pays(self, invoice, second, share, way, answer):
        """Pay in the portal, one invoice or several that are overdue."""
        invoices = self.choose(self.open_invoices(), invoice)
        amount = self.part(invoices.amount_residual, share, invoices.currency_id)
        if second is not None:
            # Two currencies are two payments.
            currency = invoices.currency_id
            invoices |= self.choose(
                self.open_invoices().filtered(
                    lambda each: each.currency_id == currency
                ),
                second,
            )
        if amount is None or len(invoices) > 1:
            amount = sum(invoices.mapped("amount_residual"))
        if len(invoices) > 1:
            amount = invoices._get_overdue_amount()
        self.do(self.test.pay_as_member, invoices, amount, way, answer=answer)

    @precondition(lambda self: self.attempts("authorized"))
    @rule(attempt=which, share=percent, is_captured=st.booleans(), answer=answers)
    def capture_or_void(self, attempt, share, is_captured, answer):
        attempt = self.choose(self.attempts("authorized"), attempt)
        amount = self.part(attempt.amount, share, attempt.currency_id)
        if answer == "authorized":  # That is not an answer to these.
            answer = "done"
        if is_captured:
            self.do(attempt.capture, amount, answer=answer)
        else:
            self.do(attempt.void, answer="cancel" if answer == "done" else answer)

    @precondition(lambda self: self.requests())
    @rule(
        request=which,
        decision=st.sampled_from(["approve", "approve", "reject", "withdraw"]),
        answer=answers,
    )
    def decide(self, request, decision, answer):
        """Let the second person decide on an amount above the limit."""
        request = self.choose(self.requests(), request)
        by_another = request.with_user(self.test.approver)
        if decision == "approve":
            self.do(by_another.approve, answer=answer)
        elif decision == "reject":
            self.do(by_another.reject, "No")
        else:
            self.do(request.with_user(self.test.supervisor).withdraw)

    @precondition(lambda self: self.attempts("declined", "failed", "canceled"))
    @rule(attempt=which, answer=answers)
    def retry(self, attempt, answer):
        attempts = self.attempts("declined", "failed", "canceled")
        self.do(self.choose(attempts, attempt).retry, answer=answer)

    @precondition(lambda self: self.open_invoices())
    @rule(invoice=which, share=percent)
    def announce(self, invoice, share):
        """Let a customer choose to transfer an amount; it may come, or never."""
        self.memory.clear()
        invoice = self.choose(self.open_invoices(), invoice).sudo()
        amount = self.part(invoice.amount_residual, share, invoice.currency_id)
        self.test.announce(amount or invoice.amount_residual, invoice)

    @precondition(lambda self: self.attempts("announced"))
    @rule(attempt=which, share=percent, journal=st.sampled_from(["bank", "foreign"]))
    def record_received(self, attempt, share, journal):
        attempt = self.choose(self.attempts("announced"), attempt)
        self.do(
            attempt.record_received,
            amount=self.part(attempt.amount, share, attempt.currency_id),
            journal_id=self.test.journals[journal],
        )

    @precondition(lambda self: self.attempts("announced"))
    @rule(attempt=which)
    def cancel_announced(self, attempt):
        self.do(self.choose(self.attempts("announced"), attempt).cancel_announced)

    @precondition(lambda self: self.attempts(*RESOLVABLE_OUTCOMES))
    @rule(attempt=which, charged=st.booleans())
    def resolve(self, attempt, charged):
        attempt = self.choose(self.attempts(*RESOLVABLE_OUTCOMES), attempt)
        self.do(attempt.resolve, charged, "Seen at the gateway")

    @precondition(lambda self: self.payments())
    @rule(
        payment=which,
        share=percent,
        to=st.sampled_from(["original", "outside", "credit"]),
        reduce_bill=st.booleans(),
        answer=answers,
    )
    def refund(self, payment, share, to, reduce_bill, answer):
        payment = self.choose(self.payments(), payment)
        amount = self.part(payment.amount, share, payment.currency_id)
        self.do(
            payment.refund,
            amount=amount,
            to=to,
            reduce_bill=reduce_bill,
            reason="A mistake",
            answer=answer,
        )

    @precondition(lambda self: self.credit_notes())
    @rule(
        credit_note=which,
        share=percent,
        to=st.sampled_from(["original", "outside", "credit"]),
        answer=answers,
    )
    def pay_out_credit_note(self, credit_note, share, to, answer):
        payment, credit_note = self.choose(self.credit_notes(), credit_note)
        currency = credit_note.currency_id
        self.do(
            payment.refund,
            amount=self.part(credit_note.amount_residual, share, currency),
            to=to,
            credit_note_id=credit_note.id,
            reason="Returned",
            answer=answer,
        )

    @precondition(lambda self: self.issued())
    @rule(
        invoice=which,
        share=percent,
        to=st.none() | st.sampled_from(["original", "outside", "credit"]),
        then_to=st.none() | st.sampled_from(["original", "outside", "credit"]),
        answer=answers,
    )
    def issue_credit_note(self, invoice, share, to, then_to, answer):
        invoice = self.choose(self.issued(), invoice)
        currency = invoice.currency_id
        amount = self.part(invoice.amount_total, share, currency)
        excess = currency.round((amount or 0) - invoice._get_chargeable_amount())
        destinations = None
        if to and currency.compare_amounts(excess, 0) > 0:
            first = currency.round(excess / 2) if then_to else excess
            destinations = [
                {"to": kind, "amount": part}
                for kind, part in ((to, first), (then_to, excess - first))
                if kind
            ]
        self.do(
            invoice.issue_credit_note,
            amount=amount,
            destinations=destinations,
            reason="Returned",
            answer=answer,
        )

    @precondition(lambda self: self.open_invoices())
    @rule(invoice=which, share=percent)
    def write_off(self, invoice, share):
        invoice = self.choose(self.open_invoices(), invoice)
        amount = self.part(invoice.amount_residual, share, invoice.currency_id)
        self.do(invoice.write_off, amount, reason="Gone")

    @precondition(lambda self: self.write_offs())
    @rule(entry=which)
    def undo_write_off(self, entry):
        entry = self.choose(self.write_offs(), entry)
        self.do(entry.with_user(self.test.supervisor).undo_write_off)

    @rule(
        customer=customers,
        currency=currencies,
        amount=st.sampled_from([50.0, 0.01, 400.0, -20.0, -0.01]),
    )
    def adjust_credit_balance(self, customer, currency, amount):
        test = self.test
        partner = test.env["res.partner"].browse(test.customers_by_name[customer])
        self.do(
            partner.with_user(test.supervisor).adjust_credit_balance,
            amount,
            currency_id=test.currencies[currency],
            reason="Goodwill",
        )

    @precondition(lambda self: self.open_invoices())
    @rule(invoice=which, share=percent)
    def apply_credit_balance(self, invoice, share):
        invoice = self.choose(self.open_invoices(), invoice)
        amount = self.part(invoice.amount_residual, share, invoice.currency_id)
        self.do(invoice.apply_credit_balance, amount)

    @precondition(lambda self: self.payments().filtered("is_from_credit"))
    @rule(payment=which)
    def undo_credit_application(self, payment):
        payments = self.payments().filtered("is_from_credit")
        self.do(self.choose(payments, payment).undo_credit_application)

    @precondition(lambda self: self.credit_payments())
    @rule(payment=which, is_cancelled=st.booleans())
    def reset_credit_payment(self, payment, is_cancelled):
        """Reset a credit payment; then cancel it, or post it again."""
        payment = self.choose(self.credit_payments(), payment)
        if payment.state != "draft":
            self.do(payment.action_draft)
        elif is_cancelled:
            self.do(payment.action_cancel)
        else:
            self.do(payment.action_post)

    @rule(customer=customers, amount=st.sampled_from([20.0, -5.0]))
    def type_entry(self, customer, amount):
        """Post an entry on the credit account as an accountant types it."""
        test = self.test
        accounts = (
            (test.company.credit_balance_account_id, -amount),
            (test.company_data["default_account_revenue"], amount),
        )
        entry = test.env["account.move"].create(
            {
                "move_type": "entry",
                "partner_id": test.customers_by_name[customer],
                "journal_id": test.company_data["default_journal_misc"].id,
                "line_ids": [
                    Command.create(
                        {
                            "account_id": account.id,
                            "partner_id": test.customers_by_name[customer],
                            "balance": balance,
                        }
                    )
                    for account, balance in accounts
                ],
            }
        )
        self.do(entry.with_user(test.supervisor).sudo().action_post)

    @precondition(lambda self: self.credit_entries())
    @rule(
        entry=which,
        way=st.sampled_from(["reverse", "reverse later", "draft", "post"]),
    )
    def undo_entry(self, entry, way):
        """Reverse, reset or post an entry on the credit account by Odoo's own forms."""
        entry = self.choose(self.credit_entries(), entry).sudo()
        if way == "draft":
            self.do(entry.button_draft)
        elif way == "post":
            self.do(entry.action_post)
        elif entry.state == "posted":
            self.do(entry._reverse_moves, cancel=way == "reverse")

    @precondition(lambda self: len(self.open_invoices()) and self.credits())
    @rule(invoice=which, line=which)
    def add_outstanding(self, invoice, line):
        """Add an outstanding credit by Odoo's own link below the total."""
        invoice = self.choose(self.open_invoices(), invoice)
        line = self.choose(self.credits(), line)
        if line.currency_id == invoice.currency_id:
            self.do(invoice.js_assign_outstanding_line, line.id)

    @precondition(lambda self: not self.is_merged)
    @rule(customer=customers, currency=currencies)
    def merge(self, customer, currency):
        """Merge another contact, for whom something is held, into a customer."""
        self.is_merged = True
        test = self.test
        twin = test.env["res.partner"].create({"name": "Twin"})
        twin.with_user(test.supervisor).adjust_credit_balance(
            10, currency_id=test.currencies[currency], reason="Goodwill"
        )
        into = test.env["res.partner"].browse(test.customers_by_name[customer])
        wizard = test.env["base.partner.merge.automatic.wizard"]
        self.do(wizard._merge, [twin.id, into.id], into, extra_checks=False)

    @precondition(lambda self: not self.has_parent)
    @rule()
    def give_parent(self):
        """Let the person become a contact of the company."""
        self.has_parent = True
        test = self.test
        person = test.env["res.partner"].browse(test.customers_by_name["person"])
        self.do(person.write, {"parent_id": test.customers_by_name["company"]})

    @precondition(lambda self: self.credits())
    @rule(line=which, share=percent)
    def move_to_credit_balance(self, line, share):
        line = self.choose(self.credits(), line)
        amount = self.part(-line.amount_residual_currency, share, line.currency_id)
        self.do(line.move_to_credit_balance, amount)

    @precondition(lambda self: self.balances().filtered("amount"))
    @rule(balance=which, share=percent, card=st.none() | which, answer=answers)
    def pay_out(self, balance, share, card, answer):
        balance = self.choose(self.balances().filtered("amount"), balance)
        amount = self.part(balance.amount, share, balance.currency_id)
        payments = balance._get_card_payments()
        if card is not None and payments:
            card = self.choose(payments, card)
            if amount is not None:
                amount = min(amount, card.amount)
        self.do(
            balance.pay_out,
            amount,
            reason="Left",
            payment_id=card and card.id if payments else None,
            answer=answer,
        )

    @precondition(lambda self: self.issued())
    @rule(invoice=which)
    def reset(self, invoice):
        self.do(self.choose(self.issued(), invoice).button_draft)

    @precondition(lambda self: self.issued())
    @rule(invoice=which)
    def cancel(self, invoice):
        self.do(self.choose(self.issued(), invoice).button_cancel)

    @precondition(lambda self: self.cancelled())
    @rule(invoice=which)
    def reset_cancelled(self, invoice):
        self.do(self.choose(self.cancelled(), invoice).button_draft)

    @precondition(lambda self: self.drafts())
    @rule(invoice=which, apply_credit=st.booleans())
    def issue_again(self, invoice, apply_credit):
        draft = self.choose(self.drafts(), invoice)
        draft.apply_credit = apply_credit
        self.do(draft.action_post)

    # === LATE WORDS OF THE GATEWAY === #

    @precondition(lambda self: self.attempts("pending", "unknown"))
    @rule(attempt=which, state=st.sampled_from(["done", "cancel", "error"]))
    def confirm(self, attempt, state):
        attempts = self.attempts("pending", "unknown")
        self.notify(self.choose(attempts, attempt).sudo(), state)

    def ended(self):
        """Return attempts that a gateway may confirm; nobody confirms a transfer."""
        ended = self.attempts("declined", "canceled")
        return ended.filtered(lambda tx: tx.sudo().provider_code != "custom")

    @precondition(lambda self: self.ended())
    @rule(attempt=which)
    def confirm_late(self, attempt):
        tx = self.choose(self.ended(), attempt).sudo()
        self.late_confirmation = True
        if tx.operation == "refund":
            self.refunded_late.add(tx.source_transaction_id.payment_id.id)
        self.notify(tx, "done")

    def notify(self, tx, state):
        """Let a webhook come, and the schedule book its money."""
        self.memory.clear()
        self.test.gateway.notify(tx, state)
        if tx.state in ("done", "cancel"):
            tx.sudo()._post_process()
        self.test._keep()

    @precondition(lambda self: self.attempts("ready", "sent", "unknown", "pending"))
    @rule()
    def run_resolver(self):
        self.memory.clear()
        self.test.run_resolver()
        self.test._keep()

    # === CHECKS AFTER EACH STEP === #

    @invariant()
    def books_agree(self):
        self.test.check_sequence(
            self.invoices(), self.late_confirmation, self.refunded_late
        )


class SequencesCommon(CreditCommon):
    """Generated sequences of all doors: the books agree after each step."""

    # How often each door did its work; and after which beginnings.
    doors = {}
    generated = set()

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        account = cls.company_data["default_account_expense"]
        cls.company.write_off_account_id = account
        cls.approver = new_test_user(
            cls.env,
            login="sequences_approver",
            groups="base.group_user,account.group_account_invoice,"
            "invoice_payments_ext.group_payment_refund",
            company_id=cls.company.id,
            company_ids=[Command.set(cls.company.ids)],
        )

    @classmethod
    def give_first_credit(cls):
        # A higher amount waits for a second person, as this does.
        cls.company.payment_approval_limit = 200
        return super().give_first_credit()

    def setUp(self):
        super().setUp()
        euro = self.make_currency("EUR")
        # An invoice of January that is paid today makes an exchange difference.
        self.set_rate(euro, "2026-02-01", 2.5)
        self.currencies = {"USD": self.company.currency_id.id, "EUR": euro.id}
        self.customers_by_name = self._make_customers()
        self.customers_by_name_ids = list(self.customers_by_name.values())
        self.tokens_by_partner = {
            partner_id: self._create_token(partner_id=partner_id).id
            for name, partner_id in self.customers_by_name.items()
            if name != "contact"
        }
        self.members = {
            partner_id: self.make_user(
                f"sequences_{name}", "base.group_portal", partner_id=partner_id
            )
            for name, partner_id in self.customers_by_name.items()
        }
        self.provider.is_published = True
        self.company.portal_amount_choice = True
        self.journals = self._make_journals(euro)
        self.terms = self._make_terms()
        self.tax = self.company_data["default_tax_sale"]
        self._keep()

    def _make_customers(self):
        partners = self.env["res.partner"]
        company = partners.create({"name": "Company", "is_company": True})
        contact = partners.create({"name": "Contact", "parent_id": company.id})
        person = partners.create({"name": "Person"})
        return {"company": company.id, "contact": contact.id, "person": person.id}

    def _make_journals(self, currency):
        foreign = self.env["account.journal"].create(
            {
                "name": "Foreign bank",
                "type": "bank",
                "code": "FBNK",
                "company_id": self.company.id,
                "currency_id": currency.id,
            }
        )
        return {
            "bank": self.company_data["default_journal_bank"].id,
            "cash": self.company_data["default_journal_cash"].id,
            "foreign": foreign.id,
        }

    def _make_terms(self):
        terms = self.env["account.payment.term"].create(
            [
                {
                    "name": "2% in 10 days",
                    "early_discount": True,
                    "discount_percentage": 2,
                    "discount_days": 10,
                    "line_ids": [
                        Command.create({"value": "percent", "value_amount": 100})
                    ],
                },
                {
                    "name": "Half now, half later",
                    "line_ids": [
                        Command.create(
                            {"value": "percent", "value_amount": 50, "nb_days": days}
                        )
                        for days in (0, 30)
                    ],
                },
            ]
        )
        return {None: False, "early": terms[0].id, "instalments": terms[1].id}

    # === A MEMBER === #

    def find_token(self, partner):
        """Return a saved method that a customer may use under any parent."""
        tokens = self.tokens_by_partner
        return tokens.get(partner.commercial_partner_id.id) or tokens[partner.id]

    def pay_as_member(self, invoices, amount, way):
        """Pay the amount that a member asks for, as the portal's controller does."""
        partner = invoices[0].sudo().partner_id
        member = self.members[partner.id].with_env(self.env)
        env = self.env(user=member.id, su=True)
        invoices = invoices.with_env(env)
        by_credit = way == "credit"
        provider = (
            env["payment.provider"].search(
                [("code", "=", "credit_balance"), ("company_id", "=", self.company.id)]
            )
            if by_credit
            else self.provider.with_env(env)
        )
        values = invoices._prepare_member_transaction_vals(
            amount,
            partner.with_env(env),
            provider,
            use_credit=way == "credit first",
            is_sent_at_once=not by_credit,
        )
        tx = env["payment.transaction"].create(
            {
                "provider_id": provider.id,
                "payment_method_id": provider.payment_method_ids[:1].id,
                "token_id": False if by_credit else self.find_token(partner),
                "reference": env["payment.transaction"]._compute_reference(
                    provider.code, prefix="MEMBER"
                ),
                "currency_id": invoices.currency_id.id,
                "partner_id": partner.id,
                "operation": "online_direct" if by_credit else "online_token",
                "invoice_ids": [Command.set(invoices.ids)],
                **values,
            }
        )
        if by_credit:
            tx._spend_credit_balance()
        else:
            tx._run_attempt()

    # === ONE SEQUENCE === #

    def check_sequence(self, invoices, late_confirmation, refunded_late):
        """Assert that the books agree, and that only late money is too much."""
        check_invariants(self, invoices.with_env(self.env), late_confirmation)
        if late_confirmation:
            found = find_with_kept_plans(self.env)
            self.assertFalse(
                [row for row in found if not self._is_late(row, refunded_late)]
            )

    def _is_late(self, row, refunded_late):
        """Tell if a gateway's late word explains a row of the tie-out."""
        if row["invariant"] == "refund_matched":
            refund = self.env["account.payment"].sudo().browse(row["res_id"])
            return refund.source_payment_id.id in refunded_late
        if row["invariant"] == "refunded":
            return row["res_id"] in refunded_late
        return row["invariant"] in ("in_flight", "in_flight_together")

    @mute_logger(
        "odoo.addons.invoice_payments_ext.models.attempts",
        "odoo.addons.payment.models.payment_transaction",
        "odoo.sql_db",
    )
    def run_machine(self, machine, number, examples):
        """Run generated sequences of the rules of a machine, each after a beginning.

        :param type machine: The :class:`Sequence`, or one with more rules.
        :param int number: The seed: the same sequences are generated each time.
        :param hypothesis.settings examples: How many, and of how many steps.
        """

        @seed(number)
        def make():
            sequence = machine(self)
            self.begin_sequence()
            return sequence

        run_state_machine_as_test(make, settings=examples)

    def prepare_machine(self, machine, beginning):
        """Prepare the records that all sequences of a machine begin with, once.

        :param tuple beginning: The arguments of its `prepare`.
        """
        machine(self).prepare(*beginning)
        self._keep()

    def run_sequences(self, beginning):
        # Each share has sequences of its own.
        number = int(SEED or 0) * len(BEGINNINGS) + BEGINNINGS.index(beginning)
        self.prepare_machine(Sequence, beginning)
        self.run_machine(Sequence, number, SHARE)
        self.generated.add(beginning)
        if EXAMPLES >= 500 and len(self.generated) == len(BEGINNINGS):
            self.assertFalse([door for door in DOORS if not self.doors.get(door)])


# A class each: the workers share them.


@tagged("post_install", "-at_install")
class TestSequencesDollars(SequencesCommon):
    def test_sequences(self):
        self.run_sequences(("USD", False))


@tagged("post_install", "-at_install")
class TestSequencesDollarsTaxed(SequencesCommon):
    def test_sequences(self):
        self.run_sequences(("USD", True))


@tagged("post_install", "-at_install")
class TestSequencesEuros(SequencesCommon):
    def test_sequences(self):
        self.run_sequences(("EUR", False))


@tagged("post_install", "-at_install")
class TestSequencesEurosTaxed(SequencesCommon):
    def test_sequences(self):
        self.run_sequences(("EUR", True))
