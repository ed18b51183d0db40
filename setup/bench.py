"""The benchmarks: one JSON line a figure, side by side with stock Odoo.

Called by `setup/bench`; by hand, with Odoo on PYTHONPATH and any of Odoo's own
options:

    python setup/bench.py -d DATABASE[,STOCK_DATABASE] --addons-path=… [--data-dir=…]

DATABASE has this addon and `payment_demo`, STOCK_DATABASE has `payment_demo` without
this addon. Stock's side runs in STOCK_DATABASE, so that nothing of this addon is in
it; where it is not given, in DATABASE. Both are filled with the same data, and the
benchmarks change them: take clones. No server must be running on them.

How it is measured:
* Each run is one request of an accountant: a new cursor and environment (so an empty
  record cache), flushed and committed by `odoo.service.model.retrying`, as an RPC call
  is. Posting is flushed and rolled back, so that each run issues the same drafts.
* Ours and stock's take turns, in random order, after one run of each that is not
  counted. The figures are medians; the ratios are medians of the ratios of
  neighbouring runs, as other work of the machine slows both alike. With six runs
  or more comes the interval in which the median of endless runs would be, 19 times out
  of 20. Posting, where one per cent counts, has the ratio of the function calls beside
  it, which are the same in each run.
* Stock's side is only the `create` of its register dialog, with all the values, and
  `action_create_payments`: none of the web client's calls before them.
* `queries` are all the statements sent to PostgreSQL, those of other cursors too.
  Commits are counted separately.

Environment: BENCH_ROUNDS (runs of a figure, 15; posting has 400 at least), BENCH_BATCH
(invoices in a batch, 100), BENCH_BATCH_ROUNDS (3), BENCH_ROWS (payments on one invoice,
1000), BENCH_ENTRIES (entries of one credit balance, 100,000), BENCH_ONLY (a part of the
name of the functions wanted, such as `posting`: some print several figures).
BENCH_TIE_OUT (invoices, such as 100000) asks for the figure of the tie-out, and
BENCH_MOVEMENTS (rows of the list of all payments, such as 1000000) for the figures of
that list and of the collection board. They are left out otherwise, as filling the
database takes minutes.

Figures of time are never a reason to fail: the exit status is 1 only when something
did not work, such as an invoice that was not paid, or when nothing has such a name.
"""

import cProfile
import functools
import gc
import json
import logging
import math
import os
import random
import statistics
import sys
import threading
import time
import uuid
from ast import literal_eval

from lxml.etree import fromstring

import odoo
from odoo import SUPERUSER_ID, api, fields, sql_db
from odoo.fields import Command
from odoo.modules.registry import Registry
from odoo.service.model import retrying
from odoo.tools import SQL, config

ROUNDS = int(os.environ.get("BENCH_ROUNDS", "15"))
BATCH = int(os.environ.get("BENCH_BATCH", "100"))
BATCH_ROUNDS = int(os.environ.get("BENCH_BATCH_ROUNDS", "3"))
ROWS = int(os.environ.get("BENCH_ROWS", "1000"))
ENTRIES = int(os.environ.get("BENCH_ENTRIES", "100000"))
TIE_OUT = int(os.environ.get("BENCH_TIE_OUT", "0"))
MOVEMENTS = int(os.environ.get("BENCH_MOVEMENTS", "0"))
ONLY = os.environ.get("BENCH_ONLY", "")
WARM_UP_BATCH = 5
MIN_INTERVAL_ROUNDS = 6

ADDON = "invoice_payments_ext"
# The limits that the figures must keep.
MAX_BATCH_QUERIES = 30
MIN_BATCH_SPEED = 3
MAX_SECTION_QUERIES = 8
MAX_CORRECTION_RATIO = 1.3
# What 19.0.1.6.0 needed: later versions must not grow beyond it.
MAX_CHARGE_QUERIES = 184
MAX_REFUND_QUERIES = 218
MAX_POSTING_RATIO = 1.01
# One per cent is less than the noise of a few runs; many short ones show them better
# than few long ones, as the machine's own speed changes from second to second.
MIN_POSTING_ROUNDS = 400
POSTING_BATCH = 10
MAX_APPLICATION_QUERIES = 30
MAX_TIE_OUT_SECONDS = 10
MAX_HISTORY_RATIO = 1.5
MAX_PIVOT_SECONDS = 2
MAX_BOARD_QUERIES = 12
# The amount that is refunded or credited of an invoice of 100.
REFUND = 30.0


# === MEASURING === #


