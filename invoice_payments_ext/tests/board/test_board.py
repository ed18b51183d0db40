"""The figures of the collection board, counted again from single records."""

import json
from datetime import timedelta

from freezegun import freeze_time

from odoo.exceptions import AccessError
from odoo.fields import Command
from odoo.tests import tagged

from ..refunds.common_refund import RefundCommon

MAX_QUERIES = 12
NOON = "2026-03-20 12:00:00"
ONE_DAY = timedelta(days=1)


class BoardCommon(RefundCommon):
    """An accountant on 20 March, with an invoice of 1,000 that is overdue for long."""

    def setUp(self):
        super().setUp()
        clock = freeze_time(NOON)
        clock.start()
        self.addCleanup(clock.stop)
        self.today = self.company._get_own_today()
        lines = self.invoice.sudo().line_ids.filtered("date_maturity")
        lines.date_maturity = "2025-02-14"
        self._keep()

    # === HELPERS === #

    def get_board(self, user=None, companies=None):
        """Return the board as a user gets it."""
        self.env.flush_all()
        self.env.invalidate_all()
        board = self.env["account.collection.board"].with_user(user or self.accountant)
        companies = companies or self.company
        return board.with_context(allowed_company_ids=companies.ids).get_board()

    def make_due(self, amount, days, **values):
        """Return an invoice that is due some days ago."""
        day = self.today - days * ONE_DAY
        issued = min(day, self.today)
        return self.make_invoice(
            amount, invoice_date=issued, invoice_date_due=day, **values
        )

    def find_figures(self, part):
        """Return all figures in a part of the board, with the way to them."""
        if isinstance(part, dict):
            if "action" in part:
                yield part
            else:
                for value in part.values():
                    yield from self.find_figures(value)
        elif isinstance(part, list):
            for value in part:
                yield from self.find_figures(value)

    def open_list(self, figure, user=None, companies=None):
        """Return the records that the list of a figure shows."""
        action = figure["action"]
        records = self.env[action["res_model"]].with_user(user or self.accountant)
        records = records.with_context(
            allowed_company_ids=(companies or self.company).ids
        )
        return records.search(action["domain"])

    def assertListsFit(self, board, user=None, companies=None):
        """Assert that each figure is the sum and the number of its list."""
        figures = list(self.find_figures(board))
        self.assertGreater(len(figures), 20)
        for figure in figures:
            with self.subTest(figure["label"], domain=figure["action"]["domain"]):
                records = self.open_list(figure, user, companies)
                if figure["count"] is not None:
                    self.assertEqual(len(records), figure["count"])
                currency = self.company.currency_id
                total = sum(
                    record.currency_id._convert(
                        record[figure["field"]], currency, self.company, self.today
                    )
                    if record._fields[figure["field"]].get_currency_field(record)
                    == "currency_id"
                    else record[figure["field"]]
                    for record in records
                )
                self.assertAlmostEqual(total, figure["amount"], 2)

    def get_bars(self, board, picture, series=0):
        """Return the amounts of a picture by their labels."""
        bars = board["pictures"][picture]["series"][series]["bars"]
        return {bar["label"]: bar["amount"] for bar in bars}


