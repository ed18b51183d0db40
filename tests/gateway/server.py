#!/usr/bin/env python3
"""A payment gateway for tests: the referee of real captures and refunds.

It runs as a process of its own and commits every request and every movement of money to
an SQLite file before it answers, so its record survives the end of the Odoo server that
it talks to, and its own. It never removes duplicates:
a second request with the same reference captures a second time, and the ledger says so.
It refuses to refund more than was captured, as real ones do, and the ledger says how
often that was asked for.

    python3 server.py --database /tmp/gateway.sqlite --port 0

prints ``listening on 127.0.0.1:PORT`` and serves, with amounts in minor units:

==============================  ==================================================
POST /v1/charges                reference, amount, currency, token, capture
POST /v1/charges/<id>/capture   reference, amount
POST /v1/charges/<id>/void      reference, amount
POST /v1/charges/<id>/refund    reference, amount
GET  /v1/charges?reference=R    the operations known under that reference, of any
                                kind; an empty list when none was ever received
GET  /v1/operations?since=T     all operations made since then, oldest first, in pages:
                                after=ID goes on after the last one
GET  /v1/ledger[?reference=R]   captures, refunds, requests, totals, violations
GET  /v1/requests               every request, its behaviour and its answer
POST /v1/script                 the behaviour of coming requests: `Handler._script`
POST /v1/webhooks/send          reference, status: the outcome changes, and is sent
POST /v1/dashboard/refund       charge (its reference), amount: a refund that somebody
                                makes in the gateway's own pages, and its webhooks
GET  /v1/webhooks               the sent webhooks, and the other side's answers
GET  /v1/held                   the tokens of requests that wait to be released
POST /v1/release                token: its request is decided now
POST /v1/settings               webhook_url, honour_idempotency_keys, page
POST /v1/reset                  forget everything but the settings
GET  /v1/health
==============================  ==================================================

A request meets a behaviour: the name of one of ``BEHAVIOURS``, or a dictionary
that overrides ``PLAIN``. The first of these decides: a script for its reference, a
script for its token, a script for any request, the token itself (``tok_decline``, or
``tok_decline-2`` where two are wanted), success.
"""

import argparse
import json
import os
import socket
import sqlite3
import struct
import sys
import threading
import time
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

