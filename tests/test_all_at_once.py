"""Everybody who may charge at the same invoices at once: one attempt each."""

import random
import time
from functools import partial

import pytest
from lib.at_once import act_at_once, assert_clear
from lib.charge_runs import assert_each_once, finish, get_lanes, run_lanes
from lib.rpc import RpcError
from lib.waiting import PATIENCE

pytest_plugins = ["lib.fixtures"]

CUSTOMERS = 5
INVOICES = 10  # Of each customer.
AMOUNT = 100.0
AT_ISSUE = {"kind": "charge", "anchor": "issue", "days": 0, "hour": 0.0}


class Case:
    """A customer with auto-pay, one saved card, a member, and ten due invoices."""

    def __init__(self, world, number):
        self.world = world
        # The bank of the last one does not answer at once.
        behaviour = "pending" if number == CUSTOMERS - 1 else "succeed"
        # A gateway that takes its time, so that many are at the same invoice.
        card = f"tok_{behaviour}-at-once"
        world.gateway.script({"name": behaviour, "delay": 0.1}, token=card, times=None)
        self.partner_id = world.make_customer(is_company=True)
        self.token_id = world.make_token(self.partner_id, card)
        self.invoice_ids = world.make_invoices([self.partner_id] * INVOICES, AMOUNT)
        [contact_id] = world.make_customers(1, parent_id=self.partner_id)
        login = f"member-at-once-{number}"
        world.make_user(login, "base.group_portal", partner_id=contact_id)
        self.member = world.log_in(login)
        world.accountant.call(
            "res.partner",
            "set_auto_pay",
            [self.partner_id],
            on=True,
            note="On the phone",
        )

    def pay(self, invoice_id):
        """Pay with the saved card, as the page of the portal does it."""
        self.member._call(
            f"/invoice/transaction/{invoice_id}",
            {
                "access_token": "",
                "amount": AMOUNT,
                "provider_id": self.world.facts["provider_id"],
                "payment_method_id": None,
                "token_id": self.token_id,
                "flow": "token",
                "tokenization_requested": False,
                "landing_route": "/my/invoices",
            },
        )


@pytest.fixture
def cases(world):
    [plan_id] = world.admin.call(
        "account.collection.plan",
        "create",
        vals_list=[{"name": "At once", "step_ids": [[0, 0, AT_ISSUE]]}],
    )
    [company] = world.query("SELECT id FROM res_company ORDER BY id LIMIT 1")

    def collect_by(plan):
        vals = {"collection_plan_id": plan}
        world.admin.call("res.company", "write", [company["id"]], vals=vals)

    collect_by(plan_id)
    made = [Case(world, number) for number in range(CUSTOMERS)]
    collect_by(False)  # The invoices of other tests are not collected.
    return made


def do_each(work, items):
    """Do something with all of these, in any order, and return the refusals."""
    errors = []
    for item in random.Random(len(items)).sample(items, len(items)):
        try:
            work(item)
        except RpcError as error:
            errors.append(error)
    return errors


def wait_for_automatic_lines(world, invoice_ids):
    """Wait until the schedule has made lines of some of these invoices."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        if world.query(
            """
            SELECT line.id FROM account_charge_run_line line
              JOIN account_charge_run run ON run.id = line.run_id
             WHERE run.kind = 'automatic' AND line.move_id = ANY(%s)
            """,
            invoice_ids,
        ):
            return
        time.sleep(0.01)
    raise AssertionError("The lanes made no line of what is due.")


def count_attempts(world, invoice_ids):
    """Return how many attempts were made in each way."""
    [row] = world.query(
        """
        SELECT count(*) FILTER (WHERE tx.is_automatic) AS automatic,
               count(*) FILTER (WHERE line.id > 0 AND tx.is_automatic IS NOT TRUE)
                   AS run,
               count(*) FILTER (WHERE line.id IS NULL) AS people
          FROM payment_transaction tx
          JOIN account_invoice_transaction_rel link ON link.transaction_id = tx.id
     LEFT JOIN account_charge_run_line line ON line.transaction_id = tx.id
         WHERE link.invoice_id = ANY(%s)
        """,
        invoice_ids,
    )
    return row


def test_lanes_a_run_a_person_and_members(world, cases):
    """Two lanes, a run, a person and members charge the same 50 invoices: once each."""
    tokens = {
        invoice_id: case.token_id for case in cases for invoice_id in case.invoice_ids
    }
    invoice_ids = [*tokens]
    lanes = get_lanes(world)[:2]
    world.forget_kills(*lanes)
    run = world.accountant.call(
        "account.move", "propose_charge_run", invoice_ids, kind="charge"
    )
    run_id = run[0] if isinstance(run, list) else run
    # The schedule finds half of them due now, and the other half a moment later.
    later = invoice_ids[::2]
    set_next(world, later, "1 hour")
    person, confirming = world.open_tab("accountant1"), world.open_tab("accountant1")
    lane_tabs = [world.open_tab("admin") for _lane in lanes]

    def begin_later(work):
        """Do something as soon as the lanes work."""
        wait_for_automatic_lines(world, invoice_ids)
        return work()

    def confirm():
        confirming.call("account.charge.run", "confirm", [run_id])
        set_next(world, later, "0")
        return []

    def run_lane(lane, tab):
        for _time in range(8):
            tab.call("ir.cron", "method_direct_trigger", [lane])
        return []

    def charge(invoice_id):
        return world.charge(invoice_id, tokens[invoice_id], client=person)

    refusals, errors = act_at_once(
        [
            *(
                partial(run_lane, lane, tab)
                for lane, tab in zip(lanes, lane_tabs, strict=True)
            ),
            partial(begin_later, confirm),
            partial(begin_later, partial(do_each, charge, invoice_ids)),
            *(
                partial(begin_later, partial(do_each, case.pay, case.invoice_ids))
                for case in cases
            ),
        ]
    )
    assert not errors, errors
    assert_clear([error for some in refusals for error in some])
    finish(world, run_id, lanes)
    world.run_resolver()
    run_lanes(world, *lanes)
    ways = count_attempts(world, invoice_ids)
    assert ways["automatic"] and ways["people"], ways
    # One attempt each, and each collection waits for nothing but its outcome.
    attempts = [world.get_only_attempt(invoice_id) for invoice_id in invoice_ids]
    pending = [attempt for attempt in attempts if attempt["outcome"] == "pending"]
    assert len(pending) == INVOICES
    assert read_collections(world, invoice_ids) == {
        ("done", None, "paid"): len(invoice_ids) - INVOICES,
        ("running", None, "in_flight"): INVOICES,
    }
    for attempt in pending:
        world.gateway.send_webhook(attempt["reference"], "succeeded")
    world.run_resolver()
    assert read_collections(world, invoice_ids) == {
        ("done", None, "paid"): len(invoice_ids)
    }
    assert_each_once(world, invoice_ids)


def set_next(world, invoice_ids, interval):
    """Let the schedule look at these invoices after a while."""
    world.query(
        "UPDATE account_collection"
        "   SET next_at = now() AT TIME ZONE 'UTC' + %s::interval"
        " WHERE move_id = ANY(%s) AND state = 'running' AND next_at IS NOT NULL",
        interval,
        invoice_ids,
    )


def read_collections(world, invoice_ids):
    """Return how many collections have which state, next date and reason to wait."""
    return {
        (row["state"], row["next_at"], row["wait_reason"]): row["count"]
        for row in world.query(
            """
            SELECT state, next_at, wait_reason, count(*) FROM account_collection
             WHERE move_id = ANY(%s) GROUP BY state, next_at, wait_reason
            """,
            invoice_ids,
        )
    }
