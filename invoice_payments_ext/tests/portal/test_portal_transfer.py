from datetime import timedelta

from lxml.html import fromstring

from odoo.exceptions import UserError
from odoo.tests import JsonRpcException, tagged
from odoo.tools import mute_logger

from .common_portal import PortalPaymentCommon


@tagged("post_install", "-at_install")
class TestPortalTransfer(PortalPaymentCommon):
    """A member who chooses Odoo's own *Wire Transfer* keeps all other ways to pay."""

    def setUp(self):
        super().setUp()
        self.transfer = self.make_transfer_provider()
        self._keep()

    def choose_transfer(self, amount=1000):
        """Choose the transfer, as the browser does: the route, then its form."""
        tx = self.pay(amount, by=self.transfer, flow="redirect")
        self.url_open("/payment/custom/process", data={"reference": tx.reference})
        self.env.invalidate_all()
        self.assertEqual(tx.outcome, "announced")
        return tx

    def read_page(self):
        self._keep()
        return self.url_open(self.invoice.sudo().get_portal_url()).text

    def test_the_page_offers_all_of_it(self):
        tx = self.choose_transfer()
        page = self.read_page()
        self.assertIn("Waiting for your transfer", page)
        self.assertRegex(page, r'name="o_member_amount"[^>]*value="1000.0"')
        self.assertIn('id="portal_pay"', page)
        row = self.url_open("/my/payments?filterby=pending").text
        self.assertIn(tx.reference, row)

    def test_who_changed_their_mind_pays_by_card(self):
        tx = self.choose_transfer()
        card = self.charge(1000)
        self.assertEqual((card.outcome, tx.outcome), ("succeeded", "canceled"))
        self.assertIn(card.payment_id.name, tx.state_message)
        self.assertNotIn("Waiting for your transfer", self.read_page())

    def test_who_chose_it_twice(self):
        first, second = self.choose_transfer(), self.choose_transfer()
        payment = second.with_user(self.accountant).record_received()
        self.assertEqual(set((first | second).mapped("outcome")), {"canceled"})
        self.assertEqual(payment.announced_transaction_id, second)
        self.assertEqual(self.invoice.amount_residual, 0)

    def test_credit_beside_it_is_spent_when_the_money_came(self):
        self.give_credit(400)
        tx = self.pay(1000, by=self.transfer, flow="redirect", use_credit=True)
        self.url_open("/payment/custom/process", data={"reference": tx.reference})
        self.env.invalidate_all()
        self.assertEqual((tx.outcome, tx.amount), ("announced", 600))
        self.assertEqual(self.held(), 400)
        tx.with_user(self.accountant).record_received()
        self.assertIn(tx, tx.search(tx._get_unsettled_domain()))
        tx.sudo()._post_process()
        self._keep()
        self.assertEqual((self.held(), self.invoice.amount_residual), (0, 0))

    def test_the_staff_may_do_all(self):
        tx = self.choose_transfer()
        section = self.invoice.get_payment_section()
        self.assertTrue(section["can_create"], section["create_blocked_reason"])
        self.invoice.record_external_payment(400)
        self.assertEqual(tx.outcome, "canceled")
        self.assertEqual(self.invoice.amount_residual, 600)


@tagged("post_install", "-at_install")
class TestPortalFinish(PortalPaymentCommon):
    """A payment that waits for the customer is finished where it was begun."""

    def setUp(self):
        super().setUp()
        self.tx = self.pay(1000, flow="redirect")
        self.gateway.notify(self.tx, "pending")
        self._keep()

    def test_link_leads_to_the_provider_again(self):
        url = self.tx._get_finish_url()
        page = self.url_open(url)
        self.assertEqual(page.status_code, 200)
        self.assertIn(self.tx.finish_form.strip()[:20], page.text)
        self.assertIn("Continue to the provider", page.text)
        self.assertEqual(self.url_open(f"{url}x").status_code, 404)
        self.assertIn(url.replace("&", "&amp;"), self.read_page())
        actions = {
            action["name"]
            for row in self.rows().values()
            for action in row["actions"]
            if action["enabled"]
        }
        self.assertLessEqual({"finish", "resolve"}, actions)
        self.gateway.notify(self.tx, "done")
        self._keep()
        self.assertFalse(self.tx.finish_form)
        self.assertFalse(self.tx._get_finish_url())
        ended = self.url_open(url).text
        self.assertIn("nothing left to finish", ended)
        self.assertNotIn("Continue to the provider", ended)
        self.tx.sudo()._post_process()

    def read_page(self):
        self._keep()
        return self.url_open(self.invoice.sudo().get_portal_url()).text

    def test_link_is_mailed(self):
        before = self.env["mail.mail"].sudo().search([])
        action = self.tx.with_user(self.accountant).action_show_finish_link()
        dialog = (
            self.env[action["res_model"]]
            .with_user(self.accountant)
            .with_context(**action["context"])
            .create({})
        )
        self.assertEqual(dialog.url, self.tx._get_finish_url())
        self.assertIn(self.member.partner_id.email, dialog.recipients)
        dialog.action_mail()
        mail = self.env["mail.mail"].sudo().search([]) - before
        self.assertIn(dialog.url.replace("&", "&amp;"), mail.body_html)
        self.assertIn(self.member.partner_id, mail.recipient_ids)
        (self.member.partner_id | self.partner).email = False
        with self.assertRaisesRegex(UserError, "has no mail address"):
            dialog.action_mail()
        self.assertEqual(self.env["mail.mail"].sudo().search([]) - before, mail)
        self.gateway.notify(self.tx, "error")
        with self.assertRaisesRegex(Exception, "does not wait for the customer"):
            dialog.action_mail()


