"""The customer's standing permission of automatic charges."""

from odoo.exceptions import AccessError, UserError
from odoo.tests import new_test_user, tagged

from ...tools import OURS
from ..common import InvoicePaymentsCommon


@tagged("post_install", "-at_install")
class TestAutoPay(InvoicePaymentsCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.child = cls.env["res.partner"].create(
            {"name": "Accounts", "parent_id": cls.partner.id, "type": "contact"}
        )
        cls.member = new_test_user(
            cls.env, login="auto_pay_member", groups="base.group_portal"
        )
        cls.member.partner_id.parent_id = cls.partner
        cls.stranger = new_test_user(
            cls.env, login="auto_pay_stranger", groups="base.group_portal"
        )

    def setUp(self):
        super().setUp()
        self.staff = self.partner.with_user(self.accountant)
        self.child = self.child.with_env(self.env)

    def get_permission(self):
        permissions = self.env["account.auto.pay"]._get_permissions(
            self.child, self.company
        )
        return permissions[self.partner]

    def count_notes(self, word):
        notes = self.partner.message_ids.filtered(lambda note: word in note.body)
        return len(notes)

    def test_the_staff_needs_a_note_and_leaves_a_trace(self):
        self.assertFalse(self.get_permission().is_on)
        self.company.auto_pay = True
        self.assertTrue(self.get_permission().is_on)
        self.company.auto_pay = False
        for note in (None, "", "  \n"):
            with self.assertRefused("how the customer agreed"):
                self.staff.set_auto_pay(True, note=note)
        for limit in (0, -5, float("nan")):
            with self.assertRefused("amount above zero|must be a number"):
                self.staff.set_auto_pay(True, note="By phone", limit=limit)
        for limit in (1e-320, 0.004):
            with self.assertRefused("finer than the smallest unit"):
                self.staff.set_auto_pay(True, note="By phone", limit=limit)
        with self.assertRefused("whole number of days"):
            self.staff.set_auto_pay(True, note="By phone", notice_days=99)
        # On a contact of the customer, it is the customer's.
        row = self.child.with_user(self.accountant).set_auto_pay(
            True, note="By phone on Monday", limit=100, notice_days=2
        )
        self.assertEqual(row.partner_id, self.partner)
        self.assertEqual(row.consent_text, "By phone on Monday")
        self.assertEqual(row.consent_user_id, self.accountant)
        permission = self.get_permission()
        self.assertEqual(permission[:3], (True, 100.0, 2))
        self.assertEqual(self.count_notes("By phone on Monday"), 1)
        self.assertEqual(self.staff.auto_pay, "on")
        self.assertIn(self.accountant.name, self.staff.auto_pay_consent)
        found = self.env["res.partner"].with_user(self.accountant)
        self.assertIn(self.child, found.search([("auto_pay", "=", "on")]))
        self.assertNotIn(self.child, found.search([("auto_pay", "!=", "on")]))
        own = [("id", "in", (self.child | self.stranger.partner_id).ids)]
        for states, partners in (
            (["as_company"], self.stranger.partner_id),
            (["as_company", "on"], self.child | self.stranger.partner_id),
            (["on", "off"], self.child),
            (["off"], self.child.browse()),
        ):
            with self.subTest(states):
                told = found.search([*own, ("auto_pay", "in", states)])
                self.assertEqual(told, partners.with_env(found.env))
        self.company.auto_pay = True
        self.staff.set_auto_pay(False)
        self.assertFalse(self.get_permission().is_on)
        self.assertEqual(row.consent_text, "By phone on Monday", "It is evidence.")
        self.assertEqual(self.count_notes("Auto-pay is off"), 1)

    def test_the_member_agrees_to_the_text_of_the_server(self):
        values = self.env["res.partner"].with_user(self.member)._get_auto_pay_values()
        self.assertFalse(values["is_on"])
        self.assertEqual(values["partner"], self.partner)
        own = self.partner.with_user(self.member)
        with self.assertRefused("has changed"):
            own.switch_auto_pay(True, consent="invented")
        with self.assertRefused("has changed"):
            own.switch_auto_pay(True)
        row = own.switch_auto_pay(True, values["consent"]["version"], limit=80.0)
        self.assertIn(values["consent"]["text"], row.sudo().consent_text)
        self.assertIn("80.00", row.sudo().consent_text)
        self.assertEqual(row.sudo().consent_user_id, self.member)
        self.assertEqual(self.count_notes("80.00"), 1)
        note = self.partner.message_ids.filtered(lambda note: "80.00" in note.body)
        self.assertEqual(note.author_id, self.member.partner_id)
        values = self.env["res.partner"].with_user(self.member)._get_auto_pay_values()
        self.assertEqual((values["is_on"], values["limit"]), (True, 80.0))
        for user in (self.stranger, self.env.ref("base.public_user")):
            with self.assertRefused("Only the customer", AccessError):
                self.partner.with_user(user).switch_auto_pay(False)
            with self.assertRefused("no right", AccessError):
                self.partner.with_user(user).set_auto_pay(False)
        with self.assertRaises(AccessError):
            row.with_user(self.supervisor).state = "off"
        own.switch_auto_pay(False)
        self.assertFalse(self.get_permission().is_on)

    def test_off_stops_whatever_was_not_sent(self):
        self.staff.set_auto_pay(True, note="By phone")
        attempt = self.make_stuck_attempt("ready").sudo()
        attempt.is_automatic = True
        self.partner.with_user(self.member).switch_auto_pay(False)
        attempt._run_attempt()
        self.assertEqual(self.gateway.requests, [])
        self.assertEqual(attempt.outcome, "failed")
        self.assertIn("does not permit", attempt.state_message)
        # A charge of a person is the person's.
        self.assertEqual(self.start_attempt("done").outcome, "succeeded")

    def test_limit_and_exclusion(self):
        self.staff.set_auto_pay(True, note="By phone", limit=100)
        invoice = self.invoice.sudo()
        self.assertEqual(invoice._get_auto_pay_refusal(100.0), ("", ""))
        code, words = invoice._get_auto_pay_refusal(100.01)
        self.assertEqual(code, "above_permitted")
        self.assertIn("100.00", words)
        euro = self.make_currency("EUR", 0.5)
        other = self.make_invoice(60, currency_id=euro.id).sudo()
        self.assertEqual(other._get_auto_pay_refusal(50.0)[0], "")
        self.assertEqual(other._get_auto_pay_refusal(50.01)[0], "above_permitted")
        self.invoice.auto_pay_excluded = True
        self.assertEqual(invoice._get_auto_pay_refusal(1.0)[0], "excluded")
        self.assertFalse(self.invoice.copy().auto_pay_excluded)

    def test_nobody_makes_up_a_consent(self):
        row = self.staff.set_auto_pay(True, note="By phone").sudo()
        with self.assertRaisesRegex(UserError, "cannot be entered"):
            row.consent_text = "Forged"
        row.with_context(keeps_consent=OURS).consent_text = "As kept"
        with self.assertRaisesRegex(UserError, "cannot be entered"):
            row.copy({"consent_text": "Forged"})

    def test_saving_a_method_says_that_it_is_charged_automatically(self):
        """Where the company charges all customers, and has no text of its own."""
        company = self.company
        texts = []
        for auto_pay, own_text in ((False, False), (True, "  "), (True, "As agreed.")):
            company.write({"auto_pay": auto_pay, "token_consent_text": own_text})
            texts.append(company._get_token_consent_text())
        self.assertNotIn("for my invoices that are due", texts[0] or "")
        self.assertEqual(
            texts[1],
            f"I agree that {company.name} charges this payment method for my invoices "
            "that are due, until I remove it or switch off Auto-pay.",
        )
        self.assertEqual(texts[2], "As agreed.")
