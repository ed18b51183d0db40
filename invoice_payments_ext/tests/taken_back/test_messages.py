from datetime import date, datetime
from unittest.mock import Mock, patch

from odoo.exceptions import AccessError, ValidationError
from odoo.tests import BaseCase, tagged

from ...models.taken_back import messages, payment_provider_messages
from .common_taken_back import TakenBackCommon

LOGGER = "odoo.addons.invoice_payments_ext.models.taken_back"


@tagged("post_install", "-at_install")
class TestProviderTells(TakenBackCommon):
    """The messages of a provider, twice and out of order."""

    def entries(self):
        return self.env["account.payment.reversal"].search([]).entry_ids

    def test_twice(self):
        message = {"amount": 400, "fee": 15, "respond_by": date(2030, 1, 2)}
        reversal = self.tell(**message)
        entries = self.entries()
        self.assertEqual(self.tell(**message), reversal)
        self.assertEqual(self.entries(), entries)
        self.assertEqual(
            self.booked(reversal), [{"X": 400, "O": -400}, {"F": 15, "O": -15}]
        )
        task = self.invoice.sudo().activity_ids
        self.assertEqual(task.date_deadline, date(2030, 1, 2))
        for _twice in range(2):
            self.tell("lost", **message)
        self.assertEqual(len(self.entries()), 3)
        self.assertEqual(self.owed()[0], 400)
        self.assertNotIn(
            "Answer the dispute", self.invoice.sudo().activity_ids.mapped("summary")
        )

    def test_out_of_order(self):
        """Closed comes before created, and an inquiry last."""
        lost = self.tell("lost", amount=100, sent_on=datetime(2026, 3, 1))
        for state in ("open", "inquiry"):
            self.tell(state, amount=100, sent_on=datetime(2026, 2, 1))
        self.assertEqual(lost.state, "lost")
        self.assertEqual(self.booked(lost), [{"R": 100, "O": -100}])
        # Arbitration decides again; the message on the first decision is late.
        self.tell("won", sent_on=datetime(2026, 5, 1))
        self.tell("lost", sent_on=datetime(2026, 3, 1))
        self.assertEqual((lost.state, self.owed()[0]), ("won", 0))

    def test_an_inquiry_moves_no_money(self):
        reversal = self.tell("inquiry", amount=100, respond_by=date(2030, 1, 2))
        self.assertFalse(reversal.sudo().entry_ids)
        notice = self.invoice.taken_back_notice
        self.assertIn("asks about", notice)
        self.assertTrue(notice.endswith(" Answer by 01/02/2030."), notice)
        self.refund(self.payment, 10)
        self.tell("cancelled")
        self.assertFalse(self.invoice.taken_back_notice)
        self.assertFalse(reversal.sudo().entry_ids)
        self.assertFalse(self.tell("cancelled", reference="dp_2"))

    def test_less_is_withdrawn_than_was_asked_about(self):
        reversal = self.tell("inquiry", amount=100, respond_by=date(2030, 1, 2))
        self.tell("open", amount=60.01, respond_by=date(2030, 1, 9))
        self.assertEqual(self.booked(reversal), [{"X": 60.01, "O": -60.01}])
        self.assertEqual(reversal.sudo().gateway_amount, 60.01)
        # Another amount of the same case is no news, once the money left.
        self.tell("lost", amount=70)
        self.assertEqual(reversal.amount, 60.01)
        self.assertEqual(self.owed()[0], 60.01)

    def test_the_last_day_to_answer_is_put_off(self):
        for day in (2, 9, 5):
            self.tell("open", amount=100, respond_by=date(2030, 1, day))
        [task] = self.invoice.sudo().activity_ids
        self.assertEqual(task.date_deadline, date(2030, 1, 5))

    def test_a_fee_that_came_back(self):
        """Some providers give it back when a case is won, and say so more than once."""
        self.tell("open", amount=100, fee=15)
        for _twice in range(2):
            self.tell("won", amount=100, is_fee_returned=True)
        sums = self.ledger_sums()
        self.assertEqual((sums["O"], sums["X"], sums["F"]), (1000, 0, 0))

    def test_fees_of_one_amount_come_back_one_by_one(self):
        code = self.company.currency_id.name
        fees = [
            {"reference": reference, "amount": amount, "currency": code}
            for reference, amount in (("f1", 15), ("f2", 15), ("r1", -15), ("r2", -15))
        ]
        returned = []
        for told in (2, 3, 4, 4):
            reversal = self.tell(amount=100, fees=fees[:told])
            returned.append((reversal.fee_amount, reversal.fee_returned_amount))
        self.assertEqual(returned, [(30, 0), (30, 15), (30, 30), (30, 30)])
        entries = reversal.sudo().entry_ids.filtered("reversal_fee_reference")
        back = {
            entry.reversal_fee_reference: entry.reversed_entry_id.reversal_fee_reference
            for entry in entries
        }
        self.assertEqual(back, {"f1": False, "f2": False, "r1": "f1", "r2": "f2"})
        self.assertEqual(self.ledger_sums()["F"], 0)

    def test_a_fee_below_the_smallest_unit(self):
        reversal = self.tell(amount=100, fee=0.004)
        self.assertEqual(reversal.fee_amount, 0)
        self.assertEqual(self.booked(reversal), [{"X": 100, "O": -100}])

    def test_a_payment_that_is_not_known(self):
        """By no id, or by another one; by its own it is."""
        tx = self.payment.sudo().payment_transaction_id
        data = {"kind": "dispute", "state": "lost", "reference": "dp_1", "amount": 10}
        for told in ({}, {"payment_reference": "of somebody else"}):
            with self.subTest(told), self.assertLogs(LOGGER, "WARNING") as logs:
                found = tx.provider_id._process_reversal({**data, **told})
                self.assertFalse(found)
                self.assertIn("is not known", logs.output[0])
        self.assertFalse(self.entries())
        self.assertEqual(self.owed()[0], 0)
        data["payment_reference"] = tx.provider_reference
        found = tx.provider_id._process_reversal(data)
        self.assertEqual(found.payment_id, tx.payment_id)
        self.assertEqual(self.owed()[0], 10)

    def test_nothing_is_left_to_take_back(self):
        """All was refunded, and the provider names no amount."""
        self.refund(self.payment)
        with self.assertLogs(LOGGER, "WARNING") as logs:
            self.assertFalse(self.tell("lost"))
        self.assertIn("Nothing is left to take back", logs.output[0])
        self.assertFalse(self.entries())
        self.assertEqual(self.owed()[0], 1000)

    def test_amounts_in_the_smallest_unit(self):
        """No module of this provider says how many decimals it has: as Odoo has it."""
        tx = self.payment.sudo().payment_transaction_id
        reversal = tx._process_taken_back_message(
            {
                "kind": "dispute",
                "state": "open",
                "reference": "dp_1",
                "minor": 10001,
                "minor_fees": [("fee_1", 1505, "")],
            }
        )
        self.assertEqual((reversal.amount, reversal.fee_amount), (100.01, 15.05))

    def test_taken_back_before_it_was_heard_that_it_came(self):
        """The provider is asked; where it does not say, nothing is recorded."""
        invoice = self.make_invoice(50).with_user(self.supervisor)
        self.gateway.answers = ["pending"]
        tx = invoice.charge(self.token.id).sudo()
        said = {}
        self.patch(
            self.env.registry["payment.provider"],
            "_fetch_outcome",
            lambda _provider, _tx: said,
        )
        data = {
            "kind": "returned_debit",
            "state": "lost",
            "reference": "dp_1",
            "minor": 2001,
        }
        with self.assertRefused("that it came is not known yet", ValidationError):
            tx._process_taken_back_message(data)
        self.assertEqual(tx.outcome, "pending")
        said.update(self.gateway.payment_data(tx, "done"))
        reversal = tx._process_taken_back_message(data)
        self._keep()
        self.assertEqual((tx.outcome, reversal.state), ("succeeded", "lost"))
        self.assertEqual(reversal.payment_id, tx.payment_id)
        self.assertEqual(self.owed(invoice)[0], 20.01)

    def test_odoos_own_refund_of_what_is_disputed(self):
        self.tell("open", amount=100)
        tx = self.payment.sudo().payment_transaction_id
        with self.assertRefused("is disputed"):
            tx._refund(10)
        self.assertFalse(tx.child_transaction_ids)

    def test_messages_of_the_other_mode_change_nothing(self):
        """The provider is in test mode; each message names its mode, or none."""
        tx = self.payment.sudo().payment_transaction_id
        self.assertEqual(tx.provider_mode, "test")
        self.assertFalse(self.tell("lost", mode="live"))
        tx.provider_mode = "live"
        for told in ({}, {"mode": "test"}):
            self.assertFalse(self.tell("lost", **told))
        self.assertFalse(self.entries())
        self.assertEqual(self.owed()[0], 0)
        self.assertEqual(self.tell("lost", mode="live").state, "lost")

    def test_a_returned_debit_switches_the_method_off(self):
        """A closed account does, and no mandate, by the rules; a lack of money not."""
        token = self.token.sudo()
        other = self.make_invoice().with_user(self.supervisor)
        dispute = self.report(amount=1, reason_code="AC04")
        self.report("returned_debit", amount=1, reason_code="AM04")
        self.assertFalse(token.refused_transaction_id)
        self.assertEqual(dispute.transaction_id.decline_class, "try_later")
        reversal = self.report("returned_debit", amount=10, reason_code="MD07")
        self.assertEqual(reversal.reason_class, "account")
        with self.assertRefused("must not be charged again.*"):
            other.charge(token.id)
        self.assertIn("returned MD07", token._get_refused_reason())
        portal = self.make_user("returned_member", "base.group_portal")
        told = token.with_user(portal).sudo()._get_refused_reason()
        self.assertIn("does not allow it", told)
        self.assertNotRegex(told, "(?i)MD07|returned|died")
        reversal.cancel()
        self.assertFalse(token._get_refused_reason())
        told = {"kind": "returned_debit", "amount": 11, "reference": "ach"}
        self.tell("lost", **told)
        self.assertFalse(token.refused_transaction_id)
        self.tell("lost", **told, reason_code="R07")  # The reason comes later.
        self.assertTrue(token.refused_transaction_id)
        rule = self.env.ref("invoice_payments_ext.decline_return_r07").sudo()
        rule.decline_class = "ask_customer"
        self.assertFalse(token.refused_transaction_id)
        self.gateway.answers = ["done"]
        self.assertEqual(other.charge(token.id).sudo().outcome, "succeeded")

    def test_won_before_anything_was_heard(self):
        reversal = self.tell("won", amount=100)
        self.assertFalse(reversal.sudo().entry_ids)
        self.assertEqual(self.owed()[0], 0)

    def test_more_than_is_left(self):
        """A gateway may take money that was given back: the customer owes it."""
        self.refund(self.payment, 600, reduce_bill=True)
        reversal = self.tell("lost", amount=1000, kind="returned_debit")
        self.assertEqual(self.owed()[0], 400)
        self.assertEqual(self.receivable(reversal.sudo().taking_payment_id), 600)
        self.assertEqual(self.ledger_sums()["O"], -600)
        self.assertIn(
            "Taken back, but not covered",
            self.invoice.sudo().activity_ids.mapped("summary"),
        )

    def test_in_the_currency_of_the_gateway(self):
        self.make_currency("EUR", 2.0)
        reversal = self.tell(amount=50, currency="EUR", fee=5)
        self.assertEqual((reversal.amount, reversal.fee_amount), (25, 2.5))
        self.assertEqual(reversal.sudo().gateway_amount, 50)

    def test_the_row_the_portal_and_rights(self):
        url = "https://dashboard.stripe.com/disputes/dp_1"
        reversal = self.tell(amount=100, reason="fraudulent", gateway_url=url)
        self.assertEqual(
            reversal.action_open_gateway(),
            {"type": "ir.actions.act_url", "url": url, "target": "new"},
        )
        row = self.row(self.payment)
        [part] = row["refunds"]
        self.assertEqual(
            (part["kind_label"], part["state"], part["amount"], part["reason"]),
            ("Taken back", "disputed", 100, "fraudulent"),
        )
        self.assertEqual(row["amount_refunded"], 0)
        self.assertEqual(self.action(row, "refund")["reason"], "It is disputed.")
        portal = self.invoice.sudo()._get_portal_payment_section()["rows"]
        self.assertFalse([each for each in portal if each["refunds"]])
        reversal.lose(note="The bank wrote a letter")
        notes = reversal.sudo().message_ids.mapped("body")
        self.assertIn("The bank wrote a letter", "".join(notes))
        [row] = self.invoice.sudo()._get_portal_payment_section()["rows"]
        self.assertEqual(row["refunds"][0]["title"], "Taken back by your bank")
        self.assertEqual(row["refunds"][0]["state_label"], "Returned")
        taking = reversal.sudo().taking_payment_id
        [listed] = taking._prepare_portal_rows()
        self.assertEqual(
            (listed["title"], listed["amount"], listed["receipt_url"]),
            ("Returned", -100, ""),
        )
        with self.assertRaises(AccessError):
            reversal.with_user(self.accountant).win()
        notice = self.payment.with_user(self.accountant)
        self.assertEqual(notice.report_taken_back("dispute", 1).amount, 1)


