#!/usr/bin/env python3
"""Kill a server that moves money, many times, and hold its books against the gateway.

    python3 tests/crash_run.py --kills 100

Several clients charge invoices and give money back: with and without reducing the bill,
by credit notes, outside the gateway, and as credit. This is then spent on open invoices
or paid out to the card. Meanwhile the gateway succeeds, declines,
delays, and drops connections, and the resolver runs. The server process is killed, half
of the times at a named point of the steps and half of the times at any moment. Clients
whose call was cut off ask again after the restart, with their idempotency key. Every
five kills, and at the end, everything is resolved and the books must agree with the
gateway on captures and on refunds, and the tie-out must be empty.
Prints one line of JSON, after Ctrl+C too; the exit status is 1 if anything differs. A
seed makes the choices, not the timing, repeatable.
"""

import argparse
import functools
import itertools
import json
import random
import sys
import threading
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from lib.at_once import is_clear  # noqa: E402
from lib.rpc import ConnectionLost, RpcError  # noqa: E402
from lib.template import get_template  # noqa: E402
from lib.world import World  # noqa: E402

POINTS = [
    *(
        f"{side}-{step}"
        for step in ("prepared", "sent", "recorded", "settled", "resolved")
        for side in ("before", "after")
    ),
    "during-send",
    "after-answer",
]
# The behaviours of the gateway, and how often each occurs.
BEHAVIOURS = {
    "tok_succeed": 10,
    "tok_pause": 6,
    "tok_decline": 2,
    "tok_pending": 2,
    "tok_drop_after": 3,
    "tok_drop_before": 2,
    "tok_error_after": 2,
    "tok_webhook_before": 2,
    "tok_webhook_twice": 2,
}
# The same for refunds: the behaviour is a part of the method's name.
REFUND_BEHAVIOURS = {
    "succeed": 10,
    "pause": 6,
    "decline": 2,
    "pending": 2,
    "drop_after": 3,
    "drop_before": 2,
    "error_after": 2,
    "webhook_before": 2,
    "webhook_twice": 2,
}
# The ways to give charges back, and how often each occurs.
REFUNDS = {"reopen": 4, "reduce": 4, "outside": 2, "credit_note": 3, "credit": 3}
# The uses of money that is held as credit.
CREDIT = ("pay_out", "apply")
# The resolver runs beside live senders here: it must tell them from dead ones.
STALE_DELAY = 2
AMOUNT = 100.0


