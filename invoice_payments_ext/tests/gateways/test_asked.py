import sys
from datetime import datetime, timedelta
from types import SimpleNamespace
from unittest.mock import Mock, patch

import psycopg2.errors
import requests

from odoo import fields
from odoo.exceptions import ValidationError
from odoo.tests import tagged
from odoo.tools import mute_logger

from ...models.attempts.gateway_answer import AnswerContradictedError, NotSentError
from ...models.gateways import adyen
from ...models.gateways import payment_provider as gateways
from ..common import InvoicePaymentsCommon

AUTHORIZE_MODULE = "odoo.addons.payment_authorize.models.authorize_request"
LOGGERS = (
    "odoo.addons.invoice_payments_ext.models.gateways.payment_provider",
    "odoo.addons.invoice_payments_ext.models.gateways.payment_transaction",
)


class AskedCommon(InvoicePaymentsCommon):
    """The dummy provider is asked as other gateways are, and gets their answers."""

    def setUp(self):
        super().setUp()
        self.asked = []
        self.answer = None  # A function of the method, the path and the parameters.
        providers = self.env.registry["payment.provider"]

        def send(_provider, method, endpoint, params=None, **_values):
            self.asked.append((method, endpoint, dict(params or {})))
            return self.answer(method, endpoint, params or {})

        def ask(_provider, operation, data):
            self.asked.append(("POST", operation, data))
            return self.answer("POST", operation, data)

        self.ask_authorize = providers._ask_authorize
        self.patch(providers, "_send_api_request", send)
        self.patch(providers, "_ask_authorize", ask)
        self.provider = self.provider.sudo()

    def make_charge(self, **values):
        """Return a charge that was sent, of which nothing more is known."""
        return self.start_attempt(TimeoutError("late"), amount=10, **values).sudo()

    def make_part(self, kind):
        """Return a capture or refund that was sent, and its payment `pay_1`."""
        if kind == "capture":
            payment = self.start_attempt("authorized").sudo()
            self.gateway.answers = [TimeoutError("late")]
            part = payment.with_user(self.accountant).capture().sudo()
        else:
            payment = self.start_attempt("done").sudo()
            self.gateway.answers = [TimeoutError("late")]
            part = payment.payment_id.with_user(self.supervisor).refund(30, reason="x")
            part = part.sudo()
        payment.provider_reference = "pay_1"
        self.assertEqual(part._get_request_kind(), kind)
        return part

    def fetch(self, code, tx):
        """Ask about a request as the gateway with this code is asked."""
        return getattr(self.provider, gateways.OUTCOME_METHODS[code])(tx)

    def assertCannotTell(self, code, tx, reason):
        """Assert that an answer says nothing, for this reason: the outcome stays."""
        with self.assertRaises(gateways.CannotTellError) as raised:
            self.fetch(code, tx)
        self.assertEqual(str(raised.exception), reason)
        methods = {"none": gateways.OUTCOME_METHODS[code]}
        with patch.dict(gateways.OUTCOME_METHODS, methods):
            self.assertIsNone(self.provider._fetch_outcome(tx))
            tx._ask_provider()
        self.assertEqual(tx.outcome, "unknown")
        self.assertFalse(tx.payment_id)