PLAIN = {
    # 'succeeded', 'authorized', 'pending', 'declined' or 'canceled'. The success of a
    # charge that is not to be captured is 'authorized'.
    "outcome": "succeeded",
    "code": "",
    "reason": "",
    # HTTP status of the answer to a refusal; 200 tells of it in the body only.
    "refusal_status": 402,
    # Seconds before the outcome is decided (the request is known as 'processing'
    # meanwhile) and after it, before the answer.
    "delay": 0,
    "answer_delay": 0,
    # Whether the outcome is not decided before the request's token is released.
    "held": False,
    # The failure before ("..._before") or after ("..._after") the outcome is decided.
    # Before it, nothing is left but the line in the log of requests.
    # "drop_...": the connection ends; "error_...": `status` is answered;
    # "garbage_...": a page in HTML; "odd_...": JSON that does not answer the question;
    # "truncate_...": the beginning of an answer.
    "failure": "",
    "status": 503,
    # How a connection ends: 'reset' or 'close'.
    "end": "reset",
    # Any of 'before' (the answer), 'after', 'twice' (after the answer, both at once).
    "webhook": "",
    # Seconds between the answer and the webhooks that follow it.
    "webhook_delay": 0,
    # The subject of a webhook on a refund: the 'refund', or, as Stripe does, its
    # 'charge' with all its refunds, which does not contain our reference.
    "webhook_of": "refund",
}
BEHAVIOURS = {
    "succeed": {},
    "decline": {
        "outcome": "declined",
        "code": "card_declined",
        "reason": "Your card was declined.",
    },
    "insufficient_funds": {
        "outcome": "declined",
        "code": "insufficient_funds",
        "reason": "Your card has insufficient funds.",
    },
    "decline_in_body": {
        "outcome": "declined",
        "code": "card_declined",
        "reason": "Your card was declined.",
        "refusal_status": 200,
    },
    "cancel": {"outcome": "canceled", "reason": "The customer canceled."},
    "pending": {"outcome": "pending", "reason": "Waiting for the bank."},
    "authorize": {"outcome": "authorized"},
    "slow": {"delay": 2},
    "held": {"held": True},
    # Longer than the second for which Odoo waits in these tests.
    "late": {"answer_delay": 3},
    "drop_before": {"failure": "drop_before"},
    "drop_after": {"failure": "drop_after"},
    "close_before": {"failure": "drop_before", "end": "close"},
    "close_after": {"failure": "drop_after", "end": "close"},
    "error_before": {"failure": "error_before"},
    "error_after": {"failure": "error_after"},
    "garbage_after": {"failure": "garbage_after"},
    "odd_after": {"failure": "odd_after"},
    "truncate_after": {"failure": "truncate_after"},
    "webhook_before": {"webhook": "before"},
    "webhook_after": {"webhook": "after"},
    "webhook_twice": {"webhook": "twice"},
}
SCHEMA = """
CREATE TABLE IF NOT EXISTS request (
    id INTEGER PRIMARY KEY, at REAL, kind TEXT, reference TEXT, token TEXT,
    idempotency_key TEXT, body TEXT, behaviour TEXT, answer TEXT, answered_at REAL
);
CREATE TABLE IF NOT EXISTS operation (
    id INTEGER PRIMARY KEY, request_id INTEGER, at REAL, kind TEXT, parent_id INTEGER,
    reference TEXT, amount INTEGER, currency TEXT, token TEXT, status TEXT, code TEXT,
    reason TEXT
);
CREATE TABLE IF NOT EXISTS movement (
    id INTEGER PRIMARY KEY, at REAL, kind TEXT, operation_id INTEGER, charge_id INTEGER,
    reference TEXT, charge_reference TEXT, amount INTEGER, currency TEXT
);
CREATE TABLE IF NOT EXISTS script (
    id INTEGER PRIMARY KEY, kind TEXT, reference TEXT, token TEXT, behaviour TEXT,
    times INTEGER
);
CREATE TABLE IF NOT EXISTS webhook (
    id INTEGER PRIMARY KEY, at REAL, reference TEXT, status TEXT, url TEXT, answer TEXT
);
CREATE TABLE IF NOT EXISTS setting (name TEXT PRIMARY KEY, value TEXT);
"""
OVER_REFUND = {
    "outcome": "declined",
    "code": "amount_too_large",
    "reason": "The refund is greater than the rest of the charge.",
    "refusal_status": 400,
}
# How long an answer waits for the webhook sent before it: the other side may well let
# the webhook wait for the answer.
WEBHOOK_PATIENCE = 1.0
# Of these, no money moves.
DEAD = ("declined", "canceled")
WEBHOOK_TRIES = 3
PAGE = 50


class Refused(Exception):
    """The request itself is wrong."""

    def __init__(self, status, message):
        super().__init__(message)
        self.status = status


class Garbage(Exception):
    """An answer that the client does not expect."""

    def __init__(self, content, missing=0):
        super().__init__("garbage")
        self.content = content
        self.missing = missing


