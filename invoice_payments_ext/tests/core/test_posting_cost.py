"""Issuing invoices costs no more than in stock Odoo: the bench measures how much."""

from unittest.mock import patch

from odoo.models import BaseModel
from odoo.tests import tagged

from ..common import InvoicePaymentsCommon


@tagged("post_install", "-at_install")
class TestPostingCost(InvoicePaymentsCommon):
    def _post(self):
        """Issue invoices as another request finds them, in the name of a person."""
        invoices = self.env["account.move"].union(
            *(self.make_invoice(post=False) for _number in range(2))
        )
        self.env.flush_all()
        self.env.invalidate_all()
        # As a person: tests switch off that changes are tracked.
        invoices = invoices.with_user(self.accountant)
        invoices.with_context(tracking_disable=False).action_post()
        self.env.flush_all()
        self.assertEqual(set(invoices.mapped("state")), {"posted"})

    def test_no_field_is_described_where_none_is_asked_for(self):
        """Odoo asks for the tracked fields that it writes, which are none here."""
        asked = []
        describe = BaseModel.fields_get

        def note(records, allfields=None, attributes=None):
            asked.append((records._name, allfields))
            return describe(records, allfields, attributes)

        with patch.object(BaseModel, "fields_get", note):
            self._post()
        self.assertNotIn(("account.move.line", []), asked)
        with patch.object(BaseModel, "fields_get", note):
            fields = self.env["account.move.line"].fields_get([])
        self.assertIn("amount_residual", fields, "A client gets all.")

    def test_unmatching_nothing_costs_nothing(self):
        """Odoo unmatches each invoice that is issued, though it is new."""
        partials = self.env.registry["account.partial.reconcile"]
        with patch.object(partials, "_log_removal") as log:
            self._post()
        log.assert_not_called()