@tagged("post_install", "-at_install")
class TestBoard(BoardCommon):
    # === DUE === #

    def test_due_and_overdue_by_instalment(self):
        for days, amount in ((-5, 1), (0, 2), (1, 4), (30, 8), (31, 16), (60, 32)):
            self.make_due(amount, days)
        for days, amount in ((61, 64), (90, 128), (91, 256), (400, 512)):
            self.make_due(amount, days)
        self.make_credit_note(self.make_due(10, 3), 10)  # It owes nothing any more.
        self.make_invoice(9, post=False)
        board = self.get_board()
        self.assertEqual(
            self.get_bars(board, "ages"),
            {
                "Not due": 3,
                "1–30 days": 12,
                "31–60 days": 48,
                "61–90 days": 192,
                "More than 90 days": 768 + 1000,
            },
        )
        figures = board["figures"]
        self.assertEqual(figures["open"]["amount"], 1023 + 1000)
        self.assertEqual(figures["due"]["amount"], 1022 + 1000)
        self.assertEqual(figures["credits"]["count"], 0)
        self.assertEqual(figures["overdue"]["amount"], 1020 + 1000)
        self.assertListsFit(board)

    def test_two_instalments_have_two_ages(self):
        invoice = self.make_invoice_with_instalments(600)
        lines = (
            invoice.sudo().line_ids.filtered("date_maturity").sorted("date_maturity")
        )
        lines[0].date_maturity = self.today - 40 * ONE_DAY
        lines[1].date_maturity = self.today + ONE_DAY
        before = self.get_bars(self.get_board(), "ages")
        self.assertEqual((before["31–60 days"], before["Not due"]), (300, 300))
        invoice.record_external_payment(100)  # It pays the first instalment first.
        after = self.get_bars(self.get_board(), "ages")
        self.assertEqual((after["31–60 days"], after["Not due"]), (200, 300))

    # === ATTEMPTS === #

    def test_attempts(self):
        self.gateway.answers = ["error", "error", "done"]
        for _number in range(3):  # Two are declined, and the third one recovers.
            self.invoice.charge(self.token.id, amount=400.0)
        self.start_attempt("error", amount=50.0)  # A first try again, declined.
        other = self.make_invoice(70)
        self.gateway.answers = ["done"]
        other.charge(self.token.id)
        old = self.make_invoice(30)
        self.gateway.answers = ["error"]
        tx = old.charge(self.token.id)
        tx.sudo().last_state_change = "2026-02-28 23:59:59"
        self._keep()
        board = self.get_board()
        figures, rates = board["figures"], board["rates"]

        def count(name):
            return figures[name]["count"], figures[name]["amount"]

        self.assertEqual(count("first_tries"), (3, 400 + 50 + 70))
        self.assertEqual(count("first_succeeded"), (1, 70))
        self.assertEqual(count("recovered"), (1, 400))
        self.assertEqual(count("first_declined"), (2, 450))
        self.assertEqual(count("first_recovered"), (1, 400))
        self.assertEqual(count("declined"), (3, 850))
        self.assertAlmostEqual(rates["first_success"], 1 / 3)
        self.assertAlmostEqual(rates["recovery"], 1 / 2)
        self.assertEqual(sum(self.get_bars(board, "reasons").values()), 850)
        self.assertListsFit(board)
        attempts = self.invoice.sudo().transaction_ids.sorted("id")
        self.assertEqual(attempts.mapped("is_first_try"), [True, False, False, True])
        self.assertEqual(attempts.mapped("is_recovered"), [True, True, False, False])
        own = [("id", "in", attempts.ids)]
        for name, wanted in (("is_first_try", "03"), ("is_recovered", "01")):
            for operator, value in (("=", True), ("!=", False), ("!=", True)):
                is_wanted = (operator == "=") == value
                with self.subTest(name, operator=operator, value=value):
                    found = attempts.search([*own, (name, operator, value)], order="id")
                    expected = [
                        attempt
                        for number, attempt in enumerate(attempts)
                        if (str(number) in wanted) == is_wanted
                    ]
                    self.assertEqual(list(found), expected)

    def test_a_try_after_what_decided_nothing(self):
        self.start_attempt("error", amount=50.0)
        self.make_portal_transaction("cancel", reference="LEFT")
        both = self.invoice | self.make_invoice(100.0)
        paid = self.make_portal_transaction(
            "done",
            amount=1100.0,
            reference="BOTH",
            invoice_ids=[Command.set(both.ids)],
        )
        tries = self.invoice.sudo().transaction_ids.sorted("id")
        self.assertEqual(tries[-1], paid)
        self.assertEqual(tries.mapped("outcome"), ["declined", "canceled", "succeeded"])
        self.assertEqual(tries.mapped("is_first_try"), [True, False, False])
        self.assertEqual(tries.mapped("is_recovered"), [True, False, False])
        board = self.get_board()
        self.assertEqual(board["figures"]["recovered"]["amount"], 1100)
        self.assertListsFit(board)

    def test_months_by_hand(self):
        self.invoice.sudo().line_ids.filtered(
            "date_maturity"
        ).date_maturity = "2026-02-14"
        february = self.make_invoice(
            500, invoice_date="2026-02-10", invoice_date_due="2026-03-12"
        )
        march = self.make_invoice(
            300, invoice_date="2026-03-05", invoice_date_due="2026-04-04"
        )
        self.invoice.record_external_payment(400, date="2026-02-20")
        february.record_external_payment(200, date="2026-03-10")
        self.make_credit_note(march, 50)
        board = self.get_board()
        present, before = board["months"]
        self.assertEqual(
            (present["label"], before["label"]), ("March 2026", "February 2026")
        )
        self.assertEqual((present["days"], before["days"]), (20, 28))
        self.assertEqual(before["receivable"]["amount"], 1000 + 500 - 400)
        self.assertEqual(present["receivable"]["amount"], 1100 + 300 - 200 - 50)
        self.assertEqual(
            (before["sold"]["amount"], present["sold"]["amount"]), (500, 250)
        )
        self.assertAlmostEqual(before["dso"], 1100 * 28 / 500)
        self.assertAlmostEqual(present["dso"], 1150 * 20 / 250)
        # The invoice of February was not due at its end, and all of it was open.
        self.assertAlmostEqual(before["cei"], (1000 + 500 - 1100) / (1000 + 500 - 500))
        self.assertAlmostEqual(present["cei"], (1100 + 250 - 1150) / (1100 + 250 - 250))
        self.assertListsFit(board)

    # === MONEY === #

    def test_collected_by_day_and_method(self):
        cash = self.company_data["default_journal_cash"]
        self.invoice.record_external_payment(100, date="2026-03-02", journal_id=cash.id)
        self.invoice.record_external_payment(50, date="2026-02-28", journal_id=cash.id)
        self.company.credit_adjustment_account_id = self.company_data[
            "default_account_expense"
        ]
        customer = self.partner.with_user(self.supervisor)
        customer.adjust_credit_balance(30, reason="Goodwill")
        self.invoice.apply_credit_balance(30)  # It is no money.
        payment = self.charge(200)
        self.refund(payment, 20)
        self.match_bank_line(70, "2026-03-02")
        spare = self.env["account.payment"].create(
            {
                "payment_type": "inbound",
                "partner_type": "customer",
                "partner_id": self.partner.id,
                "amount": 15,
                "date": "2026-03-03",
                "journal_id": cash.id,
            }
        )
        spare.action_post()  # Money that no invoice was matched with yet.
        self._keep()
        board = self.get_board()
        figures = board["figures"]
        self.assertEqual(figures["payments"]["amount"], 315)
        self.assertEqual(figures["payments"]["count"], 3)
        self.assertEqual(figures["credits"]["amount"], -15)
        self.assertEqual(figures["matched"]["amount"], 70)
        days = [series["bars"] for series in board["pictures"]["days"]["series"]]
        self.assertEqual([len(bars) for bars in days], [20, 20])
        amounts = [
            {
                number: bar["amount"]
                for number, bar in enumerate(bars, 1)
                if bar["count"]
            }
            for bars in days
        ]
        self.assertEqual(amounts, [{2: 100, 3: 15, 20: 200}, {2: 70}])
        methods = self.get_bars(board, "methods")
        self.assertEqual(sorted(methods.values()), [70, 115, 200])
        self.assertEqual(methods["Matched with the bank"], 70)
        self.assertListsFit(board)

    def test_external_payments_by_their_kind(self):
        other = self.env["account.journal"].create(
            {
                "name": "Second till",
                "code": "CSH9",
                "type": "cash",
                "company_id": self.company.id,
            }
        )
        record = self.invoice.record_external_payment
        for kind, amount in (
            ("cash", 1),
            ("cheque", 4),
            ("transfer", 8),
            ("terminal", 16),
            ("other", 32),
        ):
            record(amount, date="2026-03-02", external_kind=kind)
        record(2, date="2026-03-02", external_kind="cash", journal_id=other.id)
        record(64, date="2026-03-02")  # Nobody said how it came.
        record(128, date="2026-02-28", external_kind="cash")  # In another month.
        self.charge(200)
        self._keep()
        board = self.get_board()
        methods = self.get_bars(board, "methods")
        kinds = ("Cash", "Cheque", "Bank transfer", "Card terminal", "Other")
        self.assertEqual([methods.pop(kind) for kind in kinds], [3, 4, 8, 16, 32])
        self.assertEqual(sorted(methods.values()), [64, 200])
        self.assertEqual(board["figures"]["payments"]["amount"], 327)
        self.assertListsFit(board)

    def match_bank_line(self, amount, day):
        """Match money on a bank statement with the invoice, without a payment."""
        receivable = self.company_data["default_account_receivable"].with_env(self.env)
        line = self.env["account.bank.statement.line"].create(
            {
                "journal_id": self.company_data["default_journal_bank"].id,
                "payment_ref": "Transfer",
                "amount": amount,
                "date": day,
                "partner_id": self.partner.id,
            }
        )
        _liquidity, suspense, _others = line._seek_for_lines()
        suspense.account_id = receivable
        owed = self.invoice.sudo().line_ids.filtered("date_maturity")
        (suspense | owed.filtered(lambda line: not line.reconciled)).reconcile()

    def test_promised_and_taken_back(self):
        self.invoice.promise_to_pay(250, date="2026-03-25")
        self.make_due(80, 2).promise_to_pay(date="2026-03-22").withdraw()
        other = self.make_invoice(500)
        other.record_external_payment(100)
        reversals = []
        days = {40: 28, 30: 20, 20: 19, 10: 22}
        for amount, state in (
            (40, "open"),
            (30, "open"),
            (20, "inquiry"),
            (10, "lost"),
        ):
            invoice = self.make_invoice(amount)
            self.gateway.answers = ["done"]
            tx = invoice.charge(self.token.id).sudo()
            reversals.append(
                tx.provider_id._process_reversal(
                    {
                        "transaction": tx,
                        "reference": f"dp_{amount}",
                        "kind": "dispute",
                        "state": state,
                        "respond_by": f"2026-03-{days[amount]}",
                    }
                )
            )
        self.assertEqual(len(set(reversals)), 4)
        self._keep()
        board = self.get_board()
        found = {
            name: (figure["count"], figure["amount"])
            for name, figure in board["figures"].items()
        }
        self.assertEqual(found["promised"], (1, 250))
        self.assertEqual(found["taken_back"], (2, 70))
        self.assertEqual(found["inquiries"], (1, 20))
        self.assertEqual(found["lost"], (1, 10))
        # The day of one is over: 20 March is the next, 28 March comes later.
        self.assertEqual(found["respond_by"], (2, 70))
        self.assertEqual(board["figures"]["respond_by"]["day"], "03/20/2026")
        self.assertListsFit(board)

    # === CURRENCIES, COMPANIES, RIGHTS === #

    def test_other_currencies(self):
        euro = self.make_currency("EUR", 2.0)
        invoice = self.make_due(500, 10, currency_id=euro.id)
        self.set_rate(euro, "2026-03-15", 4.0)
        self.gateway.answers = ["error"]
        self.start_attempt_on(invoice, 80)
        board = self.get_board()
        # The invoice at the rate of its day; the attempt, without an entry, at today's.
        self.assertEqual(self.get_bars(board, "ages")["1–30 days"], 250)
        self.assertEqual(board["figures"]["declined"]["amount"], 20)
        self.assertTrue(board["is_converted"])
        self.assertListsFit(board)

    def start_attempt_on(self, invoice, amount):
        attempt = invoice.charge(self.token.id, amount=amount)
        self._keep()
        return attempt

    def test_other_companies(self):
        other = self.make_other_company(name="Another")["company"]
        self.accountant.sudo().company_ids |= other
        self.make_due(10, 5)
        move = (
            self.env["account.move"]
            .with_company(other)
            .create(
                {
                    "move_type": "out_invoice",
                    "partner_id": self.partner.id,
                    "invoice_date": "2026-03-01",
                    "invoice_date_due": "2026-03-10",
                    "invoice_line_ids": [
                        Command.create(
                            {"name": "Else", "price_unit": 7, "tax_ids": False}
                        )
                    ],
                }
            )
        )
        move.action_post()
        self.assertEqual(move.company_id, other)
        self._keep()
        for companies, due in (
            (self.company, 1010),
            (other, 7),
            (self.company | other, 1017),
        ):
            with self.subTest(companies.mapped("name")):
                board = self.get_board(companies=companies)
                self.assertEqual(board["figures"]["due"]["amount"], due)
                self.assertListsFit(board, companies=companies)

    def test_rules_hold(self):
        self.make_due(10, 5, invoice_user_id=self.supervisor.id)
        for model, domain in (
            ("account.move.line", "[('move_id.invoice_user_id', '=', user.id)]"),
            ("payment.transaction", "[('create_uid', '=', user.id)]"),
        ):
            self.env["ir.rule"].create(
                {
                    "name": "Own documents",
                    "model_id": self.env["ir.model"]._get_id(model),
                    "domain_force": domain,
                }
            )
        self.start_attempt("error", amount=5.0)
        seen = self.get_board(self.supervisor)
        self.assertEqual(seen["figures"]["due"]["amount"], 10)
        self.assertListsFit(seen, self.supervisor)
        own = self.invoice.sudo().transaction_ids.create_uid
        for user in (self.accountant, self.supervisor):
            count = self.get_board(user)["figures"]["declined"]["count"]
            self.assertEqual(count, int(user == own), user.login)

    def test_who_sees_it(self):
        menu = self.env.ref("invoice_payments_ext.account_collection_board_menu")
        readers = "account.group_account_invoice", "account.group_account_readonly"
        for groups, may in (
            *((f"base.group_user,{group}", True) for group in readers),
            ("base.group_user,base.group_partner_manager", False),
            ("base.group_portal", False),
        ):
            with self.subTest(groups):
                user = self.make_user(f"board_{groups[-9:]}", groups)
                if user._is_internal():
                    menus = self.env["ir.ui.menu"].with_user(user)._visible_menu_ids()
                    self.assertEqual(menu.id in menus, may)
                if may:
                    self.assertListsFit(self.get_board(user), user)
                else:
                    with self.assertRaisesRegex(AccessError, "work with invoices"):
                        self.get_board(user)

    def test_nothing_yet(self):
        other = self.make_other_company(name="New")["company"]
        self.accountant.sudo().company_ids |= other
        self._keep()
        board = self.get_board(companies=other)
        self.assertTrue(board["is_empty"])
        self.assertEqual(set(board["rates"].values()), {None})
        for month in board["months"]:
            self.assertEqual((month["dso"], month["cei"]), (None, None))
        self.assertFalse(self.get_board()["is_empty"])
        json.dumps(board, allow_nan=False)

    # === QUERIES === #

    def test_queries(self):
        boards = self.env["account.collection.board"].with_user(self.accountant)
        boards = boards.with_context(  # As the web client does.
            allowed_company_ids=self.company.ids, lang="en_US", tz="UTC"
        )

        def count():
            for _warm in (False, True):  # Rules, and the like, are known.
                self.env.flush_all()
                self.env.invalidate_all()
                before = self.env.cr.sql_log_count
                boards.get_board()
            return self.env.cr.sql_log_count - before

        self.match_bank_line(7, "2026-03-02")
        few = count()
        self.assertLessEqual(few, MAX_QUERIES)
        self.start_attempt("error", amount=10.0)
        self.invoice.promise_to_pay(250, date="2026-03-25")
        for number in range(5):
            invoice = self.make_due(100, 10 * number)
            self.gateway.answers = ["done"]
            invoice.charge(self.token.id, amount=50)
            self.match_bank_line(7, f"2026-03-{number + 3:02}")
        payment = self.invoice.charge(self.token.id, amount=50).sudo().payment_id
        payment.report_taken_back("dispute", 10)
        self.assertEqual(count(), few)
        euro = self.make_due(80, 1, currency_id=self.make_currency("EUR").id)
        self.gateway.answers = ["error"]
        self.start_attempt_on(euro, 20)
        self.assertLessEqual(count(), MAX_QUERIES)

    def test_unknown(self):
        self.start_attempt(TimeoutError("no answer"), amount=300.0)
        self.invoice.sudo().transaction_ids.last_state_change = "2020-01-01"
        figures = self.get_board()["figures"]
        self.assertEqual(figures["unknown"]["count"], 1)
        self.assertEqual(figures["unknown"]["amount"], 300)
        self.assertEqual(figures["unknown_refunds"]["count"], 0)