class Store:
    """The durable record. Every method is one committed transaction."""

    def __init__(self, path):
        self.lock = threading.RLock()
        self.connection = sqlite3.connect(
            path, check_same_thread=False, isolation_level=None
        )
        self.connection.row_factory = sqlite3.Row
        self.connection.execute("PRAGMA journal_mode = WAL")
        # The end of a process loses no commit, but that of a machine would.
        self.connection.execute("PRAGMA synchronous = OFF")
        self.connection.executescript(SCHEMA)

    def execute(self, statement, *values):
        with self.lock:
            return self.connection.execute(statement, values)

    def rows(self, statement, *values):
        with self.lock:
            return [
                dict(row)
                for row in self.connection.execute(statement, values).fetchall()
            ]

    def row(self, statement, *values):
        rows = self.rows(statement, *values)
        return rows[0] if rows else None

    def insert(self, table, **values):
        names, marks = ", ".join(values), ", ".join("?" * len(values))
        return self.execute(
            f"INSERT INTO {table} ({names}) VALUES ({marks})", *values.values()
        ).lastrowid

    def together(self):
        """Return a context in which all statements are one transaction."""
        return _Transaction(self)

    # === SETTINGS AND SCRIPTS === #

    def setting(self, name, default=None):
        row = self.row("SELECT value FROM setting WHERE name = ?", name)
        return json.loads(row["value"]) if row else default

    def set_setting(self, name, value):
        self.execute(
            "INSERT OR REPLACE INTO setting VALUES (?, ?)", name, json.dumps(value)
        )

    def take_behaviour(self, kind, reference, token):
        """Return the behaviour of the request, and use up its script."""
        with self.together():
            script = self.row(
                """
                SELECT * FROM script
                 WHERE kind = ?
                   AND (reference IS NULL OR reference = ?)
                   AND (token IS NULL OR token = ?)
                   AND (times IS NULL OR times > 0)
              ORDER BY reference IS NULL, token IS NULL, id
                 LIMIT 1
                """,
                kind,
                reference,
                token,
            )
            if script:
                self.execute(
                    "UPDATE script SET times = times - 1 WHERE id = ?", script["id"]
                )
                return json.loads(script["behaviour"])
        # Captures, voids and refunds of a charge do not repeat the charge's behaviour.
        name = (token or "").removeprefix("tok_").split("-")[0]
        if kind == "charge" and name in BEHAVIOURS:
            return {**PLAIN, **BEHAVIOURS[name]}
        return dict(PLAIN)

    # === OPERATIONS === #

    def decide(self, operation_id, status, code="", reason=""):
        """Give an operation its outcome and move the money with it, in one go."""
        with self.together():
            operation = self.row("SELECT * FROM operation WHERE id = ?", operation_id)
            if operation["kind"] == "refund" and status not in DEAD:
                self._check_refund(operation)
            self.execute(
                "UPDATE operation SET status = ?, code = ?, reason = ? WHERE id = ?",
                status,
                code,
                reason,
                operation_id,
            )
            moves = {
                ("charge", "succeeded"): "capture",
                ("charge", "authorized"): "authorization",
                ("capture", "succeeded"): "capture",
                ("void", "canceled"): "void",
                ("refund", "succeeded"): "refund",
            }
            if kind := moves.get((operation["kind"], status)):
                self._move(operation, kind)
        return self.operation(operation_id)

    def _check_refund(self, operation):
        """A refund that was given up may have left its amount to another one."""
        left = self.get_refundable(operation["parent_id"], operation["id"])
        if operation["amount"] > left:
            raise Refused(409, f"only {left} are left of the charge")

    def get_refundable(self, charge_id, but_for=None):
        """Return the rest of a charge, less the refunds that are in flight.

        :param int but_for: The refund that does not count.
        """
        [captured] = self.rows(
            "SELECT COALESCE(SUM(amount), 0) AS amount FROM movement "
            "WHERE charge_id = ? AND kind = 'capture'",
            charge_id,
        )
        refunds = self.rows(
            "SELECT id, amount, status FROM operation "
            "WHERE parent_id = ? AND kind = 'refund'",
            charge_id,
        )
        return captured["amount"] - sum(
            refund["amount"]
            for refund in refunds
            if refund["status"] not in DEAD and refund["id"] != but_for
        )

    def _move(self, operation, kind):
        charge = operation
        if operation["parent_id"]:
            charge = self.row(
                "SELECT * FROM operation WHERE id = ?", operation["parent_id"]
            )
        self.insert(
            "movement",
            at=time.time(),
            kind=kind,
            operation_id=operation["id"],
            charge_id=charge["id"],
            reference=operation["reference"],
            charge_reference=charge["reference"],
            amount=operation["amount"],
            currency=operation["currency"],
        )

    def operation(self, operation_id):
        """Return an operation as the clients see it."""
        row = self.row("SELECT * FROM operation WHERE id = ?", operation_id)
        return row and self.present(row)

    def present(self, row):
        return {
            "id": f"{row['kind'][:2]}_{row['id']}",
            "object": row["kind"],
            "reference": row["reference"],
            "charge_id": row["parent_id"] and f"ch_{row['parent_id']}",
            "amount": row["amount"],
            "currency": row["currency"],
            "token": row["token"],
            "status": row["status"],
            "code": row["code"] or "",
            "reason": row["reason"] or "",
        }

    def charge_of(self, operation):
        """Return the charge of a refund, with all its refunds, newest first."""
        charge_id = operation["charge_id"].removeprefix("ch_")
        refunds = self.rows(
            "SELECT * FROM operation WHERE parent_id = ? AND kind = 'refund' "
            "AND status NOT IN ('processing', 'declined', 'canceled') ORDER BY id DESC",
            charge_id,
        )
        return {
            **self.operation(charge_id),
            "refunds": [self.present(refund) for refund in refunds],
        }

    def operations(self, reference):
        return [
            self.present(row)
            for row in self.rows(
                "SELECT * FROM operation WHERE reference = ? ORDER BY id", reference
            )
        ]

    # === LEDGER === #

    def ledger(self, reference=None):
        """Return the movements, and all that a careful client would not have caused."""
        where, values = "", ()
        if reference:
            where, values = (
                " WHERE reference = ? OR charge_reference = ?",
                (reference,) * 2,
            )
        with self.lock:
            movements = self.rows(f"SELECT * FROM movement{where} ORDER BY id", *values)
            requests = self.rows(
                "SELECT kind, reference, count(*) AS number FROM request "
                "WHERE ? IS NULL OR reference = ? GROUP BY kind, reference",
                reference,
                reference,
            )
            over_refunds = self.rows(
                "SELECT * FROM operation WHERE code = ? "
                "AND (? IS NULL OR reference = ?) ORDER BY id",
                OVER_REFUND["code"],
                reference,
                reference,
            )
            authorized = {
                row["id"]: row["amount"]
                for row in self.rows(
                    "SELECT id, amount FROM operation WHERE kind = 'charge'"
                )
            }
        captures = [row for row in movements if row["kind"] == "capture"]
        refunds = [row for row in movements if row["kind"] == "refund"]
        return {
            "captures": captures,
            "refunds": refunds,
            "over_refunds": [self.present(row) for row in over_refunds],
            "voids": [row for row in movements if row["kind"] == "void"],
            "authorizations": [
                row for row in movements if row["kind"] == "authorization"
            ],
            "requests": {
                f"{row['kind']} {row['reference']}": row["number"] for row in requests
            },
            "totals": _totals(captures, refunds),
            "violations": _violations(captures, refunds, authorized),
        }


