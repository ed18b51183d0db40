from datetime import timedelta

from odoo import fields
from odoo.fields import Command

from ..common import InvoicePaymentsCommon

# The models of which a proposal reads ahead.
READ_AHEAD = (
    "account.account",
    "account.auto.pay",
    "account.credit.balance",
    "account.journal",
    "account.move",
    "account.move.line",
    "account.payment",
    "account.payment.promise",
    "account.payment.term",
    "payment.method",
    "payment.provider",
    "payment.token",
    "payment.transaction",
    "payment.transaction.share",
    "res.company",
    "res.currency",
    "res.partner",
)


class ChargeRunCommon(InvoicePaymentsCommon):
    """Invoices of several customers, each with a saved method, and lanes."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        # The class's records stay as they are: each test makes its own run.
        cls.customers = cls.make_customers(cls, 3)
        cls.invoices = cls.make_invoices(cls, cls.customers)

    def setUp(self):
        super().setUp()
        self.company = self.company.with_env(self.env)
        self.customers = self.customers.with_env(self.env)
        self.invoices = self.invoices.with_env(self.env).with_user(self.accountant)

    def make_customers(self, count, with_method=True, **values):
        """Return customers with a saved method each."""
        customers = self.env["res.partner"].create(
            [
                {
                    "name": f"Customer {number}",
                    "email": f"customer{number}@example.com",
                    "property_account_receivable_id": self.company_data[
                        "default_account_receivable"
                    ].id,
                    **values,
                }
                for number in range(count)
            ]
        )
        if with_method:
            self.env["payment.token"].create(
                [
                    {
                        "provider_id": self.provider.id,
                        "payment_method_id": self.payment_method_id,
                        "payment_details": f"{customer.id:04}",
                        "partner_id": customer.id,
                        "provider_ref": f"token {customer.id}",
                    }
                    for customer in customers
                ]
            )
        return customers

    def make_invoices(self, customers, amount=100.0, post=True, **values):
        """Return an invoice of each of these customers."""
        invoices = self.env["account.move"].create(
            [
                {
                    "move_type": "out_invoice",
                    "partner_id": customer.id,
                    "invoice_date": "2026-01-15",
                    "currency_id": self.company.currency_id.id,
                    "invoice_line_ids": [
                        Command.create(
                            {"name": "Service", "price_unit": amount, "tax_ids": False}
                        )
                    ],
                    **values,
                }
                for customer in customers
            ]
        )
        if post:
            invoices.action_post()
        self.env.flush_all()
        return invoices.with_user(self.accountant)

    def propose(self, invoices=None, kind="charge", **arguments):
        """Return a proposal for invoices, as the accountant sees it."""
        invoices = self.invoices if invoices is None else invoices
        run = invoices.propose_charge_run(kind, **arguments)
        self._keep()
        return run

    def run_lane(self, **context):
        """Run a lane once, as its scheduled action does."""
        lines = self.env["account.charge.run.line"].sudo()
        lines.with_context(**context)._run_lane()
        self.env.invalidate_all()

    def start(self, invoices=None, kind="charge", **arguments):
        """Return a run that was confirmed, and that no lane has seen."""
        run = self.propose(invoices, kind, **arguments)
        run.confirm()
        self._keep()
        return run

    def results(self, run):
        """Return the results of the lines of a run, in their order."""
        self.env.invalidate_all()
        return run.line_ids.mapped("result")

    def line_of(self, run, invoice):
        return run.line_ids.filtered(lambda line: line.move_id == invoice)

    def age(self, lines, minutes=10):
        """Let it be so long ago that these lines were claimed."""
        lines.sudo().claimed_on = fields.Datetime.now() - timedelta(minutes=minutes)
        self._keep()

    def check_cache(self, invoices):
        """Check that each value that is read ahead is the one that Odoo reads itself.

        :return: Of which fields there are values that are not empty.
        """
        self.env.flush_all()
        self.env.invalidate_all()
        moves = invoices.with_company(self.company)
        moves._read_ahead_own()
        moves._read_ahead()._get_tokens_of_owners(type("Question", (), {"tokens": {}}))
        values = {
            field: dict(field._get_cache(moves.sudo().env))
            for name in READ_AHEAD
            for field in self.env[name]._fields.values()
        }
        self.assertGreater(sum(map(len, values.values())), 500)
        self.env.invalidate_all()
        for field, cached in values.items():
            records = moves.env[field.model_name].sudo().browse(cached)
            records.mapped(field.name)  # Read by Odoo.
            self.assertEqual(
                {each: field._get_cache(records.env)[each] for each in cached},
                cached,
                field,
            )
        return {field for field, cached in values.items() if any(cached.values())}
