from odoo import fields

from ..credit.common_credit_balance import CreditBalanceCommon
from ..invariants import check_tie_out


class TestMergedContacts(CreditBalanceCommon):
    """An employee without rights of accounting merges two customers into one."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        groups = cls.env.ref("base.group_user") | cls.env.ref(
            "base.group_partner_manager"
        )
        cls.employee = cls.env["res.users"].create(
            {
                "name": "Employee",
                "login": "employee",
                "group_ids": groups.ids,
                "company_ids": cls.company.ids,
                "company_id": cls.company.id,
            }
        )
        (cls.partner | cls.other_customer).email = "one@example.com"
        cls.company.credit_applied_at_issue = False

    def merge(self):
        """Merge the other customer, who is the newer one, into the customer."""
        self.env.flush_all()
        wizard = self.env["base.partner.merge.automatic.wizard"]
        wizard = wizard.with_user(self.employee).with_company(self.company)
        contacts = self.partner | self.other_customer
        wizard._merge(contacts.ids, self.partner.with_env(wizard.env))
        self.env.invalidate_all()
        self.assertFalse(self.other_customer.exists())
        check_tie_out(self)

    def permit(self, partner, on=True, limit=None):
        partner = partner.with_user(self.supervisor)
        return partner.set_auto_pay(on, limit=limit, note="By phone").sudo()

    def test_money(self):
        """Credit, saved methods, payments and what is due are the sum of both."""
        self._make_entry(100.0, partner=self.other_customer)
        self._make_entry(30.0)
        token = self._create_token(
            partner_id=self.other_customer.id, payment_details="1234"
        )
        self.other_customer.default_payment_token_id = token
        invoice = self.invoice.copy({"partner_id": self.other_customer.id})
        invoice.invoice_date = fields.Date.today()
        invoice.action_post()
        self.gateway.answers = ["done"]
        payment = invoice.charge(token.id, amount=60.0).sudo().payment_id
        paid = invoice.amount_total - invoice.amount_residual
        due = invoice.amount_residual + self.invoice.amount_residual
        self._keep()
        self.merge()
        self.assertEqual(self._balance().amount, 130.0)
        self.assertEqual(token.partner_id, self.partner)
        self.assertEqual(self.partner.default_payment_token_id, token)
        self.assertEqual(payment.partner_id, self.partner)
        self.assertEqual(invoice.partner_id, self.partner)
        self.assertEqual(invoice.amount_total - invoice.amount_residual, paid)
        self.assertEqual(invoice.amount_residual + self.invoice.amount_residual, due)
        refund = payment.with_user(self.supervisor).refund(60.0, reason="Mistake")
        self.assertEqual(refund.partner_id, self.partner)

    def test_who_forbade_charges_for_one_forbids_them_for_all(self):
        for is_off in (self.partner, self.other_customer):
            for partner in (self.partner, self.other_customer):
                self.permit(partner, on=partner != is_off)
            with self.subTest(is_off=is_off.name), self.env.cr.savepoint() as savepoint:
                self.merge()
                self.assertEqual(self.partner.auto_pay, "off")
                savepoint.rollback()
            self.env.invalidate_all()

    def test_permission_of_a_contact_that_goes(self):
        """The one who stays said nothing: what was agreed or forbidden holds on."""
        for is_on in (True, False):
            row = self.permit(
                self.other_customer, on=is_on, limit=50.0 if is_on else None
            )
            with self.subTest(is_on), self.env.cr.savepoint() as savepoint:
                self.merge()
                self.assertEqual(row.partner_id, self.partner)
                self.assertEqual(self.partner.auto_pay, "on" if is_on else "off")
                self.assertEqual(self.partner.auto_pay_limit, 50.0 if is_on else 0.0)
                self.assertEqual(row.consent_text, "By phone", "It is evidence.")
                savepoint.rollback()
            self.env.invalidate_all()

    def test_both_permitted(self):
        """The smaller limit holds, and the evidence of both stays."""
        self.permit(self.partner, limit=80.0)
        self.permit(self.other_customer, limit=50.0)
        self.merge()
        self.assertEqual(self.partner.auto_pay, "on")
        self.assertEqual(self.partner.auto_pay_limit, 50.0)
        told = " ".join(self.partner.message_ids.mapped("body"))
        self.assertIn("By phone", told)
        self.assertIn("Contact merged: Other Customer", told)

    def test_permission_into_a_contact_of_a_customer(self):
        """It is the commercial partner's, as those of all its contacts."""
        company = self.env["res.partner"].create({"name": "Of Both"})
        self.partner.parent_id = company
        self.permit(company)
        self.permit(self.other_customer, on=False)
        self.merge()
        self.assertEqual(company.auto_pay, "off")
        self.assertEqual(self.partner.auto_pay, "off")

    def test_statements_of_the_same_month(self):
        """Both got one: the history of both stays."""
        sendings = self.env["account.statement.sending"].sudo()
        contacts = self.partner | self.other_customer
        days = [fields.Date.to_date(day) for day in ("2026-01-01", "2026-01-31")]
        sent = sendings._request(contacts, self.company, *days, is_monthly=True)
        sent.sudo().state = "sent"
        self.merge()
        self.assertEqual(sent.sudo().partner_id, self.partner)
        self.assertEqual(sent.sudo().mapped("is_monthly"), [True, False])

    def test_statements_of_a_month_that_are_due(self):
        """One of both is left: the customer gets one."""
        sendings = self.env["account.statement.sending"].sudo()
        contacts = self.partner | self.other_customer
        contacts.email = "both@example.com"
        days = [fields.Date.to_date(day) for day in ("2026-01-01", "2026-01-31")]
        due = sendings._request(contacts, self.company, *days, is_monthly=True).sudo()
        self.assertEqual(due.mapped("state"), ["due", "due"])
        self.merge()
        left = due.exists()
        self.assertEqual(
            (left.partner_id, left.state, left.is_monthly), (self.partner, "due", True)
        )
