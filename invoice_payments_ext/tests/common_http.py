from odoo.tests import HttpCase

from .common import InvoicePaymentsCommon


class InvoicePaymentsHttpCommon(InvoicePaymentsCommon, HttpCase):
    """Tests of requests from outside; the doors, which commit, run beside them.

    `ip_member` is a portal user of the customer, `ip_stranger` one of nobody's, and
    `ip_employee` a member of staff without accounting rights.
    """

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.make_user(cls, "ip_member", "base.group_portal", partner_id=cls.partner.id)
        cls.make_user(cls, "ip_stranger", "base.group_portal")
        cls.make_user(cls, "ip_employee", "base.group_user")

    @classmethod
    def make_secret_payment(cls, **values):
        """Return an external payment of 400 and its refund of 100, with secrets."""
        payment = cls.invoice.record_external_payment(
            amount=400.0, memo="Secret memo", **values
        )
        refund = payment.with_user(cls.supervisor).refund(
            100.0, "outside", reason="Secret reason"
        )
        return payment.with_env(cls.env), refund.with_env(cls.env)

    def setUp(self):
        super().setUp()
        self._settle_data()

    def _settle_data(self):
        """Let the requests that follow see the new records."""
        self.env.flush_all()
        self.cr.flush()
        self.cr.clear()

    def _open_cursor(self):
        """Stay on the cursor of the class: requests open cursors of their own."""

    def _keep(self):
        self.env.flush_all()

    def do(self, work):
        """Run a function that commits on its own cursor, and return its records."""
        self.env.flush_all()
        invoice, env = self.invoice, self.env
        with self.registry.cursor() as cursor:
            self.env = env(cr=cursor)
            self.invoice = invoice.with_env(self.env(user=self.accountant.id))
            record = work()
            self.env.flush_all()
            cursor.commit()
        self.env, self.invoice = env, invoice
        env.invalidate_all()
        return record.with_env(env)

    def refund(self, payment, amount, **values):
        """Refund a payment as the supervisor."""
        return self.do(
            lambda: (
                payment.with_env(self.env)
                .with_user(self.supervisor.id)
                .refund(amount, **values)
            )
        )

    def open_url(self, url, user=None, **params):
        """Open an address, and go no further when it leads elsewhere.

        :param str user: The login; a public visitor if not given.
        """
        self.authenticate(user, user)
        return self.url_open(url, params=params, allow_redirects=False, timeout=60)

    def count_queries(self, url, user):
        """Return how many queries a page needs when the caches are filled."""
        self.open_url(url, user)
        before = self.env.cr.sql_log_count
        self.url_open(url, timeout=60)
        return self.env.cr.sql_log_count - before

    def assertTurnedAway(self, response):
        """Assert that a visitor sees nothing of the requested page."""
        self.assertIn(response.status_code, (302, 303))
        self.assertNotIn("/receipt", response.headers["Location"])
        self.assertNotIn("invoice_payments", response.text)

    def assertPdf(self, response):
        """Assert that a PDF was sent."""
        self.assertEqual(response.status_code, 200)
        self.assertEqual(response.headers["Content-Type"], "application/pdf")