@tagged("post_install", "-at_install")
class TestAsked(AskedCommon):
    """An answer that does not fit one request says nothing: the outcome stays open."""

    def test_charge_that_is_there_twice(self):
        tx = self.make_charge()
        reference = tx.reference
        intent = {"id": "1", "description": reference, "status": "succeeded"}
        row = {"transId": "1", "invoiceNumber": reference[:20]}
        row["transactionStatus"] = "settledSuccessfully"
        order = {"order": {"description": reference}}

        def answer_authorize(_method, operation, _data):
            if operation == "getTransactionDetailsRequest":
                return {"transaction": {**row, **order}}
            if operation == "getSettledBatchListRequest":
                return {}
            return {"transactions": [row, {**row, "transId": "2"}]}

        for code, answer in (
            ("stripe", lambda *_: {"data": [intent, {**intent, "id": "2"}]}),
            ("razorpay", lambda *_: {"items": [intent, {**intent, "id": "2"}]}),
            ("authorize", answer_authorize),
        ):
            self.answer = answer
            with self.subTest(code):
                reason = "Several payments have this reference."
                self.assertCannotTell(code, tx, reason)

    def test_list_that_is_too_long(self):
        """It is read to a limit, page after page, and nothing is concluded."""
        tx = self.make_charge()
        offsets = range(1, gateways.MAX_PAGES + 1)
        skips = range(0, gateways.MAX_PAGES * 100, 100)
        for code, answer, get_place, places in (
            (
                "stripe",
                lambda *_: {"data": [{"id": "last"}], "has_more": True},
                lambda params: params.get("starting_after"),
                [None] + ["last"] * (gateways.MAX_PAGES - 1),
            ),
            (
                "razorpay",
                lambda *_: {"items": [{}] * 100},
                lambda params: params["skip"],
                list(skips),
            ),
            (
                "authorize",
                lambda *_: {"transactions": [{}] * 1000},
                lambda params: params["paging"]["offset"],
                list(offsets),
            ),
        ):
            self.answer = answer
            self.asked.clear()
            with self.subTest(code):
                with self.assertRaisesRegex(gateways.CannotTellError, "too long"):
                    self.fetch(code, tx)
                found = [get_place(params) for _method, _path, params in self.asked]
                self.assertEqual(found, places)
                self.assertCannotTell(code, tx, "The list is too long.")

    def test_state_that_decides_nothing(self):
        charge = self.make_charge()
        with self.subTest("charge"):
            charge.provider_reference = "601"
            details = {"transId": "601", "transactionStatus": "couldNotVoid"}
            self.answer = lambda *_: {"transaction": details}
            reason = "The payment is couldNotVoid."
            self.assertCannotTell("authorize", charge, reason)
        self.invoice = self.make_invoice()
        capture = self.make_part("capture")
        for code, answer, state in (
            ("stripe", {"id": "pay_1", "status": "processing"}, "processing"),
            ("razorpay", {"id": "pay_1", "status": "failed"}, "failed"),
            (
                "authorize",
                {"transaction": {"transactionStatus": "generalError"}},
                "generalError",
            ),
        ):
            self.answer = lambda *_, answer=answer: answer
            with self.subTest(code):
                self.assertCannotTell(code, capture, f"The payment is {state}.")

    def test_requests_that_cannot_be_asked_about(self):
        refund = self.make_part("refund")
        for code in ("flutterwave", "mercado_pago"):
            with self.subTest(code):
                self.assertCannotTell(code, refund, "Only charges can be asked for.")
        refund.source_transaction_id.provider_reference = False
        for code in ("stripe", "razorpay", "authorize"):
            with self.subTest(code):
                reason = "The id of the payment is not known."
                self.assertCannotTell(code, refund, reason)
        self.assertFalse(self.asked)

    def test_refund_among_several(self):
        """Its own id decides; else it is the only new one of that amount."""
        refund = self.make_part("refund")
        rows = [{"id": name, "amount": 30.0} for name in ("re_1", "re_2")]

        def choose(*found):
            return self.provider._choose_refund(refund, found, lambda row: 30.0)

        with self.assertRaisesRegex(gateways.CannotTellError, "have this amount"):
            choose(*rows)
        self.assertEqual(choose(rows[1]), rows[1])
        refund.provider_reference = "re_1"
        self.assertEqual(choose(*rows), rows[0])
        self.assertEqual(choose(rows[1]), rows[1])
        # One that another transaction of ours became is not it.
        refund.source_transaction_id.provider_reference = "re_2"
        self.assertIsNone(choose(rows[1]))

    def test_refund_at_razorpay_is_found_by_its_notes(self):
        refund = self.make_part("refund")
        other = {"id": "rfnd_1", "notes": {"reference": "another"}}
        self.answer = lambda *_: {"items": [{"id": "rfnd_0", "notes": []}, other]}
        self.assertEqual(self.fetch("razorpay", refund), {})
        own = {"id": "rfnd_2", "notes": {"reference": refund.reference}}
        self.answer = lambda *_: {"items": [other, own]}
        found = self.fetch("razorpay", refund)
        self.assertEqual(found, {**own, "entity_type": "refund"})

    def test_error_that_is_no_unknown_reference(self):
        """Only that means that Flutterwave never received the request."""
        tx = self.make_charge()
        for status, text, is_unknown in (
            (400, b"No transaction was found for this id", True),
            (400, b"Invalid authorization key", False),
            (500, b"No transaction was found for this id", False),
        ):
            response = requests.Response()
            response.status_code, response._content = status, text
            error = self.transport_error(requests.HTTPError(response=response))
            self.answer = Mock(side_effect=error)
            with self.subTest(status=status, text=text):
                if is_unknown:
                    self.assertEqual(self.fetch("flutterwave", tx), {})
                    continue
                with self.assertRaises(ValidationError):
                    self.fetch("flutterwave", tx)
                methods = {"none": gateways.OUTCOME_METHODS["flutterwave"]}
                with (
                    patch.dict(gateways.OUTCOME_METHODS, methods),
                    mute_logger(*LOGGERS),
                ):
                    self.assertIsNone(self.provider._fetch_outcome(tx))

    def test_conflict_in_the_database_is_no_unclear_answer(self):
        """The step is done again: it is neither swallowed nor taken for an answer."""
        tx = self.make_charge()
        error = psycopg2.errors.SerializationFailure("another was faster")
        self.answer = Mock(side_effect=error)
        methods = {"none": gateways.OUTCOME_METHODS["stripe"]}
        with (
            patch.dict(gateways.OUTCOME_METHODS, methods),
            self.assertRaises(psycopg2.errors.SerializationFailure),
        ):
            self.provider._fetch_outcome(tx)
        providers = self.env.registry["payment.provider"]
        with (
            patch.object(providers, "_get_decline_details", side_effect=error),
            self.assertRaises(psycopg2.errors.SerializationFailure),
        ):
            tx._keep_decline_facts({})
        self.assertEqual(tx.outcome, "unknown")

    # === STRIPE === #

    def test_charge_at_stripe_without_a_saved_method(self):
        """It is looked for among the payments of all customers."""
        paid = self.make_portal_transaction(reference="PORTAL-STRIPE")
        intent = {"id": "pi_1", "description": paid.reference, "status": "succeeded"}
        self.answer = lambda *_: {"data": [intent]}
        self.assertEqual(self.fetch("stripe", paid)["payment_intent"], intent)
        self.assertNotIn("customer", self.asked[0][2])
        saved = self.make_charge()
        self.fetch("stripe", saved)
        self.assertEqual(self.asked[1][2]["customer"], self.token.provider_ref)

    def test_only_what_waits_for_the_customer_is_ended_at_stripe(self):
        tx = self.make_portal_transaction(reference="PORTAL-STRIPE")
        tx.provider_reference = "pi_1"
        for status, methods, told in (
            ("succeeded", ["GET"], "succeeded"),
            ("processing", ["GET"], "processing"),
            ("requires_action", ["GET", "POST"], "canceled"),
        ):
            self.asked.clear()
            self.answer = lambda method, *_, status=status: {
                "id": "pi_1",
                "status": status if method == "GET" else "canceled",
            }
            with self.subTest(status):
                data = self.provider._end_stripe_payment(tx)
                self.assertEqual([each[0] for each in self.asked], methods)
                self.assertEqual(data["payment_intent"]["status"], told)

    # === RAZORPAY === #

    def test_full_page_of_razorpay_is_not_the_last(self):
        now = fields.Datetime.now()
        row = {
            "id": "pay_1",
            "entity": "payment",
            "status": "captured",
            "amount": 1250,
            "currency": "USD",
            "created_at": 1767225600,
        }
        self.answer = lambda *_: {"items": [row] * 100}
        moved, following = self.provider._list_razorpay_movements(now, now, {})
        self.assertEqual({each["amount"] for each in moved}, {12.5})
        self.assertEqual(following, {"list": "payments", "skip": 100})
        self.answer = lambda *_: {"items": []}
        listed = self.provider._list_razorpay_movements(now, now, following)
        self.assertEqual(listed, ([], {"list": "refunds"}))
        self.assertEqual([params["skip"] for *_, params in self.asked], [0, 100])

    def test_refund_of_money_that_came_to_razorpay(self):
        """Also where the books do not know yet that the payment was captured."""
        tx = self.start_attempt("authorized").sudo()
        tx.provider_reference = "pay_1"
        refund = {"id": "rfnd_1", "entity": "refund", "payment_id": "pay_1"}
        for is_captured, given_back in ((True, set()), (False, {"pay_1"})):
            payment = {"id": "pay_1", "status": "refunded", "captured": is_captured}
            self.answer = lambda *_, payment=payment: payment
            with self.subTest(is_captured=is_captured):
                found = self.provider._find_razorpay_given_back([refund])
                self.assertEqual(found, given_back)

    # === AUTHORIZE.NET === #

    def test_batches_of_a_long_period(self):
        """The lists touch, and a batch that is in two of them counts once."""
        now = fields.Datetime.now()
        lists = [
            [{"batchId": "2", "settlementTimeUTC": "b"}, {"batchId": "1"}],
            [{"batchId": "2"}, {"batchId": "3"}],
            [],
        ]
        self.answer = lambda *_: {"batchList": lists.pop(0)}
        since, until = now - timedelta(days=100), now - timedelta(days=60)
        found = self.provider._list_authorize_batches(since, until)
        self.assertEqual(found, ["3", "2", "1"])
        periods = [
            (data["firstSettlementDate"], data["lastSettlementDate"])
            for *_, data in self.asked
        ]
        days = [
            f"{now - timedelta(days=each):%Y-%m-%dT%H:%M:%SZ}" for each in range(101)
        ]
        self.assertEqual(
            periods, [(days[100], days[70]), (days[70], days[40]), (days[40], days[30])]
        )

    def test_question_that_authorize_net_refuses(self):
        api = Mock()
        api._make_request.return_value = {"err_code": "E00011", "err_msg": "No access"}
        module = SimpleNamespace(AuthorizeAPI=Mock(return_value=api))
        with patch.dict(sys.modules, {AUTHORIZE_MODULE: module}):
            with self.assertRaisesRegex(gateways.CannotTellError, "E00011: No access"):
                self.ask_authorize(self.provider, "getTransactionDetailsRequest", {})
            answer = api._make_request.return_value = {"transaction": {}}
            told = self.ask_authorize(self.provider, "getTransactionDetailsRequest", {})
        self.assertEqual(told, answer)
        module.AuthorizeAPI.assert_called_with(self.provider)

    def test_decline_without_details(self):
        """The words are enough, where Authorize.Net cannot be asked."""
        for error in (
            gateways.CannotTellError("E00011"),
            requests.ConnectionError("down"),
        ):
            self.answer = Mock(side_effect=error)
            with self.subTest(error):
                details = self.provider._read_authorize_decline(
                    self.env["payment.transaction"],
                    {
                        "response": {
                            "x_trans_id": "60123",
                            "x_response_reason_text": "The credit card has expired.",
                        }
                    },
                    {},
                )
                self.assertEqual(
                    details,
                    {
                        "code": "8",
                        "reason": "The credit card has expired.",
                        "provider_reference": "60123",
                    },
                )
        self.assertEqual(len(self.asked), 2)

    def test_answers_of_authorize_net(self):
        unsuccessful = "The transaction was unsuccessful."
        expired = "The credit card has expired."
        for code, text, outcome, message in (
            ("3", f"{unsuccessful}\n{expired}", "declined", expired),
            ("3", unsuccessful, "declined", unsuccessful),
            ("3", "A valid amount is required.", "failed", "A valid amount"),
            ("2", "This transaction has been declined.", "declined", "been declined"),
        ):
            tx = self.make_portal_transaction(reference=f"PORTAL {code} {text}")
            response = {"x_response_code": code, "x_response_reason_text": text}
            with self.subTest(code=code, text=text):
                self.assertTrue(tx._read_authorize_answer({"response": response}))
                self.assertEqual(tx.outcome, outcome)
                self.assertIn(message, tx.state_message)
        tx = self.make_portal_transaction(reference="PORTAL OTHER")
        held = {"x_response_code": "4", "x_response_reason_text": "Under review"}
        self.assertFalse(tx._read_authorize_answer({"response": held}))
        with self.assertRaisesRegex(AnswerContradictedError, "'9', which is neither"):
            tx._read_authorize_answer({"response": {"x_response_code": "9"}})
        self.assertEqual(tx.state, "draft")

    def test_partial_refund_before_authorize_net_settles(self):
        """It would be answered with a void of all: it is not sent."""
        refund = self.make_part("refund")
        api = Mock()
        module = SimpleNamespace(AuthorizeAPI=Mock(return_value=api))
        transactions = self.env.registry["payment.transaction"]
        reason = "Until then it can only be refunded in full"
        with (
            patch.dict(sys.modules, {AUTHORIZE_MODULE: module}),
            patch.object(transactions, "provider_code", "authorize"),
        ):
            for status, is_refused in (
                ("capturedPendingSettlement", True),
                ("authorizedPendingCapture", True),
                ("settledSuccessfully", False),
            ):
                details = {"transaction": {"transactionStatus": status}}
                api.get_transaction_details.return_value = details
                with self.subTest(status):
                    if not is_refused:
                        refund._check_settled_at_authorize()
                        continue
                    with self.assertRaisesRegex(NotSentError, reason):
                        refund._check_settled_at_authorize()
            api.get_transaction_details.assert_called_with("pay_1")
            # All of it may be given back, and a charge is no refund.
            api.get_transaction_details.reset_mock()
            refund.source_transaction_id._check_settled_at_authorize()
            refund.amount = -refund.source_transaction_id.amount
            refund._check_settled_at_authorize()
            api.get_transaction_details.assert_not_called()
            refund.amount = -30.0

    # === MERCADO PAGO === #

    def test_chargeback_of_a_payment_that_nobody_told_of(self):
        """The money did come: it is taken back afterwards."""
        told = {"status": "charged_back", "id": "77"}
        for before in (None, "error"):
            tx = self.make_portal_transaction(before, reference=f"PORTAL {before}")
            with self.subTest(before):
                self.assertTrue(tx._read_mercado_pago_answer(told))
                self.assertEqual((tx.state, tx.provider_reference), ("done", "77"))
                tx._post_process()
                self.assertEqual(tx.payment_id.amount, 100.0)
        self.assertTrue(tx._read_mercado_pago_answer({**told, "id": "78"}))
        self.assertEqual((tx.state, tx.provider_reference), ("done", "77"))

    # === ADYEN === #

    def list_adyen(self, since, until, **values):
        """Read all pages of the tie-out; return them."""
        self.patch(
            self.env.registry["payment.provider"],
            "_read_adyen_report",
            lambda _provider, day: SimpleNamespace(
                **{"movements": [], "zone": "Europe/Amsterdam", "unnamed": [], **values}
            ),
        )
        pages, cursor = [], None
        while cursor or not pages:
            page = self.provider._list_adyen_movements(since, until, cursor or {})
            pages.append(page)
            cursor = page.cursor
        return pages

    def test_long_report_of_adyen_is_read_in_parts(self):
        now = fields.Datetime.now()
        since = datetime(now.year, now.month, now.day) - timedelta(days=2)
        until = since + timedelta(hours=23)
        with patch.object(adyen, "ADYEN_PAGE", 2):
            pages = self.list_adyen(since, until, movements=list("abcde"))
        found = [row for page in pages for row in page.movements]
        self.assertEqual(found, [*"abcde", *"abcde"])  # Of two days.
        self.assertEqual(len(pages), 6)

    def test_adyen_has_no_report_of_the_future(self):
        now = fields.Datetime.now()
        day = timedelta(days=1)
        [page] = self.list_adyen(now + day, now + 2 * day)
        self.assertEqual((page.movements, page.covered), ([], ()))
        self.assertEqual(page.notes, ("Adyen has no report of these days yet.",))
