from datetime import UTC, datetime, timedelta
from unittest.mock import patch

from odoo import fields
from odoo.fields import Command

from ..common import InvoicePaymentsCommon


class CollectionCommon(InvoicePaymentsCommon):
    """Invoices in collection, at a time that the tests set."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.company.partner_id.tz = "UTC"
        cls.partner.email = "mia@example.com"
        cls.plan = cls.env["account.collection.plan"].create(
            {
                "name": "Test",
                "end_days": 30,
                "step_ids": [
                    Command.create(
                        {"kind": "charge", "anchor": "issue", "days": days, "hour": 9.0}
                    )
                    for days in (0, 3, 5)
                ]
                + [
                    Command.create(
                        {"kind": "remind", "days": days, "audience": "without_method"}
                    )
                    for days in (3, 10)
                ],
            }
        )
        cls.company.collection_plan_id = cls.plan
        cls.env["account.auto.pay"].sudo().create(
            {
                "partner_id": cls.partner.id,
                "company_id": cls.company.id,
                "state": "on",
            }
        )

    def setUp(self):
        super().setUp()
        self.now = datetime(2026, 1, 15, 10)
        self.patch(fields.Datetime, "now", lambda: self.now)
        # The time of the database transaction, which dates new records.
        cursor = type(self.env.cr)
        self.patch(cursor, "now", lambda _cursor: self.now, create=True)
        self.patch(
            self.env.registry["res.company"],
            "_get_own_today",
            lambda company: (
                self.now.replace(tzinfo=UTC).astimezone(company._get_own_zone()).date()
            ),
        )
        self.company, self.plan = (
            record.with_env(self.env) for record in (self.company, self.plan)
        )
        self.invoice = self.make_invoice(invoice_date_due="2026-01-15")
        self.row = self.get_row(self.invoice)
        self._keep()

    def patch(self, owner, name, value, create=False):
        patcher = patch.object(owner, name, value, create=create)
        patcher.start()
        self.addCleanup(patcher.stop)

    def decline_as(self, decline_class, wait_hours=0):
        """Let the gateway decline charges from now on, with a code of a class."""
        code = f"test_{decline_class}_{wait_hours}"
        rules = self.env["payment.decline.rule"].sudo()
        if not rules.search([("code", "=", code)]):
            rules.create(
                {
                    "code": code,
                    "decline_class": decline_class,
                    "wait_hours": wait_hours,
                }
            )
        self.gateway.answers = ["error"]
        self.patch(
            self.env.registry["payment.provider"],
            "_get_decline_details",
            lambda *_arguments: {"code": code},
        )
        self._keep()

    def get_row(self, invoice):
        return invoice.sudo().collection_ids

    def run_at(self, moment=None, row=None, **later):
        """Run what is due at a moment, or some time later; return the attempt."""
        if moment:
            self.now = datetime.fromisoformat(moment)
        self.now += timedelta(**later)
        row = row or self.row
        self.env.flush_all()
        self.env.invalidate_all()
        attempt = row._run_step()
        self.env.invalidate_all()
        return attempt.sudo()

    def run_until_quiet(self, row=None):
        """Run each date of the plan, up to its end; return the attempts with dates."""
        row = row or self.row
        tried = []
        for _step in range(40):
            if row.state != "running" or not row.next_at:
                return tried
            self.now = max(self.now, row.next_at)
            if attempt := self.run_at(row=row):
                tried.append((self.now, attempt))
        self.fail("It does not come to an end.")

    def get_mails(self, record=None):
        record = record or self.invoice
        return (
            self.env["mail.mail"]
            .sudo()
            .search(
                [
                    ("model", "=", record._name),
                    ("res_id", "=", record.id),
                    ("recipient_ids", "in", self.partner.ids),
                ]
            )
        )

    def get_tasks(self):
        return self.invoice.sudo().activity_ids
