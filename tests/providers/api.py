"""The common parts of the fake APIs of payment providers.

A fake answers as the documentation of the provider says, and keeps a record of the
money that it moved. It never removes duplicates but by the provider's own means (an
idempotency key): a second request moves money a second time, and the record says so.
"""

import contextlib
import itertools
import json
import re
import socket
import struct
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

import requests
from lib.waiting import PATIENCE

# Of these, no money moves.
DEAD = ("declined", "canceled")
# How long an answer waits for the webhook sent before it: the other side may well let
# the webhook wait for the answer.
WEBHOOK_PATIENCE = 0.7
WEBHOOK_TRIES = 3

# The features that four of the modules do not have, for `not_offered` of their fakes.
NO_CAPTURES_OR_REFUNDS = {
    "failed captures": "the module captures nothing",
    "captures": "the module neither authorizes without a capture nor captures",
    "refunds": "the module has no refunds: they are made in the provider's own pages",
}


@dataclass
class Operation:
    """One line of the record of a provider."""

    id: str  # The provider's own, as the module stores it in `provider_reference`.
    # 'charge', 'capture', 'void' or 'refund'; a 'dispute' takes the money of a charge
    # back, and a 'reinstatement' returns it; the provider takes a 'fee' for it.
    kind: str
    amount: int  # In minor units, as the provider counts them.
    currency: str
    reference: str | None  # The merchant's, if the request or the charge has it.
    # 'succeeded', 'authorized', 'pending', 'declined', 'canceled', 'strange': a word
    # that the module does not know, or 'action': the customer must do something.
    status: str
    parent: str | None = None  # The id of the charge, for the other kinds.
    by_merchant: bool = True  # False: somebody made it in the provider's own pages.
    data: dict = field(default_factory=dict)  # More that the provider knows of it.
    made_at: float = field(default_factory=time.time)


@dataclass
class Wish:
    """How a coming request is to be met."""

    kind: str = "charge"  # Of the request; '' for any.
    outcome: str = ""  # A status of `Operation`; as the request asks if empty.
    amount: int | None = None  # That the provider says, and moves, instead.
    failure: str = ""  # 'reset', 'junk', or the HTTP status of an error: '401', '503'
    when: str = "after"  # The failure: 'before' the request is worked off, or 'after'.
    held: threading.Event | None = None  # It is worked off when this is set.
    webhook: str = ""  # 'first', 'after' or 'twice'; never if empty.
    times: int = 1


@dataclass
class Request:
    """A request of the provider's module."""

    method: str
    path: str  # Without the code of the provider.
    data: dict
    headers: dict


@dataclass
class Webhook:
    """A notification as the provider's module accepts it."""

    path: str
    body: bytes
    headers: dict = field(default_factory=dict)


class Refused(Exception):
    """The request is answered with an error, in the provider's words."""

    def __init__(self, status, body):
        super().__init__(status)
        self.status = status
        self.body = body


class Dropped(Exception):
    """The connection ends without an answer."""