class _Transaction:
    """Statements that are committed together; nests."""

    depth = 0

    def __init__(self, store):
        self.store = store

    def __enter__(self):
        self.store.lock.acquire()
        if not self.store.connection.in_transaction:
            self.store.connection.execute("BEGIN IMMEDIATE")
            self.depth = 1

    def __exit__(self, error, *_details):
        try:
            if self.depth:
                self.store.connection.execute("ROLLBACK" if error else "COMMIT")
        finally:
            self.store.lock.release()


def _totals(captures, refunds):
    totals = {}
    for name, rows in (("captured", captures), ("refunded", refunds)):
        for row in rows:
            total = totals.setdefault(row["currency"], {"captured": 0, "refunded": 0})
            total[name] += row["amount"]
    return totals


def _violations(captures, refunds, authorized):
    violations = []
    for kind, rows in (("captured", captures), ("refunded", refunds)):
        numbers = {}
        for row in rows:
            # An operation made in the gateway's own pages has none.
            if row["reference"]:
                numbers[row["reference"]] = numbers.get(row["reference"], 0) + 1
        violations += [
            f"{reference} was {kind} {number} times"
            for reference, number in numbers.items()
            if number > 1
        ]
    captured, refunded = {}, {}
    for total, rows in ((captured, captures), (refunded, refunds)):
        for row in rows:
            total[row["charge_id"]] = total.get(row["charge_id"], 0) + row["amount"]
    violations += [
        f"charge {charge}: {amount} captured of {authorized[charge]}"
        for charge, amount in captured.items()
        if amount > authorized[charge]
    ]
    violations += [
        f"charge {charge}: {amount} refunded of {captured.get(charge, 0)}"
        for charge, amount in refunded.items()
        if amount > captured.get(charge, 0)
    ]
    return violations