class StartAgainCommon(PortalPaymentCommon):
    """A payment in a form of ours, at a provider that can be asked and can end it."""

    def setUp(self):
        super().setUp()
        self.tx = self.pay(1000, flow="direct")
        self.ended = "cancel"  # The answer when it is to be ended.
        self.asked = "pending"  # The answer to the question.
        providers = self.env.registry["payment.provider"]
        self.requests = []

        def answer(kind, state):
            self.requests.append(kind)
            return state and self.gateway.payment_data(self.tx, state)

        for name, method in (
            ("_may_end_payment", lambda _provider, _tx: True),
            ("_end_payment", lambda _provider, _tx: answer("end", self.ended)),
            ("_fetch_outcome", lambda _provider, _tx: answer("ask", self.asked)),
        ):
            self.patch(providers, name, method)
        self.gateway.notify(self.tx, "pending")
        self._keep()
        self.url = self.tx._get_finish_url()
        self.authenticate(None, None)  # Who has the link needs no account.

    def make_time_pass(self):
        """A click soon after another one does not ask the provider."""
        self.tx.sudo().asked_on -= timedelta(minutes=1)
        self._keep()


@tagged("post_install", "-at_install")
class TestPortalStartAgain(StartAgainCommon):
    """A payment that the customer has to confirm in a form is started again, once."""

    def start_again(self, url=None):
        """Press the button of the page; return where it leads."""
        page = self.url_open(url or self.url)
        [form] = fromstring(page.text).xpath("//form[@id='o_payment_start_again']")
        data = {field.get("name"): field.get("value") for field in form.xpath("input")}
        answer = self.url_open(form.get("action"), data=data, allow_redirects=False)
        self.assertEqual(answer.status_code, 303)
        self.env.invalidate_all()
        return answer.headers["Location"]

    def test_it_ends_at_the_provider_before_it_is_started_again(self):
        self.assertEqual(self.url_open(f"{self.url}x").status_code, 404)
        page = self.url_open(self.url).text
        self.assertIn("Pay now", page)
        self.assertIn("Your bank asks you to confirm", page)
        self.assertFalse(self.requests, "a link that is followed does nothing")
        wrong = {"access_token": "x"}
        path = f"/payment/finish/{self.tx.id}/again"
        self.assertIn(self.url_open(path, data=wrong).status_code, (400, 404))
        with self.assertRaisesRegex(Exception, "being processed"):
            self.pay(1000, flow="direct")
        location = self.start_again()
        self.assertEqual(self.requests, ["ask", "end"])
        self.assertEqual(self.tx.outcome, "canceled")
        self.assertIn(f"/my/invoices/{self.invoice.id}?", location)
        page = self.url_open(location)
        self.assertRegex(page.text, r'name="o_member_amount"[^>]*value="1000.0"')
        self.assertNotIn(self.token.payment_details, page.text)
        # Who comes back by the mail goes on, and nothing is asked for again.
        page = self.url_open(self.url).text
        self.assertIn("This payment was not made", page)
        self.assertNotIn("Your bank asks you", page)
        self.assertIn(f"/my/invoices/{self.invoice.id}?", self.start_again())
        self.assertEqual(len(self.requests), 2)
        again = self.pay(1000, flow="direct")
        self.gateway.notify(again, "done")
        again.sudo()._post_process()
        self._keep()
        self.assertEqual(self.invoice.amount_residual, 0)
        self.assertIn("nothing left to finish", self.url_open(self.url).text)

    def test_money_that_came_is_not_asked_for_again(self):
        self.asked = "done"
        self.assertIn("asked=1", self.start_again())
        self.assertEqual((self.tx.outcome, self.requests), ("succeeded", ["ask"]))
        self.assertEqual(self.invoice.amount_residual, 0)
        self.assertIn("nothing left to finish", self.url_open(self.url).text)

    def test_nothing_is_started_where_it_cannot_be_ended(self):
        self.ended = None
        for requests in (["ask", "end"], ["ask", "end"]):  # The second is too soon.
            location = self.start_again()
            self.assertIn("could not be ended", self.url_open(location).text)
            self.assertEqual((self.tx.outcome, self.requests), ("pending", requests))
        self.ended = "done"  # It was confirmed in the meantime.
        self.make_time_pass()
        self.assertIn("asked=1", self.start_again())
        self.assertEqual(self.tx.outcome, "succeeded")
        self.assertEqual(self.invoice.amount_residual, 0)

    def test_declined_payment_ends_at_the_provider_before_a_new_one(self):
        """A form that is open elsewhere could still confirm it beside the new one."""
        self.asked, self.ended = "error", None
        location = self.start_again()
        self.assertIn("could not be ended", self.url_open(location).text)
        self.assertEqual((self.tx.outcome, self.requests), ("declined", ["ask", "end"]))
        for self.ended in ("pending", "error"):  # It can go on there.
            self.make_time_pass()
            self.assertIn("asked=1", self.start_again())
            self.assertEqual((self.tx.outcome, self.tx.ended_on), ("declined", False))
        self.ended = "cancel"
        self.make_time_pass()
        self.assertIn(f"/my/invoices/{self.invoice.id}?", self.start_again())
        self.assertTrue(self.tx.ended_on)
        self.requests.clear()
        self.assertIn(f"/my/invoices/{self.invoice.id}?", self.start_again())
        self.assertFalse(self.requests, "it is known that it ended")
        # Its amount bounds the new one, unless it is of another currency.
        self.tx.sudo().amount = 400
        self._keep()
        self.assertIn("amount=400.0", self.start_again())
        own = self.tx.currency_id
        self.tx.sudo().currency_id = self.make_currency("EUR")
        self._keep()
        self.assertIn("amount=1000.0", self.start_again())
        self.tx.sudo().write({"amount": 1000, "currency_id": own.id})

    def test_declined_payment_that_was_paid_after_all(self):
        self.asked, self.ended = "error", "done"
        self.assertIn("asked=1", self.start_again())
        self.assertEqual((self.tx.outcome, self.tx.ended_on), ("succeeded", False))
        self.assertEqual(self.invoice.amount_residual, 0)
        self.assertIn("nothing left to finish", self.url_open(self.url).text)

    def test_declined_because_the_customer_has_to_confirm(self):
        self.start_again()
        self.company.portal_amount_choice = True
        self.authenticate("ip_member", "ip_member")
        self.charge(400)
        self.gateway.answers = ["error"]
        declined = self.charge(600).sudo()
        self.authenticate(None, None)
        self.assertFalse(declined._get_finish_url())
        declined.decline_class = "needs_customer"
        self._keep()
        row = self.rows()[f"tx-{declined.id}"]
        self.assertEqual(row["finish_url"], declined._get_finish_url())
        self.assertIn("finish", [action["name"] for action in row["actions"]])
        page = self.url_open(self.invoice.sudo().get_portal_url()).text
        self.assertIn("your bank asks you to confirm", page)
        page = self.url_open(declined._get_finish_url()).text
        self.assertIn("Your bank asks you to confirm", page)
        location = self.start_again(declined._get_finish_url())
        self.assertIn("amount=600.0", location)
        self.assertEqual(self.requests, ["ask", "end", "end"])
        declined.with_user(self.accountant).mail_finish_link()
        mail = self.env["mail.mail"].sudo().search([], order="id desc", limit=1)
        self.assertIn("Finish the payment", mail.body_html)
        self.invoice.record_external_payment(600)
        self._keep()
        self.assertFalse(declined._get_finish_url())


