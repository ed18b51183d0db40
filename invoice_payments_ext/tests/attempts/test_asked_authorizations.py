from datetime import timedelta
from unittest.mock import patch

from odoo.tests import tagged

from ...models.attempts import payment_transaction_asked as asked_module
from ..common import InvoicePaymentsCommon


@tagged("post_install", "-at_install")
class TestAskedAuthorizations(InvoicePaymentsCommon):
    """At night, providers are asked about authorizations that are still open.

    The questions to real modules are in `tests/providers`.
    """

    def setUp(self):
        super().setUp()
        self.words = {}  # By attempt or provider: a state, {}, None or an error.
        self.asked = []

        def fetch_outcome(provider, attempt):
            self.asked.append(attempt)
            word = self.words.get(attempt, self.words.get(provider, {}))
            if isinstance(word, Exception):
                raise word
            return self.gateway.payment_data(attempt, word) if word else word

        self.patch(
            self.env.registry["payment.provider"], "_fetch_outcome", fetch_outcome
        )

    def authorize(self, token=None):
        """Return an authorization that is a day old."""
        self.gateway.answers = ["authorized"]
        attempt = self.make_invoice().charge((token or self.token).id).sudo()
        self.make_older(attempt)
        return attempt

    def make_older(self, attempt):
        self.env.flush_all()
        self.env.cr.execute(
            "UPDATE payment_transaction"
            " SET create_date = create_date - INTERVAL '1 day' WHERE id = %s",
            [attempt.id],
        )
        self.env.invalidate_all()
        self._keep()

    def make_other_token(self):
        """Return a saved method of another provider."""
        other = self.provider.copy({"state": "test"})
        return self._create_token(provider_id=other.id)

    def ask(self, resting=None):
        """Run the schedule once.

        :return: The authorizations that were asked about, in turn.
        """
        self.asked.clear()
        resting = resting or self.env["payment.provider"]
        self.env["payment.transaction"].sudo()._ask_about_authorizations(resting)
        return self.env["payment.transaction"].concat(*self.asked)

    def end_night(self):
        """Let the next night come."""
        attempts = self.env["payment.transaction"].sudo().search([])
        for attempt in attempts.filtered("asked_on"):
            attempt.asked_on -= timedelta(days=1)
        self._keep()

    def limit(self, **limits):
        for name, value in limits.items():
            patcher = patch.object(asked_module, name, value)
            patcher.start()
            self.addCleanup(patcher.stop)

    def test_word_of_the_provider_is_booked(self):
        captured, voided, open_one, unclear = (self.authorize() for _ in range(4))
        self.words = {captured: "done", voided: "cancel", unclear: None}
        self.assertEqual(self.ask(), captured | voided | open_one | unclear)
        self.assertEqual(
            (captured | voided | open_one | unclear).mapped("outcome"),
            ["succeeded", "canceled", "authorized", "authorized"],
        )
        self.assertEqual(captured.payment_id.amount, 1000.0)
        self.assertEqual(captured.invoice_ids.amount_residual, 0)
        self.assertEqual(voided.invoice_ids.amount_residual, 1000)

    def test_each_is_asked_once_a_night(self):
        attempt, other = self.authorize(), self.authorize()
        self.assertEqual(self.ask(), attempt | other)
        self.assertFalse(self.ask())
        self.end_night()
        self.assertEqual(self.ask(), attempt | other)

    def test_those_of_today_and_of_a_provider_that_rests_are_not_asked(self):
        self.gateway.answers = ["authorized"]
        attempt = self.make_invoice().charge(self.token.id).sudo()
        self.assertFalse(self.ask())
        self.make_older(attempt)
        self.assertFalse(self.ask(attempt.provider_id))
        self.assertFalse(attempt.asked_on)
        attempt.provider_id.state = "disabled"
        self.assertFalse(self.ask())

    def test_longest_ago_first(self):
        """More than are asked in one run: each has its turn."""
        self.limit(MAX_ASKED=2)
        attempts = self.env["payment.transaction"]
        for _ in range(5):
            attempts += self.authorize()
        self.assertEqual(self.ask(), attempts[:2])
        self.assertEqual(self.ask(), attempts[2:4])
        self.end_night()
        self.assertEqual(self.ask(), attempts[4] | attempts[0])
        self.end_night()
        self.assertEqual(self.ask(), attempts[1:3])

    def test_provider_that_does_not_answer_keeps_no_other_waiting(self):
        """It is left in peace, whoever has more authorizations."""
        self.limit(MAX_ASKED=4)
        silent = [self.authorize() for _ in range(9)]
        attempt = self.authorize(self.make_other_token())
        self.words = {self.provider: ConnectionError("down")}
        with self.assertLogs("odoo.addons.invoice_payments_ext", "ERROR"):
            self.assertIn(attempt, self.ask())
        self.assertEqual([tx for tx in silent if tx in self.asked], silent[:3])
        with self.assertLogs("odoo.addons.invoice_payments_ext", "ERROR"):
            self.end_night()
            self.ask()
        self.assertIn(attempt, self.asked)
        self.assertEqual([tx for tx in silent if tx in self.asked], silent[3:6])

    def test_unclear_answers_that_are_not_in_a_row(self):
        attempts = [self.authorize() for _ in range(6)]
        self.words = {attempt: None for attempt in attempts if attempt != attempts[2]}
        self.assertEqual(list(self.ask()), attempts)

    def test_provider_that_takes_all_the_time(self):
        """It is the last one in the next run."""
        first, second = self.authorize(), self.authorize()
        attempt = self.authorize(self.make_other_token())
        with patch.object(
            self.env.registry["ir.cron"], "_commit_progress", lambda *_a, **_kw: 0
        ):
            self.assertEqual(self.ask(), first)
            self.assertEqual(self.ask(), attempt)
            self.assertEqual(self.ask(), second)

    def test_one_that_somebody_works_on_is_asked_about_later(self):
        attempt = self.authorize()
        with patch.object(
            self.env.registry["payment.transaction"],
            "try_lock_for_update",
            lambda tx, **_values: tx.browse(),
        ):
            self.assertFalse(self.ask())
        self.assertFalse(attempt.asked_on)
        self.assertEqual(self.ask(), attempt)

    def test_one_whose_part_moves_is_not_asked_about(self):
        """But it is not the first one in each night."""
        self.limit(MAX_ASKED=1)
        attempt, other = self.authorize(), self.authorize()
        self.gateway.answers = ["done"]
        attempt.with_user(self.accountant).capture(amount=300.0)
        self.assertEqual(attempt.outcome, "authorized")
        self.assertFalse(self.ask())
        self.assertEqual(self.ask(), other)
