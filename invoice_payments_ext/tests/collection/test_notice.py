"""The notice before a debit, and the second method."""

from datetime import datetime

from odoo.tests import tagged

from .common_collection import CollectionCommon


@tagged("post_install", "-at_install")
class TestNotice(CollectionCommon):
    def setUp(self):
        super().setUp()
        self.token.payment_method_id.notice_days = 14
        self._keep()

    def get_notices(self):
        return self.get_mails(self.row).sorted("id")

    def send_mails(self):
        """Let the queue send what is in it."""
        self.get_notices().filtered(lambda mail: mail.state == "outgoing").write(
            {"state": "sent"}
        )
        self.env.flush_all()
        self.env.cr.execute(
            "UPDATE mail_mail SET write_date = %s WHERE id IN %s",
            [self.now, tuple(self.get_notices().ids)],
        )
        self.env.invalidate_all()

    def test_a_debit_waits_for_its_notice(self):
        self.assertFalse(self.run_at())
        self.assertEqual(self.row.wait_reason, "notice_missing")
        notice = self.get_notices()
        self.assertEqual(len(notice), 1)
        self.assertIn("1,000.00", notice.body_html)
        self.assertIn("access_token=", notice.body_html)
        self.assertEqual(str(self.row.notice_date), "2026-01-30")
        self.assertIn("debit on 2026-01-30 is not sent yet", self.row.wait_words)
        self.assertEqual(
            self.row.sudo()._get_next_charge(self.token.sudo()),
            datetime(2026, 1, 30, 9),
            "Nobody is told that it is charged when the mails are looked at again.",
        )
        # It is not sent: the debit waits, and a person is told once.
        for _hour in range(6):
            self.assertFalse(self.run_at(hours=1))
        self.assertEqual(len(self.get_tasks()), 1)
        self.assertEqual(self.get_notices(), notice)
        self.send_mails()
        self.assertFalse(self.run_at(hours=1))
        self.assertFalse(self.run_at("2026-01-18 09:00"), "The plan says so.")
        self.assertFalse(self.run_at("2026-01-25 09:00"))
        self.assertEqual(self.row.next_at, datetime(2026, 1, 30, 9))
        self.assertFalse(self.run_at("2026-01-30 08:59"))
        self.assertEqual(self.run_at("2026-01-30 09:00").outcome, "succeeded")
        self.assertEqual(len(self.get_notices()), 1)

    def test_another_amount_needs_another_notice(self):
        self.run_at()
        self.send_mails()
        self.run_at(hours=1)
        self.invoice.record_external_payment(100)
        self.assertFalse(self.run_at("2026-01-30 09:00"))
        self.assertEqual(len(self.get_notices()), 2)
        self.assertIn("900.00", self.get_notices()[-1].body_html)
        self.assertEqual(str(self.row.notice_date), "2026-02-14")
        self.send_mails()
        self.run_at(hours=1)
        self.assertEqual(self.run_at("2026-02-14 09:00").amount, 900)

    def test_one_that_left_too_late_is_sent_again(self):
        self.run_at()
        self.now = datetime(2026, 1, 20, 10)
        self.send_mails()
        self.assertFalse(self.run_at())
        self.assertEqual(len(self.get_notices()), 2)
        self.assertEqual(str(self.row.notice_date), "2026-02-04")

    def test_one_that_is_too_old_is_sent_again(self):
        """A debit comes up to 14 days after the day that was told, and not later."""
        self.run_at()
        self.send_mails()
        self.run_at(hours=1)
        self.invoice.pause_collection("2026-02-14")
        self.assertFalse(self.run_at("2026-02-14 09:00"))
        self.assertEqual(len(self.get_notices()), 2)
        self.assertEqual(str(self.row.notice_date), "2026-03-01")
        self.send_mails()
        self.assertEqual(self.run_at("2026-03-01 09:00").outcome, "succeeded")
        self.assertEqual(len(self.gateway.requests), 1)

    def test_days_that_are_shipped(self):
        """Debits from accounts have them, and cards have none."""
        days = {
            code: self.env.ref(f"payment.payment_method_{code}").notice_days
            for code in ("sepa_direct_debit", "bacs_direct_debit", "card")
        }
        self.assertEqual(
            days, {"sepa_direct_debit": 14, "bacs_direct_debit": 3, "card": 0}
        )

    def test_fewer_days_where_agreed(self):
        self.partner.with_user(self.accountant).set_auto_pay(
            True, note="Agreed to two days", notice_days=2
        )
        self.run_at()
        self.assertEqual(str(self.row.notice_date), "2026-01-18")

    def test_no_mail_address(self):
        self.partner.sudo().email = False
        self.assertFalse(self.run_at())
        self.assertFalse(self.run_at(hours=1))
        self.assertEqual(len(self.get_tasks()), 1)
        self.assertEqual(self.gateway.requests, [])

    def test_a_step_sends_it_early(self):
        charges = self.plan.sudo().step_ids.filtered(lambda step: step.kind == "charge")
        charges[0].write({"kind": "notice", "days": 0})
        (charges[1:]).write({"days": 20})
        self.assertFalse(self.run_at())
        self.assertEqual(str(self.row.notice_date), "2026-02-04")
        self.assertEqual(len(self.get_notices()), 1)
        self.send_mails()
        self.assertEqual(self.run_at("2026-02-04 09:00").outcome, "succeeded")

    def test_the_day_that_is_told_is_the_one_of_the_company(self):
        """Where its morning or its evening is another day than in Greenwich."""
        steps = self.plan.sudo().step_ids.filtered(lambda step: step.kind == "charge")
        steps[0].write({"kind": "notice", "days": 0, "hour": 0})
        for zone, hour, moment in (
            ("Pacific/Auckland", 9, "2026-02-03 20:00"),
            ("America/Los_Angeles", 20, "2026-02-05 04:00"),
        ):
            with self.subTest(zone):
                self.company.partner_id.tz = zone
                steps[1:].write({"days": 20, "hour": hour})
                self.now = datetime(2026, 1, 15, 10)
                self.invoice = self.make_invoice(invoice_date_due="2026-01-15")
                self.row = self.get_row(self.invoice)
                self.assertFalse(self.run_at())
                self.assertEqual(str(self.row.notice_date), "2026-02-04")
                self.send_mails()
                self.assertEqual(self.run_at(moment).outcome, "succeeded")

    def test_a_second_step_announces_the_same_debit_once(self):
        charges = self.plan.sudo().step_ids.filtered(lambda step: step.kind == "charge")
        charges[0].write({"kind": "notice", "days": 0})
        charges[1].write({"kind": "notice", "days": 1})
        charges[2].days = 20
        self.run_at()
        notice = self.get_notices()
        self.send_mails()
        self.assertFalse(self.run_at("2026-01-16 09:00"))
        self.assertEqual(self.get_notices(), notice)
        self.assertEqual(str(self.row.notice_date), "2026-02-04")

    def test_a_second_method_is_tried_once(self):
        self.token.payment_method_id.notice_days = 0
        self.company.charge_second_method = True
        self.decline_as("ask_customer")
        second = self._create_token(provider_ref="second")
        self.partner.with_company(self.company).default_payment_token_id = self.token
        self._keep()
        tried = self.run_until_quiet()
        tokens = [attempt.token_id for _moment, attempt in tried]
        self.assertEqual(tokens, [self.token, second])
        self.assertEqual(self.row.state, "exhausted")
