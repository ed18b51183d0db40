from lxml.html import fromstring

from odoo.fields import Command
from odoo.tests import tagged

from ...models.portal.account_move_member_amounts import round_to_plain
from .common_portal import PortalPaymentCommon


@tagged("post_install", "-at_install")
class TestPortalForm(PortalPaymentCommon):
    """What the payment form and its pages say, and what they propose."""

    def open_page(self, path=None):
        """Return the page of an address, or of the invoice."""
        self._keep()
        response = self.url_open(path or f"/my/invoices/{self.invoice.id}", timeout=60)
        self.assertEqual(response.status_code, 200, path)
        return fromstring(response.text)

    @staticmethod
    def get_text(page):
        return " ".join(page.text_content().split())

    def make_discount(self):
        """Return an invoice with an early-payment discount."""
        term = self.make_discount_terms(days=3650)
        return self.make_invoice(100, invoice_payment_term_id=term.id)

    def test_default_method_is_proposed(self):
        """It is not the newest; one that cannot be charged is not proposed."""
        self.make_overdue()
        self.authenticate("ip_member", "ip_member")
        newest = self._create_token(
            partner_id=self.member.partner_id.id, payment_details="9999"
        )
        contact = self.member.partner_id.with_company(self.company)
        contact.default_payment_token_id = self.token
        for path in (None, "/my/invoices/overdue"):
            page = self.open_page(path)
            [chosen] = page.xpath("//input[@name='o_payment_radio'][@checked]/@id")
            self.assertEqual(chosen, f"o_payment_token_{self.token.id}")
        # Its bank said that it must not be charged again.
        self.gateway.answers = ["error"]
        self.token.sudo().refused_transaction_id = self.charge(1000)
        [chosen] = self.open_page("/my/invoices/overdue").xpath(
            "//input[@name='o_payment_radio'][@checked]/@id"
        )
        self.assertEqual(chosen, f"o_payment_token_{newest.id}")

    def test_method_that_must_never_be_charged_again(self):
        """By no page, no payment link and no request with its id; and not why."""
        self.gateway.answers = ["error"]
        refused = self.charge(1000).sudo()
        refused.decline_code = "stolen_card"
        refused.decline_network_code = "43"
        refused.decline_class = "never"
        self.token.sudo().refused_transaction_id = refused
        declined = self.invoice
        self.invoice = self.make_invoice(1000)
        self._keep()
        link = self.invoice._get_payment_link_of(1000.0)
        for path in (
            f"/my/invoices/{declined.id}",
            None,
            link[link.index("/my/") :],
            "/my/payment_method",
        ):
            page = self.open_page(path)
            chosen = page.xpath(f"//input[@id='o_payment_token_{self.token.id}']")
            self.assertFalse(chosen, path)
            self.assertNotRegex(self.get_text(page), "(?i)stolen|lost|\\b43\\b")
        self.gateway.requests.clear()
        self.assert_refused(
            "^(?!.*(stolen|43)).*does not allow it to be charged again",
            self.charge,
            1000,
        )
        self.assertFalse(self.gateway.requests)

    def test_decline_in_our_words(self):
        self.gateway.answers = ["error"]
        self.gateway.reason = "R05 do not honor"
        self._keep()
        values = self.request(
            f"/invoice/transaction/{self.invoice.id}",
            access_token=None,
            **self._prepare_values(
                1000,
                self.provider,
                token_id=self.token.id,
                flow="token",
                is_validation=False,
            ),
        )
        self.assertEqual(values["state"], "error")
        self.assertIn("•••• 1234 was declined. Nothing", values["state_message"])
        self.assertIn("choose another payment method", values["state_message"])
        self.assertNotIn("R05", values["state_message"])

    def test_rest_beside_a_pending_instalment(self):
        """What is on its way pays the instalment; the rest can be paid, and no more."""
        term = self.env["account.payment.term"].create(
            {
                "name": "Two halves",
                "line_ids": [
                    Command.create({"value_amount": 50, "nb_days": days})
                    for days in (3600, 3700)
                ],
            }
        )
        self.invoice = self.make_invoice(900, invoice_payment_term_id=term.id)
        self.assertEqual(self.invoice._get_member_amounts()["next"], 450)
        self.give_credit(50)
        self.gateway.answers = ["pending", "done"]
        pending = self.charge(450)
        self.assertEqual(self.invoice._get_member_amounts(), {"full": 450.0})
        page = self.open_page()
        self.assertTrue(page.xpath("//form[@id='o_payment_form']"))
        self.assertNotIn("Use my credit", self.get_text(page))
        self.assertFalse(page.xpath("//*[@data-provider-code='credit_balance']"))
        [reason] = page.find_class("o_member_credit_held_back")
        self.assertRegex(
            self.get_text(reason),
            r"50\.00\s+cannot be used while another payment of this invoice is being",
        )
        self.assertNotIn("d-none", reason.get("class"))
        self.assert_refused("above the amount", self.charge, 900)
        self.charge(450)
        self.assertEqual(self.invoice.amount_residual, 450)
        self.assert_refused("being processed", self.charge, 450)
        self.assertFalse(self.invoice.sudo().transaction_ids.filtered("holds_invoice"))
        self.gateway.notify(pending, "done")
        pending.sudo()._post_process()
        self.assertEqual(self.invoice.amount_residual, 0)

    def test_overdue_is_what_no_money_is_on_its_way_for(self):
        """The list and the page name the same as the payment form does."""
        self.invoice = self.make_invoice_with_instalments(900)
        first, second = (
            self.invoice.sudo()
            .line_ids.filtered(lambda line: line.display_type == "payment_term")
            .sorted("date_maturity")[:2]
        )
        first.date_maturity = "2026-02-01"
        second.date_maturity = "2036-02-01"
        left = first.amount_currency
        self.company.portal_amount_choice = True
        self.gateway.answers = ["pending", "pending"]
        for part, state, shown in (
            (100, "overdue", left - 100),
            (left - 100, "next", second.amount_currency),
        ):
            self.charge(part)
            self._keep()
            values = self.invoice._get_invoice_portal_extra_values()
            self.assertEqual(
                (values["installment_state"], values["next_amount_to_pay"]),
                (state, shown),
            )
            # The form calls what is overdue so, as the page beside it does.
            offered = self.invoice._get_member_payment_values()["member_amounts"]
            overdue = {option["label"]: option["amount"] for option in offered}.get(
                "Overdue"
            )
            self.assertEqual(overdue, shown if state == "overdue" else None)
            for path in (None, "/my/invoices"):
                text = self.get_text(self.open_page(path)).replace("\xa0", " ")
                self.assertIn(f"$ {shown:,.2f}", text, path)
                self.assertEqual(f"$ {left:,.2f} overdue" in text, False, path)
        self.assertIn("Next Installment", self.get_text(self.open_page()))
        self.gateway.answers = ["pending"]
        self.charge(second.amount_currency)
        self._keep()
        values = self.invoice._get_invoice_portal_extra_values()
        self.assertIsNone(values["installment_state"])

    def test_amount_of_a_link(self):
        """It is offered by its name, unless it is all that remains."""

        def get_options(amount):
            values = self.invoice._get_member_payment_values(amount)
            return [(each["kind"], each["amount"]) for each in values["member_amounts"]]

        self.assertEqual(get_options(0), [("full", 1000)])
        self.assertEqual(get_options(1000), [("full", 1000)])
        self.assertEqual(get_options(250), [("link", 250), ("full", 1000)])
        # A part was paid since.
        self.assertEqual(get_options(1500), [("full", 1000)])

    def test_credit_that_waits_for_a_card(self):
        """It is shown to the customer only, and not asked for again."""
        self.give_credit(300)
        self.gateway.answers = ["pending"]
        tx = self.charge(1000, use_credit=True)
        self.assertFalse(self.invoice.sudo()._has_to_be_paid())
        status = self.get_text(self.open_page("/payment/status"))
        self.assertIn("You may leave this page", status)
        self.assertIn("$ 300.00 are paid from your credit", status.replace("\xa0", " "))
        self.assertNotIn("Please wait", status)
        words = "from your credit, as soon as that succeeds"
        self.assertIn(words, self.get_text(self.open_page()))
        self.authenticate(None, None)
        link = self.invoice.sudo().get_portal_url()
        self.assertNotIn(words, self.get_text(self.open_page(link)))
        self.gateway.notify(tx, "done")
        tx.sudo()._post_process()
        self.log_in_again()
        self.assertNotIn(words, self.get_text(self.open_page()))

    def log_in_again(self):
        self.authenticate("ip_member", "ip_member")

    def test_discount_says_why_there_is_no_credit(self):
        self.invoice = self.make_discount()
        self.give_credit(10)
        text = self.get_text(self.open_page()).replace("\xa0", " ")
        self.assertIn("Your credit of $ 10.00 cannot be used together", text)
        self.assertNotIn("Use my credit", text)

    def test_other_amount_says_that_a_part_has_no_discount(self):
        words = "A part payment loses the early-payment discount"
        self.company.portal_amount_choice = True
        self.assertNotIn(words, self.get_text(self.open_page()))
        self.invoice = self.make_discount()
        self.assertIn(words, self.get_text(self.open_page()))
        # Nothing else than the whole can be paid.
        self.company.portal_amount_choice = False
        self.assertNotIn(words, self.get_text(self.open_page()))

    def test_least_amount_is_round(self):
        self.company.portal_amount_choice = True
        self.company.portal_minimum_amount = 10
        euro = self.make_currency("EUR", 0.642)
        for currency, least in ((self.company.currency_id, 10), (euro, 6.5)):
            invoice = self.make_invoice(100, currency_id=currency.id)
            self.assertEqual(invoice._get_member_minimum(), least)
        for amount, plain in ((0.011, 0.02), (1.02, 1.1), (12.3, 13), (99, 100)):
            self.assertEqual(round_to_plain(amount, euro), plain)
        self.assertEqual(round_to_plain(668, self.make_currency("JPY")), 700)

    def test_colleagues_pay_what_is_overdue(self):
        """They are told of it as the contact is, on all pages with one figure."""
        self.make_overdue()
        self.authenticate("ip_colleague", "ip_colleague")
        counters = self.make_jsonrpc_request(
            "/my/counters", {"counters": ["overdue_invoice_count"]}
        )
        self.assertEqual(counters, {"overdue_invoice_count": 2})
        # The count at home is named as what it counts.
        home = self.get_text(self.open_page("/my/home"))
        self.assertIn("Overdue invoices", home)
        self.assertNotIn("Invoices to pay", home)
        for path in ("/my/invoices", None, "/my/invoices/overdue"):
            text = self.get_text(self.open_page(path)).replace("\xa0", " ")
            self.assertIn("verdue", text, path)
        self.assertIn("$ 1,500.00", text)

    def test_list_has_each_cell_under_its_head(self):
        """Odoo's head of the status stood over the buttons to pay."""
        self.make_overdue()
        self.authenticate("ip_colleague", "ip_colleague")
        table = self.open_page("/my/invoices").xpath("//table")[0]
        place = [head.get("name") for head in table.xpath("thead//th")].index("status")
        cells = [cell.get("name") for cell in table.xpath("(.//tr[td])[1]/td")]
        self.assertEqual(cells.index("invoice_status"), place)

    def test_list_says_what_became_of_an_invoice(self):
        """Odoo calls each of them paid, because nothing remains."""
        paid, refunded, partly, credited, open_again, waived, part_waived = (
            self.make_invoice(amount) for amount in (11, 12, 13, 14, 15, 16, 17)
        )
        account = self.company_data["default_account_expense"]
        part_waived.record_external_payment(7)
        for invoice in (waived, part_waived):
            invoice.with_user(self.supervisor).write_off(
                account_id=account.id, reason="Insolvent"
            )
        for invoice in (paid, refunded, partly, open_again):
            self.charge(invoice.amount_total, invoice=invoice)
        for invoice, amount, is_credited in (
            (refunded, 12, True),
            (partly, 3, True),
            (open_again, 15, False),
        ):
            payment = invoice.sudo().matched_payment_ids.with_user(self.supervisor)
            payment.refund(
                amount, to="outside", reduce_bill=is_credited, reason="Returned"
            )
        credited.with_user(self.supervisor).issue_credit_note(14, reason="Returned")
        page = self.open_page("/my/invoices")
        states = {}
        for row in page.xpath("//tr[td[@name='invoice_status']]"):
            [status] = row.xpath("td[@name='invoice_status']")
            states[self.get_text(row.xpath("td")[0])] = self.get_text(status)
        self.assertEqual(
            [
                states[invoice.name]
                for invoice in (
                    paid,
                    refunded,
                    partly,
                    credited,
                    open_again,
                    waived,
                    part_waived,
                )
            ],
            [
                "Paid",
                "Refunded",
                "Partially refunded",
                "Credited",
                "Waiting for Payment",
                "Waived",
                "Paid",
            ],
        )
        # The page of each says the same.
        for invoice in (refunded, partly, credited, waived):
            page = self.open_page(f"/my/invoices/{invoice.id}")
            [badge] = page.xpath("//*[@name='invoice_refunded_badge']")
            self.assertEqual(self.get_text(badge), states[invoice.name])
            self.assertFalse(page.xpath("//*[@name='invoice_paid_badge']"))
            self.assertNotIn("Thank you", self.get_text(page))

    def test_pages_have_a_name_and_a_language(self):
        self.env["res.lang"]._activate_lang("fr_FR")
        self.make_overdue()
        self.give_credit(10)
        name = self.invoice.name
        for path, title in (
            ("/my/home", "My account"),
            ("/my/invoices", "Invoices"),
            (f"/my/invoices/{self.invoice.id}", name),
            ("/my/invoices/overdue", "What you owe"),
            ("/my/payments", "Payments & Refunds"),
            ("/my/credit", "My credit"),
            ("/my/payment_method", "Payment Methods"),
        ):
            with self.subTest(path):
                page = self.open_page(path)
                self.assertEqual(page.get("lang"), "en-US")
                self.assertEqual(
                    page.findtext(".//title"), f"{title} | {self.company.name}"
                )
                heads = [self.get_text(head) for head in page.iter("h1")]
                self.assertEqual(heads, [title])
        for dialog in page.xpath("//*[@role='dialog']"):
            self.assertTrue(dialog.get("aria-labelledby"))
        self.member.lang = "fr_FR"
        self.log_in_again()
        self.assertEqual(self.open_page("/my/payments").get("lang"), "fr-FR")
