from freezegun import freeze_time
from lxml.html import fromstring

from odoo import http
from odoo.exceptions import LockError, UserError
from odoo.fields import Command
from odoo.tests import tagged
from odoo.tools import mute_logger

from odoo.addons.payment import utils as payment_utils

from ..portal.common_portal import PortalPaymentCommon

STANDARD_TEXT = "keeps this payment method until I remove it"
GUESSED_IDS = (0, -1, 2**31, 10**30)


class PortalTokenCommon(PortalPaymentCommon):
    """A member with two saved methods; the company and others have some as well."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.other_token = cls.save(cls, "5555", cls.member)
        cls.colleague_token = cls.save(cls, "6666", cls.colleague)
        cls.stranger_token = cls.save(cls, "7777", cls.stranger)
        cls.token.sudo().payment_details = "4242"
        cls.member.name, cls.colleague.name = "Mia Member", "Carl Colleague"
        cls.employee = cls.make_user(cls, "ip_employee", "base.group_user")

    # === HELPERS === #

    def save(self, details, owner, **values):
        """Return a saved method of a user, or of a contact."""
        partner = owner.partner_id if owner._name == "res.users" else owner
        return self.env["payment.token"].create(
            {
                "provider_id": self.provider.id,
                "payment_method_id": self.payment_method_id,
                "payment_details": details,
                "partner_id": partner.id,
                "provider_ref": f"ref-{details}",
                **values,
            }
        )

    def default_of(self, owner):
        """Return the method that was chosen for a contact, or for a user."""
        self._keep()
        partner = owner.partner_id if owner._name == "res.users" else owner
        return partner.with_company(self.company).default_payment_token_id

    def page(self, path="/my/payment_method"):
        """Return the page of saved methods."""
        self._keep()
        response = self.url_open(path)
        self.assertEqual(response.status_code, 200)
        return fromstring(response.text)

    def options(self):
        """Return the text of each saved method on the page, by its digits."""
        options = {}
        for option in self.page().xpath(
            "//li[.//button[@name='o_payment_delete_token']]"
        ):
            text = " ".join(option.text_content().split())
            details = next(part for part in text.split() if part.isdigit())
            options[details] = text
        return options

    def choose(self, token_id, **data):
        """Press *Make it the default*."""
        self._keep()
        data = {"csrf_token": http.Request.csrf_token(self), **data}
        if token_id is not None:
            data["token_id"] = token_id
        return self.url_open(
            "/my/payment_method/use_for_charges", data=data, allow_redirects=False
        )

    def call(self, method, token_id, *args):
        """Call a method of a saved method as any client may."""
        self._keep()
        return self.request(
            f"/web/dataset/call_kw/payment.token/{method}",
            model="payment.token",
            method=method,
            args=[[token_id], *args],
            kwargs={},
        )

    def notes(self, contact):
        """Return the notes on a contact, the newest first."""
        self._keep()
        partner = contact.partner_id if contact._name == "res.users" else contact
        messages = self.env["mail.message"].search(
            [("model", "=", "res.partner"), ("res_id", "=", partner.id)]
        )
        return [fromstring(body).text_content() for body in messages.mapped("body")]

    def _take_facts(self):
        facts = super()._take_facts()
        contacts = (self.partner, self.member, self.colleague, self.stranger)
        tokens = self.env["payment.token"].with_context(active_test=False)
        return (
            *facts,
            [self.default_of(contact) for contact in contacts],
            tokens.search([]).mapped("active"),
        )


@tagged("post_install", "-at_install")
class TestTokensForCharges(PortalTokenCommon):
    """Members choose the saved method that is charged."""

    def test_the_newest_is_charged_until_one_is_chosen(self):
        options = self.options()
        self.assertEqual(set(options), {"4242", "5555"})
        self.assertIn("Default of Mia Member", options["5555"])
        self.assertIn("It is the newest", options["5555"])
        self.assertIn("Keep it as the default", options["5555"])
        self.assertNotIn("Default", options["4242"])
        self.assertIn("Make it the default", options["4242"])
        response = self.choose(self.token.id)
        self.assertEqual(response.status_code, 303)
        self.assertURLEqual(response.headers["Location"], "/my/payment_method")
        self.assertEqual(self.default_of(self.member), self.token)
        options = self.options()
        self.assertIn("Default", options["4242"])
        self.assertNotIn("It is the newest", options["4242"])
        self.assertNotIn("Make it the default", options["4242"])
        self.assertIn("Make it the default", options["5555"])
        self.assertNotIn("Default", options["5555"])

    def test_chosen_method_is_charged(self):
        invoice = self.make_invoice(
            50, post=False, partner_id=self.member.partner_id.id
        )
        self.assertEqual(invoice._get_default_token(), self.other_token)
        self.choose(self.token.id)
        self._keep()
        self.assertEqual(invoice._get_default_token(), self.token)
        self.authenticate(self.accountant.login, self.accountant.login)
        self._keep()
        [attempt_id] = self.request(
            "/web/dataset/call_kw/account.move/issue_and_charge",
            model="account.move",
            method="issue_and_charge",
            args=[invoice.ids],
            kwargs={},
        )
        self._keep()
        attempt = self.env["payment.transaction"].browse(attempt_id)
        self.assertEqual((attempt.token_id, attempt.state), (self.token, "done"))

    def test_the_staff_see_who_chose(self):
        self.choose(self.token.id)
        self.choose(self.token.id)
        [note, *older] = self.notes(self.member)
        self.assertIn("4242 was chosen in the portal", note)
        self.assertNotIn(note, older)
        message = self.env["mail.message"].search(
            [
                ("model", "=", "res.partner"),
                ("res_id", "=", self.member.partner_id.id),
            ],
            limit=1,
        )
        self.assertEqual(message.author_id, self.member.partner_id)
        self.assertTrue(message.is_internal)

    def test_the_company_s_method(self):
        company_token = self.save("8888", self.partner)
        self.choose(company_token.id)
        self.assertEqual(self.default_of(self.partner), company_token)
        self.assertEqual(self.default_of(self.member), company_token)
        self.assertFalse(self.default_of(self.colleague))
        self.assertIn("Mia Member, ", self.options()["8888"])
        # The company's invoices cannot be charged to the member's own method.
        self.choose(self.token.id)
        self.assertEqual(self.default_of(self.partner), company_token)
        self.assertEqual(self.default_of(self.member), self.token)
        options = self.options()
        self.assertIn("Default of Mia Member", options["4242"])
        self.assertIn(f"Default of {self.partner.name}", options["8888"])

    def test_one_contact_alone_is_not_named(self):
        self.authenticate("ip_stranger", "ip_stranger")
        [option] = self.options().values()
        self.assertIn("Default", option)
        self.assertNotIn("Default of", option)

    def test_buttons_belong_to_a_form_of_their_own(self):
        page = self.page()
        buttons = page.xpath("//button[@form='o_payment_token_choice']")
        [form] = page.xpath("//form[@id='o_payment_token_choice']")
        self.assertEqual(form.get("action"), "/my/payment_method/use_for_charges")
        self.assertFalse(form.xpath("ancestor::form"))
        self.assertEqual(
            [" ".join(button.text_content().split())[-4:] for button in buttons],
            ["5555", "4242"],
        )
        for delete in page.xpath("//button[@name='o_payment_delete_token']"):
            self.assertRegex(delete.text_content(), "4242|5555")

    # === WHO MAY NOT === #

    def test_others_methods_and_guessed_ids(self):
        archived = self.save("9999", self.member, active=False)
        before = self._take_facts()
        others = (self.colleague_token.id, self.stranger_token.id)
        for token_id in (*others, *GUESSED_IDS, "", "x", None):
            with self.subTest(token_id=token_id):
                self.assertEqual(self.choose(token_id).status_code, 303)
                self.assertEqual(self._take_facts(), before)
        with mute_logger("odoo.http"):
            self.assertEqual(self.choose(archived.id).status_code, 422)
        self.assertEqual(self._take_facts(), before)

    def test_the_door_checks_by_itself(self):
        for user in ("ip_member", "ip_employee", self.accountant.login):
            self.authenticate(user, user)
            for token in (self.colleague_token, self.stranger_token):
                with self.subTest(user=user, token=token.payment_details):
                    self.assert_refused(
                        "do not have access", self.call, "use_for_charges", token.id
                    )
            self.assert_refused(
                "do not have access", self.call, "use_for_charges", 2**31 - 1
            )

    def test_the_public(self):
        self.authenticate(None, None)
        before = self._take_facts()
        for path in ("/my/payment_method", "/my/payment_method/use_for_charges"):
            response = self.url_open(
                path,
                data=path.endswith("charges")
                and {
                    "csrf_token": http.Request.csrf_token(self),
                    "token_id": self.token.id,
                },
                allow_redirects=False,
            )
            self.assertIn("/web/login", response.headers["Location"])
        self.assert_refused("Session", self.call, "use_for_charges", self.token.id)
        self.assertEqual(self._take_facts(), before)

    def test_no_other_site_presses_the_button(self):
        before = self._take_facts()
        with mute_logger("odoo.http"):
            response = self.choose(self.token.id, csrf_token="forged")
        self.assertEqual(response.status_code, 400)
        self.assertEqual(self._take_facts(), before)

    def test_members_do_not_write_the_default_themselves(self):
        before = self._take_facts()
        with mute_logger("odoo.http"), self.assertRaises(Exception):  # noqa: B017
            self.request(
                "/web/dataset/call_kw/res.partner/write",
                model="res.partner",
                method="write",
                args=[
                    [self.member.partner_id.id],
                    {"default_payment_token_id": self.stranger_token.id},
                ],
                kwargs={},
            )
        self.assertEqual(self._take_facts(), before)

    def test_unusable_method_is_not_offered(self):
        self.token.payment_method_id.active = True
        other_company = self.make_other_company(name="Other Company")["company"]
        foreign = self.save(
            "9999",
            self.member,
            provider_id=self.provider.copy(
                {"company_id": other_company.id, "state": "test"}
            ).id,
        )
        options = self.options()
        self.assertIn("It belongs to another company.", options["9999"])
        self.assertNotIn("Make it the default", options["9999"])
        with mute_logger("odoo.http"):
            response = self.choose(foreign.id)
        self.assertNotEqual(response.status_code, 303)
        self.assert_refused(
            "belongs to another company", self.call, "use_for_charges", foreign.id
        )
        self.assertFalse(self.default_of(self.member))


@tagged("post_install", "-at_install")
class TestTokenRemoval(PortalTokenCommon):
    """A method that something depends on does not vanish silently."""

    def names(self, token, user="ip_member"):
        """Return the list in the dialog that asks whether to remove a method."""
        self.authenticate(user, user)
        info = self.call("get_linked_records_info", token.id)
        for record in info:
            self.assertEqual(set(record), {"description", "id", "name", "url"})
        return [record["name"] for record in info]

    def remove(self, token):
        self._keep()
        return self.request("/payment/archive_token", token_id=token.id)

    def test_nothing_depends_on_it(self):
        self.assertEqual(self.names(self.token), [])
        self.remove(self.token)
        self.assertFalse(self.token.active)
        notes = [note for note in self.notes(self.member) if "4242" in note]
        self.assertEqual(len(notes), 1)
        self.assertRegex(notes[0], r"4242 was removed\.$")

    def test_the_default(self):
        self.choose(self.token.id)
        [name] = self.names(self.token)
        self.assertRegex(
            name, r"Default of .*Mia Member for .*\. .*5555 takes its place\."
        )
        self.remove(self.token)
        self.assertFalse(self.default_of(self.member))
        [note, *_older] = self.notes(self.member)
        self.assertRegex(
            note, r"4242, which .* charged for this contact, was removed\. .*5555 is"
        )
        self.assertIn("Default", self.options()["5555"])

    def test_the_newest(self):
        [name] = self.names(self.other_token)
        self.assertIn("4242 takes its place", name)
        self.remove(self.other_token)
        self.assertIn("4242 is charged instead", self.notes(self.member)[0])

    def test_the_last(self):
        self.remove(self.other_token)
        [name] = self.names(self.token)
        self.assertIn("No saved method is left", name)
        self.remove(self.token)
        self.assertIn("nothing can be charged", self.notes(self.member)[0])

    def test_the_company_s_serves_several(self):
        company_token = self.save("8888", self.partner)
        self.colleague_token.active = False
        for contact in (self.partner, self.colleague.partner_id):
            contact.with_company(self.company).default_payment_token_id = company_token
        names = self.names(company_token)
        self.assertEqual(len(names), 2)
        self.assertIn("Carl Colleague", "".join(names))
        self.remove(company_token)
        for contact in (self.partner, self.colleague):
            self.assertFalse(self.default_of(contact))
            self.assertIn("nothing can be charged", self.notes(contact)[0])

    def test_invoices_that_are_charged(self):
        """They are named where a plan charges them with the customer's permission."""
        values = {"partner_id": self.member.partner_id.id}
        self.make_invoice(5, **values)
        self.company.collection_plan_id = self.env["account.collection.plan"].create(
            {"name": "Plan"}
        )
        self.make_invoice(10, **values)
        self.make_invoice(20, **values)
        self.make_invoice(30, post=False, **values)
        self.make_invoice(40, partner_id=self.stranger.partner_id.id)
        accountant = self.accountant.login
        for name in self.names(self.other_token, accountant):
            self.assertNotIn("auto-pay", name)
        self.partner.set_auto_pay(True, note="Signed", company_id=self.company.id)
        text = "Open invoices that auto-pay charges to it: 2"
        drafts = "Drafts that auto-pay charges to it later: 1"
        names = self.names(self.other_token)
        self.assertIn(text, names)
        self.assertNotIn(drafts, names)
        names = self.names(self.other_token, accountant)
        self.assertIn(text, names)
        self.assertIn(drafts, names)
        self.assertNotIn(text, self.names(self.token))

    def test_in_flight(self):
        for answer in ("pending", "authorized", TimeoutError("no answer")):
            with self.subTest(answer=answer):
                self.gateway.answers = [answer]
                with mute_logger("odoo.addons.invoice_payments_ext.models.attempts"):
                    attempt = self.charge(1000)
                self.assertIn(attempt.outcome, ("pending", "authorized", "unknown"))
                [name] = self.names(self.token)
                self.assertIn(f"{attempt.reference} ($", name)
                self.assertIn("cannot be removed", name)
                self.assert_refused(
                    rf"4242 cannot be removed yet: .*{attempt.reference}",
                    self.remove,
                    self.token,
                )
                self.assertTrue(self.token.active)
                self.gateway.notify(attempt, "cancel")
                self._keep()
        self.remove(self.token)
        self.assertFalse(self.token.active)

    def test_while_a_charge_is_being_started(self):
        """The attempt holds the method: it is not known yet, but may bring money."""
        token = self.token.sudo()
        held = LockError("held")
        with (
            self.force_error_once("payment.token", "lock_for_update", held),
            self.assertRaisesRegex(UserError, "is being started right now"),
        ):
            token.active = False
        self.assertTrue(token.active)

    def test_ended_attempt_is_not_in_the_way(self):
        self.gateway.answers = ["error", "done"]
        outcomes = [self.charge(1000).outcome for _attempt in range(2)]
        self.assertEqual(outcomes, ["declined", "succeeded"])
        self.remove(self.token)
        self.assertFalse(self.token.active)

    def test_a_provider_can_be_switched_off_with_attempts_in_flight(self):
        self.gateway.answers = ["pending"]
        attempt = self.charge(1000)
        self.choose(self.token.id)
        self.provider.state = "disabled"
        tokens = self.token | self.other_token | self.stranger_token
        self.assertEqual(tokens.mapped("active"), [False] * 3)
        self.assertFalse(self.default_of(self.member))
        for contact in (self.member, self.stranger):
            self.assertIn("nothing can be charged", self.notes(contact)[0])
        self.gateway.notify(attempt, "done")
        attempt.sudo()._post_process()
        self.assertEqual(self.invoice.amount_residual, 0)

    def test_a_payment_method_can_be_switched_off(self):
        self.gateway.answers = ["pending"]
        self.assertEqual(self.charge(1000).outcome, "pending")
        self.token.payment_method_id.active = False
        self.assertFalse(self.token.active)

    def test_deleted_by_an_administrator(self):
        self.choose(self.token.id)
        self.token.unlink()
        self.assertFalse(self.default_of(self.member))
        self.assertIn("5555 is charged instead", self.notes(self.member)[0])

    # === WHO MAY NOT === #

    def test_nobody_else_learns_its_dependents(self):
        for user in ("ip_member", "ip_employee"):
            self.authenticate(user, user)
            for token in (self.colleague_token, self.stranger_token):
                with self.subTest(user=user, token=token.payment_details):
                    self.assert_refused(
                        "do not have access",
                        self.call,
                        "get_linked_records_info",
                        token.id,
                    )
            self.assert_refused(
                "do not have access", self.call, "get_linked_records_info", 2**31 - 1
            )
        self.authenticate(None, None)
        self.assert_refused(
            "Session", self.call, "get_linked_records_info", self.token.id
        )

    def test_nobody_else_removes_it(self):
        for user in ("ip_member", "ip_employee", self.accountant.login):
            self.authenticate(user, user)
            for token in (self.colleague_token, self.stranger_token):
                self.remove(token)
                self.assertTrue(token.active)