class TestMessages(BaseCase):
    """The messages of providers, as their public documentation shows them."""

    def test_stripe(self):
        dispute = {
            "id": "dp_1",
            "object": "dispute",
            "amount": 10000,
            "charge": "ch_1",
            "payment_intent": "pi_1",
            "currency": "eur",
            "reason": "fraudulent",
            "network_reason_code": "10.4",
            "status": "needs_response",
            "evidence_details": {"due_by": 1772323200},
            "balance_transactions": [
                {"amount": -10000, "fee": 2000, "currency": "usd"}
            ],
        }
        event = {
            "type": "charge.dispute.created",
            "created": 1769904000,
            "livemode": True,
            "data": {"object": dispute},
        }
        data = messages.read_stripe(event)
        self.assertEqual(data["payment_references"], ["pi_1", "ch_1"])
        self.assertEqual(
            (data["state"], data["minor"], data["currency"]), ("open", 10000, "EUR")
        )
        self.assertEqual(data["minor_fees"], [("dp_1 0", 2000, "USD")])
        self.assertFalse(data["is_withdrawn_amount"])
        self.assertEqual(data["respond_by"], date(2026, 3, 1))
        self.assertEqual(data["sent_on"], datetime(2026, 2, 1))
        self.assertEqual(data["reason_code"], "10.4")
        dispute["balance_transactions"] = []
        self.assertEqual(messages.read_stripe(event)["state"], "inquiry")
        moves = [
            {"id": f"txn_{amount}", "amount": amount, "fee": fee, "currency": "eur"}
            for amount, fee in ((-10000, 2000), (9000, -2000))
        ]
        dispute["balance_transactions"] = moves
        data = messages.read_stripe(event)
        self.assertEqual((data["minor"], data["is_withdrawn_amount"]), (1000, True))
        self.assertEqual(
            data["minor_fees"],
            [("txn_-10000", 2000, "EUR"), ("txn_9000", -2000, "EUR")],
        )
        for status, state in (
            ("warning_needs_response", "inquiry"),
            ("warning_closed", "cancelled"),
            ("won", "won"),
            ("lost", "lost"),
        ):
            dispute["status"] = status
            self.assertEqual(messages.read_stripe(event)["state"], state)
        dispute.update(reason="insufficient_funds", status="lost")
        data = messages.read_stripe(event)
        self.assertEqual((data["kind"], data["state"]), ("returned_debit", "lost"))
        dispute["status"] = "a_state_of_tomorrow"
        self.assertIsNone(messages.read_stripe(event))
        self.assertIsNone(messages.read_stripe({"type": "charge.refunded"}))

    def test_adyen(self):
        item = {
            "eventCode": "CHARGEBACK",
            "success": "true",
            "pspReference": "DISPUTE1",
            "originalReference": "PAYMENT1",
            "eventDate": "2026-02-01T01:00:00+01:00",
            "paymentMethod": "visa",
            "reason": "Other Fraud",
            "amount": {"value": 10000, "currency": "EUR"},
            "additionalData": {
                "chargebackReasonCode": "10.4",
                "defensePeriodEndsAt": "2026-03-01T00:00:00+01:00",
            },
        }
        data = messages.read_adyen(item)
        self.assertEqual((data["kind"], data["state"]), ("dispute", "open"))
        self.assertEqual(data["sent_on"], datetime(2026, 2, 1))
        self.assertEqual(data["respond_by"], date(2026, 2, 28))
        item["eventDate"] = "2026-02-01T00:30:00"  # Without a zone, it is in UTC.
        moment = messages.read_adyen(item)["sent_on"]
        self.assertEqual(moment, datetime(2026, 2, 1, 0, 30))
        item["paymentMethod"] = "sepadirectdebit"
        data = messages.read_adyen(item)
        self.assertEqual((data["kind"], data["state"]), ("returned_debit", "lost"))
        item.update(eventCode="CHARGEBACK_REVERSED", paymentMethod="visa")
        self.assertEqual(messages.read_adyen(item)["state"], "won")
        item["success"] = "false"
        self.assertIsNone(messages.read_adyen(item))

    def test_mollie(self):
        payment = {
            "id": "tr_1",
            "method": "directdebit",
            "_embedded": {
                "chargebacks": [
                    {
                        "id": "chb_1",
                        "amount": {"value": "43.38", "currency": "EUR"},
                        "createdAt": "2026-02-01T10:00:00+00:00",
                        "reversedAt": None,
                        "reason": {"code": "AC01", "description": "Account wrong"},
                    }
                ]
            },
        }
        [data] = messages.read_mollie(payment)
        self.assertEqual(
            (data["kind"], data["state"], data["amount"], data["reason_class"]),
            ("returned_debit", "lost", 43.38, "account"),
        )
        payment["_embedded"]["chargebacks"][0]["reversedAt"] = "2026-02-03T00:00:00Z"
        self.assertEqual(messages.read_mollie(payment)[0]["state"], "won")
        self.assertEqual(messages.read_mollie({"id": "tr_1"}), [])

    def test_mollie_events(self):
        chargeback = {"resource": "chargeback", "id": "chb_1", "paymentId": "tr_1"}
        event = {
            "resource": "event",
            "type": "chargeback.received",
            "entityId": "chb_1",
            "_embedded": {"entity": chargeback},
        }
        read = messages.read_mollie_event
        self.assertEqual([read(chargeback), read(event)], ["tr_1", "tr_1"])
        event["_embedded"]["entity"] = {"resource": "payment-link", "paymentId": "tr_1"}
        self.assertIsNone(read(event))
        self.assertIsNone(read({"resource": "event", "type": "chargeback.received"}))

    def test_razorpay(self):
        dispute = {
            "id": "disp_1",
            "payment_id": "pay_1",
            "amount": 10000,
            "amount_deducted": 0,
            "currency": "INR",
            "reason_code": "chargeback_fraud",
            "respond_by": 1772323200,
        }
        event = {
            "event": "payment.dispute.created",
            "created_at": 1769904000,
            "payload": {"dispute": {"entity": dispute}},
        }
        self.assertEqual(messages.read_razorpay(event)["state"], "inquiry")
        dispute["amount_deducted"] = 10000
        self.assertEqual(messages.read_razorpay(event)["state"], "open")
        event["event"] = "payment.dispute.lost"
        self.assertEqual(messages.read_razorpay(event)["state"], "lost")
        self.assertIsNone(messages.read_razorpay({"event": "payment.captured"}))