class Side:
    """A database in which one of the two ways is measured, and the data made for it."""

    def __init__(self, database):
        self.registry = Registry(database)
        with self.open() as env:
            self.has_addon = env["ir.module.module"]._get(ADDON).state == "installed"
            for name in ("account_payment", "payment_demo"):
                if env["ir.module.module"]._get(name).state != "installed":
                    raise SystemExit(f"{database} needs the module {name}.")
        self.invoice_ids = []
        self.token_by_invoice = {}
        self._prepare()

    def open(self, uid=SUPERUSER_ID):
        return _Opened(self.registry, uid)

    def _prepare(self):
        """Create the accountant, and take the provider and journals to be used."""
        with self.open() as env:
            company = env["res.company"].browse(1)
            user = env["res.users"].create(
                {
                    "name": "Bench Accountant",
                    "login": f"bench-{uuid.uuid4()}",
                    "email": "bench@example.com",
                    "company_id": company.id,
                    "company_ids": [Command.set(company.ids)],
                    "group_ids": [
                        Command.set(
                            [
                                env.ref("base.group_user").id,
                                # Also gives the level Refund and credit.
                                env.ref("account.group_account_manager").id,
                            ]
                        )
                    ],
                }
            )
            journal = env["account.journal"].search(
                [("company_id", "=", company.id), ("type", "=", "bank")], limit=1
            )
            provider = env["payment.provider"].search(
                [("code", "=", "demo"), ("company_id", "=", company.id)], limit=1
            )
            provider.write({"state": "test", "journal_id": journal.id})
            method = provider.payment_method_ids.filtered("active")[:1]
            if not method:
                method = provider.with_context(active_test=False).payment_method_ids[:1]
                method.active = True
            lines = journal.inbound_payment_method_line_ids
            self.uid = user.id
            self.company_id = company.id
            self.journal_id = journal.id
            self.provider_id = provider.id
            self.method_id = method.id
            self.provider_line_id = lines.filtered(
                lambda line: line.payment_provider_id == provider
            )[:1].id
            self.manual_line_id = lines.filtered(
                lambda line: not line.payment_provider_id and line.code == "manual"
            )[:1].id

    def make_invoices(self, count, amount=100.0, post=True):
        """Create invoices, and post them, each of a customer with a saved method."""
        with self.open() as env:
            partners = env["res.partner"].create(
                [
                    {"name": f"Member {number}", "email": f"m{number}@example.com"}
                    for number in range(count)
                ]
            )
            tokens = env["payment.token"].create(
                [
                    {
                        "provider_id": self.provider_id,
                        "payment_method_id": self.method_id,
                        "partner_id": partner.id,
                        "provider_ref": f"bench-{partner.id}",
                        "payment_details": "4242",
                        "demo_simulated_state": "done",
                    }
                    for partner in partners
                ]
            )
            invoices = env["account.move"].create(
                [
                    {
                        "move_type": "out_invoice",
                        "partner_id": partner.id,
                        "company_id": self.company_id,
                        "invoice_user_id": self.uid,
                        "invoice_date": fields.Date.today(),
                        "invoice_line_ids": [
                            Command.create(
                                {
                                    "name": "Membership",
                                    "price_unit": amount,
                                    "tax_ids": [Command.clear()],
                                }
                            )
                        ],
                    }
                    for partner in partners
                ]
            )
            if post:
                invoices.action_post()
            self.token_by_invoice.update(zip(invoices.ids, tokens.ids, strict=True))
        return invoices.ids

    def check_paid(self, invoice_ids):
        with self.open() as env:
            for invoice in env["account.move"].browse(invoice_ids):
                if invoice.payment_state not in ("paid", "in_payment"):
                    raise AssertionError(
                        f"{invoice.name} was not paid: {invoice.payment_state}"
                    )

    def vacuum(self):
        """Bring the planner's statistics up to date, as time does on its own."""
        with self.registry.cursor() as cr:
            cr.commit()  # Out of the transaction that a new cursor may have begun.
            cr._cnx.autocommit = True
            cr.execute("VACUUM ANALYZE")
            cr._cnx.autocommit = False

    def time(self, work, undo=False):
        """Run one request of the accountant, and return its cost.

        :param bool undo: Whether it is flushed and rolled back, not committed.
        """
        gc.collect()
        with self.registry.cursor() as cr:
            env = api.Environment(cr, self.uid, {"lang": "en_US", "tz": "UTC"})
            commits = [0]
            commit = cr.commit

            def count_commit():
                commits[0] += 1
                commit()

            cr.commit = count_commit
            queries, cpu, start = (
                sql_db.sql_counter,
                time.process_time(),
                time.perf_counter(),
            )
            if undo:
                result = work(env)
                env.flush_all()
            else:
                result = retrying(functools.partial(work, env), env)
            taken = {
                "queries": sql_db.sql_counter - queries,
                "seconds": time.perf_counter() - start,
                "cpu_seconds": time.process_time() - cpu,
                "commits": commits[0],
            }
            cr.rollback()
            return taken, result


class _Opened:
    """An environment of its own database transaction, committed at the end."""

    def __init__(self, registry, uid):
        self.cr = registry.cursor()
        self.uid = uid

    def __enter__(self):
        return api.Environment(self.cr, self.uid, {"lang": "en_US", "tz": "UTC"})

    def __exit__(self, error_type, *error):
        if error_type is None:
            self.cr.commit()
        self.cr.close()


def median_of(samples, per=1):
    return {
        key: round(statistics.median(sample[key] for sample in samples) / per, 4)
        for key in samples[0]
    }