class CrashRun:
    points = POINTS

    def __init__(self, options):
        self.options = options
        self.random = random.Random(options.seed)
        self.world = self._make_world()
        self.counts = Counter()
        self.kills = Counter()
        self.differences = []
        self.money = {}
        self.cases = []  # Invoices to charge, each with a saved method.
        self.charged = []  # Invoices that may have been charged.
        self.unfinished = []  # Calls that were cut off.
        self.over = threading.Event()

    def _make_world(self):
        return World(get_template())

    def run(self):
        started = time.monotonic()
        try:
            self.world.start(IPX_STALE_DELAY=STALE_DELAY)
            self._script_gateway()
            self._prepare()
            try:
                while self.kills.total() < self.options.kills:
                    self._cycle()
                    if self.kills.total() % 5 == 0:
                        self._compare()
                        self._say()
            except KeyboardInterrupt:
                # Enough: compare the books as they are.
                self.over.set()
                self.world.clear_faults()
                self.world.server.kill()
                self.world.start_server(IPX_STALE_DELAY=STALE_DELAY)
            self._finish()
        finally:
            self.world.close()
        return self._summarize(time.monotonic() - started)

    def _script_gateway(self):
        """Script the answers to refunds: the token would decide on the charge only."""
        for method, refund in itertools.product(BEHAVIOURS, REFUND_BEHAVIOURS):
            token = f"{method}-{refund}"
            if method == "tok_pause":
                self.world.gateway.script({"delay": 0.5}, token=token, times=None)
            behaviour = {"delay": 0.5} if refund == "pause" else refund
            self.world.gateway.script(behaviour, kind="refund", token=token, times=None)

    def _prepare(self):
        """Prepare the world for the work, before the first kill."""

    # === ONE KILL === #

    def _cycle(self):
        """Let the clients work, kill the server in the middle, and start it again."""
        if len(self.cases) < 4 * self.options.clients:
            self.cases += self.world.make_cases(
                10 * self.options.clients, amount=AMOUNT
            )
        self.over = threading.Event()
        # Before a point is chosen: jobs of before may pass it while this is prepared.
        workers = [threading.Thread(target=work) for work in self._get_work()]
        point = self.random.choice(self.points) if self.random.random() < 0.6 else None
        if point:
            # Any of the first passages, so that the other calls are anywhere.
            self.world.kill_at(f"{point}:{self.random.randint(1, 3)}")
        for worker in workers:
            worker.start()
        # A point that nobody passes: the kill comes from outside all the same.
        patience = 6 if point else self.random.uniform(0.2, 4)
        died = self.world.server.wait_until_dead(patience)
        self.world.server.kill()
        self.kills[point if died else "any moment"] += 1
        self.over.set()
        for worker in workers:
            worker.join()
        self.world.clear_faults()
        self.world.start_server(IPX_STALE_DELAY=STALE_DELAY)
        self._repeat_calls()

    def _get_work(self):
        """Return the functions that work at the same time, until the server dies.

        :rtype: list[function]
        """
        return [
            *(
                functools.partial(self._work, client, self.random.random())
                for client in self._open_clients()
            ),
            functools.partial(self._resolve, self.world.open_tab("admin")),
        ]

    def _open_clients(self):
        """Return clients of four accountants, half of them through the API."""
        for number in range(self.options.clients):
            user = number % 4 + 1
            if number % 2:
                yield self.world.get_api_client(user)
            else:
                yield self.world.open_tab(f"accountant{user}")

    def _work(self, client, seed):
        """Charge an invoice or refund a charged one, until the server dies."""
        chance = random.Random(seed)
        while not self.over.is_set():
            kind, call = "refunds", None
            if self.charged and chance.random() < 0.6:
                call = self._choose_refund(chance, client, chance.choice(self.charged))
            if not call:
                kind, call = "charges", self._choose_charge(chance, client)
            if not call or not self._call(kind, call):
                return

    def _choose_charge(self, chance, client):
        """Return a call that charges a new invoice."""
        try:
            invoice_id, token_id = self.cases.pop()
        except IndexError:
            return None
        method = chance.choices([*BEHAVIOURS], BEHAVIOURS.values())[0]
        refund = chance.choices([*REFUND_BEHAVIOURS], REFUND_BEHAVIOURS.values())[0]
        self.world.query(
            "UPDATE payment_token SET provider_ref = %s WHERE id = %s",
            f"{method}-{refund}",
            token_id,
        )
        arguments = {}
        if chance.random() < 0.7:
            arguments["idempotency_key"] = f"run-{invoice_id}"
        if chance.random() < 0.2:
            arguments["amount"] = round(chance.uniform(1, AMOUNT), 2)
        self.charged.append(invoice_id)
        return functools.partial(
            self.world.charge, invoice_id, token_id, client=client, **arguments
        )

    def _choose_refund(self, chance, client, invoice_id):
        """Return a call that gives a charge back, in whole or in part, if there is one.

        Some of it may have been given back before: an excess is refused.
        """
        payments = self.world.query(
            """
            SELECT payment.id, payment.amount, payment.partner_id
              FROM account_payment AS payment
              JOIN account_invoice_transaction_rel AS link
                ON link.transaction_id = payment.payment_transaction_id
             WHERE link.invoice_id = %s
               AND payment.payment_type = 'inbound'
               AND payment.state IN ('in_process', 'paid')
            """,
            invoice_id,
        )
        if not payments:
            return None
        payment = payments[0]
        amount = float(payment["amount"])
        if chance.random() < 0.6:
            amount = round(chance.uniform(0.01, amount), 2)
        kind = chance.choices([*REFUNDS], REFUNDS.values())[0]
        balance_id, held = self._get_held(payment["partner_id"])
        if held and chance.random() < 0.5:
            kind = chance.choice(CREDIT)
            amount = min(amount, held)
        self.counts[f"wanted: {kind}"] += 1
        arguments = {"amount": amount}
        if chance.random() < 0.7:
            arguments["idempotency_key"] = f"run-{invoice_id}-{chance.random()}"
        if kind == "apply":
            return functools.partial(
                client.call,
                "account.move",
                "apply_credit_balance",
                [invoice_id],
                **arguments,
            )
        if kind == "pay_out":
            arguments["payment_id"] = payment["id"]
            return functools.partial(
                self.world.pay_out, balance_id, client=client, **arguments
            )
        if kind == "credit_note":
            remaining = float(self.world.get_invoice(invoice_id)["amount_residual"])
            arguments["amount"] = round(remaining + amount, 2)
            arguments["destinations"] = [{"to": "original", "amount": amount}]
            return functools.partial(
                self.world.issue_credit_note, invoice_id, client=client, **arguments
            )
        if kind == "credit":
            # Asked for more often from here on, to spend it and to pay it out.
            self.charged += [invoice_id] * 20
        arguments["reduce_bill"] = kind == "reduce"
        arguments["to"] = kind if kind in ("outside", "credit") else "original"
        return functools.partial(
            self.world.refund, payment["id"], client=client, **arguments
        )

    def _get_held(self, partner_id):
        """Return the id of a customer's balance, and how much is held there."""
        for balance in self.world.query(
            "SELECT id, amount FROM account_credit_balance WHERE partner_id = %s",
            partner_id,
        ):
            return balance["id"], float(balance["amount"])
        return None, 0.0

    def _call(self, kind, call):
        """Make a call; note it if it was cut off.

        :return: Whether the server lives.
        """
        try:
            call()
        except ConnectionLost:
            self.counts[f"{kind} cut off"] += 1
            self.unfinished.append((kind, call))
            return False
        except RpcError as error:
            self.counts[f"{kind} refused"] += 1
            if not is_clear(error):
                self.differences.append(f"{error.name}: {error.message}")
        else:
            self.counts[f"{kind} answered"] += 1
        return True

    def _resolve(self, client):
        """Run the resolver beside the senders, as its schedule does."""
        cron_id = self.world.facts["resolver_cron_id"]
        while not self.over.wait(0.3):
            try:
                client.call("ir.cron", "method_direct_trigger", [cron_id])
            except (ConnectionLost, RpcError):
                pass  # It died with the server, or another one runs.

    def _repeat_calls(self):
        """Repeat the calls that were cut off: the same request, or somebody else's."""
        calls, self.unfinished = self.unfinished, []
        for kind, call in calls:
            self._call(kind, call)

    # === THE END === #

    def _finish(self):
        """Let the gateway answer pending requests, resolve all, and compare."""
        for row in self.world.query(
            "SELECT reference FROM payment_transaction WHERE outcome = 'pending'"
        ):
            self.world.gateway.send_webhook(row["reference"], "succeeded")
        self._compare()
        ledger = self.world.gateway.get_ledger()
        booked = {
            row["payment_type"]: row
            for row in self.world.query(
                """
                SELECT payment_type, count(*) AS number, SUM(amount) AS amount
                  FROM account_payment WHERE state IN ('in_process', 'paid')
                   AND payment_transaction_id IS NOT NULL
              GROUP BY payment_type
                """
            )
        }
        by_hand = {
            row["kind"]: row
            for row in self.world.query(
                """
                SELECT CASE WHEN company.id IS NULL THEN 'refunded outside'
                            WHEN payment.payment_type = 'inbound' THEN 'credit taken'
                            ELSE 'credit kept or given back' END AS kind,
                       count(*) AS number, SUM(payment.amount) AS amount
                  FROM account_payment payment
             LEFT JOIN res_company company
                    ON company.credit_balance_journal_id = payment.journal_id
                 WHERE payment.state IN ('in_process', 'paid')
                   AND payment.payment_transaction_id IS NULL
                   AND (payment.source_payment_id IS NOT NULL OR company.id IS NOT NULL)
              GROUP BY 1
                """
            )
        }
        for moved, requests, direction in (
            ("captured", "charge", "inbound"),
            ("refunded", "refund", "outbound"),
        ):
            movements = ledger["captures" if moved == "captured" else "refunds"]
            books = booked.get(direction, {"number": 0, "amount": 0})
            self.money[moved] = {
                "requests": sum(
                    number
                    for name, number in ledger["requests"].items()
                    if name.startswith(f"{requests} ")
                ),
                "movements": len(movements),
                "moved": sum(row["amount"] for row in movements) / 100,
                "payments": books["number"],
                "booked": float(books["amount"]),
            }
        for kind, books in by_hand.items():
            self.money[kind] = {
                "payments": books["number"],
                "booked": float(books["amount"]),
            }

    def _compare(self):
        time.sleep(STALE_DELAY + 1)
        self.world.run_resolver()
        for difference in (
            *self.world.referee.get_differences(),
            *self.world.get_tie_out(),
        ):
            if difference not in self.differences:
                self.differences.append(difference)

    def _say(self):
        print(
            f"{self.kills.total()} kills, {dict(self.counts)}, "
            f"{len(self.differences)} differences",
            *self.differences[-1:],
            file=sys.stderr,
        )

    def _summarize(self, seconds):
        return {
            "kills": self.kills.total(),
            "points": dict(self.kills),
            "seed": self.options.seed,
            "seconds": round(seconds),
            **self.counts,
            **self.money,
            "differences": self.differences,
        }


def main(crash_run, description):
    parser = argparse.ArgumentParser(description=description.splitlines()[0])
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--clients", type=int, default=4)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    summary = crash_run(parser.parse_args()).run()
    print(json.dumps(summary))
    sys.exit(bool(summary["differences"]))


if __name__ == "__main__":
    main(CrashRun, __doc__)
