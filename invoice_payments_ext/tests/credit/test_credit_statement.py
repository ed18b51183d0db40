import base64
from datetime import date
from unittest.mock import patch

from freezegun import freeze_time
from lxml.html import fromstring

from odoo.exceptions import AccessError
from odoo.fields import Command
from odoo.tests import Form, tagged
from odoo.tools.translate import code_translations

from .common_credit_history import CreditHistoryCommon

REPORT = "invoice_payments_ext.action_report_credit_statement"


@tagged("post_install", "-at_install")
class TestCreditStatement(CreditHistoryCommon):
    """A statement adds up: opening balance, lines, closing balance."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.adjust(cls, "2026-02-10 12:00:00", -100.5, "Correction", note="They asked")
        cls.adjust(cls, "2026-03-10 12:00:00", 20, "Thank you")
        cls.adjust(cls, "2026-04-10 12:00:00", 30, "Welcome")

    def setUp(self):
        super().setUp()
        self.balance = self._balance().with_user(self.accountant)

    def _get(self, *period):
        """Return a statement as text: the balances and the lines."""
        statement = self.balance.get_statement(*period)
        return (
            statement["opening_balance"],
            [
                (str(line["date"]), line["label"], line["amount"], line["balance"])
                for line in statement["lines"]
            ],
            statement["closing_balance"],
        )

    # === CONTENT === #

    def test_period(self):
        self.assertEqual(
            self._get("2026-02-01", "2026-03-31"),
            (
                300.0,
                [
                    ("2026-02-10", "Correction", -100.5, 199.5),
                    ("2026-03-10", "Thank you", 20.0, 219.5),
                ],
                219.5,
            ),
        )
        statement = self.balance.get_statement("2026-02-01", date(2026, 3, 31))
        self.assertEqual((statement["amount_in"], statement["amount_out"]), (20, 100.5))
        self.assertEqual(statement["date_to"], date(2026, 3, 31))
        self.assertEqual(statement["currency_id"], self.balance.currency_id.id)

    def test_periods_follow_each_other(self):
        days = ["2026-01-01", "2026-02-10", "2026-02-11", "2026-03-10", "2026-05-01"]
        periods = [
            ("2025-01-01", "2025-12-31"),
            *((day, day) for day in days),
        ]
        for period in periods:
            opening, lines, closing = self._get(*period)
            self.assertEqual(
                self.balance.currency_id.round(
                    opening + sum(line[2] for line in lines)
                ),
                closing,
            )
        self.assertEqual(self._get("2026-01-01", "2026-02-09")[2], 300.0)
        self.assertEqual(self._get("2026-02-10", "2026-02-10")[0], 300.0)
        self.assertEqual(self._get("2026-02-10", "2026-02-10")[2], 199.5)
        self.assertEqual(self._get("2026-02-11", "2026-02-11"), (199.5, [], 199.5))

    def test_before_the_first_entry_and_after_the_last(self):
        self.assertEqual(self._get("2025-01-01", "2025-12-31"), (0.0, [], 0.0))
        self.assertEqual(self._get("2026-05-01", "2099-12-31"), (249.5, [], 249.5))
        self.assertEqual(self._get("2025-01-01", "2099-12-31")[2], self.balance.amount)

    def test_proposed_period(self):
        with freeze_time("2026-04-30 12:00:00"):
            statement = self.balance.get_statement()
        self.assertEqual(statement["date_from"], date(2025, 5, 1))
        self.assertEqual(statement["date_to"], date(2026, 4, 30))
        self.assertEqual(len(statement["lines"]), 4)
        self.assertEqual(statement["closing_balance"], self.balance.amount)

    def test_day_is_that_of_the_company(self):
        """At 3:30 on the first in UTC, it is still the day before in New York."""
        self.adjust("2026-05-01 03:30:00", 5, "Late")
        self.assertEqual(self._get("2026-05-01", "2026-05-01")[2], 254.5)
        self.company.partner_id.tz = "America/New_York"
        late = [("2026-04-30", "Late", 5.0, 254.5)]
        self.accountant.tz = "Asia/Tokyo"
        self.assertEqual(self._get("2026-04-30", "2026-04-30"), (249.5, late, 254.5))
        self.assertEqual(self._get("2026-05-01", "2026-05-01")[1], [])

    def test_entry_of_a_past_accounting_date(self):
        """The entry stands where it was entered, or the balances would not add up."""
        entry = self._balance().entry_ids[0]
        move = self.env["account.move"].create(
            {
                "move_type": "entry",
                "date": "2026-01-15",
                "journal_id": self.company_data["default_journal_misc"].id,
                "line_ids": [
                    Command.create(
                        {
                            "name": "Forgotten",
                            "account_id": account.id,
                            "partner_id": self.partner.id,
                            "balance": balance,
                        }
                    )
                    for account, balance in (
                        (self.company.credit_balance_account_id, -1.0),
                        (self.company_data["default_account_revenue"], 1.0),
                    )
                ],
            }
        )
        with freeze_time("2026-04-20 12:00:00"):
            move.action_post()
            self.env.flush_all()
        self.assertEqual(str(self._balance().entry_ids[0].date), "2026-01-15")
        self.assertEqual(self._get("2026-01-01", "2026-01-31")[2], 300.0)
        self.assertEqual(
            self._get("2026-04-11", "2026-04-30"),
            (249.5, [("2026-04-20", "Forgotten", 1.0, 250.5)], 250.5),
        )
        self.assertEqual(entry.balance_after, 249.5)

    def test_clock_that_went_back(self):
        """A line moves by the error of the clock; the statements still add up."""
        self.adjust("2026-05-01 00:00:05", 7, "Late")
        self.adjust("2026-04-30 23:59:58", 3, "Early")
        opening, lines, closing = self._get("2026-04-11", "2026-04-30")
        following = self._get("2026-05-01", "2026-05-31")
        self.assertEqual(closing, following[0])
        self.assertEqual(following[2], 259.5)
        amounts = [line[2] for line in lines + following[1]]
        self.assertEqual(amounts, [7.0, 3.0])
        self.assertEqual(opening + sum(amounts), following[2])

    def test_bad_periods(self):
        for period, message in (
            (("2026-03-01", "2026-02-28"), "before it begins"),
            (("yesterday", None), "not given as days"),
            ((None, "2026-02-30"), "not given as days"),
            ((7, None), "not given as days"),
            (("2026-01-01", "9999-12-31"), "There is no statement"),
            ((None, "0001-01-01"), "not given as days"),
        ):
            with self.subTest(period=period), self.assertRefused(message):
                self.balance.get_statement(*period)

    def test_rights(self):
        for groups in ("base.group_user", "base.group_portal"):
            user = self.make_user(f"ip_{groups[-6:]}", groups)
            with self.assertRefused("", AccessError):
                self.balance.with_user(user).get_statement()
            with self.assertRefused("", AccessError):
                self.balance.with_user(user).send_statement()

    def test_auditor_reads_but_does_not_send(self):
        auditor = self.make_user("ip_audit", "account.group_account_readonly")
        balance = self.balance.with_user(auditor)
        self.assertEqual(balance.get_statement()["closing_balance"], 249.5)
        with self.assertRefused("no right to record", AccessError):
            balance.send_statement()

    def test_another_company_s_balance(self):
        other = self.make_other_company(name="Other Company")["company"]
        self.accountant.write(
            {"company_ids": [Command.set(other.ids)], "company_id": other.id}
        )
        with self.assertRefused("", AccessError):
            self.balance.get_statement()

    # === QUERIES === #

    def test_history_before_the_period_costs_nothing(self):
        read = []
        for month, count in (("05", 1_000), ("06", 50_000)):
            self.add_history(f"2026-{month}-01 12:00:00", count)
            self.adjust(f"2026-{month}-10 12:00:00", 1)
            period = (f"2026-{month}-05", f"2026-{month}-30")

            def work(period=period):
                self.assertEqual(len(self.balance.get_statement(*period)["lines"]), 1)
                self.assertEqual(len(self.balance._get_history(limit=4)), 4)

            read.append(self.count_read(work))
        self.assertEqual(read[0], read[1])

    # === PRINTED === #

    def _render(self, balance=None, **data):
        html, _kind = self.env["ir.actions.report"]._render_qweb_html(
            REPORT, (balance or self.balance).ids, data=data
        )
        return " ".join(fromstring(html).text_content().split())

    def test_print(self):
        html = self._render(date_from="2026-02-01", date_to="2026-03-31")
        for text in (
            "Norbert Buyer",
            "02/01/2026",
            "03/31/2026",
            "$ 300.00",
            "Correction",
            "$ 100.50",
            "$ 199.50",
            "Thank you",
            "$ 219.50",
        ):
            self.assertIn(text, html)
        self.assertNotIn("Welcome", html)

    def test_customer_is_told_of_an_adjustment_when_asked_for(self):
        mails = self.env["mail.mail"].sudo().search([])
        self.customer.adjust_credit_balance(5, reason="Goodwill")
        self.assertEqual(self.env["mail.mail"].sudo().search([]), mails)
        values = {"notify": True, "idempotency_key": "told-once"}
        for _ in range(2):
            self.customer.adjust_credit_balance(5, reason="Goodwill", **values)
        told = self.env["mail.mail"].sudo().search([]) - mails
        self.assertEqual(len(told), 1)
        self.assertEqual(told.recipient_ids, self.partner)

    def test_internal_note_is_not_printed(self):
        html = self._render(date_from="2026-01-01", date_to="2026-12-31")
        self.assertIn("Correction", html)
        self.assertNotIn("They asked", html)
        for line in self.balance.get_statement("2026-01-01", "2026-12-31")["lines"]:
            self.assertNotIn("They asked", str(line))

    def test_reason_of_the_staff_is_not_printed(self):
        """The reason is not printed after an undo or a second posting either."""
        paid = self._balance().with_user(self.supervisor).pay_out(10, "A loud man")
        taken = paid.sudo().source_payment_id
        paid.action_draft()
        taken.action_draft()
        taken.action_post()
        entries = self._balance().entry_ids[:3]
        self.assertEqual(
            entries.mapped("label"), ["Paid out", "Undone: Paid out", "Paid out"]
        )
        self.assertEqual(entries[-1].note, "A loud man")
        paid.action_cancel()
        taken.move_id._reverse_moves()[0].action_post()
        self.assertEqual(self._balance().entry_ids[0].label, "Undone: Paid out")

    def test_labels_are_in_the_language_of_who_reads_them(self):
        """The staff books in English; the member and the statement read French."""
        self.env["res.lang"]._activate_lang("fr_FR")
        self.company.credit_applied_at_issue = False
        payment = self.make_invoice(20).apply_credit_balance(20)
        payment.undo_credit_application("Wrong")
        paid = self._balance().with_user(self.supervisor).pay_out(10, "A loud man")
        taken = paid.sudo().source_payment_id
        paid.action_draft()
        taken.action_draft()
        words = {
            "Applied to %s": "Imputé sur %s",
            "Application undone: %s": "Imputation annulée : %s",
            "Paid out": "Versé",
            "Undone: %s": "Annulé : %s",
        }
        key = ("invoice_payments_ext", "fr_FR")
        name = payment.invoice_ids.name
        entries = self._balance().entry_ids[:4].sorted("id")
        self.assertEqual(
            entries.mapped("label"),
            [
                f"Applied to {name}",
                f"Application undone: {name}",
                "Paid out",
                "Undone: Paid out",
            ],
        )
        self.assertEqual(entries.mapped("label_shown"), entries.mapped("label"))
        french = [
            f"Imputé sur {name}",
            f"Imputation annulée : {name}",
            "Versé",
            "Annulé : Versé",
        ]
        with patch.dict(code_translations.python_translations, {key: words}):
            read = entries.with_context(lang="fr_FR")
            self.assertEqual(read.mapped("label_shown"), french)
            balance = self._balance().with_context(lang="fr_FR")
            lines = balance._get_history(limit=4)
            self.assertEqual([line["label"] for line in lines][::-1], french)
        # What a person wrote is not translated, nor what was booked before.
        first = self._balance().entry_ids.sorted("id")[0]
        self.assertEqual(first.label_shown, "Goodwill")

    def test_print_without_lines(self):
        html = self._render(date_from="2025-01-01", date_to="2025-12-31")
        self.assertIn("There was no change in this period.", html)

    def test_print_in_the_customer_s_language(self):
        self.env["res.lang"]._activate_lang("fr_FR")
        self.partner.lang = "fr_FR"
        html = self._render(date_from="2026-02-01", date_to="2026-03-31")
        self.assertIn("300,00", html)
        self.assertIn("01/02/2026", html)

    def test_print_in_a_foreign_currency(self):
        euro = self.make_currency("EUR")
        self.adjust("2026-02-10 12:00:00", 50, currency_id=euro.id)
        html = self._render(
            self._balance(currency=euro), date_from="2026-02-01", date_to="2026-03-31"
        )
        self.assertIn("50.00 €", html)
        self.assertNotIn("100.50", html)

    def test_too_many_lines_to_print(self):
        self.add_history("2026-05-01 12:00:00", 2_000)
        with self.assertRefused("more than 2000 lines"):
            self._render(date_from="2026-01-01", date_to="2026-12-31")
        statement = self.balance.get_statement("2026-01-01", "2026-12-31")
        self.assertEqual(len(statement["lines"]), 2_005)

    def test_pdf(self):
        self.env.flush_all()
        pdf, kind = (
            self.env["ir.actions.report"]
            .with_user(self.accountant)
            .with_context(force_report_rendering=True)
            ._render_qweb_pdf(REPORT, self.balance.ids)
        )
        self.assertEqual((pdf[:5], kind), (b"%PDF-", "pdf"))

    def test_print_of_a_stranger_s_balance(self):
        user = self.make_user("ip_employee", "base.group_user")
        with self.assertRefused("", AccessError):
            self.env["ir.actions.report"].with_user(user)._render_qweb_html(
                REPORT, [], data={"balance_ids": self.balance.ids}
            )

    # === THE DIALOG === #

    def test_dialog(self):
        action = self.balance.action_open_statement()
        with freeze_time("2026-04-30 12:00:00"):
            dialog = Form(
                self.env[action["res_model"]]
                .with_user(self.accountant)
                .with_context(**action["context"])
            )
        self.assertEqual(str(dialog.date_from), "2025-05-01")
        self.assertEqual(str(dialog.date_to), "2026-04-30")
        dialog.date_from = "2026-02-01"
        dialog.date_to = "2026-03-31"
        self.assertEqual(dialog.opening_balance, 300.0)
        self.assertEqual(dialog.closing_balance, 219.5)
        printed = dialog.save().action_print()
        # The client sends the data and the context, but no ids.
        html, _kind = (
            self.env["ir.actions.report"]
            .with_user(self.accountant)
            ._render_qweb_html(printed["report_name"], None, data=printed["data"])
        )
        self.assertIn("219.50", html.decode())
        self.assertNotIn("Welcome", html.decode())

    def test_dialog_of_a_period_that_is_none(self):
        dialogs = self.env["account.credit.balance.statement"]
        dialog = dialogs.with_user(self.accountant).create(
            {
                "balance_id": self.balance.id,
                "date_from": "2026-03-01",
                "date_to": "2026-02-01",
            }
        )
        self.assertEqual((dialog.opening_balance, dialog.closing_balance), (0, 0))
        for call in (dialog.action_print, dialog.action_send):
            with self.subTest(call.__name__), self.assertRefused("begin|before|after"):
                call()

    # === BY E-MAIL === #

    def test_send(self):
        self.partner.email = "norbert@example.com"
        self.env["res.lang"]._activate_lang("fr_FR")
        self.partner.lang = "fr_FR"
        template = self.env.ref("invoice_payments_ext.mail_template_credit_statement")
        template.with_context(lang="fr_FR").subject = "Votre relevé"
        with freeze_time("2026-04-30 12:00:00"):
            mail = (
                self.balance.with_context(force_report_rendering=True)
                .send_statement("2026-02-01", "2026-03-31")
                .sudo()
            )
        self.assertEqual(mail.recipient_ids, self.partner)
        self.assertEqual(mail.subject, "Votre relevé")
        self.assertEqual(mail.state, "outgoing")
        self.assertIn("01/02/2026", mail.body_html)
        self.assertEqual(
            mail.attachment_ids.name, "Credit statement 2026-02-01 to 2026-03-31.pdf"
        )
        self.assertEqual(base64.b64decode(mail.attachment_ids.datas)[:5], b"%PDF-")
        logged = self.partner.message_ids[0]
        self.assertIn("from 02/01/2026 to 03/31/2026", logged.body)
        self.assertEqual(logged.author_id, self.accountant.partner_id)

    def test_sent_statement_is_of_the_period(self):
        self.partner.email = "norbert@example.com"
        self.balance.send_statement("2026-02-01", "2026-02-28")
        mail = self.env["mail.mail"].search([], limit=1, order="id desc")
        html = base64.b64decode(mail.attachment_ids.datas).decode()
        self.assertIn("Correction", html)
        self.assertNotIn("Thank you", html)

    def test_send_to_the_invoice_address(self):
        contact = self.env["res.partner"].create(
            {
                "name": "Bookkeeping",
                "type": "invoice",
                "parent_id": self.partner.id,
                "email": "books@example.com",
            }
        )
        mail = self.balance.send_statement().sudo()
        self.assertEqual(mail.recipient_ids, contact)

    def test_no_address(self):
        self.partner.email = False
        mails = self.env["mail.mail"].search_count([])
        with self.assertRefused("Norbert Buyer has no valid e-mail address"):
            self.balance.send_statement()
        self.assertEqual(self.env["mail.mail"].search_count([]), mails)

    def test_nothing_is_sent_unasked(self):
        mails = self.env["mail.mail"].search_count([])
        self.balance.get_statement()
        self._render()
        self.assertEqual(self.env["mail.mail"].search_count([]), mails)

    def test_dialog_sends(self):
        self.partner.email = "norbert@example.com"
        dialog = (
            self.env["account.credit.balance.statement"]
            .with_user(self.accountant)
            .create({"balance_id": self.balance.id})
        )
        notification = dialog.action_send()
        self.assertIn("Norbert Buyer", notification["params"]["message"])
        mail = self.env["mail.mail"].search([], limit=1, order="id desc")
        self.assertEqual(mail.recipient_ids, self.partner)
