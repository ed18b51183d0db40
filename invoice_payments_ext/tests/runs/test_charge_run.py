import csv
import io
from datetime import timedelta
from unittest.mock import patch

from freezegun import freeze_time

from odoo import fields
from odoo.exceptions import AccessError, LockError, UserError
from odoo.tests import tagged
from odoo.tools import SQL

from ...tools import TryAgainError
from .common_runs import ChargeRunCommon

# Of a decision on any number of invoices, on an empty cache and with all settings.
MAX_QUERIES = 10
TABLES = (
    "account_move",
    "account_payment",
    "account_partial_reconcile",
    "payment_transaction",
    "account_idempotency_key",
    "account_credit_balance_entry",
    "mail_message",
    "mail_mail",
)


@tagged("post_install", "-at_install")
class TestChargeRun(ChargeRunCommon):
    # === THE PROPOSAL === #

    def test_method_that_must_never_be_charged_again(self):
        """A run leaves it out, also if its bank says so after the run was confirmed."""
        run = self.start()
        customer, second, _third = self.customers
        before = self.make_invoices(self.customers[:2], amount=30)
        self.gateway.answers = ["error", "error"]
        for invoice, owner in zip(before, (customer, second), strict=True):
            token = owner.payment_token_ids
            attempt = invoice.charge(token.id).sudo()
            attempt.decline_class = "never"
            token.sudo().refused_transaction_id = attempt
        self._keep()
        later = self.propose(self.make_invoices(self.customers[:2], amount=20))
        self.assertEqual(later.line_ids.mapped("result"), ["skipped", "skipped"])
        self.assertEqual(later.line_ids.mapped("reason_code"), ["never", "never"])
        self.gateway.requests.clear()
        self.gateway.answers = ["done"]
        self.run_lane()
        self.assertEqual(self.results(run), ["skipped", "skipped", "succeeded"])
        self.assertEqual(len(self.gateway.requests), 1)
        for note in (run | later).line_ids.mapped("note"):
            self.assertNotRegex(note or "", "(?i)lost|stolen")

    def test_proposal_says_what_would_be_done_and_why_not(self):
        """Nothing but the run is written, and the gateway is not asked."""
        paid, in_flight, in_run = self.invoices
        paid.record_external_payment()
        self.gateway.answers = ["pending"]
        in_flight.charge(in_flight._get_default_token().id)
        requests = list(self.gateway.requests)
        other_run = self.start(in_run)
        without = self.make_invoices(self.make_customers(1, with_method=False))
        promised = self.make_invoices(self.customers[:1], amount=30)
        promised.promise_to_pay(date=fields.Date.today())
        draft = self.make_invoices(self.customers[:1], post=False)
        good = self.make_invoices(self.customers[:2], amount=20)
        self._keep()
        before = self.count_rows()
        run = self.propose(self.invoices | without | promised | draft | good)
        self.assertEqual(self.count_rows(), before)
        self.assertEqual(self.gateway.requests, requests)
        self.assertEqual(
            [(line.result, line.reason_code) for line in run.line_ids],
            [
                ("skipped", "paid"),
                ("skipped", "in_flight"),
                ("skipped", "in_run"),
                ("skipped", "no_method"),
                ("skipped", "promised"),
                ("skipped", "not_posted"),
                ("proposed", False),
                ("proposed", False),
            ],
        )
        self.assertIn(other_run.name, run.line_ids[2].note)
        self.assertEqual(run.state, "draft")
        self.assertEqual(run.without_method_count, 1)
        self.assertEqual(run.totals, "2 customers, 40.00 USD")
        self.assertIn("40.00 USD", run.totals_by_method)

    def count_rows(self):
        return {
            table: self.env.execute_query(
                SQL("SELECT count(*), max(id) FROM %s", SQL.identifier(table))
            )
            for table in TABLES
        }

    def test_credit_is_used_first(self):
        self.company.credit_applied_at_issue = False
        invoice = self.invoices[0]
        partner = invoice.partner_id.with_user(self.supervisor)
        partner.adjust_credit_balance(amount=30.0, reason="Goodwill")
        invoice.sudo().apply_credit = True
        run = self.start(invoice)
        self.assertEqual(run.line_ids.mapped("amount"), [70.0])
        self.assertEqual(run.line_ids.mapped("credit_amount"), [30.0])
        method = run.line_ids.token_id.sudo().payment_method_id.name
        self.assertEqual(
            run.totals_by_method, f"{method}: 70.00 USD and Credit balance: 30.00 USD"
        )
        self.run_lane()
        self.assertEqual(self.results(run), ["succeeded"])
        self.assertEqual([amount for *_tx, amount in self.gateway.requests], [70.0])
        self.assertEqual(invoice.amount_residual, 0.0)

    def test_largest_permitted_amount_holds_in_runs(self):
        """No run charges more than the customer permits, nor after a change of mind."""
        below, at_limit, later = self.invoices
        self.permit(below, 99.99)
        self.permit(at_limit, 100)
        external = self.propose(below, "external")
        self.assertEqual(external.line_ids.mapped("state"), ["proposed"])
        for kind in ("charge", "retry"):
            with self.subTest(kind):
                line = self.propose(below, kind).line_ids
                self.assertEqual(
                    (line.state, line.reason_code), ("skipped", "above_permitted")
                )
                self.assertIn("permits is $\xa099.99", line.note)
        run = self.start(at_limit | later)
        self.permit(later, 50)
        self._keep()
        self.run_lane()
        self.assertEqual(self.results(run), ["succeeded", "skipped"])
        self.assertEqual(self.line_of(run, later).reason_code, "above_permitted")
        # A person who charges this one alone may have asked.
        below.charge(below._get_default_token().id)
        self.assertEqual(below.amount_residual, 0)

    def permit(self, invoice, limit):
        partner = invoice.partner_id.with_user(self.accountant)
        partner.set_auto_pay(True, note="By phone", limit=limit)

    def test_rights_and_companies(self):
        for user in (
            self.make_user("ip_run_reader", "account.group_account_readonly"),
            self.make_user("ip_run_employee", "base.group_user"),
        ):
            with self.subTest(user.login), self.assertRaises(AccessError):
                self.invoices.with_user(user).propose_charge_run()
        run = self.propose()
        with self.assertRaises(AccessError):
            run.write({"state": "running"})
        with self.assertRaises(AccessError):
            run.line_ids[:1].with_user(self.env.ref("base.user_admin")).write(
                {"amount": 5}
            )
        with self.assertRefused("one of charge, retry"):
            self.invoices.propose_charge_run("automatic")
        with self.assertRefused("Select the invoices"):
            self.invoices.browse().propose_charge_run()

    def test_line_may_be_changed_and_dropped_as_long_as_it_is_a_proposal(self):
        run = self.propose()
        first, second, third = run.line_ids
        other = first.token_id.sudo().copy({"provider_ref": "another"})
        first.change(token_id=other.id, amount=40.0)
        second.drop()
        self.assertEqual(run.line_ids, first | third)
        self.assertEqual(run.totals, "2 customers, 140.00 USD")
        for amount, words in ((0, "above zero"), (100.01, "chargeable amount")):
            with self.assertRefused(words):
                first.change(amount=amount)
        with self.assertRefused(""):
            first.change(token_id=third.token_id.id)
        run.confirm(words="2 customers, 140.00 USD")
        with self.assertRefused("not a proposal any more"):
            third.drop()
        self.run_lane()
        self.assertEqual(self.results(run), ["succeeded", "succeeded"])
        self.assertEqual(first.transaction_id.sudo().token_id, other.sudo(False))
        self.assertEqual(first.move_id.amount_residual, 60.0)

    def test_changes_of_a_line_that_are_refused(self):
        skipped = self.propose(
            self.make_invoices(self.make_customers(1, with_method=False))
        ).line_ids
        token = self.customers[0].payment_token_ids
        with self.assertRefused("is skipped: The customer has no saved payment method"):
            skipped.change(amount=10.0)
        external = self.propose(self.invoices[:1], "external").line_ids
        with self.assertRefused("An external payment has no saved method"):
            external.change(token_id=token.id)
        drafts = self.make_invoices(self.customers[:1], post=False)
        draft = self.propose(drafts, "issue").line_ids
        with self.assertRefused("A draft that is issued is charged with its whole"):
            draft.change(amount=60.0)
        self.assertEqual(
            [
                (line.state, line.amount, line.is_part)
                for line in skipped | external | draft
            ],
            [
                ("skipped", 100, False),
                ("proposed", 100, False),
                ("proposed", 100, False),
            ],
        )
        # The amount as it is changes nothing: more may be charged, if less is not owed.
        draft.change(amount=100.0)
        external.change(amount=100.0)
        self.assertFalse((draft | external).filtered("is_part"))

    def test_lines_are_found_by_what_is_not_their_result(self):
        self.gateway.answers = ["done", "error", "done"]
        run = self.start()
        self.run_lane()
        own = [("run_id", "=", run.id)]
        for operator, value, wanted in (
            ("!=", "succeeded", run.line_ids[1]),
            ("not in", ["declined", "skipped"], run.line_ids[0] | run.line_ids[2]),
            ("!=", "skipped", run.line_ids),
        ):
            with self.subTest(operator, value=value):
                found = run.line_ids.search([*own, ("result", operator, value)])
                self.assertEqual(found, wanted)

    # === CONFIRMATION === #

    def test_confirmation_is_about_the_words_that_were_seen(self):
        run = self.propose()
        words = run.totals
        self.assertEqual(words, "3 customers, 300.00 USD")
        run.line_ids[:1].drop()
        with self.assertRefused("has changed"):
            run.confirm(words=words)
        dialog = self.env["account.charge.run.confirm"].with_user(self.accountant)
        dialog = dialog.with_context(**run.action_confirm()["context"]).create({})
        self.assertEqual(dialog.words, "2 customers, 200.00 USD")
        dialog.action_confirm()
        self.assertEqual(run.state, "running")
        self.assertFalse(self.gateway.requests, "Only the lanes call the gateway.")
        with self.assertRefused("cannot be done"):
            run.confirm()

    def test_nothing_is_left_to_confirm(self):
        run = self.propose(self.make_invoices(self.make_customers(1, False)))
        with self.assertRefused(f"There is nothing to charge in {run.name}"):
            run.confirm()
        self.assertEqual(run.state, "draft")

    def test_invoices_of_other_companies_alone(self):
        """A proposal says of each why it is not taken, and asks nothing more."""
        branch = self.env["res.company"].create(
            {"name": "Branch", "parent_id": self.company.id}
        )
        run = self.env["account.charge.run"].with_user(self.accountant)
        proposed, decisions = run._decide_lines("charge", self.invoices, branch)
        self.assertEqual(proposed, dict.fromkeys(self.invoices, ("other_company", "")))
        self.assertEqual(decisions, {})

    def test_invoice_that_the_person_may_only_read(self):
        self.env["ir.rule"].create(
            {
                "name": "One invoice is read only",
                "model_id": self.env["ir.model"]._get("account.move").id,
                "domain_force": f"[('id', '!=', {self.invoices[0].id})]",
                "perm_read": False,
                "perm_unlink": False,
                "perm_create": False,
            }
        )
        self._keep()
        run = self.propose()
        self.assertEqual(self.results(run), ["skipped", "proposed", "proposed"])
        self.assertEqual(
            (run.line_ids[0].reason_code, run.line_ids[0].note),
            ("no_right", "You have no right to charge it"),
        )

    def test_another_run_gets_the_invoice_at_this_moment(self):
        """The database lets one of two confirmations pass; the other is tried again."""
        first, second = self.propose(self.invoices[:1]), self.propose(self.invoices[:2])
        first.confirm()
        self._keep()
        runs = self.env.registry["account.charge.run"]
        with (
            patch.object(runs, "_skip_those_in_other_runs", lambda _run: None),
            self.assertRefused("working on the same records", TryAgainError),
        ):
            second.confirm()
        self.assertEqual(second.state, "draft")
        self.assertEqual(self.results(second), ["proposed"] * 2)
        second.confirm()
        self.assertEqual(self.results(second), ["skipped", "ready"])

    def test_somebody_else_is_at_the_run(self):
        run = self.start()
        runs = self.env.registry["account.charge.run"]
        with (
            patch.object(runs, "_lock_rows", side_effect=LockError("held")),
            self.assertRefused("working on the same records", TryAgainError),
        ):
            run.stop()
        self.assertEqual((run.state, self.results(run)), ("running", ["ready"] * 3))

    def test_run_ends_once(self):
        """Of two lanes that see its end, one tells its starter."""
        run = self.start()
        runs = self.env.registry["account.charge.run"]
        with patch.object(runs, "_lock_rows", side_effect=LockError("held")):
            self.run_lane()
        self.assertEqual(self.results(run), ["succeeded"] * 3)
        self.assertEqual((run.state, len(run.activity_ids)), ("running", 0))
        self.run_lane()
        self.assertEqual((run.state, len(run.activity_ids)), ("done", 1))
        ended_on = run.ended_on
        run.sudo()._end()
        self.assertEqual((run.ended_on, len(run.activity_ids)), (ended_on, 1))

    def test_two_overlapping_proposals(self):
        first, second = self.propose(), self.propose(self.invoices[:2])
        third = self.propose(self.invoices[2:])
        first.confirm()
        second.confirm()
        self.assertEqual(second.line_ids.mapped("reason_code"), ["in_run"] * 2)
        self.assertIn(first.name, second.line_ids[:1].note)
        third.line_ids.sudo().state = "proposed"
        self.run_lane()
        self.assertEqual(self.results(first), ["succeeded"] * 3)
        self.assertEqual(second.state, "done")
        self.assertEqual(len(self.gateway.requests), 3)

    def test_above_the_limit_a_second_person(self):
        """The runs of a day count together, and nobody approves the own one."""
        self.company.payment_approval_limit = 250.0
        small = self.propose(self.invoices[:2])
        self.assertEqual(small.confirm(), small)
        run = self.propose(self.invoices[2:])
        action = run.action_confirm()
        dialogs = self.env[action["res_model"]].with_user(self.accountant)
        dialog = dialogs.with_context(**action["context"]).create({})
        told = dialog.action_confirm()["params"]
        self.assertEqual(told["title"], "Waits for a second person")
        request = self.env["account.payment.approval"].search([("run_id", "=", run.id)])
        request = request.with_user(self.accountant)
        self.assertEqual((request.amount, run.state), (100.0, "waiting"))
        self.assertIn("100.00 USD", request.reason)
        with self.assertRefused("cannot be"):
            run.stop()
        with self.assertRefused("not a proposal"):
            run.line_ids.drop()
        self.run_lane()
        self.assertEqual(self.results(run), ["proposed"])
        with self.assertRefused("", AccessError):
            request.approve()
        request.with_user(self.supervisor).reject("Look again")
        self.assertEqual(run.state, "draft")
        request = run.confirm()
        result = request.with_user(self.supervisor).approve()
        self.assertEqual((result.id, run.state), (run.id, "running"))
        self.run_lane()
        self.assertEqual(self.results(run), ["succeeded"])
        self.assertEqual(run.user_id, self.accountant)

    def test_stop_resume_and_close(self):
        run = self.start()
        run.stop()
        self.run_lane()
        self.assertEqual(self.results(run), ["ready"] * 3)
        run.resume()
        lines = self.env["account.charge.run.line"].sudo()
        lines._take()._work()
        run.stop()
        self.assertEqual(self.results(run), ["succeeded", "ready", "ready"])
        run.close()
        self.assertEqual(self.results(run), ["succeeded", "skipped", "skipped"])
        self.assertEqual(run.state, "done")
        self.run_lane()
        self.assertEqual(len(self.gateway.requests), 1)
        again = self.propose()
        self.assertEqual(self.results(again), ["skipped", "proposed", "proposed"])

    def test_declined_ones_are_a_new_run(self):
        # There it is another day, whatever the hour is here.
        is_late = fields.Datetime.now().hour >= 10
        zone = "Pacific/Kiritimati" if is_late else "Pacific/Pago_Pago"
        self.company.sudo().partner_id.tz = zone
        self.gateway.answers = ["error", "done"]
        run = self.start()
        self.run_lane()
        self.assertEqual(self.results(run), ["declined", "succeeded", "succeeded"])
        self.assertEqual((run.state, run.declined_count), ("done", 1))
        note = run.activity_ids.note
        for words in ("Succeeded: 2", "Declined: 1", "200.00 USD"):
            self.assertIn(words, note)
        self.assertEqual(run.activity_ids.user_id, self.accountant)
        self.assertEqual(run.activity_ids.date_deadline, self.company._get_own_today())
        again = run.retry_declined()
        self.assertEqual(again.line_ids.move_id, self.invoices[0])
        self.assertEqual(again.retried_run_id, run)
        again.confirm()
        self.run_lane()
        self.assertEqual(self.results(again), ["succeeded"])
        with self.assertRefused("was declined"):
            again.retry_declined()
        more = self.make_invoices(self.customers[:1])
        chosen = self.propose(self.invoices[:1] | more, kind="retry")
        self.assertEqual(
            chosen.line_ids.mapped("reason_code"), ["paid", "not_declined"]
        )

    def test_drafts_are_issued_and_charged(self):
        drafts = self.make_invoices(self.customers, post=False)
        run = self.start(drafts, "issue")
        self.assertEqual(run.totals, "3 customers, 300.00 USD")
        drafts[1].sudo().invoice_line_ids.price_unit = 500
        drafts[2].sudo().unlink()
        self._keep()
        self.run_lane()
        self.assertEqual(self.results(run), ["succeeded", "skipped"])
        self.assertEqual(run.line_ids.mapped("reason_code"), [False, "amount_changed"])
        self.assertEqual(drafts[:2].mapped("state"), ["posted", "draft"])

    def test_credit_pays_all_of_it(self):
        """An issued invoice and a draft, with a saved method and without one."""
        without = self.make_customers(1, with_method=False)
        partners = self.customers[:2] | without
        for kind in ("charge", "issue"):
            for partner in partners:
                partner.with_user(self.supervisor).adjust_credit_balance(
                    100.0, company_id=self.company.id, reason="Goodwill"
                )
            invoices = self.make_invoices(partners, post=False)
            if kind == "charge":
                invoices.sudo().apply_credit = False
                invoices.sudo().action_post()
                invoices.sudo().apply_credit = True
            self._keep()
            with self.subTest(kind):
                run = self.start(invoices, kind)
                self.assertEqual(run.line_ids.mapped("credit_amount"), [100.0] * 3)
                first = self.env["account.charge.run.line"].sudo()._take()
                first._work()
                self.assertEqual(first.note, "The credit balance pays it")
                if kind == "issue":  # As after a killed lane: its key is known.
                    first.state = "working"
                    first._work()
                self.run_lane()
                self.assertEqual(self.results(run), ["done"] * 3)
                self.assertEqual(invoices.mapped("state"), ["posted"] * 3)
                self.assertEqual(invoices.mapped("amount_residual"), [0.0] * 3)
                self.assertEqual(run.state, "done")
        self.assertEqual(self.gateway.requests, [])
        balances = self.env["account.credit.balance"].sudo()
        found = balances.search([("partner_id", "in", partners.ids)])
        self.assertEqual(found.mapped("amount"), [0.0] * 3)

    def test_external_payments_of_many(self):
        journal = self.company_data["default_journal_bank"]
        action = self.invoices.action_record_external_many()
        dialog = self.env["account.charge.run.external"].with_user(self.accountant)
        dialog = dialog.with_context(**action["context"]).create(
            {"reference": "List 7"}
        )
        run = self.env["account.charge.run"].browse(dialog.action_propose()["res_id"])
        run = run.with_user(self.accountant)
        self.assertEqual(run.line_ids.mapped("amount"), [100.0] * 3)
        run.line_ids[0].change(amount=60.0)
        run.confirm()
        self.run_lane()
        self.assertEqual(self.results(run), ["done"] * 3)
        self.assertEqual(self.invoices.mapped("amount_residual"), [40.0, 0.0, 0.0])
        payments = self.invoices.sudo().reconciled_payment_ids
        self.assertEqual(payments.journal_id, journal.with_env(self.env))
        self.assertEqual(set(payments.mapped("payment_reference")), {"List 7"})
        self.assertEqual(set(payments.mapped("external_kind")), {"cheque"})

    def test_external_payments_of_a_day_with_a_discount(self):
        """Each is proposed with the amount that settles it on the day it came."""
        terms = self.make_discount_terms()
        invoices = self.make_invoices(self.customers, invoice_payment_term_id=terms.id)
        for day, amount in (("2026-01-25", 98.0), ("2026-01-26", 100.0)):
            with self.subTest(day):
                run = self.propose(invoices, "external", date=day)
                self.assertEqual(run.line_ids.mapped("amount"), [amount] * 3)
        with freeze_time("2026-01-20"):
            run = self.propose(invoices, "external", date="2026-01-19")
            self.assertEqual(run.line_ids.mapped("amount"), [98.0] * 3)
        run.confirm()
        self.run_lane()
        self.assertEqual(self.results(run), ["done"] * 3)
        self.assertEqual(invoices.mapped("amount_residual"), [0.0] * 3)
        payments = invoices.sudo().reconciled_payment_ids
        self.assertEqual(payments.mapped("amount"), [98.0] * 3)

    def test_external_payments_are_told_before_and_after(self):
        """The kind, the day and the reference are read before the run is confirmed."""
        dialog = self.env["account.charge.run.external"].with_user(self.accountant)
        action = self.invoices.action_record_external_many()
        dialog = dialog.with_context(**action["context"]).create(
            {"external_kind": "transfer", "date": "2025-03-04", "reference": "List 7"}
        )
        self.assertEqual(dialog._fields["journal_id"].string, "Journal")
        run = self.env["account.charge.run"].browse(dialog.action_propose()["res_id"])
        run = run.with_user(self.accountant)
        journal = dialog.journal_id.name
        self.assertEqual(
            run.external_words, f"Bank transfer · 03/04/2025 · {journal} · List 7"
        )
        self.assertEqual(run.totals_by_method, "Bank transfer: 300.00 USD")
        self.assertEqual(set(run.line_ids.mapped("method")), {"Bank transfer"})
        self.assertFalse(self.propose(self.invoices).external_words)

    def test_external_payments_in_the_currency_of_the_journal(self):
        """What is booked is said before, rounded with each payment."""
        journal = self.make_currency_journal(self.make_currency("EUR", 0.8))
        invoices = self.make_invoices(self.customers, 33.01)
        values = {"journal_id": journal.id, "external_kind": "transfer"}
        run = self.propose(invoices, "external", **values)
        words = "3 customers, 99.03 USD, which is 79.23 EUR"
        self.assertEqual(run.totals, words)
        action = run.action_confirm()
        dialog = self.env["account.charge.run.confirm"].with_user(self.accountant)
        dialog = dialog.with_context(**action["context"]).create({})
        self.assertEqual(dialog.words, words)
        # At another rate, another amount is booked: it is confirmed again.
        euro = journal.currency_id
        self.set_rate(euro, "2025-01-01", 0.5)
        self.env.invalidate_all()
        with self.assertRefused("which is 49.53 EUR: look at it again"):
            dialog.action_confirm()
        dialog = dialog.with_context(**run.action_confirm()["context"]).create({})
        dialog.action_confirm()
        self.run_lane()
        self.assertEqual(self.results(run), ["done"] * 3)
        payments = invoices.sudo().reconciled_payment_ids
        self.assertEqual(payments.currency_id, euro)
        self.assertEqual(euro.round(sum(payments.mapped("amount"))), 49.53)

    def test_external_payments_in_the_currency_of_the_kind_s_journal(self):
        """The journal is the one that the lines will find, and its currency counts."""
        journal = self.make_currency_journal(self.make_currency("EUR", 0.8))
        journal.sequence = -1
        other = self.make_invoices(
            self.customers[:1], currency_id=journal.currency_id.id
        )
        for kind in ("transfer", None):
            with self.subTest(kind=kind):
                run = self.propose(
                    self.invoices[:1] | other, "external", external_kind=kind
                )
                self.assertEqual(
                    run.totals,
                    "1 customer, 100.00 EUR, 100.00 USD, which is 180.00 EUR",
                )
                run = self.propose(other, "external", external_kind=kind)
                self.assertEqual(run.totals, "1 customer, 100.00 EUR")
        bank = self.company_data["default_journal_bank"].with_env(self.env)
        bank.sequence = -2
        run = self.propose(self.invoices, "external", external_kind="transfer")
        self.assertEqual(run.totals, "3 customers, 300.00 USD")

    def test_what_is_booked_takes_two_queries(self):
        """For any number of lines: the currency of the journal, and its rate."""

        def count(run):
            self.env.flush_all()
            self.env.invalidate_all()
            before = self.env.cr.sql_log_count
            self.assertTrue(run.totals)
            return self.env.cr.sql_log_count - before

        journal = self.make_currency_journal(self.make_currency("EUR", 0.8))
        bank = self.company_data["default_journal_bank"]
        customers = self.make_customers(12)
        counts = []
        for moves in (
            self.make_invoices(customers[:2]),
            self.make_invoices(customers),
        ):
            own, other = (
                self.propose(moves, "external", journal_id=each.id)
                for each in (bank, journal)
            )
            count(own)  # What is remembered from now on.
            self.assertIn("which is", other.totals)
            counts.append((count(own), count(other)))
        self.assertEqual(counts[0], counts[1])
        self.assertLessEqual(counts[0][1] - counts[0][0], 2, counts)

    def test_credit_that_is_spent_meanwhile_is_not_charged(self):
        """No method gives more than was confirmed, also where the credit is gone."""
        self.company.credit_applied_at_issue = False
        drafts = self.make_invoices(self.customers[1:2], post=False)
        for kind, invoice, credit in (
            ("charge", self.invoices[0], 30.0),
            ("issue", drafts, 100.0),
        ):
            with self.subTest(kind):
                partner = invoice.partner_id.with_user(self.supervisor)
                partner.adjust_credit_balance(amount=credit, reason="Goodwill")
                invoice.sudo().apply_credit = True
                run = self.propose(invoice, kind)
                self.assertEqual(run.line_ids.amount, 100.0 - credit)
                run.confirm()
                partner.adjust_credit_balance(amount=-credit, reason="Mistaken")
                self.run_lane()
                self.assertFalse(self.gateway.requests)
                self.assertEqual(run.line_ids.reason_code, "amount_changed")
                self.assertEqual(invoice.amount_residual, 100.0)
        self.assertEqual(drafts.state, "draft")

    def test_credit_pays_the_lines_that_it_was_proposed_for(self):
        """Whichever line is taken first: the later one was selected first."""
        self.company.credit_applied_at_issue = False
        customer = self.customers[:1]
        first = self.make_invoices(customer)
        later = self.make_invoices(customer, invoice_date_due="2030-01-01")
        customer.with_user(self.supervisor).adjust_credit_balance(
            amount=100, reason="Goodwill"
        )
        (first | later).sudo().apply_credit = True
        run = self.start(later | first)
        self.assertEqual(run.line_ids.mapped("amount"), [100.0, 0.0])
        self.assertEqual(run.line_ids.mapped("credit_amount"), [0.0, 100.0])
        self.run_lane()
        self.assertEqual(self.results(run), ["succeeded", "done"])
        self.assertEqual([amount for *_tx, amount in self.gateway.requests], [100.0])
        self.assertEqual((first | later).mapped("amount_residual"), [0.0, 0.0])

    def test_credit_pays_the_drafts_that_it_was_proposed_for(self):
        """The posting of one draft leaves the credit of the other one."""
        self.company.credit_applied_at_issue = False
        customer = self.customers[:1]
        first = self.make_invoices(customer, post=False)
        later = self.make_invoices(customer, post=False, invoice_date_due="2030-01-01")
        customer.with_user(self.supervisor).adjust_credit_balance(
            amount=130, reason="Goodwill"
        )
        (first | later).sudo().apply_credit = True
        run = self.start(later | first, "issue")
        self.assertEqual(run.line_ids.mapped("credit_amount"), [30.0, 100.0])
        self.run_lane()
        self.assertEqual(self.results(run), ["succeeded", "done"])
        self.assertEqual([amount for *_tx, amount in self.gateway.requests], [70.0])
        self.assertEqual((first | later).mapped("amount_residual"), [0.0, 0.0])

    def test_draft_is_checked_with_the_amount_that_is_charged(self):
        """All the credit would leave an amount that the provider does not take."""
        self.company.credit_applied_at_issue = False
        customer = self.customers[:1]
        later = self.make_invoices(customer, post=False, invoice_date_due="2030-01-01")
        first = self.make_invoices(customer, 50.0, post=False)
        customer.with_user(self.supervisor).adjust_credit_balance(
            amount=80, reason="Goodwill"
        )
        (first | later).sudo().apply_credit = True
        providers = self.env.registry["payment.provider"]
        with patch.object(
            providers,
            "_get_not_accepted_reason",
            lambda _provider, amount, _currency: "Too small" if amount == 20 else "",
        ):
            run = self.start(later | first, "issue")
            self.run_lane()
        self.assertEqual(run.line_ids.mapped("credit_amount"), [30.0, 50.0])
        self.assertEqual(self.results(run), ["succeeded", "done"])
        self.assertEqual([amount for *_tx, amount in self.gateway.requests], [70.0])

    def test_run_paid_by_credit(self):
        """What credit pays is told as such, and is not lost in the file."""
        self.company.credit_applied_at_issue = False
        invoice = self.invoices[0]
        partner = invoice.partner_id.with_user(self.supervisor)
        partner.adjust_credit_balance(amount=100.0, reason="Goodwill")
        invoice.sudo().apply_credit = True
        run = self.start(invoice)
        self.assertEqual(run.totals_by_method, "Credit balance: 100.00 USD")
        self.run_lane()
        [line] = csv.DictReader(io.StringIO(run._get_csv()))
        self.assertEqual((line["Amount"], line["From credit"]), ("0.00", "100.00"))

    # === SEEN === #

    def test_progress_export_and_links(self):
        without = self.make_customers(2, with_method=False)
        without[1].email = False
        self.customers[0].name = "=1+1"
        self.gateway.answers = ["done", "error", "pending"]
        invoices = self.invoices | self.make_invoices(without)
        run = self.start(invoices)
        progress = run.get_progress()
        self.assertEqual((progress["total"], progress["left"]), (3, 3))
        self.run_lane()
        progress = run.get_progress()
        self.assertEqual(
            {group["key"]: group["count"] for group in progress["groups"]},
            {
                "succeeded": 1,
                "pending": 1,
                "declined": 1,
                "unknown": 0,
                "skipped": 2,
                "left": 0,
                "proposed": 0,
            },
        )
        self.assertEqual(progress["moved"], "100.00 USD")
        self.gateway.notify(run.line_ids[2].transaction_id, "done")
        self.assertEqual(self.results(run)[2], "succeeded")
        url = run.action_export()["url"]
        attachment = self.env["ir.attachment"].browse(
            int(url.split("/")[3].split("?")[0])
        )
        text = attachment.sudo().raw.decode("utf-8-sig")
        self.assertEqual(len(text.splitlines()), 6)
        self.assertIn("'=1+1", text)
        self.assertIn("no_method", text)
        # Amounts as in other files, and the time as on the user's screen.
        [_head, *rows] = csv.reader(
            run.with_context(tz="Asia/Tokyo")._get_csv().splitlines()
        )
        self.assertEqual(rows[0][3:6], ["100.00", "0.00", "USD"])
        done_on = run.line_ids[0].done_on + timedelta(hours=9)
        self.assertEqual(rows[0][-1], str(done_on.replace(microsecond=0)))
        mails = self.env["mail.mail"].sudo().search_count([])
        self.assertEqual(
            run.links_label, "Send a payment link to the one without a method"
        )
        run.send_payment_links()
        self.assertEqual(self.env["mail.mail"].sudo().search_count([]), mails + 1)
        self.assertFalse(run.links_label)
        with self.assertRefused("No customer"):
            run.send_payment_links()
        found = run.line_ids.search(
            [("run_id", "=", run.id), ("result", "in", ["declined", "skipped"])]
        )
        self.assertEqual(len(found), 3)

    def test_button_says_how_many_get_a_link(self):
        """Those without an address get none, and are not counted."""
        customers = self.make_customers(3, with_method=False)
        customers[0].email = False
        others = self.make_invoices(customers) | self.make_invoices(customers[1])
        run = self.propose(self.invoices | others)
        self.assertEqual(run.without_method_count, 4)
        self.assertEqual(
            run.links_label, "Send a payment link to the 3 without a method"
        )
        mails = self.env["mail.mail"].sudo().search_count([])
        told = run.send_payment_links()["params"]["message"]
        self.assertEqual(told, "Mails with a link to pay: 3")
        self.assertEqual(self.env["mail.mail"].sudo().search_count([]), mails + 3)

    def test_who_paid_meanwhile_gets_no_link(self):
        customers = self.make_customers(4, with_method=False)
        others = self.make_invoices(customers)
        run = self.propose(self.invoices | others)
        paid, pending, cancelled, still_open = others
        paid.record_external_payment(
            journal_id=self.company_data["default_journal_bank"].id
        )
        cancelled.sudo().button_cancel()
        self.invoice = pending
        self.make_portal_transaction("pending", amount=pending.amount_residual)
        self.env.invalidate_all()
        self.assertEqual(
            run.links_label, "Send a payment link to the 2 without a method"
        )
        run.send_payment_links()
        sent = run.line_ids.filtered("link_sent_on")
        self.assertEqual(sent.move_id, still_open)
        mails = self.env["mail.mail"].sudo().search([("res_id", "in", others.ids)])
        self.assertEqual(mails.mapped("res_id"), still_open.ids)
        with self.assertRefused("No customer"):
            run.send_payment_links()

    def test_stalled_run_is_told_and_goes_on(self):
        run = self.start()
        self.assertFalse(run.is_stalled)
        later = fields.Datetime.add(fields.Datetime.now(), minutes=11)
        with freeze_time(later):
            self.env.invalidate_all()
            self.assertTrue(run.is_stalled)
            self.assertTrue(run.get_progress()["is_stalled"])
            run.continue_run()
            self.env.invalidate_all()
            self.assertFalse(run.is_stalled)
        with self.assertRaises(UserError):
            run.resume()

    # === FIGURES === #

    def test_queries_of_a_proposal_do_not_grow(self):
        """Ten in all, with the settings, for sixty invoices as for five."""
        invoices = self.make_invoices(self.make_customers(60))
        self._keep()
        self.count_queries(invoices[:2])  # Fills Odoo's own caches.
        few = self.count_queries(invoices[:5])
        many = self.count_queries(invoices)
        self.assertEqual(many, few)
        self.assertLessEqual(many, MAX_QUERIES)

    def count_queries(self, invoices):
        """Return the queries of the decision on a proposal, on an empty cache."""
        self.env.flush_all()
        self.env.invalidate_all()
        run = self.env["account.charge.run"].with_user(self.accountant)
        invoices = invoices.with_env(run.env).with_prefetch()
        before = self.env.cr.sql_log_count
        proposed, decisions = run._decide_lines("charge", invoices, self.company)
        figure = self.env.cr.sql_log_count - before
        self.assertFalse(proposed)
        self.assertEqual({each.action for each in decisions.values()}, {"charge"})
        self.assertEqual(len(decisions), len(invoices))
        return figure