@tagged("post_install", "-at_install")
class TestRequests(TakenBackCommon):
    """Requests to the addresses of modules, without one of them installed."""

    def request(self, path, content):
        request = Mock()
        request.httprequest.path = path
        request.get_json_data = lambda: content
        return self.env["payment.provider"].sudo()._read_taken_back_request(request)

    def test_other_requests_are_left_alone(self):
        self.assertIsNone(self.request("/web/login", {}))
        content = {"type": "charge.refunded", "data": {"object": {}}}
        self.assertIsNone(self.request("/payment/stripe/webhook", content))

    def find(self, *references):
        """Let the messages with these ids of payments be about the payment."""
        tx = self.payment.sudo().payment_transaction_id
        self.controller = Mock()
        model = self.env.registry["payment.provider"]
        self.patch(
            model,
            "_find_message_transaction",
            lambda _provider, _code, data, *_arguments: (
                tx if set(references) & set(data["payment_references"]) else tx.browse()
            ),
        )
        self.patch(model, "_get_controller", lambda *_arguments: self.controller)
        return tx

    def test_the_payment_that_a_message_names(self):
        tx = self.payment.sudo().payment_transaction_id
        find = self.env["payment.provider"]._find_message_transaction
        data = {"payment_references": [None, "strange", tx.provider_reference]}
        self.assertEqual(find("none", data), tx)
        strange = {"payment_references": [None, "strange"]}
        for case in (("none", strange), ("none", data, "="), ("stripe", data)):
            with self.subTest(case), self.assertLogs(LOGGER, "WARNING"):
                self.assertFalse(find(*case))

    def test_stripe_without_a_secret_is_not_believed(self):
        tx = self.find("pi_1")
        dispute = {
            "id": "dp_1",
            "payment_intent": "pi_1",
            "status": "lost",
            "amount": 100000,
            "currency": tx.currency_id.name.lower(),
        }
        content = {
            "type": "charge.dispute.closed",
            "livemode": False,
            "data": {"object": dispute},
        }
        verify = self.controller.return_value._verify_signature
        with patch.object(payment_provider_messages, "importlib") as importlib:
            get_secret = importlib.import_module.return_value.get_webhook_secret
            get_secret.return_value = False
            with self.assertLogs(LOGGER, "WARNING") as logs:
                self.assertIsNone(self.request("/payment/stripe/webhook", content))
            self.assertIn("no webhook secret", logs.output[0])
            verify.assert_not_called()
            self.assertFalse(tx.payment_id.payment_reversal_ids)
            self.assertEqual(self.owed()[0], 0)
            get_secret.return_value = "whsec_1"
            self.assertIsNone(self.request("/payment/stripe/webhook", content))
        verify.assert_called_once_with(tx)
        self.assertEqual(tx.payment_id.payment_reversal_ids.state, "lost")
        self.assertEqual(self.owed()[0], 1000)

    def test_adyens_module_gets_the_items_that_it_knows(self):
        tx = self.find("PAYMENT1")

        def make_item(code, **values):
            item = {
                "eventCode": code,
                "success": "true",
                "pspReference": "PSP1",
                "originalReference": "PAYMENT1",
                "amount": {"value": 10000, "currency": tx.currency_id.name},
                **values,
            }
            return {"NotificationRequestItem": item}

        known = make_item("AUTHORISATION")
        chargeback = make_item("CHARGEBACK")
        failed = make_item("REFUND_FAILED")  # Of a refund that nobody knows.
        content = {"live": "false", "notificationItems": [known, chargeback, failed]}
        request = Mock()
        request.httprequest.path = "/payment/adyen/notification"
        request.get_json_data = lambda: content
        providers = self.env["payment.provider"].sudo()
        self.assertIsNone(providers._read_taken_back_request(request))
        self.assertEqual(
            request.get_json_data(), {"live": "false", "notificationItems": [known]}
        )
        self.controller._verify_signature.assert_called_once_with(
            chargeback["NotificationRequestItem"], tx
        )
        reversal = tx.payment_id.payment_reversal_ids
        self.assertEqual((reversal.amount, reversal.state), (100, "open"))
        content["notificationItems"] = [chargeback]
        self.assertEqual(self.request(request.httprequest.path, content), "[accepted]")
        content["notificationItems"] = [known]
        self.assertIsNone(self.request(request.httprequest.path, content))
        self.assertEqual(tx.payment_id.payment_reversal_ids, reversal)

    def tell_of_mollie(self, params, event=None):
        """Let a message of Mollie come, of which the payment is `tr_1`."""
        request = Mock()
        request.httprequest.path = "/payment/mollie/webhook"
        request.httprequest.is_json = event is not None
        request.get_http_params = lambda: params
        request.get_json_data = lambda: event
        providers = self.env["payment.provider"].sudo()
        return providers._read_taken_back_request(request)

    def test_mollie_is_asked_for_a_chargeback(self):
        """By an id and by an event, which name the same one and are not believed."""
        tx = self.payment.sudo().payment_transaction_id
        asked = []
        chargeback = {
            "id": "chb_1",
            "amount": {"value": "40.00", "currency": tx.currency_id.name},
            "createdAt": "2026-02-01T10:00:00+00:00",
        }
        payment = {"id": "tr_1", "_embedded": {"chargebacks": [chargeback]}}
        entity = {"resource": "chargeback", "paymentId": "tr_1", "amount": {}}
        event = {"resource": "event", "_embedded": {"entity": entity}}

        def find(providers, code, data, *_arguments):
            is_known = code == "mollie" and data["payment_references"] == ["tr_1"]
            return tx if is_known else providers.env["payment.transaction"]

        def ask(_provider, method, endpoint, **values):
            asked.append((method, endpoint, values["params"]))
            if isinstance(payment, Exception):
                raise payment
            return payment

        model = self.env.registry["payment.provider"]
        self.patch(model, "_find_message_transaction", find)
        self.patch(model, "_send_api_request", ask)
        self.assertEqual(self.tell_of_mollie({}, {**event, "_embedded": {}}), "")
        self.assertFalse(asked)
        self.assertEqual(self.tell_of_mollie({}, event), "")
        self.assertEqual(asked, [("GET", "/payments/tr_1", {"embed": "chargebacks"})])
        reversal = tx.payment_id.payment_reversal_ids
        self.assertEqual((reversal.amount, reversal.state), (40.0, "open"))
        self.assertIsNone(self.tell_of_mollie({"id": "tr_1"}))
        self.assertEqual(tx.payment_id.payment_reversal_ids, reversal)
        chargeback["reversedAt"] = "2026-02-03T00:00:00+00:00"
        self.assertEqual(self.tell_of_mollie({}, entity), "")
        self.assertEqual(reversal.state, "won")

    def test_mollie_sends_again_what_could_not_be_read(self):
        tx = self.payment.sudo().payment_transaction_id
        model = self.env.registry["payment.provider"]
        self.patch(model, "_find_message_transaction", lambda *_arguments: tx)
        with self.assertRaisesRegex(ValidationError, "refuses"):
            self.patch(model, "_send_api_request", self.refuse)
            self.tell_of_mollie({"id": "tr_1"})

    @staticmethod
    def refuse(*_arguments, **_values):
        # pylint: disable-next=translation-required
        raise ValidationError("Mollie refuses")