class Api:
    """The fake of one provider; a subclass has its requests, answers and webhooks.

    The methods that handle requests are given the request, the wish that it meets (an
    empty one as a rule) and the groups of the route. They return the answer.
    """

    code = ""
    title = ""
    currency = "USD"
    minor_units = 100  # In one major unit, as the provider counts them.
    # Rows of HTTP method, pattern of the path, kind of request and name of a method.
    ROUTES = ()
    numeric_ids = False
    names_declined = True  # Whether the answer to a decline has the id of the charge.
    # Header without which a request is refused, for providers that sign nothing.
    authorization = None
    # Header with the key under which a repeated request is answered as the first.
    idempotency_header = None
    # Values of the provider and of saved methods, as the module stores them.
    provider_values = {}
    token_values = {"provider_ref": "token"}
    # Values of the customers that the provider's module needs.
    partner_values = {}
    # Kinds of requests whose answer says no more than that it was received.
    answers_later = ()
    # Whether it tells what became of a charge, or answers a repeated one as the first.
    answers_questions = True
    # Whether it lists what it moved: pages of its API, or reports.
    gives_list = False
    dispute_fee = 0  # Of each dispute, in minor units, if its notifications name it.
    # Features or scenarios that the provider or its module does not have, each with the
    # reason; see `scenarios`.
    not_offered = {}
    # Scenarios in which the module itself is at fault and leaves no seam to work round
    # it, each with the reason. They are run, and must fail.
    defects = {}

    def __init__(self, record_path):
        self.record_path = record_path
        self.operations = {}
        self.requests = []  # Pairs of kind and request.
        self.sent = []  # The webhooks, in their order.
        self.wishes = []
        self.answers = {}  # By idempotency key.
        self.shop_url = ""
        self.lock = threading.RLock()
        self.numbers = itertools.count(1)
        self.messengers = ThreadPoolExecutor(4)

    # === WISHES OF A TEST === #

    def wish(self, **values):
        """Let a coming request be met in a way, see :class:`Wish`."""
        with self.lock:
            self.wishes.append(Wish(**values))

    def take_wish(self, kind):
        with self.lock:
            for wish in self.wishes:
                if wish.kind in ("", kind):
                    wish.times -= 1
                    if not wish.times:
                        self.wishes.remove(wish)
                    return wish
        return Wish()

    def clear_wishes(self):
        """Remove the wishes that were not met.

        :return: They.
        """
        with self.lock:
            left, self.wishes = self.wishes, []
        return left

    # === REQUESTS === #

    def handle(self, request):
        """Answer a request.

        :return: The HTTP status and the content.
        :rtype: tuple[int, bytes]
        """
        kind, name, match = self._find_route(request)
        if not name:
            return 404, b'{"message": "The fake API has no such endpoint."}'
        kind = self.get_kind(kind, request)
        expected = self.authorization
        if expected and request.headers.get("authorization") != expected:
            raise Refused(401, self.make_error(401))
        with self.lock:
            self.requests.append((kind, request))
        wish = self.take_wish(kind)
        self._fail(wish, "before")
        if wish.held:
            wish.held.wait()
        known = set(self.operations)
        status, answer = self._answer_once(getattr(self, name), request, wish, match)
        made = [self.operations[key] for key in self.operations.keys() - known]
        self._notify(wish, made)
        self._fail(wish, "after")
        return status, _encode(answer)

    def _find_route(self, request):
        for method, pattern, kind, name in self.ROUTES:
            match = re.fullmatch(pattern, request.path)
            if match and method == request.method:
                return kind, name, match
        return "", "", None

    def get_kind(self, kind, request):
        """Return the kind of a request, where its path alone does not tell."""
        return kind

    def _answer_once(self, method, request, wish, match):
        key = self.idempotency_header and request.headers.get(self.idempotency_header)
        with self.lock:
            if key and key in self.answers:
                return self.answers[key]
            try:
                answer = 200, method(request, wish, *match.groups())
            except Refused as refusal:
                answer = refusal.status, refusal.body
            if key:
                self.answers[key] = answer
            return answer

    def _fail(self, wish, when):
        if wish.failure and wish.when == when:
            if wish.failure == "reset":
                raise Dropped
            if wish.failure == "junk":
                raise Refused(200, b"<html><body>Please wait...</body></html>")
            raise Refused(int(wish.failure), self.make_error(int(wish.failure)))

    def make_error(self, status):
        """Return the content of an error that has nothing to do with the payment."""
        return {"message": f"Error {status}"}

    def _notify(self, wish, operations):
        """Send the webhooks that a wish asks for: before the answer, or soon after."""
        if wish.webhook == "first":
            sent = [self.messengers.submit(self.deliver, row) for row in operations]
            for future in sent:
                with contextlib.suppress(TimeoutError):
                    future.result(WEBHOOK_PATIENCE)
        elif wish.webhook:
            for row in operations * (2 if wish.webhook == "twice" else 1):
                self.messengers.submit(self._deliver_after, row)

    def _deliver_after(self, operation):
        time.sleep(0.2)
        return self.deliver(operation)

    # === RECORD === #

    def make_id(self, prefix=""):
        if self.numeric_ids:
            return str(1_300_000_000 + next(self.numbers))
        return f"{prefix}{self.code[:3]}{next(self.numbers):06}"

    def add(self, kind, amount, reference, *, id_prefix="", parent=None, **values):
        """Note a new operation.

        :return: The operation.
        :rtype: Operation
        """
        values.setdefault("status", "succeeded")
        values.setdefault("currency", parent.currency if parent else self.currency)
        operation = Operation(
            id=values.pop("id", None) or self.make_id(id_prefix),
            kind=kind,
            amount=amount,
            reference=reference,
            parent=parent.id if parent else None,
            **values,
        )
        operation.data["first_status"] = operation.status
        with self.lock:
            self.operations[operation.id] = operation
            self._write(operation)
        return operation

    def settle(self, operation, status):
        """Give an operation another status, as time brings it."""
        with self.lock:
            # The money of a refund that had succeeded left, and is back; that of a
            # capture came, and is gone.
            was_done = operation.status == "succeeded" and operation.kind in (
                "refund",
                "capture",
            )
            operation.data["came_back"] = was_done and status in DEAD
            operation.status = status
            self._write(operation)
        return operation

    def _write(self, operation):
        with open(self.record_path, "a") as record:
            line = {"at": time.time(), "code": self.code, **asdict(operation)}
            record.write(json.dumps(line) + "\n")

    def find(self, operation_id):
        """Return an operation that a request names.

        :raise Refused: If there is none.
        """
        if operation_id not in self.operations:
            raise Refused(404, self.make_error(404))
        return self.operations[operation_id]

    def end_day(self):
        """Settle the captures: the provider pays them out to the merchant."""

    def get_children(self, charge, *kinds):
        """Return the operations on a charge that move money or will, oldest first."""
        return [
            row
            for row in self.operations.values()
            if row.parent == charge.id and row.kind in kinds and row.status not in DEAD
        ]

    def get_captured(self, charge):
        """Return the captured amount of a charge, in minor units."""
        captures = sum(row.amount for row in self.get_children(charge, "capture"))
        return captures + (charge.amount if charge.status == "succeeded" else 0)

    def get_refundable(self, charge):
        refunded = sum(row.amount for row in self.get_children(charge, "refund"))
        return self.get_captured(charge) - refunded

    def get_capturable(self, charge):
        if charge.status != "authorized":
            return 0
        taken = self.get_children(charge, "capture", "void")
        return charge.amount - sum(row.amount for row in taken)

    # === IN THE PROVIDER'S OWN PAGES === #

    def make_in_dashboard(self, kind, charge, amount=None):
        """Refund, capture or void a charge without the shop having asked.

        :return: The operation; no webhook was sent yet.
        :rtype: Operation
        """
        left = {"refund": self.get_refundable, "capture": self.get_capturable}
        return self.add(
            kind,
            left.get(kind, self.get_capturable)(charge) if amount is None else amount,
            None,
            parent=charge,
            by_merchant=False,
        )

    def dispute(self, charge, amount=None):
        """Take the money of a charge back, as the bank of the customer does.

        :param int amount: In minor units; all of the charge if not given.
        :return: The operation; no webhook was sent yet.
        :rtype: Operation
        """
        dispute = self.add(
            "dispute",
            charge.amount if amount is None else amount,
            None,
            id_prefix="dp_",
            parent=charge,
            by_merchant=False,
            data={"state": "open"},
        )
        if self.dispute_fee:
            self.add("fee", self.dispute_fee, None, parent=charge, by_merchant=False)
        return dispute

    def close_dispute(self, dispute, state):
        """Decide a dispute: it is won, and the money returns, or lost.

        :return: The dispute.
        :rtype: Operation
        """
        dispute.data["state"] = state
        charge = self.operations[dispute.parent]
        if state == "won":
            self.add("reinstatement", dispute.amount, None, parent=charge)
        return dispute

    def dispute_again(self, dispute, amount):
        """Take money once more of a dispute that was won, with another fee.

        :param int amount: In minor units.
        :return: The operation; its messages have the id of the first one.
        :rtype: Operation
        """
        charge = self.operations[dispute.parent]
        again = self.dispute(charge, amount)
        again.data.update(state="lost", first=dispute.id)
        return again

    # === WEBHOOKS === #

    def build_webhooks(self, operation):
        """Return the message of the provider on an operation in its present status.

        :rtype: list[Webhook]
        """
        return []

    def deliver(self, operation, times=1):
        """Send the webhooks of an operation, as often as it takes.

        :return: The HTTP status of the last answer to each.
        :rtype: list[int]
        """
        webhooks = list(self.build_webhooks(operation))
        return [self.send(webhook) for webhook in webhooks * times]

    def send(self, webhook):
        """Send a webhook, as often as it takes, and remember it.

        :return: The HTTP status of the last answer.
        :rtype: int
        """
        with self.lock:
            self.sent.append(webhook)
        for _ in range(WEBHOOK_TRIES):
            answer = requests.post(
                f"{self.shop_url}{webhook.path}",
                data=webhook.body,
                headers={"Content-Type": "application/json", **webhook.headers},
                timeout=PATIENCE,
            )
            if answer.ok:
                break
            time.sleep(0.3)
        return answer.status_code