@tagged("post_install", "-at_install")
class TestTokenConsent(PortalTokenCommon):
    """The text that a member agreed to is kept with the method, as it was shown."""

    def setUp(self):
        super().setUp()
        self.patch(
            self.env.registry["payment.transaction"],
            "_extract_token_values",
            lambda tx, data: {"payment_details": "1111", "provider_ref": "new"},
        )

    # === HELPERS === #

    def shown(self, page=None):
        """Return the text that the page shows beside *Save*, and its version."""
        page = self.page() if page is None else page
        [element] = page.find_class("o_token_consent")
        return element.text, element.get("data-consent-version")

    def add(self, **values):
        """Save a method as the page does; return the method."""
        partner = self.env.user.browse(self.session.uid or 0).partner_id
        self._keep()
        result = self.request(
            "/payment/transaction",
            **{
                **self._prepare_values(None, self.provider),
                "tokenization_requested": True,
                "is_validation": True,
                "currency_id": None,
                "partner_id": partner.id,
                "access_token": payment_utils.generate_access_token(
                    partner.id, None, None, env=self.env
                ),
                "reference_prefix": "V",
                "landing_route": "/my/payment_method",
                **values,
            },
        )
        return self.confirm(result["reference"])

    def confirm(self, reference):
        """Let the gateway confirm a transaction; return the method it saved."""
        transactions = self.env["payment.transaction"].sudo()
        tx = transactions.search([("reference", "=", reference)])
        tx._process("none", self.gateway.payment_data(tx, "done"))
        if tx.invoice_ids:
            tx.sudo()._post_process()
        self._keep()
        return tx.token_id

    def kept(self, record):
        return record.consent_text, record.consent_date, record.consent_user_id

    # === STORED CONSENT === #

    @freeze_time("2026-03-12 10:30:00", tick=True)
    def test_added_on_the_page(self):
        text, version = self.shown()
        self.assertIn(STANDARD_TEXT, text)
        self.assertIn(self.company.name, text)
        token = self.add(consent_version=version)
        self.assertEqual(token.payment_details, "1111")
        self.assertEqual(token.consent_text, text)
        self.assertEqual(str(token.consent_date)[:16], "2026-03-12 10:30")
        self.assertEqual(token.consent_user_id, self.member)
        self.assertIn(text, self.options()["1111"])
        self.assertNotIn("You agreed", self.options()["4242"])

    def test_ticked_in_the_payment_form(self):
        page = fromstring(self.url_open(f"/my/invoices/{self.invoice.id}").text)
        text, version = self.shown(page)
        [tick] = page.xpath("//input[@name='o_payment_tokenize_checkbox']")
        [described] = page.xpath(f"//*[@id='{tick.get('aria-describedby')}']")
        self.assertEqual(described.text, text)
        tx = self.pay(1000, tokenization_requested=True, consent_version=version)
        self.assertEqual(tx.consent_text, text)
        token = self.confirm(tx.reference)
        self.assertEqual(self.kept(token), self.kept(tx))
        self.assertEqual(token.consent_user_id, self.member)

    def test_saved_for_the_company_or_for_oneself(self):
        """It is asked, and staff charge only methods that were given to the company."""
        of_company = self.make_invoice(100, partner_id=self.partner.id)
        self.assertEqual(of_company._get_saved_tokens(), self.other_token.browse())
        page = fromstring(self.url_open(f"/my/invoices/{self.invoice.id}").text)
        [choice] = page.find_class("o_token_owner")
        self.assertEqual(
            choice.xpath(".//input/@value"), ["contact", "company"], "Nothing is asked."
        )
        self.assertIn(self.partner.name, choice.text_content())

        own = self.add(save_for="contact")
        self.assertEqual(own.partner_id, self.member.partner_id)
        tx = self.pay(1000, tokenization_requested=True, save_for="company")
        given = self.confirm(tx.reference)
        self.assertEqual(given.partner_id, self.partner)
        self.assertEqual(of_company._get_default_token(), given)
        dialog = self.env["account.payment.create"].new({"move_id": of_company.id})
        self.assertTrue(dialog.has_saved_method)
        page = fromstring(self.url_open(f"/my/invoices/{of_company.id}").text)
        offered = page.xpath("//input[@data-payment-option-type='token']")
        self.assertIn(
            str(given.id), [each.get("data-payment-option-id") for each in offered]
        )

        self.authenticate("ip_stranger", "ip_stranger")
        page = self.page()
        self.assertFalse(page.find_class("o_token_owner"))
        token = self.add(save_for="company")
        self.assertEqual(token.partner_id, self.stranger.partner_id)

    def test_own_method_is_given_to_the_company(self):
        of_company = self.make_invoice(100, partner_id=self.partner.id)
        own = self.add()
        owners = of_company._get_payment_method_owners()
        reason = own._get_unfit_reasons(owners, of_company, 100)[own.id]
        self.assertIn(f"belongs to {self.member.name}, and not to the company", reason)
        path = (
            f"//details[contains(@class, 'o_token_give')][.//button[@value='{own.id}']]"
        )
        [part] = self.page().xpath(path)
        self.assertIn("my colleagues may use it", part.text_content())
        [button] = part.xpath(".//button")
        self._keep()
        url = button.get("formaction")
        data = {"csrf_token": http.Request.csrf_token(self), "token_id": own.id}
        with self.subTest("without the text that was shown"):
            self.url_open(url.partition("?")[0], data=data)
            self.env.invalidate_all()
            self.assertEqual(own.partner_id, self.member.partner_id)
        response = self.url_open(url, data=data, allow_redirects=False)
        self.assertEqual(response.status_code, 303)
        self.env.invalidate_all()
        self.assertEqual(own.partner_id, self.partner)
        self.assertEqual(own.consent_user_id, self.member)
        self.assertIn(f"For {self.partner.name}: all its invoices", own.consent_text)
        self.assertIn(STANDARD_TEXT, own.consent_text)
        for contact in (self.partner, self.member.partner_id):
            self.assertIn("gave", contact.message_ids[0].body)
        self.assertEqual(of_company._get_default_token(), own)
        # It is not the member's own any more.
        self.assertFalse(self.page().xpath(path))

    def test_nobody_else_gives_it_to_the_company(self):
        version = self.shown()[1]
        of_company = self.save("7777", self.partner)
        self.assert_refused(
            "Only its owner", self.call, "give_to_company", of_company.id, version
        )
        for token in (self.token, self.other_token):
            owner = token.partner_id
            self.authenticate("ip_stranger", "ip_stranger")
            self.assert_refused(
                "access|owner", self.call, "give_to_company", token.id, version
            )
            self.assertEqual(token.partner_id, owner)

    # === BACK TO THE INVOICE === #

    def read_way_back(self, path):
        """Return where the page leads back to: links, where *Save* ends, fields."""
        page = self.page(path)
        return (
            page.xpath("//a[contains(@class, 'o_method_invoice')]/@href"),
            page.xpath("//form[@id='o_payment_form']/@data-landing-route"),
            page.xpath("//input[@name='invoice_id']/@value"),
        )

    def get_target(self, path):
        """Return where a page leads on to, without the address of the server."""
        self._keep()
        response = self.url_open(path, allow_redirects=False)
        self.assertEqual(response.status_code, 303)
        return response.headers["Location"].removeprefix(self.base_url())

    def test_way_back_to_an_invoice(self):
        """The page knows the invoice as long as it is the member's own."""
        own = self.make_invoice(100, partner_id=self.member.partner_id.id)
        other = self.make_invoice(100, partner_id=self.stranger.partner_id.id)
        path = "/my/payment_method"
        links, landing, fields = self.read_way_back(f"{path}?invoice_id={own.id}")
        self.assertEqual(links, [f"/my/invoices/{own.id}"])
        self.assertEqual(landing, [f"{path}/saved/{own.id}"])
        # Of the choice, of the gift, and of auto-pay.
        self.assertEqual(fields, [str(own.id)] * 3)
        for invoice_id in ("", "soon", other.id, *GUESSED_IDS):
            with self.subTest(invoice_id):
                found = self.read_way_back(f"{path}?invoice_id={invoice_id}")
                self.assertEqual(found, ([], [path], []))

    def test_chosen_for_an_invoice(self):
        own = self.make_invoice(100, partner_id=self.member.partner_id.id)
        other = self.make_invoice(100, partner_id=self.stranger.partner_id.id)

        def choose(token, invoice):
            response = self.choose(token.id, invoice_id=invoice.id)
            return response.headers["Location"].removeprefix(self.base_url())

        self.assertEqual(choose(self.token, own), f"/my/invoices/{own.id}")
        self.assertEqual(self.default_of(self.member), self.token)
        self.assertEqual(choose(self.other_token, other), "/my/payment_method")
        self.assertEqual(self.default_of(self.member), self.other_token)
        with mute_logger("odoo.http"):
            target = choose(self.stranger_token, own)
        self.assertEqual(target, f"/my/payment_method?invoice_id={own.id}")

    def test_saved_for_an_invoice(self):
        """It leads to the invoice only if the new method is the one that is charged."""
        own = self.make_invoice(100, partner_id=self.member.partner_id.id)
        landing = f"/my/payment_method/saved/{own.id}"
        page = f"/my/payment_method?invoice_id={own.id}"
        self.assertEqual(self.get_target(landing), page, "Nothing was saved.")
        self.token.sudo().active = False
        self.assertEqual(self.get_target(landing), page, "And nothing is charged.")
        self.token.sudo().active = True
        token = self.add(landing_route=landing)
        self.assertEqual(own.sudo()._get_default_token(), token)
        target = f"{landing}?tx_id=1&access_token=forged"
        self.assertEqual(self.get_target(target), f"/my/invoices/{own.id}")
        self.choose(self.token.id)
        self.add(landing_route=landing)
        self.assertEqual(own.sudo()._get_default_token(), self.token)
        self.assertEqual(self.get_target(landing), page, "Another one is charged.")
        other = self.make_invoice(100, partner_id=self.stranger.partner_id.id)
        target = f"/my/payment_method/saved/{other.id}"
        self.assertEqual(self.get_target(target), "/my/payment_method")

    def test_customer_of_two_companies(self):
        """The page and its forms are about the company that charges, and no other."""
        other = self.make_other_company(name="Other Company")["company"]
        self.member.company_ids |= other
        provider = self.provider.copy(
            {"company_id": other.id, "state": "test", "is_published": True}
        )
        foreign = self.save("9999", self.member, provider_id=provider.id)
        invoice = self.make_invoice(
            100, company_id=other.id, partner_id=self.member.partner_id.id
        )
        query = f"company_id={other.id}"
        for path in (f"invoice_id={invoice.id}", query):
            page = self.page(f"/my/payment_method?{path}")
            offered = page.xpath(
                "//input[@data-payment-option-type='payment_method']/@data-provider-id"
            )
            self.assertEqual(set(offered), {str(provider.id)}, path)
            section = page.get_element_by_id("auto_pay").text_content()
            self.assertIn("I agree that Other Company charges", section)
            # Of the choice, of the gift, and of auto-pay.
            fields = page.xpath("//input[@name='company_id']/@value")
            self.assertEqual(fields, [str(other.id)] * 3)
        landing = page.xpath("//form[@id='o_payment_form']/@data-landing-route")
        self.assertEqual(landing, [f"/my/payment_method?{query}"])
        response = self.choose(foreign.id, company_id=other.id)
        self.assertURLEqual(response.headers["Location"], f"/my/payment_method?{query}")
        self.assertFalse(self.default_of(self.member))
        chosen = self.member.partner_id.with_company(other).default_payment_token_id
        self.assertEqual(chosen, foreign)
        # Each page leads to the other one, also where nothing is open any more.
        here = self.company
        for shown, linked in ((here, other), (other, here)):
            page = self.page(f"/my/payment_method?company_id={shown.id}")
            links = page.xpath("//section[@id='auto_pay']//a")
            self.assertEqual(
                [
                    (link.get("href"), " ".join(link.text_content().split()))
                    for link in links
                ],
                [
                    (
                        f"/my/payment_method?company_id={linked.id}",
                        f"Payment methods and auto-pay of {linked.name}",
                    )
                ],
            )
        # What a member owes to a company is with the auto-pay of that company.
        currency = other.currency_id.id
        page = self.page(f"/my/owe?{query}&currency_id={currency}")
        self.assertIn(f"/my/payment_method?{query}", page.xpath("//a/@href"))
        data = {
            "csrf_token": http.Request.csrf_token(self),
            "on": "1",
            "consent_version": page.xpath("//input[@name='consent_version']/@value"),
            "company_id": page.xpath("//form//input[@name='company_id']/@value"),
        }
        self.url_open("/my/payment_method/auto_pay", data=data)
        rows = self.env["account.auto.pay"].search(
            [("partner_id", "=", self.partner.id)]
        )
        self.assertEqual((rows.company_id, rows.state), (other, "on"))
        # A company that the member is no customer of is not looked at.
        self.member.company_ids -= other
        page = self.page(f"/my/payment_method?{query}")
        section = page.get_element_by_id("auto_pay").text_content()
        self.assertIn(f"I agree that {self.company.name} charges", section)

    def test_not_ticked(self):
        _text, version = self.shown()
        tx = self.pay(1000, consent_version=version)
        self.assertEqual(self.kept(tx), (False, False, self.env["res.users"]))

    def test_own_text_in_the_language_that_was_shown(self):
        self.env["res.lang"]._activate_lang("fr_FR")
        self.company.token_consent_text = "Charge me.\nAlways."
        self.company.with_context(lang="fr_FR").token_consent_text = "Débitez-moi."
        self.assertEqual(self.shown()[0], "Charge me.\nAlways.")
        text, version = self.shown(self.page("/fr/my/payment_method"))
        self.assertEqual(text, "Débitez-moi.")
        self.assertEqual(self.add(consent_version=version).consent_text, text)

    def test_text_of_the_provider_s_company(self):
        self.company.token_consent_text = "  \n"
        self.assertIn(STANDARD_TEXT, self.shown()[0])
        self.company.token_consent_text = "Ours."
        self.assertEqual(self.shown()[0], "Ours.")

    def test_a_later_text_changes_nothing(self):
        token = self.add(consent_version=self.shown()[1])
        before = self.kept(token)
        self.company.token_consent_text = "Another text."
        self.assertEqual(self.kept(token), before)
        self.assertIn(before[0], self.options()["1111"])

    def test_text_that_changed_since_it_was_shown(self):
        _text, version = self.shown()
        self.company.token_consent_text = "Another text."
        self.assert_refused("has changed", self.add, consent_version=version)

    # === FORGED REQUESTS === #

    def test_forged_by_the_browser(self):
        for forged in ("I agree to nothing", "0" * 64, 7, ["x"], {"text": "x"}, True):
            with self.subTest(forged=forged):
                self.assert_refused("has changed", self.add, consent_version=forged)
        for name in ("consent_text", "consent_date", "consent_user_id"):
            self.assert_refused("not whitelisted", self.add, **{name: "forged"})

    def test_no_consent_is_kept_that_was_not_shown(self):
        for version in (None, "", False):
            token = self.add(consent_version=version)
            self.assertEqual(self.kept(token), (False, False, self.env["res.users"]))

    def test_nobody_changes_it(self):
        token = self.add(consent_version=self.shown()[1])
        before = self.kept(token)
        for vals in (
            {"consent_text": "Forged"},
            {"consent_text": False},
            {"consent_date": "2020-01-01"},
            {"consent_user_id": self.stranger.id},
        ):
            self.assert_refused("cannot be entered", self.call, "write", token.id, vals)
            for record in (token, token.transaction_ids):
                with self.assertRaisesRegex(UserError, "cannot be entered or changed"):
                    record.write(vals)
        self.assertEqual(self.kept(token), before)
        self.assertFalse(token.copy().consent_text)

    def test_nobody_enters_it(self):
        context = {"default_consent_text": "Forged", "keeps_consent": True}
        token = self.env["payment.token"].with_context(**context)
        vals = {
            "provider_id": self.provider.id,
            "payment_method_id": self.payment_method_id,
            "partner_id": self.member.partner_id.id,
            "provider_ref": "made up",
        }
        self.assertFalse(token.create(vals).consent_text)
        with self.assertRaisesRegex(UserError, "cannot be entered or changed"):
            token.create({**vals, "consent_text": "Forged"})
        transactions = self.env["payment.transaction"].with_user(self.accountant)
        with self.assertRaisesRegex(UserError, "cannot be entered or changed"):
            transactions.create(
                {
                    "provider_id": self.provider.id,
                    "payment_method_id": self.payment_method_id,
                    "reference": "made up",
                    "amount": 1,
                    "currency_id": self.company.currency_id.id,
                    "partner_id": self.member.partner_id.id,
                    "consent_text": "Forged",
                }
            )

    def test_another_customer_s_access_token(self):
        self.assert_refused(
            "permission",
            self.add,
            partner_id=self.stranger.partner_id.id,
            consent_version=self.shown()[1],
        )

    def test_employee_without_accounting_rights(self):
        self.employee.company_ids = [Command.set(self.company.ids)]
        self.authenticate("ip_employee", "ip_employee")
        token = self.add(consent_version=self.shown()[1])
        self.assertEqual(token.partner_id, self.employee.partner_id)
        self.assertEqual(token.consent_user_id, self.employee)
        self.assertEqual(set(self.options()), {"1111"})
