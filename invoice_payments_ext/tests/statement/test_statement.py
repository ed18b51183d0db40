from unittest.mock import patch

from freezegun import freeze_time
from lxml import html
from psycopg2.errors import SerializationFailure

from odoo.exceptions import AccessError
from odoo.fields import Command
from odoo.tests import Form, tagged
from odoo.tools import mute_logger

from ..credit.common_credit import CreditCommon

REPORT = "invoice_payments_ext.report_customer_statement"
SENDINGS = "account.statement.sending"


@tagged("post_install", "-at_install")
class TestStatement(CreditCommon):
    """The statement of account adds up, is the customer's own, and is sent once."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.partner.email = "norbert@example.com"
        cls.company.credit_applied_at_issue = False
        cls.partner.credit_applied_at_issue = False
        cls.child = cls.env["res.partner"].create(
            {"name": "Branch office", "parent_id": cls.partner.id}
        )

    def setUp(self):
        super().setUp()
        self.customer = self.partner.with_user(self.accountant)

    # === HELPERS === #

    def recount(self, currency=None, partner=None):
        """Return the customer's receivable balance, counted apart from the addon."""
        self.env.flush_all()
        self.env.cr.execute(
            """
            SELECT COALESCE(SUM(line.debit - line.credit), 0),
                   COALESCE(SUM(line.amount_currency)
                            FILTER (WHERE line.currency_id = %s), 0)
              FROM account_move_line line
              JOIN account_move move ON move.id = line.move_id
              JOIN account_account account ON account.id = line.account_id
              JOIN res_partner partner ON partner.id = line.partner_id
             WHERE account.account_type = 'asset_receivable'
               AND move.state = 'posted' AND move.company_id = %s
               AND partner.commercial_partner_id = %s
            """,
            (
                (currency or self.company.currency_id).id,
                self.company.id,
                (partner or self.partner).id,
            ),
        )
        return [float(each) for each in self.env.cr.fetchone()]

    def get_blocks(self, partner=None, **values):
        """Return the blocks of a statement by currency, after checking their sums."""
        self.env.invalidate_all()
        statement = (partner or self.customer).get_customer_statement(
            **{"date_from": "2026-01-01", "date_to": "2099-12-31", **values}
        )
        blocks = {}
        for block in statement["blocks"]:
            currency = self.env["res.currency"].browse(block["currency_id"])
            moved = sum(line["amount"] for line in block["lines"])
            closing = block["closing_balance"]
            for amount in (
                block["opening_balance"] + moved,
                block["open_amount"],
                sum(amount for _label, amount in block["ages"]),
                block["opening_balance"] + block["amount_in"] - block["amount_out"],
            ):
                self.assertEqual(currency.compare_amounts(amount, closing), 0)
            blocks[currency.name] = block
        return blocks

    def render(self, partner=None, **data):
        page, _kind = self.env["ir.actions.report"]._render_qweb_html(
            REPORT, (partner or self.partner).ids, data=data
        )
        (body,) = html.fromstring(page).xpath("//main")
        return " ".join(body.text_content().replace("\xa0", " ").split())

    def run_schedule(self):
        self.env[SENDINGS].sudo()._cron_send_statements()
        self.env.invalidate_all()

    def get_mails(self):
        return self.env["mail.mail"].sudo().search([("model", "=", "res.partner")])

    # === CONTENT === #

    def test_the_closing_balance_is_that_of_the_ledger(self):
        halves = self.make_invoice_with_instalments(500.0)
        payment = self.charge(400)
        self.gateway.answers = ["done"]
        payment.with_user(self.supervisor).refund(50.0, reason="Too much")
        self.invoice.with_user(self.supervisor).issue_credit_note(
            amount=20, reason="Less"
        )
        self.invoice.apply_credit_balance(100)
        self.company.write_off_account_id = self.company_data["default_account_expense"]
        self.invoice.with_user(self.supervisor).write_off(10.0, "Small")
        childs = self.make_invoice(70.0, partner_id=self.child.id)
        draft = self.make_invoice(5.0, post=False)
        block = self.get_blocks()["USD"]
        self.assertEqual(
            [block["closing_balance"]] * 2, self.recount(), "the ledger says otherwise"
        )
        titles = {line["title"] for line in block["lines"]}
        self.assertEqual(
            titles,
            {
                "Invoice",
                "Payment",
                "Refund",
                "Credit note",
                "Credit applied",
                "Amount waived",
            },
        )
        numbers = [line["number"] for line in block["lines"]]
        self.assertIn(childs.name, numbers)
        self.assertNotIn(draft.name, numbers)
        instalments = [
            (item["instalment"], item["amount"], str(item["due"]))
            for item in block["items"]
            if item["move_id"] == halves.id
        ]
        self.assertEqual(
            instalments,
            [
                ("Instalment 1 of 2", 250.0, "2026-01-15"),
                ("Instalment 2 of 2", 250.0, "2026-02-14"),
            ],
        )
        self.assertEqual(
            self.get_blocks(self.child.with_user(self.accountant))["USD"], block
        )

    def test_a_period(self):
        self.invoice.sudo().invoice_date_due = "2026-01-15"
        self.invoice.record_external_payment(amount=300.0, date="2026-02-10")
        self.invoice.record_external_payment(amount=100.0, date="2026-03-10")
        block = self.get_blocks(date_from="2026-02-01", date_to="2026-02-28")["USD"]
        self.assertEqual(
            [
                block["opening_balance"],
                block["amount_in"],
                block["amount_out"],
                block["closing_balance"],
            ],
            [1000.0, 0.0, 300.0, 700.0],
        )
        (item,) = block["items"]
        self.assertEqual((item["amount"], item["days"]), (700.0, 44))
        self.assertEqual(dict(block["ages"])["31 to 60 days"], 700.0)
        self.assertEqual(block["overdue_amount"], 700.0)
        before = self.get_blocks(date_from="2025-01-01", date_to="2025-12-31")
        self.assertFalse(before)
        with self.assertRefused("before it begins"):
            self.get_blocks(date_from="2026-02-01", date_to="2026-01-01")

    def test_currencies_and_somebody_else_who_pays(self):
        euro = self.make_currency("EUR")
        foreign = self.make_invoice(200.0, currency_id=euro.id)
        foreign.record_external_payment(amount=50.0, date="2026-01-20")
        payer = self.env["res.partner"].create({"name": "Uncle"})
        bank = self.company_data["default_journal_bank"]
        payment = self.env["account.payment"].create(
            {
                "amount": 40.0,
                "partner_id": payer.id,
                "partner_type": "customer",
                "payment_type": "inbound",
                "journal_id": bank.id,
                "date": "2026-01-25",
            }
        )
        payment.action_post()
        (payment.move_id.line_ids | foreign.sudo().line_ids).filtered(
            lambda line: (
                line.account_id.account_type == "asset_receivable"
                and not line.reconciled
            )
        ).reconcile()
        blocks = self.get_blocks()
        uncle = self.get_blocks(payer.with_user(self.accountant))
        self.assertEqual(uncle["USD"]["closing_balance"], 0.0)
        self.assertEqual(blocks["EUR"]["closing_balance"], foreign.amount_residual)
        self.assertLess(blocks["EUR"]["closing_balance"], 150.0)
        own, theirs = self.recount()[0], self.recount(partner=payer)[0]
        self.assertEqual(theirs, -40.0)
        in_company = blocks["USD"]["closing_balance"] + euro._convert(
            blocks["EUR"]["closing_balance"],
            self.company.currency_id,
            date="2026-01-20",
        )
        self.assertAlmostEqual(in_company, own + theirs, 2)
        self.assertEqual(list(blocks), ["USD", "EUR"])
        later = self.get_blocks(date_from="2026-02-01")["EUR"]
        self.assertEqual(later["opening_balance"], foreign.amount_residual)
        self.assertFalse(later["lines"])
        page = self.render(date_from="2026-01-01", date_to="2099-12-31")
        for text in ("Amounts in EUR", "Amounts in USD", "Settled in another currency"):
            self.assertIn(text, page)

    def test_disputed(self):
        payment = self.charge(400)
        self._keep()
        payment.report_taken_back("dispute")
        self._keep()
        block = self.get_blocks()["USD"]
        self.assertTrue(all(item["is_disputed"] for item in block["items"]))
        self.assertEqual(
            [line["number"] for line in block["lines"] if line["is_disputed"]],
            [payment.name],
        )
        self.assertIn("Disputed", self.render())

    def test_other_entries(self):
        """What an accountant typed is told, and what is zero in a currency is not."""
        receivable = self.partner.property_account_receivable_id
        entry = self.book_by_hand(
            (receivable, 25.0),
            (self.company_data["default_account_revenue"], -25.0),
            journal_id=self.company_data["default_journal_misc"].id,
            date="2026-02-01",
        )
        entry.action_post()
        typed = entry.copy(
            {
                "journal_id": self.company.currency_exchange_journal_id.id,
                "date": "2026-02-01",
            }
        )
        typed.action_post()
        euro = self.make_currency("EUR", 2.0)
        foreign = self.make_invoice(currency_id=euro.id)
        self.set_rate(euro, "2026-02-01", 4.0)
        foreign.record_external_payment(date="2026-02-02")
        exchange = foreign.sudo().line_ids.matched_credit_ids.exchange_move_id
        self.assertTrue(exchange, "The rate has changed.")
        blocks = self.get_blocks()
        titles = [line["title"] for line in blocks["USD"]["lines"]]
        self.assertEqual(
            sorted(titles), ["Adjustment", "Exchange difference", "Invoice"]
        )
        moves = [line["move_id"] for line in blocks["EUR"]["lines"]]
        self.assertNotIn(exchange.id, moves)
        self.assertEqual(blocks["EUR"]["closing_balance"], 0)
        # What is left is less than the smallest coin.
        self.assertIn(entry.id, [item["move_id"] for item in blocks["USD"]["items"]])
        line = entry.line_ids.filtered(lambda line: line.account_id == receivable)
        self.env.cr.execute(
            "UPDATE account_move_line SET amount_currency = 0.004 WHERE id = %s",
            [line.id],
        )
        self.env.invalidate_all()
        statement = self.customer.get_customer_statement("2026-01-01", "2099-12-31")
        [items] = [
            block["items"]
            for block in statement["blocks"]
            if block["currency_id"] == self.company.currency_id.id
        ]
        self.assertNotIn(entry.id, [item["move_id"] for item in items])
        line.invalidate_recordset()
        self.env.cr.execute(
            "UPDATE account_move_line SET amount_currency = 25 WHERE id = %s",
            [line.id],
        )

    def test_more_than_can_be_printed(self):
        for amount in (10.0, 20.0):
            self.make_invoice(amount)
        period = self.company, "2026-01-01", "2026-12-31"
        statements = self.partner._get_customer_statements(*period, max_lines=3)
        [block] = statements[self.partner.id]["blocks"]
        self.assertEqual(len(block["lines"]), 3)
        with self.assertRefused("more than 2 movements in this period: choose a"):
            self.partner._get_customer_statements(*period, max_lines=2)

    # === PRINTED === #

    def test_print_with_and_without_the_optional_parts(self):
        page = self.render()
        for text in (
            "Norbert Buyer",
            self.invoice.name,
            "Opening balance",
            "Closing balance",
            "Pay online",
            "We hold a credit of $ 300.00",
            "Days overdue",
        ):
            self.assertIn(text, page)
        for text in ("Disputed", "Instalment", "Amounts in", "()"):
            self.assertNotIn(text, page)
        self.env["res.lang"]._activate_lang("fr_FR")
        self.partner.lang = "fr_FR"
        self.assertIn("1 000,00", self.render().replace("\u202f", " "))
        other = self.env["res.partner"].create({"name": "Nobody yet"})
        page = self.render(other)
        self.assertIn("nothing is open", page)
        for text in ("Pay online", "Balance", "We hold"):
            self.assertNotIn(text, page)
        self.env.flush_all()
        pdf, _kind = (
            self.env["ir.actions.report"]
            .with_user(self.accountant)
            .with_context(force_report_rendering=True)
            ._render_qweb_pdf(REPORT, self.partner.ids)
        )
        self.assertEqual(pdf[:5], b"%PDF-")

    def test_csv(self):
        self.invoice.sudo().ref = "=1+1"
        self.make_invoice_with_instalments(500.0)
        self.env.flush_all()
        statement = self.customer.get_customer_statement("2026-01-01", "2026-12-31")
        rows = self.customer._export_statement(statement).decode("utf-8-sig")
        self.assertIn(f"Invoice,{self.invoice.name},'=1+1,,1000.00,1000.00,", rows)
        self.assertIn("Movement,USD,2026-12-31,Closing balance,,,,,1500.00,", rows)
        self.assertIn("Open item,USD,2026-01-15,Invoice Instalment 2 of 2,", rows)

    # === RIGHTS === #

    def test_rights(self):
        auditor = self.make_user("ip_auditor", "account.group_account_readonly")
        block = self.get_blocks(self.partner.with_user(auditor))["USD"]
        self.assertEqual(block["closing_balance"], 1000.0)
        with self.assertRefused("no right to record", AccessError):
            self.partner.with_user(auditor).send_customer_statement()
        employee = self.make_user("ip_employee", "base.group_user")
        member = self.make_user("ip_member", "base.group_portal")
        member.partner_id.parent_id = self.partner.id
        for user in (employee, member):
            with self.assertRefused("people in accounting", AccessError):
                self.partner.with_user(user).get_customer_statement()
        with self.assertRefused("", AccessError):
            self.env["ir.actions.report"].with_user(employee)._render_qweb_html(
                REPORT, self.partner.ids
            )
        other = self.make_other_company(name="Other Company")["company"]
        for call in (
            lambda: self.customer.get_customer_statement(company_id=other.id),
            lambda: self.customer.send_customer_statement(company_id=other.id),
            lambda: (
                self.env["ir.actions.report"]
                .with_user(self.accountant)
                ._render_qweb_html(
                    REPORT, self.partner.ids, data={"company_id": other.id}
                )
            ),
        ):
            with self.assertRefused("Other Company", AccessError):
                call()

    # === SENT === #

    def test_send_from_the_dialog(self):
        nobody = self.env["res.partner"].create({"name": "Without Address"})
        chosen = (nobody | self.child.with_env(self.env)).with_user(self.accountant)
        action = chosen.action_send_statement()
        dialog = Form(
            self.env[action["res_model"]]
            .with_user(self.accountant)
            .with_context(**action["context"])
        )
        self.assertEqual(dialog.left_out, "Without Address")
        self.assertFalse(dialog.balance)
        dialog.date_from, dialog.date_to = "2026-01-01", "2026-01-31"
        record = dialog.save()
        told = [record.action_send()["params"] for _ in range(2)]
        self.assertEqual(told[0], told[1])
        self.assertIn("on their way: 1 (Norbert Buyer)", told[0]["message"])
        self.assertIn(
            "Left out, without a valid e-mail address: Without Address",
            (told[0]["message"]),
        )
        self.assertEqual(told[0]["type"], "warning")
        self.assertIn("was not sent", nobody.message_ids[0].body)
        for _ in range(2):
            self.run_schedule()
        (mail,) = self.get_mails()
        self.assertEqual(mail.recipient_ids, self.partner)
        self.assertEqual(
            mail.attachment_ids.name,
            "Statement of account Norbert Buyer 2026-01-01 - 2026-01-31.html",
        )
        self.assertIn("$ 1,000.00", mail.body_html.replace("\xa0", " "))
        self.assertIn("/my/statement/pay?token=", mail.body_html)
        self.assertIn("is mailed to Norbert Buyer", self.partner.message_ids[0].body)
        with self.assertRefused("Without Address: there is no valid"):
            nobody.with_user(self.accountant).send_customer_statement()
        single = self.env[action["res_model"]].with_user(self.accountant)
        single = single.create({"partner_ids": [Command.set(self.partner.ids)]})
        self.assertIn("1,000.00", single.balance)
        printed = single.action_print()
        self.assertEqual(printed["data"]["partner_ids"], self.partner.ids)

    def test_dialog_of_many(self):
        """It names ten of them, and says how many more there are."""
        customers = self.env["res.partner"].create(
            [
                {"name": f"Customer {number:02}", "email": f"{number}@example.com"}
                for number in range(12)
            ]
        )
        action = customers.with_user(self.accountant).action_print_statement()
        dialogs = self.env[action["res_model"]].with_user(self.accountant)
        dialog = dialogs.with_context(**action["context"]).create({})
        self.assertEqual(action["name"], "Print statement")
        self.assertFalse(dialog.is_sending)
        self.assertFalse(dialog.left_out)
        told = dialog.action_send()["params"]
        self.assertEqual(told["type"], "success")
        self.assertIn("on their way: 12 (Customer 00, ", told["message"])
        self.assertRegex(told["message"], r"Customer 09 and 2 more\)\.$")

    def test_dialog_of_a_period_that_is_none(self):
        dialogs = self.env["account.customer.statement"].with_user(self.accountant)
        dialog = dialogs.create({"partner_ids": [Command.set(self.partner.ids)]})
        self.assertTrue(dialog.balance)
        dialog.write({"date_from": "2026-03-01", "date_to": "2026-02-01"})
        self.assertEqual(dialog.balance, "")
        for call in (dialog.action_print, dialog.action_send):
            with self.subTest(call.__name__), self.assertRefused("begin|before|after"):
                call()

    def test_schedule_ends_when_its_time_is_over(self):
        """The next one goes on with those that are due."""
        contacts = self.partner | self.env["res.partner"].create(
            {"name": "Second", "email": "second@example.com"}
        )
        contacts.with_user(self.accountant).send_customer_statement()
        sendings = self.env[SENDINGS].sudo().search([])
        crons = type(self.env["ir.cron"])
        with patch.object(crons, "_commit_progress", lambda *_args, **_values: 0):
            self.run_schedule()
        self.assertEqual(sorted(sendings.mapped("state")), ["due", "sent"])
        self.run_schedule()
        self.assertEqual(sendings.mapped("state"), ["sent", "sent"])
        self.assertEqual(len(self.get_mails()), 2)

    def test_statement_that_is_not_sent_now(self):
        self.customer.send_customer_statement()
        sending = self.env[SENDINGS].sudo().search([])
        conflict = SerializationFailure("could not serialize access")
        # Odoo replays the schedule: that is no fault of the statement.
        with (
            patch.object(type(sending), "_queue_mail", side_effect=conflict),
            self.assertRaises(SerializationFailure),
        ):
            sending._send()
        self.assertEqual(sending.state, "due")
        self.partner.email = False  # Meanwhile.
        self.run_schedule()
        self.assertEqual(sending.state, "no_address")
        self.assertIn("there is no e-mail address", self.partner.message_ids[0].body)
        self.partner.email = "norbert@example.com"
        sending._send()
        self.assertEqual(sending.state, "no_address", "It was not due any more.")
        self.assertFalse(self.get_mails())

    def test_monthly(self):
        """Each customer who wants it gets one a month, whenever the job is stopped."""
        partners = self.partner.browse()
        for name, values in (
            ("Wanting", {"monthly_statement": "yes"}),
            ("Wanting too", {"monthly_statement": "yes"}),
            ("Silent", {"monthly_statement": "yes", "email": False}),
            ("Refusing", {"monthly_statement": "no"}),
        ):
            values = {"email": f"{name[:4]}@example.com", "name": name, **values}
            partner = self.env["res.partner"].with_company(self.company).create(values)
            self.make_invoice(30.0, partner_id=partner.id)
            partners |= partner
        quiet = {"name": "Quiet", "email": "q@example.com", "monthly_statement": "yes"}
        self.env["res.partner"].with_company(self.company).create(quiet)
        self._keep()

        def get_sendings():
            return self.env[SENDINGS].search([("is_monthly", "=", True)])

        with freeze_time("2026-02-20 12:00:00"):
            self.run_schedule()
            self.assertFalse(get_sendings(), "sent after the first days of the month")
        with freeze_time("2026-02-01 12:00:00"):
            original = type(self.env[SENDINGS])._queue_mail
            done = []

            def stop(sending):
                original(sending)
                if done:
                    raise KeyboardInterrupt  # The process is killed, before its commit.
                done.append(sending.id)

            with patch.object(type(self.env[SENDINGS]), "_queue_mail", stop):
                try:
                    self.run_schedule()
                except KeyboardInterrupt:
                    self.env.cr.rollback()
                else:
                    self.fail("It was not stopped.")
            self.env.invalidate_all()
            self.assertEqual(len(self.get_mails()), 1)
            for _ in range(2):
                self.run_schedule()
        self.assertEqual(
            self.get_mails().recipient_ids.sorted("name").mapped("name"),
            ["Wanting", "Wanting too"],
        )
        self.assertEqual(len(self.get_mails()), 2)
        self.assertEqual(
            {each.partner_id.name: each.state for each in get_sendings()},
            {"Wanting": "sent", "Wanting too": "sent", "Silent": "no_address"},
        )
        self.assertEqual(
            {str(each.date_from) for each in get_sendings()}, {"2026-01-01"}
        )
        self.assertEqual({str(each.date_to) for each in get_sendings()}, {"2026-01-31"})
        self.assertIn("no e-mail address", partners[2].message_ids[0].body)
        self.company.monthly_statements = True
        with (
            freeze_time("2026-03-01 12:00:00"),
            patch.object(
                type(self.partner), "_get_customer_statements", side_effect=ValueError
            ),
            mute_logger(
                "odoo.addons.invoice_payments_ext.models.statement"
                ".account_statement_sending"
            ),
        ):
            self.run_schedule()
        march = get_sendings().filtered(lambda each: str(each.date_to) == "2026-02-28")
        self.assertIn(self.partner, march.partner_id)
        self.assertNotIn(partners[3], march.partner_id)
        failed = march.filtered(lambda each: each.partner_id == self.partner)
        self.assertEqual(failed.state, "failed")
        self.assertEqual(len(self.get_mails()), 2)
        self.assertIn("could not be made", self.partner.message_ids[0].body)