def ratios_of(ours, stock):
    """Return the medians of the ratios of neighbouring runs, and how sure they are."""
    result = {}
    for key in ("queries", "seconds", "cpu_seconds"):
        ratios = sorted(
            mine[key] / theirs[key] for mine, theirs in zip(ours, stock, strict=True)
        )
        result[f"ratio_{key}"] = round(statistics.median(ratios), 3)
        if key != "queries" and len(ratios) >= MIN_INTERVAL_ROUNDS:
            # The sign test's interval, which assumes nothing of how they are spread.
            reach = math.ceil(0.98 * math.sqrt(len(ratios)))
            first = max(0, (len(ratios) - 1) // 2 - reach)
            interval = ratios[first], ratios[-1 - first]
            result[f"interval_{key}"] = [round(ratio, 3) for ratio in interval]
    return result


def report(figure, ours, stock, wanted, meets, **more):
    line = {"figure": figure, "ours": ours, "stock": stock, **more}
    print(json.dumps({**line, "wanted": wanted, "meets": meets}), flush=True)


def compare(
    ours,
    stock,
    do_ours,
    do_stock,
    batch=1,
    rounds=ROUNDS,
    warm_up=1,
    make=Side.make_invoices,
    check=Side.check_paid,
    undo=False,
):
    """Measure both ways in turns.

    :param make: Returns the ids of new invoices, of a side and their number.
    :param check: Checks the invoices of a side afterwards, by their ids.
    :param bool undo: Whether each run is of the same invoices and rolled back, not of
                      invoices of its own: many can be had, and none waits for the disk.
    :return: The medians per invoice, ours and stock's, and the ratios.
    """
    ways = [(ours, do_ours), (stock, do_stock)]
    samples = [[], []]
    invoice_ids = []

    def run(number, ids, undo=False):
        side, work = ways[number]
        sample, _result = side.time(lambda env: work(env, ids), undo)
        if not undo:
            check(side, ids)
        return sample

    for number, (side, _work) in enumerate(ways):
        run(number, make(side, warm_up))
        invoice_ids.append(make(side, batch if undo else batch * rounds))
        if undo:
            side.vacuum()
            run(number, invoice_ids[number], undo)
    gc.freeze()  # Records that stay need not be collected before each run.
    for start in range(0, batch * rounds, batch):
        for number in random.sample((0, 1), 2):
            ids = invoice_ids[number]
            if not undo:
                ids = ids[start : start + batch]
            samples[number].append(run(number, ids, undo))
    mine, theirs = samples
    return median_of(mine, batch), median_of(theirs, batch), ratios_of(mine, theirs)


def count_calls(side, work, invoice_ids):
    """Return how many functions are called, of Python and built in, and undo it."""
    profile = cProfile.Profile()
    side.time(lambda env: profile.runcall(work, env, invoice_ids), undo=True)
    return sum(entry.callcount for entry in profile.getstats())


def register(env, invoice_ids, **values):
    """Pay invoices in stock's register dialog, as the web client saves and runs it."""
    dialog = (
        env["account.payment.register"]
        .with_context(
            active_model="account.move",
            active_ids=invoice_ids,
            dont_redirect_to_payments=True,
        )
        .create({"payment_date": fields.Date.today(), **values})
    )
    dialog.action_create_payments()


# === FIGURES === #


def bench_charge(ours, stock):
    """One charge by a saved method."""

    def do_ours(env, invoice_ids):
        tx = (
            env["account.move"]
            .browse(invoice_ids)
            .charge(
                ours.token_by_invoice[invoice_ids[0]], idempotency_key=str(uuid.uuid4())
            )
        )
        return tx.outcome

    def do_stock(env, invoice_ids):
        register(
            env,
            invoice_ids,
            journal_id=stock.journal_id,
            payment_method_line_id=stock.provider_line_id,
            payment_token_id=stock.token_by_invoice[invoice_ids[0]],
        )

    mine, theirs, ratios = compare(ours, stock, do_ours, do_stock)
    report(
        "charge",
        mine,
        theirs,
        f"at most {MAX_CHARGE_QUERIES} queries, no more of them and time than stock's",
        mine["queries"] <= MAX_CHARGE_QUERIES
        and ratios["ratio_queries"] <= 1
        and ratios["ratio_seconds"] <= 1,
        **ratios,
    )


def _record_ours(side):
    def do_ours(env, invoice_ids):
        env["account.move"].browse(invoice_ids).record_external_payment(
            journal_id=side.journal_id,
            payment_method_line_id=side.manual_line_id,
            idempotency_key=str(uuid.uuid4()),
        )

    return do_ours


def _record_stock(side):
    def do_stock(env, invoice_ids):
        values = {"group_payment": False} if len(invoice_ids) > 1 else {}
        register(
            env,
            invoice_ids,
            journal_id=side.journal_id,
            payment_method_line_id=side.manual_line_id,
            **values,
        )

    return do_stock


def bench_external_payment(ours, stock):
    """One external payment."""
    mine, theirs, ratios = compare(
        ours, stock, _record_ours(ours), _record_stock(stock)
    )
    report(
        "external_payment",
        mine,
        theirs,
        "no more queries and time than stock's",
        ratios["ratio_queries"] <= 1 and ratios["ratio_seconds"] <= 1,
        **ratios,
    )


def bench_external_payments_batch(ours, stock):
    """Many external payments in one call, per invoice."""
    mine, theirs, ratios = compare(
        ours,
        stock,
        _record_ours(ours),
        _record_stock(stock),
        batch=BATCH,
        rounds=BATCH_ROUNDS,
        warm_up=WARM_UP_BATCH,
    )
    speed = round(1 / ratios["ratio_seconds"], 2)
    report(
        "external_payments_in_one_call",
        mine,
        theirs,
        f"at most {MAX_BATCH_QUERIES} queries an invoice, "
        f"{MIN_BATCH_SPEED} times stock's speed",
        mine["queries"] <= MAX_BATCH_QUERIES and speed >= MIN_BATCH_SPEED,
        invoices=BATCH,
        per="invoice",
        times_stock_speed=speed,
        **ratios,
    )


def make_charged_invoices(side, count):
    """Return invoices that were charged in stock's register dialog."""
    invoice_ids = side.make_invoices(count)
    for invoice_id in invoice_ids:
        with side.open() as env:
            register(
                env,
                [invoice_id],
                journal_id=side.journal_id,
                payment_method_line_id=side.provider_line_id,
                payment_token_id=side.token_by_invoice[invoice_id],
            )
    return invoice_ids


def check_refunded(side, invoice_ids):
    """Check that the money went back, and with our addon that the invoice reopened."""
    with side.open() as env:
        for invoice in env["account.move"].browse(invoice_ids):
            refunds = invoice.transaction_ids.child_transaction_ids
            if refunds.payment_id.mapped("amount") != [REFUND]:
                raise AssertionError(f"{invoice.name} was not refunded.")
            if side.has_addon and invoice.amount_residual != REFUND:
                raise AssertionError(f"{invoice.name} was not reopened.")


def bench_refund(ours, stock):
    """One refund of a part through the gateway, booked.

    Stock's dialog leaves the booking to a schedule; its one call is part of the run, as
    ours books at once. Stock does not reconcile, ours does: the second figure is beside
    stock with the same reconciliation done afterwards.
    """

    def get_payment(env, invoice_ids):
        invoice = env["account.move"].browse(invoice_ids)
        return invoice.transaction_ids.payment_id

    def do_ours(env, invoice_ids):
        get_payment(env, invoice_ids).refund(
            amount=REFUND, reason="Benchmark", idempotency_key=str(uuid.uuid4())
        )

    def do_stock(env, invoice_ids):
        payment = get_payment(env, invoice_ids)
        dialog = env["payment.refund.wizard"].create(
            {"payment_id": payment.id, "amount_to_refund": REFUND}
        )
        dialog.action_refund()
        payment.sudo().payment_transaction_id.child_transaction_ids._post_process()

    def do_stock_and_match(env, invoice_ids):
        do_stock(env, invoice_ids)
        payment = get_payment(env, invoice_ids)
        refund = payment.payment_transaction_id.child_transaction_ids.payment_id
        invoice = env["account.move"].browse(invoice_ids)
        account = payment.destination_account_id

        def get_lines(moves):
            return moves.line_ids.filtered(lambda line: line.account_id == account)

        lines = get_lines(payment.move_id)
        lines.remove_move_reconcile()
        (lines | get_lines(refund.move_id)).reconcile()
        (lines | get_lines(invoice)).reconcile()

    for figure, work in (
        ("refund", do_stock),
        ("refund_beside_stock_matched_by_hand", do_stock_and_match),
    ):
        mine, theirs, ratios = compare(
            ours,
            stock,
            do_ours,
            work,
            make=make_charged_invoices,
            check=check_refunded,
        )
        report_correction(figure, mine, theirs, ratios, MAX_REFUND_QUERIES)


def check_credited(side, invoice_ids):
    """Check that the bill was reduced."""
    with side.open() as env:
        for invoice in env["account.move"].browse(invoice_ids):
            if invoice.amount_residual != invoice.amount_total - REFUND:
                raise AssertionError(f"{invoice.name} was not credited.")


def bench_credit_note(ours, stock):
    """One credit note for an amount on an open invoice.

    In stock, the reversal's draft gets the price that makes the amount, and is posted.
    """

    def do_ours(env, invoice_ids):
        env["account.move"].browse(invoice_ids).issue_credit_note(
            amount=REFUND, reason="Benchmark", idempotency_key=str(uuid.uuid4())
        )

    def do_stock(env, invoice_ids):
        invoice = env["account.move"].browse(invoice_ids)
        dialog = (
            env["account.move.reversal"]
            .with_context(active_model="account.move", active_ids=invoice_ids)
            .create({"journal_id": invoice.journal_id.id, "reason": "Benchmark"})
        )
        credit_note = env["account.move"].browse(dialog.refund_moves()["res_id"])
        credit_note.invoice_line_ids.price_unit = REFUND
        credit_note.action_post()

    mine, theirs, ratios = compare(ours, stock, do_ours, do_stock, check=check_credited)
    report_correction("credit_note", mine, theirs, ratios)


def make_drafts(side, count):
    return side.make_invoices(count, post=False)


def make_drafts_with_credit(side, count):
    """Return drafts of customers for whom a part of them is held."""
    invoice_ids = make_drafts(side, count)
    with side.open() as env:
        for invoice in env["account.move"].browse(invoice_ids):
            invoice.partner_id.adjust_credit_balance(REFUND, reason="Benchmark")
    return invoice_ids


def check_posted(side, invoice_ids):
    """Check that the invoices are issued, and nothing of them is paid."""
    with side.open() as env:
        for invoice in env["account.move"].browse(invoice_ids):
            if invoice.state != "posted" or invoice.amount_residual != 100:
                raise AssertionError(f"{invoice.id} is {invoice.state}.")


def check_credit_applied(side, invoice_ids):
    """Check that the credit that was held has paid a part."""
    with side.open() as env:
        for invoice in env["account.move"].browse(invoice_ids):
            if side.has_addon and invoice.amount_residual != 100 - REFUND:
                raise AssertionError(f"{invoice.name} was not paid by credit.")


def _post(env, invoice_ids):
    env["account.move"].browse(invoice_ids).action_post()


def make_drafts_of_one_customer(side, count):
    invoice_ids = make_drafts(side, count)
    with side.open() as env:
        invoices = env["account.move"].browse(invoice_ids)
        invoices.partner_id = invoices[0].partner_id
    return invoice_ids


def bench_posting(ours, stock):
    """Issuing invoices without credit: of many customers, of one, and one by one."""
    rounds = max(ROUNDS, MIN_POSTING_ROUNDS)
    for figure, make, batch in (
        ("posting", make_drafts, POSTING_BATCH),
        ("posting_of_one_customer", make_drafts_of_one_customer, POSTING_BATCH),
        ("posting_one_by_one", make_drafts, 1),
    ):
        mine, theirs, ratios = compare(
            ours,
            stock,
            _post,
            _post,
            batch=batch,
            rounds=rounds,
            warm_up=batch,
            make=make,
            check=check_posted,
            undo=True,
        )
        calls = [count_calls(side, _post, make(side, batch)) for side in (ours, stock)]
        ratios["ratio_calls"] = round(calls[0] / calls[1], 4)
        report(
            figure,
            mine,
            theirs,
            f"at most {MAX_POSTING_RATIO} times stock's queries, calls and time",
            max(ratios[f"ratio_{key}"] for key in ("queries", "calls", "seconds"))
            <= MAX_POSTING_RATIO,
            invoices=batch,
            per="invoice",
            rounds=rounds,
            **ratios,
        )


def bench_credit_at_issue(ours, stock):
    """Issuing invoices that credit pays in part, in one call, per invoice.

    Beside stock, which issues them only: the difference is the application.
    """

    def make(side, count):
        return (make_drafts_with_credit if side.has_addon else make_drafts)(side, count)

    mine, theirs, ratios = compare(
        ours,
        stock,
        _post,
        _post,
        batch=BATCH,
        rounds=BATCH_ROUNDS,
        warm_up=WARM_UP_BATCH,
        make=make,
        check=check_credit_applied,
    )
    applying = round(mine["queries"] - theirs["queries"], 4)
    report(
        "credit_at_issue",
        mine,
        theirs,
        f"at most {MAX_APPLICATION_QUERIES} queries more than without credit",
        applying <= MAX_APPLICATION_QUERIES,
        invoices=BATCH,
        per="invoice",
        queries_of_the_application=applying,
        **ratios,
    )


def report_correction(figure, mine, theirs, ratios, most_queries=math.inf):
    report(
        figure,
        mine,
        theirs,
        f"at most {most_queries} queries; {MAX_CORRECTION_RATIO} times stock's and its "
        "time",
        mine["queries"] <= most_queries
        and ratios["ratio_queries"] <= MAX_CORRECTION_RATIO
        and ratios["ratio_seconds"] <= MAX_CORRECTION_RATIO,
        **ratios,
    )


def make_invoice_with_payments(side, count):
    """Return an invoice with this many payments, every second one of an attempt."""
    [invoice_id] = side.make_invoices(1, amount=2.0 * count)
    with side.open() as env:
        invoice = env["account.move"].browse(invoice_id)
        lines = invoice.line_ids.filtered(
            lambda line: line.display_type == "payment_term"
        )
        payments = env["account.payment"].create(
            [
                {
                    "payment_type": "inbound",
                    "partner_type": "customer",
                    "partner_id": invoice.commercial_partner_id.id,
                    "amount": 1.0,
                    "date": fields.Date.today(),
                    "journal_id": side.journal_id,
                    "payment_method_line_id": side.manual_line_id,
                    "destination_account_id": lines.account_id.id,
                    "memo": f"Part {number}",
                    "write_off_line_vals": [],
                    "invoice_ids": [Command.set(invoice.ids)],
                }
                for number in range(count)
            ]
        )
        payments.action_post()
        counterparts = payments.move_id.line_ids.filtered(
            lambda line: line.account_id == lines.account_id
        )
        env["account.move.line"]._reconcile_plan([lines | counterparts])
        attempted = payments[1::2]
        attempts = env["payment.transaction"].create(
            [
                {
                    "provider_id": side.provider_id,
                    "payment_method_id": side.method_id,
                    "token_id": side.token_by_invoice[invoice_id],
                    "reference": f"bench-{payment.id}",
                    "amount": 1.0,
                    "currency_id": invoice.currency_id.id,
                    "partner_id": invoice.partner_id.id,
                    "operation": "offline",
                    "invoice_ids": [Command.set(invoice.ids)],
                    "state": "done",
                    "is_post_processed": True,
                    "payment_id": payment.id,
                }
                for payment in attempted
            ]
        )
        for payment, attempt in zip(attempted, attempts, strict=True):
            payment.payment_transaction_id = attempt
    return invoice_id


def bench_payment_rows(ours, _stock):
    """The rows of the section, and all of the section."""
    for count in (1, ROWS):
        invoice_id = make_invoice_with_payments(ours, count)
        for method in ("get_payment_rows", "get_payment_section"):

            def read(env, method=method, invoice_id=invoice_id):
                return getattr(env["account.move"].browse(invoice_id), method)()

            _sample, result = ours.time(read)
            rows = result if method == "get_payment_rows" else result["rows"]
            if len(rows) != count:
                raise AssertionError(f"{len(rows)} rows for {count} payments")
            mine = median_of([ours.time(read)[0] for _number in range(ROUNDS)])
            report(
                f"{method}_{count}",
                mine,
                None,
                f"at most {MAX_SECTION_QUERIES} queries",
                mine["queries"] <= MAX_SECTION_QUERIES,
                rows=count,
            )


def make_credit_history(side, count):
    """Return a credit balance with so many entries before this month, and one of today.

    One entry is undone and made again, which leaves the books as they would be.
    """
    with side.open() as env:
        customer = env["res.partner"].create({"name": f"History {count}"})
        first = customer.adjust_credit_balance(1, reason="Benchmark")
        env.flush_all()
        env.cr.execute(
            """
            WITH added AS (
                SELECT nextval('account_credit_balance_entry_id_seq') AS id, number,
                       number %% 2 = 1 AS odd
                  FROM generate_series(1, %s) AS number
            )
            INSERT INTO account_credit_balance_entry
                   (id, balance_id, entry_type, amount, balance_after, date,
                    move_line_id, previous_entry_id, label, user_id, made_at)
            SELECT added.id, entry.balance_id,
                   CASE WHEN odd THEN 'reversal' ELSE entry.entry_type END,
                   CASE WHEN odd THEN -1 ELSE 1 END,
                   CASE WHEN odd THEN 0 ELSE 1 END,
                   entry.date, entry.move_line_id,
                   coalesce(lag(added.id) OVER (ORDER BY added.id), entry.id),
                   entry.label, entry.user_id,
                   entry.made_at - interval '2 months'
              FROM added CROSS JOIN account_credit_balance_entry entry
             WHERE entry.id = %s
            """,
            [count, first.id],
        )
        customer.adjust_credit_balance(1, reason="Benchmark")
        env.cr.execute("ANALYZE account_credit_balance_entry")
        return first.balance_id.id


def bench_credit_history(ours, _stock):
    """Reading a credit balance and its statement of this month: 10 entries and many."""
    today = fields.Date.today()
    works = {
        "credit_balance": lambda balance: balance.amount,
        "credit_form": lambda balance: balance.latest_entry_ids.mapped("label")[:1],
        "credit_history": lambda balance: len(balance._get_history(limit=10)),
        "credit_statement": lambda balance: balance.get_statement(
            today.replace(day=1), today
        )["closing_balance"],
    }
    few, many = (make_credit_history(ours, count) for count in (10, ENTRIES))
    for figure, work in works.items():

        def read(env, balance_id, work=work):
            return work(env["account.credit.balance"].browse(balance_id))

        samples = {
            balance_id: [
                ours.time(functools.partial(read, balance_id=balance_id))[0]
                for _number in range(ROUNDS + 1)
            ][1:]
            for balance_id in (few, many)
        }
        ratios = ratios_of(samples[many], samples[few])
        report(
            f"{figure}_{ENTRIES}",
            median_of(samples[many]),
            None,
            "as many queries as with 10 entries, and about the same time",
            ratios["ratio_queries"] == 1
            and ratios["ratio_seconds"] <= MAX_HISTORY_RATIO,
            with_10_entries=median_of(samples[few]),
            **ratios,
        )


def fill(env, seeds, copies, days=0):
    """Copy records by SQL, as often as wanted, with all that they refer to in `seeds`.

    In each copy, references to another seed become references to its copy.

    :param dict seeds: Ids by table.
    :param int days: How many days before theirs the copies are spread over.
    """
    env.flush_all()
    cr = env.cr
    cr.execute(
        """
        SELECT conrelid::regclass::text, attname, confrelid::regclass::text
          FROM pg_constraint
          JOIN pg_attribute ON attrelid = conrelid AND attnum = conkey[1]
         WHERE contype = 'f' AND confrelid::regclass::text = ANY(%s)
        """,
        [list(seeds)],
    )
    targets = {(table, column): target for table, column, target in cr.fetchall()}
    first = {}
    for table in seeds:
        cr.execute(SQL("SELECT max(id) FROM %s", SQL.identifier(table)))
        first[table] = cr.fetchone()[0] or 0

    def renumber(value, table):
        """Return the id that a record of the seeds has in the copy `k`."""
        ids = seeds.get(table)
        if not ids:
            return value
        return SQL(
            "CASE WHEN %(value)s = ANY(%(ids)s) THEN %(first)s + "
            "(k - 1) * %(number)s + array_position(%(ids)s, %(value)s) "
            "ELSE %(value)s END",
            value=value,
            ids=ids,
            first=first[table],
            number=len(ids),
        )

    def copy(table, where):
        cr.execute(
            "SELECT column_name FROM information_schema.columns "
            "WHERE table_name = %s AND is_generated = 'NEVER'",
            [table],
        )
        columns = [name for (name,) in cr.fetchall()]
        values = []
        for name in columns:
            value = SQL.identifier(table, name)
            if name == "id":
                value = renumber(value, table)
            elif target := targets.get((table, name)):
                value = renumber(value, target)
            elif name == "matching_number":
                # It is the id of the full reconciliation, where there is one.
                full = SQL.identifier(table, "full_reconcile_id")
                full = renumber(full, "account_full_reconcile")
                value = SQL("coalesce((%s)::text, %s)", full, value)
            elif name == "money_fingerprint":
                for key, target in (
                    ("source_transaction_id", table),
                    ("partner_id", "res_partner"),
                ):
                    value = SQL(
                        "jsonb_set(%s, %s, coalesce(to_jsonb(%s), 'null'))",
                        value,
                        [key],
                        renumber(SQL.identifier(table, key), target),
                    )
            elif name in UNIQUE_COLUMNS.get(table, ()):
                value = SQL("%s || '/' || k", value)
            elif days and name in DAY_COLUMNS.get(table, ()):
                value = SQL("%s - k %% %s * interval '1 day'", value, days)
            values.append(value)
        cr.execute(
            SQL(
                "INSERT INTO %(table)s (%(columns)s) SELECT %(values)s "
                "FROM %(table)s, generate_series(1, %(copies)s) AS k WHERE %(where)s",
                table=SQL.identifier(table),
                columns=SQL(", ").join(map(SQL.identifier, columns)),
                values=SQL(", ").join(values),
                copies=copies,
                where=where,
            )
        )

    # The seeds refer to each other in both directions.
    cr.execute("SET session_replication_role = replica")
    for table, ids in seeds.items():
        copy(table, SQL("%s = ANY(%s)", SQL.identifier(table, "id"), ids))
        cr.execute(
            SQL(
                "SELECT setval(%s, (SELECT max(id) FROM %s))",
                f"{table}_id_seq",
                SQL.identifier(table),
            )
        )
    for table, column in (
        ("account_invoice_transaction_rel", "invoice_id"),
        ("account_move__account_payment", "invoice_id"),
    ):
        ids = seeds["account_move"]
        copy(table, SQL("%s = ANY(%s)", SQL.identifier(table, column), ids))
    cr.execute("SET session_replication_role = origin")
    env.invalidate_all()


# The columns of these tables that say when something was.
DAY_COLUMNS = {
    "account_move": ("date", "invoice_date", "invoice_date_due"),
    "account_move_line": ("date", "date_maturity"),
    "account_payment": ("date",),
    "payment_transaction": ("movement_date", "last_state_change"),
}
# The columns of these tables that must differ in each copy.
UNIQUE_COLUMNS = {
    "account_move": ("name",),
    "account_payment": ("name",),
    "payment_transaction": ("reference",),
}


def get_seeds(env, invoices):
    """Return the ids of these invoices and of all that belongs to them, by table."""
    partners = invoices.partner_id
    own = [("partner_id", "in", partners.ids)]
    moves = env["account.move"].search(own)
    moves |= env["account.move.line"].search(own).move_id
    lines = moves.line_ids
    partials = lines.matched_debit_ids | lines.matched_credit_ids
    balances = env["account.credit.balance"].search(own)
    payments = env["account.payment"].search(own)
    return {
        records._table: records.ids
        for records in (
            partners,
            moves,
            lines,
            partials,
            lines.full_reconcile_id,
            env["payment.transaction"].search(own),
            payments,
            payments.refund_allocation_ids,
            balances,
            balances.entry_ids.sorted("id"),
        )
    }


def make_paid_in_all_ways(side):
    """Return ten invoices: paid in all ways, given back, credited, and open ones."""
    invoice_ids = side.make_invoices(10)
    with side.open() as env:
        invoices = env["account.move"].browse(invoice_ids)

        def charge(invoice, amount=None):
            token_id = side.token_by_invoice[invoice.id]
            return invoice.charge(token_id, amount=amount).payment_id

        for invoice in invoices[:3]:
            charge(invoice)
        for invoice in invoices[3:5]:
            invoice.record_external_payment(journal_id=side.journal_id)
        charge(invoices[5]).refund(amount=REFUND, reason="Benchmark")
        charge(invoices[6]).refund(to="credit", reduce_bill=True, reason="Benchmark")
        invoices[7].partner_id.adjust_credit_balance(REFUND, reason="Benchmark")
        invoices[7].apply_credit_balance()
        invoices[8].issue_credit_note(amount=REFUND, reason="Benchmark")
    return invoice_ids


def bench_tie_out(ours, _stock):
    """The tie-out of a whole database, which must find nothing in it."""
    invoice_ids = make_paid_in_all_ways(ours)
    with ours.open() as env:
        seeds = get_seeds(env, env["account.move"].browse(invoice_ids))
        fill(env, seeds, TIE_OUT // len(invoice_ids))
    ours.vacuum()
    with ours.registry.cursor() as cr:
        cr.execute(
            "SELECT count(*) FROM account_move "
            "WHERE move_type = 'out_invoice' AND state = 'posted'"
        )
        [invoices] = cr.fetchone()
        cr.execute("SELECT count(*) FROM account_move_line")
        [items] = cr.fetchone()

    def check(env):
        found = env["account.payment.tie.out"].check()
        if found:
            raise AssertionError(f"The tie-out found {found[:3]}")

    ours.time(check)
    mine = median_of([ours.time(check)[0] for _number in range(BATCH_ROUNDS)])
    report(
        "tie_out",
        mine,
        None,
        f"under {MAX_TIE_OUT_SECONDS} s for 100,000 invoices",
        mine["seconds"] < MAX_TIE_OUT_SECONDS,
        invoices=invoices,
        journal_items=items,
    )


def make_declined(side):
    """Return five invoices, each declined twice; two of them are paid then."""
    invoice_ids = side.make_invoices(5)
    with side.open() as env:
        for number, invoice in enumerate(env["account.move"].browse(invoice_ids)):
            token = env["payment.token"].browse(side.token_by_invoice[invoice.id])
            token.demo_simulated_state = "error"
            for _attempt in range(2):
                invoice.charge(token.id)
            if number < 2:  # noqa: PLR2004
                token.demo_simulated_state = "done"
                invoice.charge(token.id)
    return invoice_ids


def read_views(env, model, *types):
    """Return the fields of the rows, and the filters, of a model's views."""
    archs = {
        each: fromstring(env[model].get_view(view_type=each)["arch"]) for each in types
    }
    names = {field.get("name") for field in archs["list"].xpath("//list/field")}
    filters = {
        each.get("name"): literal_eval(each.get("domain"))
        for each in archs["search"].xpath("//filter[@domain]")
    }
    return names, filters


def bench_movements(ours, _stock):
    """The list of all payments: pivot, page and sums, as the web client reads them."""
    invoice_ids = make_paid_in_all_ways(ours) + make_declined(ours)
    model = "account.payment.movement"
    with ours.open() as env:
        invoices = env["account.move"].browse(invoice_ids)
        env.flush_all()
        seeds = env[model].search_count([("partner_id", "in", invoices.partner_id.ids)])
        fill(env, get_seeds(env, invoices), MOVEMENTS // seeds, days=730)
    ours.vacuum()
    sums = ["company_amount_attempted:sum", "company_amount_moved:sum"]
    with ours.open(ours.uid) as env:
        rows = env[model].search_count([])
        names, filters = read_views(env, model, "list", "search")

    def read_pivot(env):
        sets = [[], ["kind"], ["date:month"], ["kind", "date:month"]]
        return env[model].formatted_read_grouping_sets([], sets, [*sums, "__count"])

    def read_page(domain, env):
        page = env[model].web_search_read(
            domain, dict.fromkeys(names, {}), limit=80, count_limit=10001
        )
        return page, env[model].formatted_read_group(domain, [], sums)

    works = {"pivot": read_pivot, "first_page": functools.partial(read_page, [])}
    for name in ("failed", "declined_today", "pending_too_long", "in_transit"):
        works[f"page_{name}"] = functools.partial(read_page, filters[name])
    for name, work in works.items():
        ours.time(work)
        mine = median_of([ours.time(work)[0] for _number in range(BATCH_ROUNDS)])
        report(
            f"movements_{name}",
            mine,
            None,
            f"under {MAX_PIVOT_SECONDS} s with 1,000,000 movements",
            mine["seconds"] < MAX_PIVOT_SECONDS,
            movements=rows,
        )

    def read_board(env):
        return env["account.collection.board"].get_board()

    ours.time(read_board)
    mine = median_of([ours.time(read_board)[0] for _number in range(BATCH_ROUNDS)])
    report(
        "collection_board",
        mine,
        None,
        f"{MAX_BOARD_QUERIES} queries at most",
        mine["queries"] <= MAX_BOARD_QUERIES,
        movements=rows,
    )


FIGURES = [
    bench_charge,
    bench_external_payment,
    bench_external_payments_batch,
    bench_refund,
    bench_credit_note,
    bench_posting,
    bench_credit_at_issue,
    bench_credit_history,
    bench_payment_rows,
    bench_tie_out,
    bench_movements,
]
# Those that fill the database for minutes, and how many records each is asked for.
ON_REQUEST = {bench_tie_out: TIE_OUT, bench_movements: MOVEMENTS}


def main():
    threading.current_thread().name = "bench"
    config.parse_config(
        ["--no-http", "--log-level=error", *sys.argv[1:]], setup_logging=True
    )
    logging.getLogger("odoo.sql_db").setLevel(logging.CRITICAL)
    databases = config["db_name"]
    if len(databases) not in (1, 2):
        raise SystemExit("Give the databases: see the top of this file.")
    figures = {
        figure.__name__.removeprefix("bench_"): figure
        for figure in FIGURES
        if ON_REQUEST.get(figure, True)
    }
    wanted = [figure for name, figure in figures.items() if ONLY in name]
    if not wanted:
        raise SystemExit(
            f"Nothing has {ONLY!r} in its name, only: {', '.join(figures)}"
        )
    ours = Side(databases[0])
    if not ours.has_addon:
        raise SystemExit(f"{ADDON} is not installed in {databases[0]}.")
    stock = Side(databases[1]) if len(databases) > 1 else ours
    failed = False
    for figure in wanted:
        try:
            figure(ours, stock)
        except Exception as error:
            failed = True
            logging.getLogger(__name__).exception("%s", figure.__name__)
            failure = {"figure": figure.__name__, "error": repr(error), "meets": False}
            print(json.dumps(failure), flush=True)
    print(
        json.dumps(
            {
                "figure": "about",
                "odoo": odoo.release.version,
                "stock_database_has_addon": stock.has_addon,
                "rounds": ROUNDS,
                "cpus": os.cpu_count(),
            }
        ),
        flush=True,
    )
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