def _encode(body):
    return body if isinstance(body, bytes) else json.dumps(body).encode()


# === SERVER === #


class Handler(BaseHTTPRequestHandler):
    """Finds the fake by the first part of the path, the code of the provider."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_arguments):
        pass

    def _serve(self):
        parts = urlsplit(self.path)
        _empty, code, path = parts.path.split("/", 2)
        content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        data = dict(parse_qsl(parts.query))
        data.update(_parse(content, headers.get("content-type", "")))
        request = Request(self.command, f"/{path}", data, headers)
        try:
            status, answer = self.server.apis[code].handle(request)
        except Refused as refusal:
            status, answer = refusal.status, _encode(refusal.body)
        except Dropped:
            # A reset, and not the end of an empty answer.
            linger = struct.pack("ii", 1, 0)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            self.connection.close()
            self.close_connection = True
            return
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _serve


def _parse(content, content_type):
    """Return the content of a request as a dictionary."""
    if not content:
        return {}
    if content_type.startswith("application/x-www-form-urlencoded"):
        return dict(parse_qsl(content.decode()))
    return json.loads(content)


class ApiServer(ThreadingHTTPServer):
    """Serves all fakes in a thread of this process."""

    daemon_threads = True

    def __init__(self, apis):
        super().__init__(("127.0.0.1", 0), Handler)
        self.apis = {api.code: api for api in apis}
        self.url = f"http://127.0.0.1:{self.server_port}"
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, request, client_address):
        """Override of `socketserver`: a connection that was reset is no error here."""

    def close(self):
        self.shutdown()
        self.server_close()
