from urllib.parse import urlsplit

from lxml.html import fromstring

from odoo.tests import tagged

from ..portal.common_portal import PortalPaymentCommon


@tagged("post_install", "-at_install")
class TestMailLinks(PortalPaymentCommon):
    """Each link of each mail shows what it is about to somebody without an account."""

    def _make_records(self):
        """Return a record for each model that mails are about, as mailed.

        :rtype: dict[str, odoo.models.Model]
        """
        self.token.sudo().partner_id = self.partner
        self.company.collection_plan_id = self.env["account.collection.plan"].create(
            {"name": "Plan"}
        )
        collected = self.make_invoice(50)
        collection = collected.sudo().collection_ids
        collection.write({"notice_date": "2026-03-01", "notice_amount": 50})
        paid = self.make_portal_transaction("done", amount=400.0).sudo().payment_id
        reversal = paid.with_user(self.supervisor).report_taken_back("returned_debit")
        pending = self.make_portal_transaction("pending", reference="P-1").sudo()
        pending.finish_form = "<form></form>"
        self.give_credit(20)
        balances = self.env["account.credit.balance"].sudo()
        records = (
            self.invoice.sudo(),
            paid,
            pending,
            self.token.sudo(),
            reversal.sudo(),
            collection,
            balances.search([("partner_id", "=", self.partner.id)]),
            self.partner.sudo(),
        )
        self._keep()
        return {record._name: record for record in records}

    def _get_links(self, template, record):
        body = template._render_field("body_html", record.ids)[record.id]
        return [link.get("href") for link in fromstring(f"<p>{body}</p>").iter("a")]

    def _open(self, link):
        """Follow a link, as somebody who is not logged in."""
        address = urlsplit(link)
        self.authenticate(None, None)
        response = self.url_open(f"{address.path}?{address.query}", timeout=60)
        self.assertEqual(response.status_code, 200, link)
        return response

    def test_links_without_an_account(self):
        records = self._make_records()
        templates = self.env["mail.template"].browse(
            self.env["ir.model.data"]
            .search(
                [
                    ("module", "=", "invoice_payments_ext"),
                    ("model", "=", "mail.template"),
                ]
            )
            .mapped("res_id")
        )
        self.assertGreater(len(templates), 8)
        followed = 0
        for template in templates:
            for link in self._get_links(template, records[template.model]):
                with self.subTest(template=template.name, link=link):
                    page = self._open(link)
                    self.assertNotIn("/web/login", page.url)
                    invoices = self.partner.invoice_ids.filtered("name")
                    names = [*invoices.mapped("name"), "P-1"]
                    self.assertTrue(any(name in page.text for name in names))
                    followed += 1
        self.assertGreaterEqual(followed, 7)

    def test_method_without_an_open_invoice(self):
        """Who has no account can make one: a method is saved for nobody else."""
        contact = self.env["res.partner"].create(
            {"name": "New", "email": "new@example.com"}
        )
        token = self._create_token(partner_id=contact.id).sudo()
        page = self._open(token._get_new_method_url())
        self.assertIn("/web/signup", page.url)
        self.assertIn('value="new@example.com"', page.text)
        self.make_user("ip_new", "base.group_portal", partner_id=contact.id)
        token.partner_id.invalidate_recordset()
        path = f"/my/payment_method?company_id={token.company_id.id}"
        self.assertTrue(token._get_new_method_url().endswith(path))

    def test_no_saved_method(self):
        """The dialog of the staff gives the link of this invoice."""
        dialog = self.env["account.payment.create"].with_user(self.accountant)
        dialog = dialog.new({"move_id": self.invoice.id})
        page = self._open(dialog.save_method_url)
        self.assertIn(self.invoice.name, page.text)
        self.assertIn("o_member_log_in", page.text)
