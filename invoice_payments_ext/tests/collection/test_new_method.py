"""What a new method, or a new permission, sets in motion: at once, never too early."""

from datetime import datetime, timedelta

from odoo.fields import Command
from odoo.tests import tagged

from .common_collection import CollectionCommon


@tagged("post_install", "-at_install")
class TestNewMethod(CollectionCommon):
    def _make_invoice_charged_when_due(self):
        plan = self.plan.copy(
            {
                "step_ids": [
                    Command.clear(),
                    *(
                        Command.create(
                            {"kind": "charge", "anchor": "due", "days": days}
                        )
                        for days in (0, 3)
                    ),
                ]
            }
        )
        self.company.collection_plan_id = plan
        invoice = self.make_invoice(invoice_date_due="2026-02-15")
        self._keep()
        return invoice, self.get_row(invoice)

    def _assert_charged_when_due(self, row):
        self.assertFalse(self.run_at(minutes=5, row=row))
        self.assertFalse(self.run_at("2026-02-15 08:59", row=row))
        self.assertEqual(self.gateway.requests, [])
        self.assertEqual(self.run_at("2026-02-15 09:00", row=row).outcome, "succeeded")

    def test_saved_before_the_day_of_the_charge(self):
        """It is charged on the day that the plan says, and the portal shows."""
        self.token.sudo().active = False
        _invoice, row = self._make_invoice_charged_when_due()
        self.run_at(row=row)
        self.assertEqual(row.wait_reason, "no_method")
        self._create_token(provider_ref="new")
        self.assertEqual(row.next_at, self.now, "The next date is looked at.")
        self._assert_charged_when_due(row)

    def test_permitted_before_the_day_of_the_charge(self):
        customer = self.partner.with_user(self.accountant)
        customer.set_auto_pay(False)
        _invoice, row = self._make_invoice_charged_when_due()
        self.run_at(row=row)
        self.assertEqual(row.wait_reason, "permission_off")
        customer.set_auto_pay(True, note="By phone")
        self._assert_charged_when_due(row)

    def test_not_excluded_any_more_before_the_day_of_the_charge(self):
        invoice, row = self._make_invoice_charged_when_due()
        invoice.auto_pay_excluded = True
        self.run_at(row=row)
        self.assertEqual(row.wait_reason, "excluded")
        invoice.auto_pay_excluded = False
        self._assert_charged_when_due(row)

    def test_plan_without_charges(self):
        """Reminders only: a new method is for the customer to use."""
        self.plan.step_ids.filtered(lambda step: step.kind == "charge").unlink()
        self.token.sudo().active = False
        self.run_until_quiet()
        self.assertEqual(self.row.state, "exhausted")
        self._create_token(provider_ref="new")
        self.assertEqual(self.row.state, "exhausted")
        self.assertFalse(self.run_at(days=1))
        self.assertEqual(self.gateway.requests, [])

    def test_another_method_after_a_decline_for_now(self):
        """Declined for want of money, too: another card is charged at once."""
        self.partner.sudo().default_payment_token_id = self.token
        self.decline_as("try_later")
        self.assertEqual(self.run_at().outcome, "declined")
        self.assertEqual(self.row.next_at, datetime(2026, 1, 18, 9))
        self.now += timedelta(hours=1)
        token = self._create_token(provider_ref="other")
        self.assertFalse(self.row.charge_due, "It is not the one that comes first.")
        self.assertEqual(self.row.next_at, datetime(2026, 1, 18, 9))
        self.partner.sudo().default_payment_token_id = token
        self.assertEqual((self.row.charge_due, self.row.next_at), ("event", self.now))
        attempt = self.run_at()
        self.assertEqual((attempt.token_id, attempt.outcome), (token, "declined"))
        # To and fro, no method is tried again within hours.
        for chosen in (self.token, token):
            self.partner.sudo().default_payment_token_id = chosen
            self.assertFalse(self.run_at(minutes=5))
        self.assertEqual(len(self.gateway.requests), 2)

    def test_second_method_that_never_left(self):
        """Its server died: it was not tried, and is tried once still."""
        self.company.charge_second_method = True
        self.partner.sudo().default_payment_token_id = self.token
        second = self._create_token(provider_ref="second")
        self.decline_as("ask_customer")
        self.assertEqual(self.run_at().outcome, "declined")
        with self.stopped_before_sending():
            attempt = self.run_at("2026-01-18 09:00")
        self.assertEqual((attempt.token_id, attempt.outcome), (second, "ready"))
        self.now = datetime(2026, 1, 18, 11)
        self.run_resolver()
        self.assertEqual(attempt.outcome, "canceled")
        again = self.run_at(minutes=11)
        self.assertEqual((again.token_id, again.outcome), (second, "declined"))
        self.assertFalse(self.run_at("2026-01-20 12:00"), "Once only.")
        self.assertEqual(len(self.gateway.requests), 2)
