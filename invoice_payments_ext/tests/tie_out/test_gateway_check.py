from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from unittest.mock import patch

import psycopg2.errors

from odoo import fields
from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged

from ...models.gateways.payment_provider import CannotBeAskedError, MovementPage
from ..common import InvoicePaymentsCommon


@tagged("post_install", "-at_install")
class TestGatewayCheck(InvoicePaymentsCommon):
    """The list of a provider is held against the books.

    The provider's pages are those of a list of this test; `tests/providers` reads those
    of real modules.
    """

    def setUp(self):
        super().setUp()
        self.pages = []
        self.asked = []

        def list_movements(provider, since, until, cursor=None):
            if provider != self.provider:
                return None
            self.asked.append(cursor)
            page = self.pages[cursor["page"] if cursor else 0]
            if isinstance(page, Exception):
                raise page
            number = (cursor["page"] if cursor else 0) + 1
            return page, {"page": number} if number < len(self.pages) else None

        self.patch(
            self.env.registry["payment.provider"], "_list_movements", list_movements
        )

        now = fields.Datetime.now()
        self.tonight = (
            self.env["payment.gateway.check"]
            .sudo()
            .create(
                {
                    "provider_id": self.provider.id,
                    "date_from": now - timedelta(days=3),
                    "date_to": now,
                    "is_nightly": True,
                    "state": "done",
                }
            )
        )

    def movement(self, reference, amount, own_reference=None, **values):
        return {
            "reference": reference,
            "own_reference": own_reference,
            "amount": amount,
            "currency": self.company.currency_id.name,
            "state": "captured",
            "date": fields.Datetime.now(),
            **values,
        }

    def charge(self, answer="done"):
        self.invoice = self.make_invoice()
        attempt = self.start_attempt(answer)
        self.env.cr.execute(
            """
            UPDATE payment_transaction
               SET create_date = create_date - interval '3 hours',
                   last_state_change = last_state_change - interval '3 hours'
             WHERE id = %s
            """,
            [attempt.id],
        )
        self.env.invalidate_all()
        return attempt.sudo()

    def check(self, *pages, period=timedelta(days=1)):
        """Hold pages of movements against the books, as the schedule does.

        :return: Triples of kind, gateway's id, and the amounts moved and booked.
        """
        self.pages = list(pages)
        self.asked.clear()
        now = fields.Datetime.now()
        checks = self.env["payment.gateway.check"].with_user(self.accountant)
        found = checks._begin(self.company, now - period, now)
        self.run = found.sudo().filtered(lambda row: row.provider_id == self.provider)
        self.env["payment.gateway.check"].sudo()._cron_check_gateways()
        return [
            (row.kind, row.reference, row.moved, row.booked)
            for row in self.run.finding_ids
        ]

    def test_capture_without_an_id_of_its_own(self):
        attempt = self.charge("authorized")
        self.gateway.answers = [RuntimeError("cut")]
        capture = attempt.with_user(self.accountant).capture()
        self.gateway.notify(attempt, "done")
        self.run_resolver()
        self.assertFalse(capture.provider_reference)
        moved = self.movement(attempt.provider_reference, 1000.0)
        self.assertEqual(self.check([moved]), [])

    def test_payments_of_the_other_mode_are_not_looked_for(self):
        attempt = self.charge()
        lost = ("missing_there", attempt.provider_reference, 0.0, 1000.0)
        self.assertEqual(self.check([]), [lost])
        attempt.provider_mode = "live"  # The provider is in test mode.
        self.assertEqual(self.check([]), [])

    def test_agreement_and_differences(self):
        paid = self.charge()
        refunded = self.charge()
        self.gateway.answers = ["done"]
        payment = refunded.payment_id.with_user(self.supervisor)
        refund = payment.refund(300.0, reason="Wrong").sudo().payment_transaction_id
        declined = self.charge("error")
        first = [
            self.movement(paid.provider_reference, 1000.0),
            self.movement(refunded.provider_reference, 1000.0),
        ]
        rest = [
            self.movement(refund.provider_reference, -300.0),
            self.movement(declined.provider_reference, 0.0, state="failed"),
        ]
        self.assertEqual(self.check(first, rest), [])
        self.assertEqual((self.run.state, self.run.page_count), ("done", 2))
        self.assertFalse(self.run.activity_ids)
        self.assertEqual(self.asked, [None, {"page": 1}])
        planted = [
            self.movement(paid.provider_reference, 600.0),
            self.movement(refund.provider_reference, 0.0, state="failed"),
            self.movement(declined.provider_reference, 1000.0),
            self.movement("GW-unknown", 50.0),
            self.movement("GW-other-id", 70.0, declined.reference),
        ]
        found = self.check(planted)
        self.assertCountEqual(
            found,
            [
                ("amount", paid.provider_reference, 600.0, 1000.0),
                ("state", refund.provider_reference, 0.0, -300.0),
                ("state", declined.provider_reference, 1000.0, 0.0),
                ("missing_here", "GW-unknown", 50.0, 0.0),
                ("state", "GW-other-id", 70.0, 0.0),
                ("missing_there", refunded.provider_reference, 0.0, 1000.0),
            ],
        )
        other = self.run.finding_ids.filtered(
            lambda row: row.reference == "GW-other-id"
        )
        self.assertEqual(other.transaction_id, declined)
        self.assertEqual(len(self.run.activity_ids), 1)
        before = self.run
        self.check(planted)
        self.assertEqual((len(before.activity_ids), len(self.run.activity_ids)), (0, 1))

    def test_voided_in_place_of_a_refund_after_the_period_began(self):
        """The payment is of the day before, and so is all that has its id."""
        attempt = self.charge()
        payment = attempt.payment_id.with_user(self.supervisor)
        refund = payment.refund(1000.0, reason="Wrong").sudo().payment_transaction_id
        refund.provider_reference = attempt.provider_reference
        for tx, hours in ((attempt, 30), (refund, 20)):
            tx.last_state_change = fields.Datetime.now() - timedelta(hours=hours)
            self.env.flush_all()
            self.env.cr.execute(
                "UPDATE payment_transaction SET create_date = last_state_change"
                " WHERE id = %s",
                [tx.id],
            )
        self.env.invalidate_all()
        self.assertEqual(self.check([]), [])
        paid = self.movement(attempt.provider_reference, 0.0, state="voided")
        self.assertEqual(self.check([paid], period=timedelta(days=2)), [])
        lost = ("amount", attempt.provider_reference, 5.0, 0.0)
        paid["amount"] = 5.0
        [found] = self.check([paid], period=timedelta(days=2))
        self.assertEqual(found[1:], lost[1:])

    def test_charge_that_a_person_resolved(self):
        """It has no id of the provider, and is found by our reference: once."""
        attempt = self.charge()
        attempt.provider_reference = False
        name = attempt.reference
        self.assertEqual(self.check([]), [("missing_there", name, 0.0, 1000.0)])
        twice = [self.movement(f"GW-{number}", 1000.0, name) for number in (1, 2)]
        self.assertEqual(self.check(twice[:1]), [])
        self.assertEqual(self.check(twice), [("missing_here", "GW-2", 1000.0, 0.0)])
        other = self.movement("GW-1", 600.0, name)
        self.assertEqual(self.check([other]), [("amount", "GW-1", 600.0, 1000.0)])

    def test_it_goes_on_where_it_was_interrupted(self):
        paid = self.charge()
        pages = [[self.movement("GW-1", 5.0)], ConnectionError("down"), []]
        self.assertEqual(self.check(*pages), [])
        self.assertRecordValues(
            self.run, [{"state": "running", "tries": 1, "page_count": 1}]
        )
        self.wait()
        self.pages[1] = [
            self.movement("GW-1", 5.0),  # The list moved by one meanwhile.
            self.movement(paid.provider_reference, 1000.0),
        ]
        self.asked.clear()
        self.env["payment.gateway.check"].sudo()._cron_check_gateways()
        self.assertEqual(self.asked, [{"page": 1}, {"page": 2}])
        self.assertEqual(self.run.state, "done")
        self.assertEqual(self.run.finding_ids.mapped("reference"), ["GW-1"])

    def test_provider_that_never_answers(self):
        self.check(ConnectionError("down"))
        for _try in range(4):
            self.assertEqual(self.run.state, "running")
            self.wait()
            self.env["payment.gateway.check"].sudo()._cron_check_gateways()
        self.assertEqual(self.run.state, "failed")
        self.assertIn("down", self.run.activity_ids.note)

    # === PAUSES === #

    def wait(self):
        """Let the pause after a failure be over."""
        self.assertGreater(self.run.not_before, fields.Datetime.now())
        self.run.not_before = fields.Datetime.now()

    def get_pause(self):
        """Return the minutes until the check goes on, and check that it then does."""
        pause = self.run.not_before - fields.Datetime.now()
        cron = self.env.ref("invoice_payments_ext.ir_cron_check_gateways").sudo()
        wakes = self.env["ir.cron.trigger"].sudo().search([("cron_id", "=", cron.id)])
        self.assertIn(self.run.not_before, wakes.mapped("call_at"))
        return round(pause.total_seconds() / 60)

    def run_schedule(self):
        """Run the schedule as Odoo does.

        :return: How much it says that is left for a run at once.
        """
        cron = self.env.ref("invoice_payments_ext.ir_cron_check_gateways").sudo()
        cron, progress = cron.with_context(cron_id=cron.id)._add_progress()
        checks = self.env["payment.gateway.check"].with_env(cron.env)
        checks._cron_check_gateways()
        return progress.remaining

    def test_provider_that_does_not_answer_is_not_asked_at_once(self):
        """Each further try comes later, whoever else lets the schedule run."""
        self.check(ConnectionError("down"))
        self.assertEqual((self.get_pause(), len(self.asked)), (10, 1))
        self.assertEqual(self.run_schedule(), 0)
        self.assertEqual((self.run.tries, len(self.asked)), (1, 1))
        self.wait()
        self.assertEqual(self.run_schedule(), 0)
        self.assertEqual((self.get_pause(), len(self.asked)), (20, 2))
        # A person need not wait: what was wrong is put right, perhaps.
        before = self.run
        self.assertEqual(self.check([]), [])
        self.assertEqual((self.run.state, before.state), ("done", "running"))
        before.not_before = fields.Datetime.now()
        self.assertEqual(self.run_schedule(), 0)
        self.assertRecordValues(
            before,
            [{"state": "done", "tries": 0, "message": False, "not_before": False}],
        )

    def test_provider_asks_for_a_pause(self):
        """In seconds or by a date; a shorter one does not shorten ours."""
        date = format_datetime(datetime.now(UTC) + timedelta(hours=3), usegmt=True)
        for status, header, minutes in (
            (429, "7200", 120),
            (429, date, 180),
            (503, "5400", 90),
            (429, "30", 10),
            (429, None, 10),
            (429, "soon", 10),
            (429, "-5", 10),
            (429, "99999999", 12 * 60),
            (429, "Fri, 31 Dec 2100 23:59:59 -0000", 12 * 60),
            (400, "7200", 10),
        ):
            headers = {"Retry-After": header} if header else {}
            self.check(self.make_http_error(status, **headers))
            with self.subTest(status=status, header=header):
                self.assertAlmostEqual(self.get_pause(), minutes, delta=1)
                self.assertEqual(self.run.is_pause_asked, status != 400)
            self.run.unlink()

    def test_nothing_is_asked_of_a_provider_that_asked_for_a_pause(self):
        """Neither for another period, nor about authorizations; others are asked."""
        attempt = self.charge("authorized")
        self.env.cr.execute(
            "UPDATE payment_transaction"
            " SET create_date = create_date - INTERVAL '1 day' WHERE id = %s",
            [attempt.id],
        )
        self.env.invalidate_all()
        about = []
        self.patch(
            self.env.registry["payment.provider"],
            "_fetch_outcome",
            lambda provider, tx: about.append(tx) or {},
        )
        self.check(self.make_http_error(429, **{"Retry-After": "7200"}))
        paused = self.run
        self.assertEqual((len(self.asked), about), (1, [attempt]))
        attempt.asked_on = False
        self.assertEqual(self.check([]), [])
        self.assertEqual(
            (self.run.state, self.asked, about), ("running", [], [attempt])
        )
        self.assertEqual(self.run_schedule(), 0)
        self.assertEqual((self.asked, len(about)), ([], 1))
        paused.not_before = fields.Datetime.now()
        self.pages = [[]]
        self.assertEqual(self.run_schedule(), 0)
        self.assertEqual((paused | self.run).mapped("state"), ["done", "done"])
        self.assertEqual(about, [attempt, attempt])

    def test_pause_that_the_provider_asked_of_charge_runs(self):
        self.provider.sudo()._slow_down(7200)
        self.check([])
        self.assertEqual((self.run.state, self.asked), ("running", []))
        pace = self.env["payment.provider.pace"].sudo().search([])
        pace.slowed_until = fields.Datetime.now()
        self.assertEqual(self.run_schedule(), 0)
        self.assertEqual(self.run.state, "done")

    def test_each_night_once_and_what_cannot_be_asked(self):
        self.pages = [[]]
        self.tonight.unlink()
        checks = self.env["payment.gateway.check"].sudo()
        checks._cron_check_gateways()
        checks._cron_check_gateways()
        nightly = checks.search([("is_nightly", "=", True)])
        self.assertEqual(len(nightly), len(nightly.provider_id))
        self.assertIn(self.provider, nightly.provider_id)
        others = nightly.filtered(lambda row: row.provider_id != self.provider)
        self.assertEqual(set(others.mapped("state")) - {"impossible"}, set())

    def test_nights_that_were_missed(self):
        """Days on which the provider did not answer are made up for, once it does."""
        self.tonight.unlink()
        checks = self.env["payment.gateway.check"].sudo()
        now = fields.Datetime.now()

        def add(days, state, **values):
            """Note a night that long ago, which looked three days back."""
            return checks.create(
                {
                    "provider_id": self.provider.id,
                    "date_from": now - timedelta(days=days + 3),
                    "date_to": now - timedelta(days=days),
                    "is_nightly": True,
                    "state": state,
                    **values,
                }
            )

        def start():
            three_days = now - timedelta(days=3)
            return (
                now - checks._get_nightly_start(self.provider, three_days, now)
            ).days

        self.assertEqual(start(), 3)
        add(6, "failed")
        self.assertEqual(start(), 9)
        add(9, "done")
        self.assertEqual(start(), 9)
        add(8, "done", is_nightly=False)
        self.assertEqual(start(), 9)
        add(40, "done")
        self.assertEqual(start(), 9)
        add(5, "done")
        self.assertEqual(start(), 5)
        checks.search([("provider_id", "=", self.provider.id)]).unlink()
        add(40, "failed")
        self.assertEqual(start(), 30)
        tonight = checks._begin(
            self.company, now - timedelta(days=3), now, is_nightly=True
        ).filtered(lambda night: night.provider_id == self.provider)
        self.assertEqual((tonight.date_to - tonight.date_from).days, 30)

    # === TAKEN BACK, DAYS, ACCEPTING === #

    def take_back(self, attempt, reference, amount, state, **values):
        """Let the provider say that money of a charge was taken back."""
        self.provider.sudo()._process_reversal(
            {
                "transaction": attempt,
                "reference": reference,
                "kind": "dispute",
                "state": state,
                "amount": amount,
                "currency": self.company.currency_id.name,
                "date": fields.Date.today() - timedelta(days=2),
                **values,
            }
        )

    def test_money_taken_back(self):
        """Each dispute is compared as such, and a charge that failed late is none."""
        disputed, failed = self.charge(), self.charge()
        self.gateway.notify(failed, "error")
        for reference, amount, state in (
            ("dp-open", 100.0, "open"),
            ("dp-won", 200.0, "won"),
            ("dp-lost", 50.0, "lost"),
            ("dp-asked", 10.0, "inquiry"),
        ):
            self.take_back(disputed, reference, amount, state)
        charges = [
            self.movement(disputed.provider_reference, 1000.0),
            self.movement(failed.provider_reference, 0.0, state="failed"),
        ]

        def taken(*rows):
            movements = [
                self.movement(f"dp-{name}", amount, kind="taken_back")
                for name, amount in rows
            ]
            return self.check(charges + movements, period=timedelta(days=4))

        agreed = [("open", -100.0), ("won", 0.0), ("lost", -50.0), ("asked", 0.0)]
        self.assertEqual(taken(*agreed), [])
        # Without a list of disputes, none is missing there.
        self.assertEqual(taken(), [])
        self.patch(
            self.env.registry["payment.provider"], "_lists_taken_back", lambda _me: True
        )
        found = taken(("open", -80.0), ("won", -200.0), ("new", -5.0), ("none", 0.0))
        self.assertCountEqual(
            found,
            [
                ("amount", "dp-open", -80.0, -100.0),
                ("state", "dp-won", -200.0, 0.0),
                ("taken_back", "dp-new", -5.0, 0.0),
                ("missing_there", "dp-lost", 0.0, -50.0),
            ],
        )

    def test_figures_by_day(self):
        paid, lost = self.charge(), self.charge()
        today = fields.Datetime.now()
        before = today - timedelta(days=1)
        # Early today, but not in the hour at the begin of the period.
        early = today.replace(hour=0, minute=0, second=0)
        early = max(early, today - timedelta(hours=12))
        self.env.cr.execute(
            "UPDATE payment_transaction SET create_date = %s WHERE id = %s",
            [early, lost.id],
        )
        self.check(
            [
                self.movement(paid.provider_reference, 1000.0, date=before),
                self.movement("GW-1", 30.0, date=before),
                self.movement("GW-2", -7.0, date=today),
            ]
        )
        self.assertEqual(
            [
                (row.date, row.moved, row.booked, row.difference)
                for row in self.run.day_ids
            ],
            [
                (before.date(), 1030.0, 1000.0, 30.0),
                (today.date(), -7.0, 1000.0, -1007.0),
            ],
        )

    def test_days_are_those_of_the_company(self):
        """Or those that the provider counts; in the evening, UTC has the day after."""
        paid, lost = self.charge(), self.charge()
        self.company.with_env(self.env).partner_id.tz = "America/New_York"
        self._keep()
        evening = fields.Datetime.now().replace(hour=3, minute=30) - timedelta(days=2)
        for attempt in (paid, lost):
            self.env.cr.execute(
                "UPDATE payment_transaction SET create_date = %s,"
                " last_state_change = %s WHERE id = %s",
                [evening, evening, attempt.id],
            )
        self.env.invalidate_all()
        day = evening.date() - timedelta(days=1)
        movement = self.movement(paid.provider_reference, 1000.0, date=evening)
        for own_day in (day, evening.date()):
            if own_day != day:
                movement["day"] = own_day
            self.check([movement], period=timedelta(days=5))
            with self.subTest(own_day):
                sums = {row.date: (row.moved, row.booked) for row in self.run.day_ids}
                expected = {day: (0.0, 1000.0), own_day: (1000.0, 1000.0)}
                if own_day == day:
                    expected = {day: (1000.0, 2000.0)}
                self.assertEqual(sums, expected)

    # === LISTS WITH GAPS === #

    def cover(self, movements, *period, notes=(), cursor=None):
        """Return a page that has everything of a period, in hours before now."""
        now = fields.Datetime.now()
        moments = [
            fields.Datetime.to_string(now - timedelta(hours=hours)) for hours in period
        ]
        return MovementPage(movements, cursor, tuple(moments), notes)

    def check_pages(self, *pages, **values):
        self.patch(
            self.env.registry["payment.provider"],
            "_list_movements",
            lambda provider, since, until, cursor=None: (
                pages[(cursor or {}).get("page", 0)]
                if provider == self.provider
                else None
            ),
        )
        return self.check(**values)

    def test_what_no_page_covers_is_not_missing_there(self):
        first, second = self.charge(), self.charge()
        for attempt, hours in ((first, 30), (second, 60)):
            moment = fields.Datetime.now() - timedelta(hours=hours)
            self.env.cr.execute(
                "UPDATE payment_transaction SET create_date = %s,"
                " last_state_change = %s WHERE id = %s",
                [moment, moment, attempt.id],
            )
        self.env.invalidate_all()
        days = {"period": timedelta(days=5)}
        lost = [
            ("missing_there", attempt.provider_reference, 0.0, 1000.0)
            for attempt in (first, second)
        ]
        page = self.cover([], 72, 48, cursor={"page": 1})
        gap = self.cover([], notes=["No report of a day.", "Switch it on."])
        self.assertEqual(self.check_pages(page, gap, **days), lost[1:])
        self.assertEqual(self.run.message, "No report of a day.\nSwitch it on.")
        self.assertEqual(self.run.state, "done")
        # Two days that touch are one period: nothing is at their edge.
        page = self.cover([], 72, 30, cursor={"page": 1})
        found = self.check_pages(page, self.cover([], 30, 2), **days)
        self.assertCountEqual(found, lost)
        self.assertFalse(self.run.message)
        for nothing in (gap, self.cover([])):
            self.assertEqual(self.check_pages(nothing, **days), [])
            self.assertEqual(self.run.state, "impossible")

    def test_provider_whose_settings_hinder_it(self):
        def refuse(*_arguments):
            raise CannotBeAskedError("Give the key the role.")

        self.patch(self.env.registry["payment.provider"], "_list_movements", refuse)
        self.check()
        self.assertEqual(
            (self.run.state, self.run.message), ("impossible", "Give the key the role.")
        )
        self.assertFalse(self.run.activity_ids)

    def test_the_later_word_counts(self):
        paid = self.charge()
        name = paid.provider_reference
        first = self.movement(name, 1000.0)
        failed = self.movement(name, 0.0, state="failed")
        confirmed = self.movement("GW-9", 5.0, confirms=True)
        found = self.check([first], [failed, confirmed])
        self.assertEqual(found, [("state", name, 0.0, 1000.0)])
        self.assertEqual(self.check([first], [failed], [first]), [])
        again = self.movement(name, 1000.0, confirms=True)
        self.assertEqual(self.check([failed], [again]), [])

    def test_captures_that_the_books_know_by_their_payment(self):
        paid = self.charge()
        name = paid.provider_reference

        def capture(reference, amount):
            values = {"payment_reference": name}
            return self.movement(reference, amount, paid.reference, **values)

        whole = [self.movement(name, 0.0, is_open=True), capture("M1", 1000.0)]
        self.assertEqual(self.check(whole), [])
        parts = [capture("M1", 400.0), capture("M2", 600.0)]
        self.assertEqual(self.check(parts), [])
        self.assertEqual(
            self.check([*parts, capture("M3", 5.0)]), [("amount", name, 1005.0, 1000.0)]
        )

    def test_accepted_differences_count_no_more(self):
        """Until an amount changes; who accepted it, and why, stays on record."""
        manager = self.make_user("gate_manager", "account.group_account_manager")
        planted = [self.movement("GW-shop", 50.0), self.movement("GW-other", 8.0)]
        self.check(planted)
        first, second = self.run.finding_ids.sorted("moved", reverse=True)
        self.assertTrue(self.run.activity_ids)
        dialog = self.env["payment.gateway.finding.accept"]
        for user, reason, error in (
            (self.supervisor, "Sold by the shop", AccessError),
            (manager, " ", UserError),
        ):
            with self.assertRaises(error):
                first.with_user(user).accept(reason)
        values = {"finding_ids": first.ids, "reason": "Sold by the shop"}
        dialog.with_user(manager).create(values).action_accept()
        self.assertEqual(first.acceptance_id.create_uid, manager)
        self.assertEqual(first.accepted_reason, "Sold by the shop")
        self.assertEqual(self.run.finding_count, 1)
        self.assertTrue(self.run.activity_ids)
        with self.assertRaises(UserError):
            first.with_user(manager).accept("Once more")
        second.with_user(manager).accept("Another till")
        self.assertEqual(self.run.finding_count, 0)
        self.assertFalse(self.run.activity_ids)
        self.assertEqual(len(self.check(planted)), 2)
        self.assertEqual(self.run.finding_count, 0)
        self.assertFalse(self.run.activity_ids)
        planted[0]["amount"] = 60.0
        self.check(planted)
        self.assertEqual(self.run.finding_count, 1)
        self.assertTrue(self.run.activity_ids)

    def test_another_currency_is_a_difference(self):
        """The amounts are the same figure, and not the same money."""
        euro = self.make_currency("EUR")
        paid = self.charge()
        name = paid.provider_reference
        found = self.check([self.movement(name, 1000.0, currency="EUR")])
        self.assertEqual(found, [("amount", name, 1000.0, 1000.0)])
        self.assertEqual(self.run.finding_ids.currency_id, euro)
        self.assertFalse(self.run.movement_ids.booked)

    def test_buttons_of_a_difference(self):
        paid = self.charge()
        self.check([self.movement(paid.provider_reference, 600.0)])
        finding = self.run.finding_ids
        action = finding.action_accept()
        self.assertEqual(action["res_model"], "payment.gateway.finding.accept")
        dialog = self.env[action["res_model"]].with_context(**action["context"])
        self.assertEqual(dialog.new({}).finding_ids.ids, finding.ids)
        action = finding.action_open_attempt()
        self.assertEqual(
            (action["res_model"], action["res_id"]), ("payment.transaction", paid.id)
        )

    def test_task_goes_to_the_manager_who_asked(self):
        """One of the night goes to any manager; an accountant's as well."""
        managers = [
            self.make_user(f"gate_manager_{number}", "account.group_account_manager")
            for number in (1, 2)
        ]
        self.pages = [[self.movement("GW-shop", 50.0)]]
        checks = self.env["payment.gateway.check"]
        now = fields.Datetime.now()
        responsible = {}
        for user in (*managers, self.accountant):
            for is_nightly in (False, True):
                found = checks.with_user(user)._begin(
                    self.company, now - timedelta(days=1), now, is_nightly
                )
                run = found.sudo().filtered(
                    lambda row: row.provider_id == self.provider
                )
                checks.sudo()._cron_check_gateways()
                self.assertEqual(run.finding_count, 1)
                responsible[user, is_nightly] = run.activity_ids.user_id
        first, second = managers
        self.assertEqual(responsible[first, False], first)
        self.assertEqual(responsible[second, False], second)
        anybody = responsible[self.accountant, False]
        self.assertTrue(anybody.has_group("account.group_account_manager"))
        self.assertEqual(
            {responsible[user, True] for user, _ in responsible}, {anybody}
        )

    # === TURNS === #

    def test_time_that_is_over(self):
        """A page is stored, and nothing more is begun; the next run goes on there."""
        now = fields.Datetime.now()
        self.pages = [[self.movement("GW-1", 5.0)], []]
        checks = self.env["payment.gateway.check"].with_user(self.accountant)
        first, second = (
            checks._begin(self.company, now - timedelta(days=days), now)
            .sudo()
            .filtered(lambda row: row.provider_id == self.provider)
            for days in (1, 2)
        )
        others = checks.sudo().search([("state", "=", "running")]) - first - second
        others.unlink()
        crons = self.env.registry["ir.cron"]
        with patch.object(crons, "_commit_progress", lambda *_args, **_values: 0):
            checks.sudo()._cron_check_gateways()
        self.assertEqual(self.asked, [None])
        self.assertRecordValues(
            first | second,
            [
                {"state": "running", "page_count": 1, "cursor": {"page": 1}},
                {"state": "running", "page_count": 0, "cursor": False},
            ],
        )
        checks.sudo()._cron_check_gateways()
        self.assertEqual(self.asked, [None, {"page": 1}, None, {"page": 1}])
        self.assertEqual((first | second).mapped("state"), ["done", "done"])

    def test_conflict_in_the_database_is_no_failure_of_the_provider(self):
        self.pages = [[]]
        checks = self.env["payment.gateway.check"].with_user(self.accountant)
        now = fields.Datetime.now()
        run = checks._begin(self.company, now - timedelta(days=1), now).sudo()
        run = run.filtered(lambda row: row.provider_id == self.provider)
        self._keep()
        conflict = psycopg2.errors.SerializationFailure("another was faster")
        with (
            patch.object(type(run), "_read_page", side_effect=conflict),
            self.assertRaises(psycopg2.errors.SerializationFailure),
        ):
            run._run()
        self.assertRecordValues(
            run, [{"state": "running", "tries": 0, "message": False}]
        )

    def test_period_that_ends_before_it_begins(self):
        now = fields.Datetime.now()
        dialog = self.env["payment.gateway.check.start"].with_user(self.accountant)
        before = self.env["payment.gateway.check"].search_count([])
        for hours in (0, 1):
            since = now + timedelta(hours=hours)
            with self.assertRaisesRegex(UserError, "The period ends before it begins."):
                dialog.create({"date_from": since, "date_to": now}).action_begin()
        self.assertEqual(self.env["payment.gateway.check"].search_count([]), before)

    def test_who_begins_one(self):
        dialog = self.env["payment.gateway.check.start"]
        action = dialog.with_user(self.accountant).create({}).action_begin()
        self.assertEqual(action["res_model"], "payment.gateway.check")
        stranger = self.make_user("no_books", "base.group_user")
        with self.assertRaises(AccessError):
            dialog.with_user(stranger).create({}).action_begin()