class Webhooks:
    """Send the outcomes, as often as it takes, and note the answers."""

    def __init__(self, store):
        self.store = store

    def send(self, operation, of="refund"):
        """Send one outcome now.

        :param str of: See `webhook_of` in `PLAIN`.
        :return: the HTTP status that ended it, or the error's text
        """
        url = self.store.setting("webhook_url")
        if not url:
            return "no webhook_url is set"
        event = {
            "type": f"{operation['object']}.{operation['status']}",
            "data": operation,
        }
        if operation["object"] == "refund" and of == "charge":
            event = {
                "type": "charge.refunded",
                "data": self.store.charge_of(operation),
            }
        line = self.store.insert(
            "webhook",
            at=time.time(),
            reference=operation["reference"],
            status=operation["status"],
            url=url,
        )
        for attempt in range(WEBHOOK_TRIES):
            answer = self._post(url, event)
            self.store.execute(
                "UPDATE webhook SET answer = ? WHERE id = ?", answer, line
            )
            if answer == "200":
                break
            time.sleep(0.3 * (attempt + 1))
        return answer

    def send_later(self, operation, delay=0, of="refund"):
        def run():
            time.sleep(delay)
            self.send(operation, of)

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        return thread

    @staticmethod
    def _post(url, event):
        request = urllib.request.Request(
            url,
            data=json.dumps(event).encode(),
            headers={"Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=30) as response:
                return str(response.status)
        except OSError as error:
            return f"{type(error).__name__}: {error}"


class Handler(BaseHTTPRequestHandler):
    """One request. `server.store` and `server.webhooks` are shared by all of them."""

    def do_GET(self):
        self._dispatch(self._get)

    def do_POST(self):
        self._dispatch(self._post)

    def log_message(self, *_values):
        """Say nothing: the store keeps the log."""

    # === ROUTES === #

    def _get(self, path, query, _body):
        reference = query.get("reference", [None])[0]
        if path == "/v1/charges":
            return self._query(reference)
        if path == "/v1/operations":
            return self._list_operations(query)
        if path == "/v1/ledger":
            return self.store.ledger(reference)
        if path == "/v1/requests":
            return {"data": self.store.rows("SELECT * FROM request ORDER BY id")}
        if path == "/v1/webhooks":
            return {"data": self.store.rows("SELECT * FROM webhook ORDER BY id")}
        if path == "/v1/held":
            return {"data": list(self.server.held)}
        if path == "/v1/health":
            return {"pid": os.getpid()}
        raise Refused(404, f"no such page: {path}")

    def _list_operations(self, query):
        """Return a page of operations."""
        since = float(query.get("since", ["0"])[0])
        after = query.get("after", ["ch_0"])[0].partition("_")[2]
        page = int(self.store.setting("page", PAGE))
        rows = self.store.rows(
            "SELECT * FROM operation WHERE at >= ? AND id > ? ORDER BY id LIMIT ?",
            since,
            int(after),
            page + 1,
        )
        data = [
            {**self.store.present(row), "created": row["at"]} for row in rows[:page]
        ]
        return {"data": data, "has_more": len(rows) > page}

    def _post(self, path, _query, body):
        parts = path.strip("/").split("/")
        if path == "/v1/charges":
            return self._operate("charge", body)
        if parts[:2] == ["v1", "charges"] and len(parts) == 4:
            return self._operate(parts[3], body, charge_id=parts[2])
        routes = {
            "/v1/script": self._script,
            "/v1/release": self._release,
            "/v1/settings": self._settings,
            "/v1/webhooks/send": self._send_webhook,
            "/v1/dashboard/refund": self._refund_in_dashboard,
            "/v1/reset": self._reset,
        }
        if path not in routes:
            raise Refused(404, f"no such page: {path}")
        return routes[path](body)

    def _script(self, body):
        """Add a script.

        Keys: `behaviour` (a name or a dictionary); `kind`, 'charge' unless said, or
        'capture', 'void', 'refund', 'query'; `reference` and `token`, which requests it
        is for; `times`, how often it serves (1 unless said, None for ever).
        """
        behaviour = body["behaviour"]
        if isinstance(behaviour, str):
            behaviour = BEHAVIOURS[behaviour]
        elif "name" in behaviour:
            behaviour = {**BEHAVIOURS[behaviour["name"]], **behaviour}
            del behaviour["name"]
        if unknown := set(behaviour) - set(PLAIN):
            raise Refused(400, f"unknown keys of a behaviour: {sorted(unknown)}")
        script_id = self.store.insert(
            "script",
            kind=body.get("kind", "charge"),
            reference=body.get("reference"),
            token=body.get("token"),
            behaviour=json.dumps({**PLAIN, **behaviour}),
            times=body.get("times", 1),
        )
        return {"id": script_id}

    def _release(self, body):
        self.server.held.pop(body["token"]).set()
        return {}

    def _settings(self, body):
        for name, value in body.items():
            self.store.set_setting(name, value)
        return {}

    def _reset(self, _body):
        with self.store.together():
            for table in ("request", "operation", "movement", "script", "webhook"):
                self.store.execute(f"DELETE FROM {table}")
        return {}

    def _send_webhook(self, body):
        """Change the outcome of the operation with a reference, and send it.

        An operation made in the gateway's own pages is named by its id instead.

        A reference that is not known becomes a charge when an amount is given, or a
        refund of the `charge` that is named: a bank may find out later that the
        gateway's answer was wrong. `times` says how often it is sent, `of` the
        subject of the webhook, see `webhook_of` in `PLAIN`.
        """
        reference, status = body["reference"], body.get("status")
        operation = self.store.row(
            "SELECT * FROM operation WHERE reference = ? "
            "OR (reference IS NULL AND substr(kind, 1, 2) || '_' || id = ?) "
            "ORDER BY id LIMIT 1",
            reference,
            reference,
        )
        if not operation:
            if "amount" not in body:
                raise Refused(404, f"nothing is known of {reference}")
            operation_id = self._receive_later(body)
        else:
            operation_id = operation["id"]
        if status and (not operation or operation["status"] != status):
            presented = self.store.decide(
                operation_id, status, body.get("code", ""), body.get("reason", "")
            )
        else:
            presented = self.store.operation(operation_id)
        return self._send_repeatedly(presented, body)

    def _send_repeatedly(self, operation, body):
        answers = [
            self.server.webhooks.send(operation, body.get("of", "refund"))
            for _ in range(body.get("times", 1))
        ]
        return {
            "answer": answers[-1] if answers else None,
            "answers": answers,
            "operation": operation,
        }

    def _receive_later(self, body):
        if not body.get("charge"):
            return self._receive("charge", body, None, None)[0]
        charge = self.store.row(
            "SELECT * FROM operation WHERE reference = ? AND kind = 'charge'",
            body["charge"],
        )
        if not charge:
            raise Refused(404, f"nothing is known of {body['charge']}")
        body["currency"], body["token"] = charge["currency"], charge["token"]
        operation_id, fits = self._receive("refund", body, charge, None)
        if not fits:
            raise Refused(400, OVER_REFUND["reason"])
        return operation_id

    def _refund_in_dashboard(self, body):
        """Refund a charge without having been asked by the shop.

        Such a refund has no reference; nothing but its charge tells whose it is.
        """
        operation = self.store.decide(
            self._receive_later(body), body.get("status", "succeeded")
        )
        return self._send_repeatedly(operation, {"of": "charge", **body})

    def _query(self, reference):
        request_id, behaviour = self._log("query", reference, None, {})
        self._maybe_fail(behaviour, request_id, "before")
        time.sleep(behaviour["delay"])
        return {"data": self.store.operations(reference)}

    # === MONEY === #

    def _operate(self, kind, body, charge_id=None):
        if kind not in ("charge", "capture", "void", "refund"):
            raise Refused(404, f"no such operation: {kind}")
        reference, token = body.get("reference"), body.get("token")
        charge = self._find_charge(charge_id) if charge_id else None
        if charge:
            token = charge["token"]
            body.setdefault("amount", charge["amount"])
            body["currency"] = charge["currency"]
        if not isinstance(body.get("amount"), int) or body["amount"] <= 0:
            raise Refused(400, "amount must be a positive number of minor units")
        key = self.headers.get("Idempotency-Key")
        if repeated := self._repeated(kind, key):
            return repeated
        request_id, behaviour = self._log(kind, reference, token, body)
        self._maybe_fail(behaviour, request_id, "before")
        operation_id, fits = self._receive(kind, body, charge, request_id)
        if not fits:
            behaviour = {**behaviour, **OVER_REFUND}
        time.sleep(behaviour["delay"])
        if behaviour["held"]:
            self.server.held[token] = released = threading.Event()
            released.wait()
        operation = self.store.decide(
            operation_id,
            self._outcome(kind, body, behaviour),
            behaviour["code"],
            behaviour["reason"],
        )
        if "before" in behaviour["webhook"]:
            webhook = self.server.webhooks.send_later(
                operation, of=behaviour["webhook_of"]
            )
            webhook.join(WEBHOOK_PATIENCE)
        if "after" in behaviour["webhook"] or "twice" in behaviour["webhook"]:
            self.after_answer = [
                (operation, behaviour["webhook_delay"], behaviour["webhook_of"])
            ]
            if "twice" in behaviour["webhook"]:
                self.after_answer *= 2
        time.sleep(behaviour["answer_delay"])
        self._maybe_fail(behaviour, request_id, "after")
        if operation["status"] == "declined" and behaviour["refusal_status"] != 200:
            self.status = behaviour["refusal_status"]
            return {
                "error": {
                    "code": operation["code"],
                    "message": operation["reason"],
                    "operation": operation,
                }
            }
        return operation

    @staticmethod
    def _outcome(kind, body, behaviour):
        outcome = behaviour["outcome"]
        if (
            kind == "charge"
            and outcome == "succeeded"
            and not body.get("capture", True)
        ):
            return "authorized"
        if kind == "void" and outcome == "succeeded":
            return "canceled"
        return outcome

    def _find_charge(self, charge_id):
        charge = self.store.row(
            "SELECT * FROM operation WHERE id = ? AND kind = 'charge'",
            charge_id.removeprefix("ch_"),
        )
        if not charge:
            raise Refused(404, f"no such charge: {charge_id}")
        return charge

    def _repeated(self, kind, key):
        """Return the result of the key's first request, if the settings ask for it."""
        if not key or not self.store.setting("honour_idempotency_keys"):
            return None
        row = self.store.row(
            """
            SELECT operation.* FROM operation
              JOIN request ON request.id = operation.request_id
             WHERE request.idempotency_key = ? AND request.kind = ?
          ORDER BY operation.id LIMIT 1
            """,
            key,
            kind,
        )
        return row and self.store.present(row)

    def _log(self, kind, reference, token, body):
        """Record the request, before anything else is done with it."""
        behaviour = self.store.take_behaviour(kind, reference, token)
        self.request_id = self.store.insert(
            "request",
            at=time.time(),
            kind=kind,
            reference=reference,
            token=token,
            idempotency_key=self.headers.get("Idempotency-Key"),
            body=json.dumps(body),
            behaviour=json.dumps(behaviour),
        )
        return self.request_id, behaviour

    def _receive(self, kind, body, charge, request_id):
        """Take an operation on, unless it is a refund of more than there is.

        :return: Its id, and whether it fits.
        """
        with self.store.together():
            fits = kind != "refund" or (
                body["amount"] <= self.store.get_refundable(charge["id"])
            )
            operation_id = self.store.insert(
                "operation",
                request_id=request_id,
                at=time.time(),
                kind=kind,
                parent_id=charge and charge["id"],
                reference=body.get("reference"),
                amount=body["amount"],
                currency=body.get("currency"),
                token=body.get("token"),
                status="processing" if fits else "declined",
                code="" if fits else OVER_REFUND["code"],
            )
        return operation_id, fits

    def _maybe_fail(self, behaviour, request_id, when):
        if behaviour["failure"] == f"drop_{when}":
            raise ConnectionAbortedError(behaviour["end"])
        if behaviour["failure"] == f"error_{when}":
            raise Refused(behaviour["status"], "The gateway is in trouble.")
        if behaviour["failure"] == f"garbage_{when}":
            raise Garbage(b"<html>Something went wrong</html>")
        if behaviour["failure"] == f"odd_{when}":
            raise Garbage(b'{"surprise": true}')
        if behaviour["failure"] == f"truncate_{when}":
            raise Garbage(b'{"id": "ch_', missing=100)

    # === TRANSPORT === #

    @property
    def store(self):
        return self.server.store

    def _dispatch(self, route):
        self.status, self.after_answer, self.request_id = 200, [], None
        try:
            split = urlsplit(self.path)
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length) or b"{}")
            answer = route(split.path, parse_qs(split.query), body)
        except Refused as error:
            self.status = error.status
            answer = {"error": {"code": str(error.status), "message": str(error)}}
        except Garbage as error:
            self._note_answer("garbage")
            self._answer(error.content, error.missing)
            answer = None
        except ConnectionAbortedError as error:
            self._note_answer(f"dropped ({error})")
            self._drop(str(error))
            answer = None
        except (KeyError, ValueError) as error:
            self.status = 400
            answer = {"error": {"code": "400", "message": repr(error)}}
        if answer is not None:
            self._note_answer(str(self.status))
            self._answer(json.dumps(answer).encode())
        for operation, delay, of in self.after_answer:
            self.server.webhooks.send_later(operation, delay, of)

    def _note_answer(self, answer):
        if self.request_id:
            self.store.execute(
                "UPDATE request SET answer = ?, answered_at = ? WHERE id = ?",
                answer,
                time.time(),
                self.request_id,
            )

    def _answer(self, content, missing=0):
        """Answer, promising more than there is if something is missing."""
        try:
            self.send_response(self.status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content) + missing))
            self.end_headers()
            self.wfile.write(content)
            self.wfile.flush()
        except OSError:
            pass  # The client has gone; the record has the outcome.

    def _drop(self, end):
        self.close_connection = True
        if end == "reset":
            # No lingering: closing sends a reset, as a failing middlebox does.
            self.connection.setsockopt(
                socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
            )
            self.connection.close()
        else:
            self.connection.shutdown(socket.SHUT_RDWR)


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def __init__(self, port, store):
        super().__init__(("127.0.0.1", port), Handler)
        self.store = store
        self.webhooks = Webhooks(store)
        self.held = {}  # By token: the event for which its request waits.

    def handle_error(self, _request, _address):
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(_request, _address)

    def shutdown_request(self, request):
        try:
            super().shutdown_request(request)
        except OSError:
            request.close()


def _end_with(stream):
    """End this process when the other end of the stream is closed, however it died."""
    stream.read()
    os._exit(0)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--database", required=True, help="SQLite file of the record")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument(
        "--until-stdin-ends", action="store_true", help="end when standard input does"
    )
    options = parser.parse_args()
    server = Server(options.port, Store(options.database))
    print(f"listening on 127.0.0.1:{server.server_address[1]}", flush=True)
    if options.until_stdin_ends:
        threading.Thread(target=_end_with, args=(sys.stdin,), daemon=True).start()
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()
