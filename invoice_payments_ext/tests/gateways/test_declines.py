import json
from datetime import timedelta
from unittest.mock import patch

import requests

from odoo.exceptions import UserError
from odoo.tests import tagged

from ...models.gateways import payment_provider as gateways
from ..common import InvoicePaymentsCommon

STRIPE_ERROR = {
    "type": "card_error",
    "code": "card_declined",
    "decline_code": "stolen_card",
    "message": "Your card was declined.",
    "charge": "ch_1",
    "payment_intent": {
        "id": "pi_1",
        "status": "requires_payment_method",
        "charges": {
            "data": [{"outcome": {"network_decline_code": "43", "type": "blocked"}}]
        },
    },
}


def http_error(status, content):
    response = requests.Response()
    response.status_code = status
    response._content = content if isinstance(content, bytes) else _encode(content)
    return requests.HTTPError(f"{status}", response=response)


def _encode(content):
    return json.dumps(content).encode()


@tagged("post_install", "-at_install")
class TestDeclines(InvoicePaymentsCommon):
    def _be(self, code):
        """Let the answers of the dummy provider be read as those of another one."""
        methods = {"none": gateways.DECLINE_METHODS[code]}
        self.enterContext(patch.dict(gateways.DECLINE_METHODS, methods))
        search = self.env.registry["payment.decline.rule"]._classify
        self.patch(
            self.env.registry["payment.decline.rule"],
            "_classify",
            lambda rules, _code, brand, codes: search(rules, code, brand, codes),
        )

    def _decline(self, answer):
        """Charge an invoice and let it be declined, by an error or by an answer."""
        self.invoice = self.make_invoice()
        if isinstance(answer, Exception):
            return self.start_attempt(self.transport_error(answer)).sudo()

        def decline(tx):
            data = self.gateway.payment_data(tx, "error")
            tx._process("none", {**data, **answer})

        return self.start_attempt(decline).sudo()

    # === MESSAGES OF GATEWAYS === #

    def test_stripe_error(self):
        self._be("stripe")
        attempt = self._decline(http_error(402, {"error": STRIPE_ERROR}))
        self.assertRecordValues(
            attempt,
            [
                {
                    "outcome": "declined",
                    "decline_code": "stolen_card",
                    "decline_network_code": "43",
                    "decline_class": "never",
                    "decline_reason": "Your card was declined.",
                    "provider_reference": "pi_1",
                }
            ],
        )

    def test_answers(self):
        for code, data, content, expected in (
            (
                "stripe",
                {"payment_intent": {"id": "pi_2", "last_payment_error": STRIPE_ERROR}},
                {},
                ("stolen_card", "43", None, "Your card was declined.", "pi_1"),
            ),
            (
                "stripe",
                {},
                {
                    "error": {
                        "code": "authentication_required",
                        "message": "Authenticate",
                        "network_advice_code": "03",
                        "advice_code": "do_not_try_again",
                    }
                },
                ("authentication_required", None, "03", "Authenticate", None),
            ),
            (
                "adyen",
                {
                    "pspReference": "ADY1",
                    "resultCode": "Refused",
                    "refusalReason": "Not enough balance",
                    "refusalReasonCode": "12",
                    "additionalData": {
                        "refusalReasonRaw": "51 : Insufficient funds",
                        "merchantAdviceCode": "26 : Retry after 2 days",
                    },
                },
                {},
                ("12", "51", "26", "Not enough balance", "ADY1"),
            ),
            (
                "adyen",
                {},
                {"status": 422, "errorCode": "14_012", "message": "Invalid token"},
                ("14_012", "", "", "Invalid token", None),
            ),
            (
                "razorpay",
                {
                    "id": "pay_1",
                    "status": "failed",
                    "error_code": "BAD_REQUEST_ERROR",
                    "error_reason": "insufficient_funds",
                    "error_description": "Insufficient account balance.",
                },
                {},
                (
                    "insufficient_funds",
                    None,
                    None,
                    "Insufficient account balance.",
                    "pay_1",
                ),
            ),
            (
                "razorpay",
                {},
                {
                    "error": {
                        "code": "BAD_REQUEST_ERROR",
                        "reason": "card_expired",
                        "description": "The card has expired.",
                        "metadata": {"payment_id": "pay_2"},
                    }
                },
                ("card_expired", None, None, "The card has expired.", "pay_2"),
            ),
            (
                "authorize",
                {
                    "response": {
                        "x_response_code": "3",
                        "x_response_reason_text": "The transaction was unsuccessful.\n"
                        "The credit card has expired.",
                    }
                },
                {},
                ("8", None, None, "The credit card has expired.", ""),
            ),
            (
                "flutterwave",
                {"id": 7, "status": "failed", "processor_response": "Not enough"},
                {},
                (None, None, None, "Not enough", "7"),
            ),
            (
                "xendit",
                {"status": "FAILED", "failure_reason": "INSUFFICIENT_BALANCE"},
                {},
                ("INSUFFICIENT_BALANCE", None, None, None, None),
            ),
            (
                "xendit",
                {},
                {"error_code": "INVALID_TOKEN_ID_ERROR", "message": "Token is invalid"},
                ("INVALID_TOKEN_ID_ERROR", None, None, "Token is invalid", None),
            ),
            (
                "worldline",
                {},
                {
                    "errors": [{"errorCode": "9999", "message": "Rejected"}],
                    "paymentResult": {
                        "payment": {
                            "id": "31_0",
                            "statusOutput": {
                                "errors": [
                                    {"errorCode": "30511001", "message": "Refused"}
                                ]
                            },
                        }
                    },
                },
                ("30511001", None, None, "Refused", "31"),
            ),
        ):
            with self.subTest(code=code, expected=expected):
                method = getattr(self.provider, gateways.DECLINE_METHODS[code])
                details = method(self.env["payment.transaction"], data, content)
                names = (
                    "code",
                    "network_code",
                    "advice_code",
                    "reason",
                    "provider_reference",
                )
                self.assertEqual(tuple(details.get(name) for name in names), expected)

    def test_content_that_is_no_json(self):
        for content in (b"<html>", b"[1]", b'"no"'):
            error = self.transport_error(http_error(402, content))
            self.assertEqual(gateways.get_error_content(error), {})

    # === RULES === #

    def test_rules(self):
        rules = self.env["payment.decline.rule"]
        self.assertFalse(rules.search([("source", "=", False)]))
        for provider, brand, codes, decline_class, hours in (
            ("stripe", "visa", {"gateway": "stolen_card"}, "never", 0),
            ("stripe", "visa", {"gateway": "insufficient_funds"}, "try_later", 24),
            ("adyen", "visa", {"gateway": "38"}, "needs_customer", 0),
            ("adyen", "mastercard", {"network": "51", "advice": "26"}, "try_later", 48),
            ("adyen", "mastercard", {"network": "51", "advice": "03"}, "never", 0),
            ("adyen", "mastercard", {"network": "51", "advice": "21"}, "never", 0),
            ("adyen", "mastercard", {"network": "57"}, "ask_customer", 0),
            ("adyen", "visa", {"network": "57"}, "never", 0),
            ("adyen", "card", {"network": "57"}, "never", 0),
            ("authorize", "visa", {"gateway": "8"}, "ask_customer", 0),
            ("adyen", "visa", {"gateway": "8", "network": "R0"}, "never", 0),
            ("razorpay", "card", {"gateway": "stolen_card"}, "other", 0),
            ("none", "card", {"gateway": None}, "other", 0),
        ):
            with self.subTest(codes, provider=provider, brand=brand):
                found, wait = rules._classify(provider, brand, codes)
                self.assertEqual(found, decline_class)
                if decline_class != "never":
                    self.assertEqual(wait, timedelta(hours=hours))

    def test_what_the_networks_never_approve(self):
        """Visa's category 1, and Mastercard's advice, whatever the gateway says."""
        rules = self.env["payment.decline.rule"]
        category_1 = "04 07 12 14 15 41 43 46 57 R0 R1 R3".split()
        for brand, kind, codes in (
            ("visa", "network", category_1),
            ("card", "network", category_1),
            ("mastercard", "advice", ["03", "21"]),
        ):
            for provider in ("stripe", "adyen", "authorize", "other"):
                for code in codes:
                    with self.subTest(brand=brand, provider=provider, code=code):
                        told = {"gateway": "insufficient_funds", kind: code}
                        found, _wait = rules._classify(provider, brand, told)
                        self.assertEqual(found, "never")

    def test_an_update_keeps_corrections(self):
        rule = self.env.ref("invoice_payments_ext.decline_stripe_fraudulent")
        rule.decline_class = "never"
        self.env["payment.decline.rule"]._load_records(
            [
                {
                    "xml_id": "invoice_payments_ext.decline_stripe_fraudulent",
                    "values": {"decline_class": "other"},
                    "noupdate": False,
                }
            ],
            update=True,
        )
        self.assertEqual(rule.decline_class, "never")

    # === CONSEQUENCES === #

    def test_reason_wait_and_row(self):
        self._be("adyen")
        attempt = self._decline(
            {
                "refusalReason": "Not enough balance",
                "refusalReasonCode": "12",
                "additionalData": {"merchantAdviceCode": "26 : Later"},
            },
        )
        self.assertEqual(attempt.state_message, "Not enough balance")
        self.assertEqual(
            attempt.decline_not_before - attempt.last_state_change, timedelta(days=2)
        )
        row = self.rows()[f"tx-{attempt.id}"]
        self.assertEqual(row["reason"], "Not enough balance (Try later: 12, 26)")
        self.assertEqual(attempt.token_id._get_refused_reason(), "")
        found = attempt.search([("decline_class", "=", "try_later")])
        self.assertEqual(found, attempt)
        self.assertEqual(self.start_attempt("done").outcome, "succeeded")

    def test_customers_do_not_read_that_a_card_was_stolen(self):
        """Gateways without codes give the bank's words; the staff reads them."""
        details = self.env.registry["payment.provider"]
        for words in ("Lost Card, Pick-Up", "STOLEN CARD", "Suspected fraud"):
            for is_online in (True, False):
                self.invoice = self.make_invoice()
                with (
                    self.subTest(words, is_online=is_online),
                    patch.object(
                        details, "_get_decline_details", return_value={"reason": words}
                    ),
                ):
                    if is_online:
                        name = f"PORTAL {words}"
                        attempt = self.make_portal_transaction(reference=name).sudo()
                        data = self.gateway.payment_data(attempt, "error")
                        attempt._process("none", data)
                    else:
                        attempt = self.start_attempt("error").sudo()
                    self.assertEqual(attempt.outcome, "declined")
                    self.assertEqual(attempt.decline_reason, words)
                    expected = "The bank declined this payment." if is_online else words
                    self.assertEqual(attempt.state_message, expected)

    def test_details_that_cannot_be_read(self):
        for broken in (KeyError("error"), requests.ReadTimeout("slow")):
            with (
                self.subTest(broken),
                patch.object(
                    self.env.registry["payment.provider"],
                    "_get_decline_details",
                    side_effect=broken,
                ),
            ):
                self.invoice = self.make_invoice()
                attempt = self.start_attempt("error")
                self.assertEqual(attempt.outcome, "declined")

    def resume(self, attempt):
        """Send an attempt that was prepared before its method was refused."""
        attempt.sudo()._run_attempt()
        return attempt.outcome

    def test_never_again(self):
        self._be("stripe")
        prepared = self.make_stuck_attempt("ready")
        attempt = self._decline(http_error(402, {"error": STRIPE_ERROR}))
        self.assertNotRegex(attempt.state_message, "(?i)lost|stolen")
        self.assertIn(
            "Never again: stolen_card, 43", self.rows()[f"tx-{attempt.id}"]["reason"]
        )
        other = self.make_invoice()
        with self.assertRefused(r"must not be charged again.*"):
            other.charge(self.token.id)
        with self.assertRefused("no saved payment method"):
            other.charge(False)
        with self.assertRefused("stolen_card, network 43"):
            attempt.with_user(self.accountant).retry()
        with self.assertRefused("must not be charged again"):
            self.register_with_token()
        portal = self.make_user("declined_member", "base.group_portal")
        portal.partner_id = self.partner
        token = self.token.with_user(portal).sudo()
        self.assertNotRegex(token._get_refused_reason(), "(?i)lost|stolen|43")
        with self.assertRaisesRegex(UserError, "does not allow it to be charged again"):
            token.sudo(False).use_for_charges()
        with self.assertRaisesRegex(UserError, "does not allow it to be charged again"):
            self.env["payment.transaction"].with_user(portal).sudo().create(
                {
                    "provider_id": self.provider.id,
                    "payment_method_id": self.token.payment_method_id.id,
                    "token_id": self.token.id,
                    "amount": 1.0,
                    "currency_id": self.invoice.currency_id.id,
                    "partner_id": self.partner.id,
                    "operation": "online_token",
                }
            )
        offered = self.env["payment.token"].with_user(portal).sudo()
        offered = offered._get_available_tokens(self.provider.ids, self.partner.id)
        self.assertFalse(offered)
        self.gateway.answers = ["done"]
        self.assertEqual(self.resume(prepared), "failed")
        renewed = self._create_token(provider_ref="renewed")
        self.assertEqual(other.charge(renewed.id).outcome, "succeeded")

    def test_a_corrected_rule_releases_the_method(self):
        self._be("stripe")
        attempt = self._decline(http_error(402, {"error": STRIPE_ERROR}))
        self.assertEqual(self.token.refused_transaction_id, attempt)
        rules = self.env["payment.decline.rule"]
        stolen = rules.search(
            [("code", "in", ("stolen_card", "43")), ("kind", "!=", "advice")]
        )
        stolen[0].decline_class = "ask_customer"
        self.assertEqual(self.token.refused_transaction_id, attempt)
        stolen[1].active = False
        self.assertFalse(self.token.refused_transaction_id)
        self.assertEqual(attempt.decline_class, "ask_customer")
        self.assertEqual(self.start_attempt("done").outcome, "succeeded")

    def test_a_rule_that_is_given_to_another_provider_releases_the_method(self):
        self._be("stripe")
        error = {**STRIPE_ERROR, "payment_intent": {"id": "pi_1"}}
        attempt = self._decline(http_error(402, {"error": error}))
        self.assertEqual(self.token.refused_transaction_id, attempt)
        rule = self.env.ref("invoice_payments_ext.decline_stripe_stolen_card")
        rule.provider_code = "adyen"
        self.assertFalse(self.token.refused_transaction_id)
        self.assertEqual(attempt.decline_class, "other")

    def test_words_of_a_rule_release_nothing(self):
        rule = self.env.ref("invoice_payments_ext.decline_stripe_stolen_card")
        tokens = self.env.registry["payment.token"]
        with patch.object(tokens, "_release_after_correction") as release:
            rule.meaning = "Somebody took it"
            release.assert_not_called()
            rule.decline_class = "ask_customer"
            release.assert_called_once()

    def test_a_declined_refund_stops_no_charges(self):
        self._be("stripe")
        payment = self.start_attempt("done").sudo().payment_id
        self.gateway.answers = [
            self.transport_error(http_error(402, {"error": STRIPE_ERROR}))
        ]
        refund = payment.with_user(self.supervisor).refund(10.0, reason="Wrong")
        self.assertEqual(refund.outcome, "declined")
        self.assertFalse(self.token.refused_transaction_id)