@tagged("post_install", "-at_install")
class TestPortalPaidBesideDeclined(StartAgainCommon):
    """A declined payment that could still be confirmed ends before any other one."""

    def setUp(self):
        super().setUp()
        self.authenticate("ip_member", "ip_member")
        self.gateway.notify(self.tx, "error")
        self._keep()

    def get_refusal(self, work, *args):
        """Return why a payment is refused; what was stored before stays."""
        try:
            with mute_logger("odoo.http"):
                work(*args)
        except JsonRpcException as error:
            self.env.invalidate_all()
            return str(error)
        self.fail("It was not refused.")

    def test_member_pays_in_another_form(self):
        for self.ended in (None, "pending"):  # The second click is too soon to ask.
            self.assertIn("could not be ended", self.get_refusal(self.pay, 1000))
            self.assertEqual(self.requests, ["end"])
        self.ended = "cancel"
        self.make_time_pass()
        again = self.pay(1000)
        self.assertTrue(self.tx.ended_on)
        self.requests.clear()
        self.gateway.notify(again, "done")
        again.sudo()._post_process()
        self._keep()
        self.assertEqual((self.requests, self.invoice.amount_residual), ([], 0))

    def test_member_pays_what_was_paid_after_all(self):
        self.ended = "done"
        self.assertIn("came after all", self.get_refusal(self.charge, 1000))
        self.assertEqual(self.tx.outcome, "succeeded")
        self.assertEqual(self.invoice.amount_residual, 0)
        self.assertFalse(self.gateway.requests)
