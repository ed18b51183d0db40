from odoo.tests import HttpCase, JsonRpcException
from odoo.tools import mute_logger

from ..common import InvoicePaymentsCommon


class PortalPaymentCommon(InvoicePaymentsCommon, HttpCase):
    """A member, with a colleague of the same company and a stranger, in the portal."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.company.credit_adjustment_account_id = cls.company_data[
            "default_account_expense"
        ]
        cls.partner.is_company = True
        cls.member = cls._make_contact("member", parent_id=cls.partner.id)
        cls.colleague = cls._make_contact("colleague", parent_id=cls.partner.id)
        cls.stranger = cls._make_contact("stranger")
        cls.provider.is_published = True
        cls.credit_provider = cls.env["payment.provider"].search(
            [("code", "=", "credit_balance"), ("company_id", "=", cls.company.id)]
        )
        cls.token.sudo().partner_id = cls.member.partner_id

    def setUp(self):
        super().setUp()
        self.authenticate("ip_member", "ip_member")
        self._keep()

    @classmethod
    def _make_contact(cls, name, **values):
        partner = cls.env["res.partner"].create(
            {
                "name": name.capitalize(),
                "email": f"{name}@example.com",
                "company_id": False,
                "country_id": cls.partner.country_id.id,
                **values,
            }
        )
        return cls.make_user(
            cls, f"ip_{name}", "base.group_portal", partner_id=partner.id
        )

    def _open_cursor(self):
        """Stay on the cursor of the class: requests open cursors of their own."""

    def _keep(self):
        self.env.flush_all()
        self.env.invalidate_all()

    # === HELPERS === #

    def request(self, route, **params):
        """Call a route as the browser does; raise the error that a person sees."""
        answer = self.url_open(route, json={"params": params}).json()
        if "error" in answer:
            error = answer["error"]
            raise JsonRpcException(error["code"], error["data"]["message"])
        return answer.get("result")

    def give_credit(self, amount, partner=None):
        """Hold credit for the customer."""
        (partner or self.partner).adjust_credit_balance(
            amount, company_id=self.company.id, reason="Goodwill"
        )
        self._keep()

    def held(self, partner=None):
        """Return the credit that is held for the customer."""
        self.env.invalidate_all()
        return (
            self.env["account.credit.balance"]
            ._find_balance(
                partner or self.partner, self.company, self.company.currency_id
            )
            .amount
        )

    def pay(self, amount, by=None, invoice=None, token=None, **values):
        """Ask for a payment as the payment form does; return the transaction."""
        invoice = invoice or self.invoice
        provider = by or self.provider
        values = {
            "access_token": invoice.sudo()._portal_ensure_token(),
            "token_id": token.id if token else None,
            "flow": "token" if token else "direct",
            "is_validation": False,
            **values,
        }
        self._keep()
        result = self.request(
            f"/invoice/transaction/{invoice.id}",
            **self._prepare_values(amount, provider, **values),
        )
        self.env.invalidate_all()
        return self.env["payment.transaction"].search(
            [("reference", "=", result["reference"])]
        )

    def _prepare_values(self, amount, provider, **values):
        return {
            "amount": amount,
            "provider_id": provider.id,
            "payment_method_id": provider.payment_method_ids[:1].id,
            "token_id": None,
            "flow": "direct",
            "tokenization_requested": False,
            "landing_route": "/my/invoices",
            **values,
        }

    def charge(self, amount, **values):
        """Pay by the member's saved method."""
        return self.pay(amount, token=self.token, **values)

    def make_overdue(self):
        """Let the invoice and another one be overdue, and their customer log in."""
        self.make_user("ip_owner", "base.group_portal", partner_id=self.partner.id)
        self.authenticate("ip_owner", "ip_owner")
        self.invoice.sudo().invoice_date_due = "2026-02-01"
        return self.make_invoice(500, invoice_date_due="2026-02-01")

    def pay_by_credit(self, amount, **values):
        """Pay from the member's credit."""
        return self.pay(amount, by=self.credit_provider, **values)

    def assert_refused(self, message, work, *args, **values):
        """Assert that a request is refused with this message and changes nothing."""
        before = self._take_facts()
        with (
            mute_logger("odoo.http", "odoo.sql_db"),
            self.assertRaises(JsonRpcException) as refusal,
        ):
            work(*args, **values)
        self.assertRegex(str(refusal.exception), message)
        self.assertEqual(self._take_facts(), before)

    def _take_facts(self):
        self._keep()
        return (
            self.env["payment.transaction"].search_count([]),
            self.env["account.payment"].search_count([]),
            self.env["account.credit.balance.entry"].search_count([]),
            self.invoice.amount_residual,
            list(self.gateway.requests),
        )
