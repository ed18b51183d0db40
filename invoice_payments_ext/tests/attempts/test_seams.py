import json
import socket
import struct
import threading
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from unittest.mock import patch

import requests

from odoo import fields
from odoo.exceptions import LockError, UserError, ValidationError
from odoo.tests import tagged
from odoo.tests.common import _super_send

from odoo.addons.payment.models import payment_provider

from ..common import InvoicePaymentsCommon

TIMEOUT = 0.3


@tagged("post_install", "-at_install")
class TestSeams(InvoicePaymentsCommon):
    """A provider's code meets errors of the HTTP client and the resolver's question.

    The errors are real ones: the requests go to sockets of this machine.
    """

    @classmethod
    def _request_handler(cls, session, request, /, **kwargs):
        """Let the requests through, with a short time-out."""
        return _super_send(session, request, **{**kwargs, "timeout": TIMEOUT})

    # === CLASSIFYING === #

    def _charge_over_http(self, url):
        """Charge the invoice through Odoo's own request helper."""

        def send(tx):
            tx._send_api_request("POST", "charge", json={"amount": tx.amount})
            return "done"

        self.gateway.answers = [send]
        self.patch(
            self.env.registry["payment.provider"],
            "_build_request_url",
            lambda provider, endpoint, **kwargs: f"{url}/{endpoint}",
        )
        return self.invoice.charge(self.token.id, amount=10.0)

    @contextmanager
    def _socket(self):
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            yield listener, f"http://127.0.0.1:{listener.getsockname()[1]}"

    @contextmanager
    def _server(self, handle):
        """Accept one connection, read the request and let `handle` go on."""

        def run():
            connection, _address = listener.accept()
            with connection:
                connection.recv(65536)
                handle(connection)

        with self._socket() as (listener, url):
            listener.listen()
            thread = threading.Thread(target=run, daemon=True)
            thread.start()
            yield url
            thread.join(5)

    @contextmanager
    def _http_server(self, status, body):
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):  # noqa: N802
                self.rfile.read(int(self.headers["Content-Length"]))
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args):
                pass

        server = HTTPServer(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=server.handle_request, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        thread.join(5)
        server.server_close()

    def test_refused_port_is_failed(self):
        with self._socket() as (listener, url):
            attempt = self._charge_over_http(url)  # Bound, but nobody listens.
        self.assertEqual(attempt.outcome, "failed")
        self.assertTrue(attempt.state_message)

    def test_name_that_is_not_resolved_is_failed(self):
        attempt = self._charge_over_http("http://gateway.invalid")
        self.assertEqual(attempt.outcome, "failed")

    def test_connection_that_is_not_made_in_time_is_failed(self):
        with self._socket() as (listener, url):
            listener.listen(0)
            fillers = [socket.socket() for _number in range(4)]
            for filler in fillers:  # The queue of the listener is full then.
                filler.setblocking(False)
                filler.connect_ex(listener.getsockname())
            attempt = self._charge_over_http(url)
            for filler in fillers:
                filler.close()
        self.assertEqual(attempt.outcome, "failed")

    def test_no_answer_in_time_is_unknown(self):
        done = threading.Event()
        with self._server(lambda connection: done.wait(5)) as url:
            attempt = self._charge_over_http(url)
            done.set()
        self.assertEqual(attempt.outcome, "unknown")

    def test_reset_after_sending_is_unknown(self):
        def reset(connection):
            linger = struct.pack("ii", 1, 0)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)

        with self._server(reset) as url:
            attempt = self._charge_over_http(url)
        self.assertEqual(attempt.outcome, "unknown")

    def test_connection_that_is_closed_without_an_answer_is_unknown(self):
        with self._server(lambda connection: None) as url:
            attempt = self._charge_over_http(url)
        self.assertEqual(attempt.outcome, "unknown")

    def test_answer_that_breaks_off_is_unknown(self):
        def half(connection):
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")

        with self._server(half) as url:
            attempt = self._charge_over_http(url)
        self.assertEqual(attempt.outcome, "unknown")

    def test_http_statuses(self):
        for outcome, statuses in (
            ("declined", (400, 402, 422)),
            ("failed", (401, 403, 404, 405, 409, 410, 429)),
            ("unknown", (408, 500, 502, 503, 504)),
        ):
            for status in statuses:
                with self.subTest(status):
                    self.invoice = self.make_invoice()
                    with self._http_server(status, b"{}") as url:
                        attempt = self._charge_over_http(url)
                    self.assertEqual(attempt.outcome, outcome)

    def test_answer_that_is_no_json_is_unknown(self):
        with self._http_server(200, b"<html>") as url:
            attempt = self._charge_over_http(url)
        self.assertEqual(attempt.outcome, "unknown")

    def test_refused_connection_after_an_answer_is_unknown(self):
        with (
            self._http_server(200, b"{}") as answering,
            self._socket() as (_s, refusing),
        ):
            urls = iter((answering, refusing))

            def send(tx):
                tx._send_api_request("POST", "first", json={})
                tx._send_api_request("POST", "second", json={})

            self.gateway.answers = [send]
            self.patch(
                self.env.registry["payment.provider"],
                "_build_request_url",
                lambda provider, endpoint, **kwargs: next(urls),
            )
            attempt = self.invoice.charge(self.token.id)
        self.assertEqual(attempt.outcome, "unknown")

    def test_provider_that_calls_every_failed_request_an_error(self):
        # As payment_flutterwave and payment_xendit do.
        for error, outcome in (
            (requests.ReadTimeout("slow"), "unknown"),
            (requests.ConnectTimeout("closed"), "failed"),
        ):

            def send(tx, error=error):
                try:
                    raise self.transport_error(error)
                except ValidationError as raised:
                    tx._set_error(str(raised))

            with self.subTest(outcome):
                self.invoice = self.make_invoice()
                attempt = self.start_attempt(send)
                self.assertEqual(attempt.outcome, outcome)
                self.assertEqual(attempt.state_message, "No connection.")

    def test_error_that_a_provider_names_while_the_caller_handles_another(self):
        try:
            raise requests.ReadTimeout("something else")
        except requests.ReadTimeout:
            attempt = self.start_attempt(
                lambda tx: tx._set_error("Expired card") and None
            )
        self.assertEqual(attempt.outcome, "declined")
        self.assertEqual(attempt.state_message, "Expired card")

    def test_errors_without_a_transport_error_behind(self):
        for error, outcome in (
            (ValidationError("Card declined"), "declined"),
            (UserError("No such card"), "declined"),
            (RuntimeError("bug"), "unknown"),
            (KeyError("id"), "unknown"),
            (json.JSONDecodeError("bad", "", 0), "unknown"),
            (OSError("cut"), "unknown"),
        ):
            with self.subTest(error):
                self.assertEqual(self._classify(error), outcome)

    def test_transport_errors(self):
        for error, outcome in (
            (requests.ConnectTimeout(), "failed"),
            (requests.ReadTimeout(), "unknown"),
            (requests.ConnectionError("reset"), "unknown"),
            (requests.exceptions.ChunkedEncodingError(), "unknown"),
            (requests.exceptions.JSONDecodeError("bad", "", 0), "unknown"),
            (requests.exceptions.ContentDecodingError(), "unknown"),
            (requests.HTTPError("no response"), "unknown"),
        ):
            with self.subTest(error):
                self.assertEqual(self._classify(error), outcome)
                self.assertEqual(self._classify(self.transport_error(error)), outcome)

    def test_errors_that_refer_to_each_other(self):
        first, second = ValidationError("one"), RuntimeError("two")
        first.__context__, second.__context__ = second, first
        self.assertEqual(self._classify(first), "declined")

    def _classify(self, error):
        return self.provider._classify_refusal(self.env["payment.transaction"], error)

    def test_provider_can_classify_by_itself(self):
        self.patch(
            self.env.registry["payment.provider"],
            "_classify_refusal",
            lambda provider, transaction, error: "declined",
        )
        self.assertEqual(self.start_attempt(RuntimeError("cut")).outcome, "declined")

    def test_odoo_s_time_out_is_as_this_addon_expects(self):
        with patch.object(payment_provider.requests, "request") as request:
            self._charge_over_http("http://127.0.0.1:1")
        self.assertEqual(request.call_args.kwargs["timeout"], 10)

    # === THE RESOLVER === #

    def _answer_with(self, answer):
        """Let the provider answer the resolver's question."""
        asked = []

        def fetch(provider, transaction):
            asked.append(transaction.reference)
            if isinstance(answer, Exception):
                raise answer
            return answer and self.gateway.payment_data(transaction, answer)

        self.patch(self.env.registry["payment.provider"], "_fetch_outcome", fetch)
        return asked

    def test_provider_that_cannot_tell(self):
        attempt = self.start_attempt(RuntimeError("cut"))
        asked = self._answer_with(None)
        self.run_resolver()
        self.assertEqual(asked, [attempt.reference])
        self.assertEqual(attempt.outcome, "unknown")
        self.assertTrue(attempt.sudo().holds_invoice)

    def test_old_attempt_is_asked_for_more_seldom(self):
        attempt = self.start_attempt(RuntimeError("cut")).sudo()
        asked = self._answer_with(None)
        now = fields.Datetime.now()
        attempt.request_sent_on = now - timedelta(days=10)
        for hours, times in ((1, 0), (20, 0), (23, 1)):
            attempt.asked_on = now - timedelta(hours=hours)
            self.run_resolver()
            self.assertEqual(len(asked), times, hours)

    def test_attempt_that_was_asked_longest_ago_is_the_next(self):
        """A gateway that does not answer takes all the time: none waits behind it."""
        attempts = self.env["payment.transaction"].sudo()
        for _number in range(3):
            self.invoice = self.make_invoice()
            attempts += self.start_attempt(RuntimeError("cut"))
        now = fields.Datetime.now()
        for attempt, minutes in zip(attempts, (10, 0, 20), strict=True):
            attempt.asked_on = minutes and now - timedelta(minutes=minutes)
        asked = self._answer_with(None)
        attempts._cron_resolve_attempts()
        self.assertEqual(
            asked,
            [attempts[index].reference for index in (1, 2, 0)],
        )

    def test_provider_cannot_tell_by_default(self):
        attempt = self.start_attempt(RuntimeError("cut"))
        self.assertIsNone(self.provider._fetch_outcome(attempt.sudo()))

    def test_provider_that_never_received_the_request(self):
        attempt = self.start_attempt(RuntimeError("cut"))
        self._answer_with({})
        self.run_resolver()
        self.assertEqual(attempt.outcome, "failed")
        self.gateway.answers = ["done"]
        self.assertEqual(attempt.retry().outcome, "succeeded")

    def test_provider_is_not_believed_while_the_request_may_be_on_its_way(self):
        attempt = self.start_attempt(RuntimeError("cut"))
        asked = self._answer_with({})
        transactions = self.env["payment.transaction"].sudo()
        transactions._cron_resolve_attempts()
        self.assertEqual((len(asked), attempt.outcome), (1, "unknown"))
        self.assertIn("does not know the request", attempt.provider_word)
        self.assertTrue(attempt.asked_on)
        self.assertTrue(attempt.sudo().holds_invoice)
        self.patch(
            self.env.registry["payment.provider"],
            "_get_arrival_delay",
            lambda provider: timedelta(0),
        )
        transactions._cron_resolve_attempts()
        self.assertEqual(attempt.outcome, "failed")

    def test_provider_is_not_believed_early_because_a_clock_is_wrong(self):
        """One server sends, and another one asks: neither clock counts."""
        self._answer_with({})
        now = fields.Datetime.now
        for of_sender, of_asker in ((-20, 0), (0, 20), (-20, 20)):
            with self.subTest(of_sender=of_sender, of_asker=of_asker):
                self.invoice = self.make_invoice()
                with self.clock(now() + timedelta(minutes=of_sender)):
                    attempt = self.start_attempt(RuntimeError("cut"))
                with self.clock(now() + timedelta(minutes=of_asker)):
                    attempt.sudo()._ask_provider()
                self.assertEqual(attempt.outcome, "unknown")
                attempt.sudo().request_sent_on -= timedelta(minutes=16)
                attempt.sudo()._ask_provider()
                self.assertEqual(attempt.outcome, "failed")

    @staticmethod
    def clock(moment):
        """Let the clock of this server stand at a moment; the database has its own."""
        return patch.object(fields.Datetime, "now", lambda: moment)

    def test_charge_is_sent_again_where_the_gateway_knows_its_key(self):
        self._answer_with(None)
        attempt = self.start_attempt(RuntimeError("cut"))
        may_resend = self.env["payment.provider"]._may_resend
        self.assertFalse(may_resend(attempt))
        self.patch(
            self.env.registry["payment.provider"],
            "_may_resend",
            lambda provider, tx: tx.request_kind == "charge",
        )
        for error in (RuntimeError("cut"), requests.ConnectTimeout("closed")):
            with self.subTest(error):
                self.gateway.answers = [error]
                self.run_resolver()
                self.assertEqual(attempt.outcome, "unknown")
        self.gateway.answers = ["done"]
        self.run_resolver()
        self.assertEqual(attempt.outcome, "succeeded")
        self.assertEqual(attempt.sudo().payment_id.amount, 1000.0)
        self.assertEqual(len(self.gateway.requests), 4)
        refund = attempt.sudo().payment_id.with_user(self.supervisor)
        self.gateway.answers = [RuntimeError("cut")]
        refund.refund(10.0, reason="Wrong")
        self.run_resolver()
        self.assertEqual(len(self.gateway.requests), 5, "A refund is not sent again.")

    def test_a_person_asks_the_provider(self):
        attempt = self.start_attempt(RuntimeError("cut"))
        dialog = self.env["payment.attempt.resolve"].with_user(self.accountant)
        dialog = dialog.create({"transaction_id": attempt.id, "reason": "?"})
        self.assertFalse(dialog.provider_word)
        for answer, word in (
            (None, "could not tell"),
            ({}, "does not know the request"),
            (RuntimeError("down"), "could not be asked"),
        ):
            with self.subTest(word):
                self._answer_with(answer)
                action = dialog.action_ask()
                self.assertEqual(action["res_id"], dialog.id)
                self.assertIn(word, dialog.provider_word)
        self._answer_with("done")
        self.assertEqual(dialog.action_ask()["tag"], "display_notification")
        self.assertEqual(attempt.outcome, "succeeded")
        self.assertEqual(self.invoice.amount_residual, 0.0)

    def test_provider_that_tells_the_outcome(self):
        for answer, outcome, remaining in (
            ("done", "succeeded", 0.0),
            ("pending", "pending", 1000.0),
            ("authorized", "authorized", 1000.0),
            ("error", "declined", 1000.0),
            ("cancel", "canceled", 1000.0),
        ):
            with self.subTest(answer):
                self.invoice = self.make_invoice()
                attempt = self.start_attempt(RuntimeError("cut"))
                self._answer_with(answer)
                self.run_resolver()
                self.assertEqual(attempt.outcome, outcome)
                self.assertEqual(self.invoice.amount_residual, remaining)
                if outcome == "succeeded":
                    self.assertEqual(attempt.sudo().payment_id.amount, 1000.0)

    def test_question_that_fails_keeps_nobody_waiting(self):
        first = self.start_attempt(RuntimeError("cut"))
        self.invoice = self.make_invoice()
        stuck = self.make_stuck_attempt("sent")
        self._answer_with(RuntimeError("down"))
        self.run_resolver()
        self.assertEqual((first.outcome, stuck.outcome), ("unknown", "unknown"))

    def test_attempt_that_was_never_sent_is_canceled(self):
        attempt = self.make_stuck_attempt("ready")
        self.run_resolver()
        self.assertEqual(attempt.outcome, "canceled")
        self.assertFalse(attempt.sudo().holds_invoice)
        self.assertFalse(self.gateway.requests)
        self.assertEqual(self.start_attempt("done").outcome, "succeeded")

    def test_attempt_whose_answer_was_lost_is_unknown(self):
        attempt = self.make_stuck_attempt("sent")
        self.run_resolver()
        self.assertEqual(attempt.outcome, "unknown")
        self.assertTrue(attempt.sudo().holds_invoice)
        with self.assertRefused("is unknown"):
            self.invoice.charge(self.token.id)

    def test_attempt_of_a_moment_ago_is_left_alone(self):
        for request_state in ("ready", "sent"):
            with self.subTest(request_state):
                self.invoice = self.make_invoice()
                attempt = self.make_stuck_attempt(request_state)
                self.env["payment.transaction"].sudo()._cron_resolve_attempts()
                self.assertEqual(attempt.outcome, request_state)

    def test_attempt_whose_sender_is_alive_is_left_alone(self):
        attempts = [self.make_stuck_attempt("sent")]
        self.invoice = self.make_invoice()
        attempts.append(self.start_attempt(RuntimeError("cut")))
        self.invoice = self.make_invoice()
        attempts.append(self.start_attempt("pending"))
        asked = self._answer_with("done")
        transactions = self.env.registry["payment.transaction"]
        with patch.object(
            transactions, "try_lock_for_update", lambda tx, **kwargs: tx.browse()
        ):
            self.run_resolver()
            attempts[-1].sudo()._ask_for_person()
        self.assertFalse(asked)
        self.assertEqual(
            [tx.outcome for tx in attempts], ["sent", "unknown", "pending"]
        )

    def test_opening_the_invoice_resolves_its_attempts(self):
        attempt = self.start_attempt(RuntimeError("cut"))
        self.assertFalse(self.invoice.resolve_payment_attempts())
        self._answer_with("done")
        self.assertTrue(self.invoice.resolve_payment_attempts())
        self.assertEqual(attempt.outcome, "succeeded")
        self.assertEqual(self.invoice.amount_residual, 0.0)
        self.assertFalse(self.invoice.resolve_payment_attempts())

    def test_opening_the_invoice_resolves_captures_too(self):
        authorized = self.start_attempt("authorized")
        self.gateway.answers = [RuntimeError("cut")]
        capture = authorized.capture(amount=600.0)
        self._answer_with("done")
        self.assertTrue(self.invoice.resolve_payment_attempts())
        self.assertEqual(capture.outcome, "succeeded")
        self.assertEqual(self.invoice.amount_residual, 400.0)

    def test_resolver_is_a_scheduled_action(self):
        cron = self.env.ref("invoice_payments_ext.ir_cron_resolve_attempts")
        self.assertTrue(cron.active)
        attempt = self.make_stuck_attempt("sent")
        self.env.cr.execute(
            "UPDATE payment_transaction SET write_date = write_date - interval '1 hour'"
        )
        self.env.invalidate_all()
        cron.ir_actions_server_id.sudo().run()
        self.assertEqual(attempt.outcome, "unknown")

    def test_money_is_booked_before_gateways_are_asked(self):
        """They may take all the time that the schedule has."""
        self.start_attempt(RuntimeError("cut"))
        asked = self._answer_with(None)
        confirmed = self.make_portal_transaction(
            "pending", invoice_ids=[(6, 0, self.make_invoice().ids)]
        )
        self.gateway.notify(confirmed, "done")
        self.patch(
            self.env.registry["ir.cron"], "_commit_progress", lambda *_a, **_k: 0
        )
        self.run_resolver()
        self.assertTrue(confirmed.payment_id)
        self.assertFalse(asked)

    def test_a_confirmation_wakes_the_resolver(self):
        cron = self.env.ref("invoice_payments_ext.ir_cron_resolve_attempts")
        attempt = self.start_attempt("pending")
        triggers = self.env["ir.cron.trigger"].sudo()
        before = triggers.search_count([("cron_id", "=", cron.id)])
        self.gateway.notify(attempt, "done")
        self.assertEqual(triggers.search_count([("cron_id", "=", cron.id)]), before + 1)
        self.run_resolver()

    # === A PERSON'S WORD === #

    def test_resolving_needs_a_reason_and_a_verdict(self):
        attempt = self.start_attempt(RuntimeError("cut"))
        for reason in ("", "   ", None, False):
            with self.subTest(reason), self.assertRefused("reason is required"):
                attempt.resolve(True, reason)
        for charged in (None, "yes", 1, 0):
            with self.subTest(charged), self.assertRefused("Whether it was charged"):
                attempt.resolve(charged, "Because")

    def test_an_attempt_that_somebody_holds_is_not_resolved(self):
        attempt = self.start_attempt(RuntimeError("cut"))

        def hold(_tx):
            raise LockError("Held")

        self.patch(self.env.registry["payment.transaction"], "_lock_attempt", hold)
        with self.assertRefused(f"{attempt.reference} is being processed right now"):
            attempt.resolve(True, "Seen in the dashboard")
        self.assertEqual(attempt.outcome, "unknown")

    # === THE ADDON LEAVES === #

    def test_no_attempt_that_is_being_sent_is_left(self):
        attempt = self.make_stuck_attempt("sent")
        transactions = self.env["payment.transaction"].sudo()
        with (
            patch.object(
                type(transactions), "try_lock_for_update", lambda tx, **_v: tx.browse()
            ),
            self.assertRefused("is being sent to its provider at this moment"),
        ):
            transactions._leave_attempts()
        self.assertEqual(attempt.outcome, "sent")
        self.run_resolver()

    def test_attempts_that_were_left_are_taken_up_again(self):
        """Those that got an outcome in the meantime keep it."""
        attempts = []
        for answer in (RuntimeError("cut"), RuntimeError("cut"), "pending"):
            self.invoice = self.make_invoice()
            attempts.append(self.start_attempt(answer).sudo())
        decided, unknown, pending = attempts
        transactions = self.env["payment.transaction"].sudo()
        transactions._leave_attempts()
        self.assertEqual([tx.state for tx in attempts], ["pending"] * 3)
        transactions.union(*attempts).share_ids.unlink()  # They leave with the addon.
        self.gateway.notify(decided, "done")
        pending.state_message = "Odoo was told this meanwhile"
        parameters = self.env["ir.config_parameter"].sudo()
        name = "invoice_payments_ext.left_attempts"
        left = json.loads(parameters.get_param(name))
        self.assertEqual(set(left), {str(tx.id) for tx in attempts})
        left[str(unknown.id)]["a_field_of_an_older_version"] = 1
        parameters.set_param(name, json.dumps(left))
        transactions._take_up_attempts()
        self._keep()
        self.env.invalidate_all()
        self.assertEqual(
            [tx.outcome for tx in attempts], ["succeeded", "unknown", "pending"]
        )
        self.assertEqual(pending.state_message, "Odoo was told this meanwhile")
        self.assertFalse(parameters.get_param(name))
        self.assertEqual(unknown.share_ids.amount, 1000.0)
        self.run_resolver()
        self.assertEqual(decided.payment_id.amount, 1000.0)

    def test_only_an_open_outcome_can_be_resolved(self):
        for answer, word in (("done", "Succeeded"), ("authorized", "Authorized")):
            self.invoice = self.make_invoice()
            attempt = self.start_attempt(answer)
            with (
                self.subTest(answer),
                self.assertRefused(f"{attempt.reference} needs no resolving.*{word}"),
            ):
                attempt.resolve(False, "Because")

    def test_person_word_and_time_are_kept(self):
        for charged, words in ((True, "as charged"), (False, "as not charged")):
            with self.subTest(charged):
                self.invoice = self.make_invoice()
                attempt = self.start_attempt(RuntimeError("cut"))
                attempt.resolve(charged, "  Seen in the <dashboard>  ")
                message = self.invoice.sudo().message_ids.filtered(
                    lambda message: (
                        "dashboard" in message.body
                        and self.accountant.name in message.body
                    )
                )
                message = message.filtered(
                    lambda message, words=words: words in message.body
                )
                self.assertTrue(message)
                message = message[0]
                self.assertIn(self.accountant.name, message.body)
                self.assertIn("&lt;dashboard&gt;", message.body)
                self.assertEqual(message.author_id, self.accountant.partner_id)
                self.assertTrue(message.date)
