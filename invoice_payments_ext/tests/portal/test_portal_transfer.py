from odoo.tests import tagged

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
        self.gateway.notify(self.tx, "error")
        with self.assertRaisesRegex(Exception, "does not wait for the customer"):
            dialog.action_mail()
