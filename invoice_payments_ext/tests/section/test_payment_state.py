from ast import literal_eval

from lxml.etree import fromstring

from odoo import fields
from odoo.tests import Form, tagged

from ..credit.common_credit import CreditCommon


@tagged("post_install", "-at_install")
class TestPaymentState(CreditCommon):
    """Payments say what became of them in the words of the Payments section."""

    def setUp(self):
        super().setUp()
        record = self.invoice.record_external_payment
        self.payments = {
            "succeeded": record(100.0),
            "canceled": record(40.0),
            "rejected": record(30.0),
            "mistaken": record(20.0),
        }
        self.payments["canceled"].sudo().action_cancel()
        self.payments["rejected"].sudo().action_reject()
        self.payments["mistaken"].with_user(self.supervisor).undo_recording("Twice")
        self.payments["draft"] = self.env["account.payment"].create(
            {"amount": 10.0, "partner_id": self.partner.id}
        )
        taken = record(50.0).report_taken_back("returned_debit")
        self.payments["lost"] = taken.sudo().taking_payment_id
        self._keep()

    def test_words_are_those_of_the_section(self):
        for state, payment in self.payments.items():
            with self.subTest(state):
                self.assertEqual(payment.section_state, state)
        rows = self.rows()
        labels = dict(
            self.env["account.payment"]
            ._fields["section_state"]
            ._description_selection(self.env)
        )
        for state in ("succeeded", "canceled", "rejected", "mistaken"):
            with self.subTest(state):
                row = rows[f"pay-{self.payments[state].id}"]
                self.assertEqual(row["state_label"], labels[state])
        self.assertEqual(labels["succeeded"], "Succeeded")
        self.assertEqual(labels["mistaken"], "Recorded by mistake")

    def test_all_payments_says_the_same(self):
        movements = self.env["account.payment.movement"].search([])
        shown = {each.payment_id: each.outcome for each in movements}
        for state in ("succeeded", "canceled", "rejected", "mistaken"):
            with self.subTest(state):
                self.assertEqual(shown[self.payments[state]], state)

    def test_search(self):
        payments = self.env["account.payment"].union(*self.payments.values())
        search = payments.with_user(self.accountant).search
        scope = ("id", "in", payments.ids)
        for state, payment in self.payments.items():
            with self.subTest(state):
                self.assertEqual(
                    search([scope, ("section_state", "=", state)]), payment
                )
                self.assertEqual(
                    search([scope, ("section_state", "!=", state)]), payments - payment
                )
        self.assertFalse(search([scope, ("section_state", "=", False)]))

    def test_filters_have_the_same_words(self):
        model = self.env["account.payment"].with_user(self.accountant)
        labels = dict(model._fields["section_state"]._description_selection(self.env))
        arch = fromstring(model.get_view(view_type="search")["arch"])
        shown = {}
        for node in arch.iter("filter"):
            if (name := node.get("name")).startswith("state_") and node.get("domain"):
                domain = fields.Domain(literal_eval(node.get("domain")))
                shown[name] = node.get("string"), model.search(domain)
        payments = self.payments
        for name, state in (
            ("state_draft", "draft"),
            ("state_in_process", "succeeded"),
            ("state_canceled", "canceled"),
            ("state_rejected", "rejected"),
            ("state_mistaken", "mistaken"),
            ("state_lost", "lost"),
        ):
            with self.subTest(name):
                label, found = shown[name]
                self.assertEqual(label, labels[state])
                self.assertIn(payments[state], found)
                others = (each for key, each in payments.items() if key != state)
                self.assertFalse(found & model.union(*others))

    def test_no_query_for_each_payment(self):
        payments = self.env["account.payment"].union(*self.payments.values())

        def count(records):
            self.env.invalidate_all()
            before = self.env.cr.sql_log_count
            records.mapped("section_state")
            return self.env.cr.sql_log_count - before

        count(payments)  # Rules are known.
        self.assertEqual(count(payments), count(payments[:1]))

    def test_the_form_keeps_the_buttons(self):
        draft = self.payments["draft"].with_user(self.accountant)
        with Form(draft) as form:
            self.assertEqual(form.section_state, "draft")
            form.amount = 11.0
        draft.action_post()
        self.assertEqual(draft.section_state, "succeeded")
        with Form(draft) as form:
            self.assertEqual(form.section_state, "succeeded")
