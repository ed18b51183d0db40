from ast import literal_eval
from types import SimpleNamespace
from unittest.mock import patch

from lxml.etree import fromstring
from psycopg2.extras import Json

from odoo import fields
from odoo.exceptions import AccessError, UserError
from odoo.fields import Command
from odoo.modules.migration import load_script
from odoo.service.model import call_kw
from odoo.tests import tagged
from odoo.tools import SQL, file_path
from odoo.tools.translate import code_translations

from ...models.credit.entry_labels import Label
from ...models.movements import payment_channel_mixin
from ...models.runs.overload import Overload
from ..credit.common_credit import CreditCommon

MODEL = "account.payment.movement"


@tagged("post_install", "-at_install")
class TestMovements(CreditCommon):
    """Each movement once, with what was asked for apart from what moved."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.company.write_off_account_id = cls.env["account.account"].create(
            {"name": "Bad debt", "code": "BADDEBT", "account_type": "expense"}
        )
        cls.company.credit_applied_at_issue = False
        cls.other_company = cls.setup_other_company(name="Other Company")["company"]

    # === HELPERS === #

    def movements(self, *domain, user=None):
        """Return the movements of the customer, oldest first."""
        self.env.flush_all()
        self.env.invalidate_all()
        model = self.env[MODEL].with_user(user or self.accountant)
        return model.search(
            [("partner_id", "=", self.partner.id), *domain], order="moved_on, id"
        )

    def store(self, records, **values):
        """Store values that no door writes, as another version of this addon might."""
        self.env.flush_all()
        table = SQL.identifier(records._table)
        self.env.cr.execute(SQL("ALTER TABLE %s DISABLE TRIGGER USER", table))
        for name, value in values.items():
            column = SQL.identifier(name)
            self.env.cr.execute(
                SQL(
                    "UPDATE %s SET %s = %s WHERE id IN %s",
                    table,
                    column,
                    value,
                    records._ids,
                )
            )
        self.env.cr.execute(SQL("ALTER TABLE %s ENABLE TRIGGER USER", table))
        self.env.invalidate_all()

    def facts(self, rows, *names):
        return [tuple(row[name] for name in names) for row in rows]

    def match_with_bank(self, invoice, amount):
        """Match a line of the bank's statement with an invoice; return the line."""
        line = (
            self.env["account.bank.statement.line"]
            .sudo()
            .create(
                {
                    "journal_id": self.company_data["default_journal_bank"].id,
                    "payment_ref": "Transfer",
                    "partner_id": self.partner.id,
                    "amount": amount,
                    "date": "2026-02-01",
                }
            )
        )
        terms = invoice.sudo().line_ids.filtered(
            lambda item: item.display_type == "payment_term"
        )
        suspense = line._seek_for_lines()[1]
        suspense.account_id = terms.account_id[:1]
        (suspense | terms).reconcile()
        return suspense

    # === ATTEMPTS === #

    def test_an_attempt_is_one_row_whatever_becomes_of_it(self):
        self.movements()  # The credit of the class.
        declined = self.start_attempt("error", amount=400)
        paid = self.start_attempt("done", amount=400)
        unknown = self.start_attempt(TimeoutError("late"), amount=100)
        rows = self.movements(("kind", "=", "attempt"))
        self.assertEqual(rows.transaction_id, declined | paid | unknown)
        self.assertEqual(
            self.facts(
                rows,
                "outcome",
                "attempt_number",
                "is_recovered",
                "amount_attempted",
                "amount_moved",
                "company_amount_attempted",
                "company_amount_moved",
                "channel",
            ),
            [
                ("declined", 1, True, 400, 0, 400, 0, "staff"),
                ("succeeded", 2, False, 400, 400, 400, 400, "staff"),
                ("unknown", 3, False, 100, 0, 100, 0, "staff"),
            ],
        )
        self.assertEqual(rows.invoice_id, self.invoice)
        self.assertEqual(rows[0].reason, "Card declined")
        self.assertEqual(rows[1].payment_id, paid.sudo().payment_id)
        self.assertEqual(
            rows[1].days_after_due,
            (fields.Date.today() - self.invoice.invoice_date_due).days,
        )
        self.assertFalse(self.movements(("payment_id", "=", rows[1].payment_id.id))[1:])
        self.assertTrue(rows[1].is_in_transit)
        self.assertEqual(self.movements(("is_in_transit", "=", True)), rows[1])
        self.assertEqual(
            self.facts(rows, "can_retry", "can_resolve", "can_refund", "has_receipt"),
            # The attempt without an answer holds the invoice.
            [
                (False, False, False, False),
                (False, False, False, True),
                (False, True, False, False),
            ],
        )
        seen = rows.with_user(self.supervisor)
        seen.invalidate_recordset()
        self.assertEqual(seen.mapped("can_refund"), [False, True, False])
        self.gateway.notify(unknown, "error")
        self._keep()
        again = self.movements(("kind", "=", "attempt"))
        self.assertEqual(again.mapped("can_retry"), [True, False, True])
        action = again[0].action_retry()
        self.assertEqual(
            action["context"]["default_retried_transaction_id"], declined.id
        )
        self.assertEqual(action["res_model"], "account.payment.create")
        run = again.filtered("can_retry").action_retry_many()
        run = self.env["account.charge.run"].browse(run["res_id"])
        self.assertEqual((run.kind, run.line_ids.move_id), ("retry", self.invoice))
        self.refund(paid.sudo().payment_id.with_user(self.supervisor))
        after = self.movements(("outcome", "=", "succeeded"), user=self.supervisor)
        self.assertFalse(any(after.mapped("can_refund")), "All of it went back.")

    def test_pending_for_long_and_captures(self):
        authorized = self.start_attempt("authorized", amount=500)
        self.gateway.answers = ["done"]
        authorized.capture(200)
        rows = self.movements(("kind", "=", "attempt"))
        self.assertEqual(
            self.facts(rows, "outcome", "amount_attempted", "amount_moved"),
            [("authorized", 300, 0), ("succeeded", 200, 200)],
        )
        self.gateway.answers = ["cancel"]
        authorized.void()
        rows = self.movements(("kind", "=", "attempt"))
        self.assertEqual(sum(rows.mapped("amount_moved")), 200)
        self.assertEqual(sum(rows.mapped("amount_attempted")), 200)
        pending = self.start_attempt("pending", amount=100).sudo()
        self.assertFalse(self.movements(("is_pending_too_long", "=", True)))
        pending.last_state_change = "2020-01-01"
        late = self.movements(("is_pending_too_long", "=", True))
        self.assertEqual(late.transaction_id.ids, pending.ids)
        self.late_confirmation = True

    def test_a_transfer_that_came_is_one_row(self):
        announced = self.announce()
        self.assertEqual(
            self.movements(("transaction_id", "=", announced.id)).outcome, "announced"
        )
        announced.with_user(self.accountant).record_received()
        rows = self.movements(("kind", "in", ("attempt", "external")))
        self.assertEqual(self.facts(rows, "kind", "amount_moved"), [("external", 1000)])

    # === MONEY === #

    def test_money_in_and_out(self):
        external = self.invoice.record_external_payment(300, external_kind="cheque")
        self.match_with_bank(self.invoice, 200)
        card = self.charge(500)
        self.refund(card, 50)
        self.refund(external, 20, to="outside")
        self.refund(card, 10, answer="error")
        card.report_taken_back("returned_debit", amount=100)
        rows = self.movements(("kind", "!=", "credit"))
        self.assertEqual(
            sorted(self.facts(rows, "kind", "outcome", "amount_moved")),
            [
                ("attempt", "succeeded", 500),
                ("bank", "succeeded", 200),
                ("external", "succeeded", 300),
                ("refund", "declined", 0),
                ("refund", "succeeded", -50),
                ("refund", "succeeded", -20),
                ("taken_back", "lost", -100),
            ],
        )
        self.assertEqual(rows.invoice_id, self.invoice)
        by_cheque = self.movements(("external_kind", "=", "cheque"))
        self.assertEqual(by_cheque.payment_id, external)
        # In the words of the section; a method that Odoo made has no name of its own.
        journal = external.journal_id.name
        self.assertEqual(by_cheque.method, f"Cheque · {journal}")
        [method] = [
            row["method"]
            for row in self.invoice.get_payment_rows()
            if row["external_kind"] == "cheque"
        ]
        self.assertEqual(method, by_cheque.method)
        external.sudo().payment_method_line_id.name = "By post"
        by_cheque = self.movements(("external_kind", "=", "cheque"))
        self.assertEqual(by_cheque.method, f"Cheque · {journal} · By post")
        self.assertEqual(
            sum(rows.mapped("amount_moved")), sum(rows.mapped("company_amount_moved"))
        )
        self.assertEqual(sum(rows.mapped("amount_attempted")), 500 - 50 - 10)
        bank = rows.filtered(lambda row: row.kind == "bank")
        self.assertEqual((bank.channel, bank.date.isoformat()), ("bank", "2026-02-01"))

    def test_credit_is_no_money_received(self):
        self.invoice.apply_credit_balance(100)
        excess = self.make_invoice(50).with_user(self.supervisor)
        excess.record_external_payment(80, excess="credit")
        self.balance().pay_out(40, "Wanted")
        rows = self.movements()
        credit = rows.filtered(lambda row: row.kind == "credit")
        self.assertEqual(
            self.facts(credit, "credit_type", "amount_credit", "amount_moved"),
            [
                ("adjustment", 300, 0),
                ("applied", -100, 0),
                ("overpayment", 30, 0),
                ("paid_out", -40, 0),
            ],
        )
        self.assertEqual(
            self.facts(rows - credit, "kind", "amount_moved", "amount_credit"),
            [("external", 80, 0), ("paid_out", -40, 0)],
        )
        self.assertEqual(sum(rows.mapped("amount_credit")), self.held())
        [(moved, in_credit)] = self.env[MODEL]._read_group(
            [("partner_id", "=", self.partner.id)],
            aggregates=["company_amount_moved:sum", "company_amount_credit:sum"],
        )
        self.assertEqual((moved, in_credit), (40, 190))

    def test_write_offs_and_requests(self):
        entry = self.invoice.write_off(100, "Small")
        [row] = self.movements(("kind", "=", "write_off"))
        self.assertEqual(
            (row.outcome, row.amount_written_off, row.amount_moved, row.invoice_id),
            ("written_off", 100, 0, self.invoice),
        )
        entry.undo_write_off()
        [row] = self.movements(("kind", "=", "write_off"))
        self.assertEqual((row.outcome, row.amount_written_off), ("undone", 0))
        self.company.payment_approval_limit = 100
        self.make_user(
            "ip_second",
            "base.group_user,account.group_account_invoice,"
            "invoice_payments_ext.group_payment_refund",
        )
        payment = self.record(600)
        self.refund(payment, 500, to="outside")
        waiting = self.movements(("outcome", "=", "waiting"))
        # In the words of the section.
        outcomes = waiting._fields["outcome"]._description_selection(self.env)
        labels = self.invoice._get_state_labels()
        self.assertEqual(dict(outcomes)["waiting"], labels["waiting"])
        self.assertEqual(
            self.facts(waiting, "kind", "amount_waiting", "amount_moved"),
            [("refund", 500, 0)],
        )
        self.assertEqual(waiting.company_amount_waiting, 500)
        self.assertEqual(waiting.action_open()["res_model"], "account.payment.approval")
        self.assertTrue(self.invoice.has_waiting_approval)
        found = self.env["account.move"].search([("has_waiting_approval", "=", True)])
        self.assertEqual(found, self.invoice)
        waiting.approval_id.with_user(self.supervisor).withdraw()
        self.assertFalse(self.movements(("outcome", "=", "waiting")))

    def test_the_currency_of_the_company(self):
        """As booked where it is booked, at the rate of the day where it is not."""
        euro = self.make_currency("EUR", 4.0)
        self.set_rate(euro, fields.Date.today(), 2.0)
        invoice = self.make_invoice(1000, currency_id=euro.id)
        self.invoice = invoice.with_user(self.supervisor)
        self._keep()
        self.start_attempt("error", amount=100)
        paid = self.start_attempt("done", amount=300).sudo().payment_id
        self.record(100)
        rows = self.movements(("invoice_id", "=", invoice.id)).sorted("id")
        rows = rows.sorted("source")
        self.assertEqual(
            self.facts(
                rows,
                "currency_id",
                "amount_attempted",
                "company_amount_attempted",
                "company_amount_moved",
            ),
            [
                (euro, 100, 50, 0),
                (euro, 300, 150, paid.amount_company_currency_signed),
                (euro, 0, 0, 50),
            ],
        )
        # An attempt on a day before all rates takes the first one, as Odoo does.
        rows[0].transaction_id.sudo().create_date = "2019-05-05"
        self.env.cr.execute(
            "UPDATE payment_transaction SET create_date = '2019-05-05' WHERE id = %s",
            [rows[0].transaction_id.id],
        )
        [row] = self.movements(("transaction_id", "=", rows[0].transaction_id.id))
        self.assertEqual(
            row.company_amount_attempted,
            euro._convert(
                100, self.company.currency_id, self.company, row.date, round=True
            ),
        )

    # === WHO AND HOW === #

    def test_channels_and_tries(self):
        portal = self.make_portal_transaction("error", "No", amount=10)
        self.assertEqual(portal.attempt_number, 1)
        opened = self.make_portal_transaction(amount=10, reference="PORTAL-2")
        self.assertEqual((opened.outcome, opened.attempt_number), ("draft", 0))
        staff = self.start_attempt("error", amount=10)
        self.assertEqual((staff.attempt_number, staff.payment_channel), (2, "staff"))
        self.gateway.apply(opened, {"state": "error", "reason": "No"})
        self.assertEqual(opened.attempt_number, 3, "By the time it became real.")
        self.assertEqual(staff.attempt_number, 2)
        member = self.make_user("ip_member", "base.group_portal")
        cron = self.env["payment.transaction"].with_user(1)
        channels = {
            "portal": cron.with_user(member).sudo(),
            "automatic": cron,
            "staff": cron.with_user(self.accountant).with_context(collecting=True),
        }
        channels["run"] = channels["staff"].with_context(charge_run_overload=Overload())
        for channel, records in channels.items():
            with self.subTest(channel):
                self.assertEqual(records._get_present_channel(), channel)
        call = SimpleNamespace(path="/json/2/account.move/charge")
        program = SimpleNamespace(httprequest=call)
        with patch.object(payment_channel_mixin, "request", program):
            self.assertEqual(channels["staff"]._get_present_channel(), "api")

    def test_credit_is_told_in_the_language_of_the_reader(self):
        self.env["res.lang"]._activate_lang("fr_FR")
        self.balance().with_user(self.supervisor).pay_out(40, "Wanted")
        payment = self.invoice.apply_credit_balance(100)
        payment.undo_credit_application("A loud man")
        name = self.invoice.name
        entries = self.balance().entry_ids.sorted("id")
        applied = entries.filtered(lambda entry: entry.entry_type == "applied")
        undone = Label("undone", applied.label_words)
        self.store(entries, note=None)  # What a person wrote stays as it is.
        self.store(
            entries[3],
            label=f"Undone: Undone: Applied to {name}",
            label_words=Json(["undone", undone]),
        )
        rows = self.movements(("kind", "=", "credit"))
        self.assertEqual(
            rows.mapped("reason"),
            [
                "Goodwill",
                "Paid out",
                f"Applied to {name}",
                f"Undone: Undone: Applied to {name}",
            ],
        )
        words = {
            "Applied to %s": "Imputé sur %s",
            "Paid out": "Versé",
            "Undone: %s": "Annulé : %s",
        }
        key = ("invoice_payments_ext", "fr_FR")
        with patch.dict(code_translations.python_translations, {key: words}):
            self.env.invalidate_all()
            french = rows.with_context(lang="fr_FR")
            self.assertEqual(
                french.mapped("reason"),
                [
                    "Goodwill",
                    "Versé",
                    f"Imputé sur {name}",
                    f"Annulé : Annulé : Imputé sur {name}",
                ],
            )
            found = french.search([("reason", "=", f"Imputé sur {name}")])
            self.assertEqual(found, rows[2])
            # Too many inside, or of a later version: as it was stored.
            deep = ["undone", ["undone", ["undone", applied.label_words]]]
            for stored in (deep, ["later", name], None):
                with self.subTest(stored):
                    self.store(applied, label_words=Json(stored))
                    self.assertEqual(french[2].reason, f"Applied to {name}")

    def test_credit_that_is_spent_is_no_try(self):
        """The board, the list of payments and that of invoices count the same tries."""
        provider = self.env["payment.provider"].sudo()
        provider = provider.search(
            [("code", "=", "credit_balance"), ("company_id", "=", self.company.id)]
        )
        method = "invoice_payments_ext.payment_method_credit_balance"
        spent = self.make_portal_transaction(
            provider_id=provider.id, payment_method_id=self.env.ref(method).id
        ).sudo()
        spent._set_error("Somebody else spent it.")
        self.env.flush_all()
        self.env.invalidate_all()
        self.assertEqual((spent.outcome, spent.attempt_number), ("declined", 0))
        self.assertFalse(self.invoice.last_attempt_outcome)
        charge = self.start_attempt("done", amount=10).sudo()
        self.env.flush_all()
        self.env.invalidate_all()
        self.assertEqual(charge.attempt_number, 1)
        self.assertTrue(charge.is_first_try)
        self.assertEqual(self.invoice.last_attempt_outcome, "succeeded")
        attempts = spent | charge
        charges = attempts.search(
            [("id", "in", attempts.ids), *attempts._get_charges_domain()]
        )
        self.assertEqual(charges, charge)
        self.assertEqual(attempts.filtered(lambda tx: tx._is_charge()), charge)
        attempts.flush_recordset()
        self.env.cr.execute(
            "UPDATE payment_transaction SET attempt_number = id - %s + 1 "
            "WHERE id IN %s",
            [spent.id, tuple(attempts.ids)],
        )
        self.env.invalidate_all()
        path = "invoice_payments_ext/migrations/19.0.1.12.0/post-tries.py"
        load_script(file_path(path), "post_tries").migrate(self.env.cr, "19.0.1.10.0")
        self.env.invalidate_all()
        self.assertEqual(attempts.mapped("attempt_number"), [0, charge.id - spent.id])

    def test_attempts_of_earlier_versions(self):
        """What is filled in for them is what is kept of new ones."""
        portal = self.make_portal_transaction("error", "No", amount=10)
        opened = self.make_portal_transaction(amount=10, reference="PORTAL-2")
        paid = self.start_attempt("done", amount=10)
        refund = self.refund(paid.sudo().payment_id.with_user(self.supervisor))
        refund = refund.payment_transaction_id
        paid.sudo().is_automatic = True
        attempts = (portal | opened | paid | refund).sudo()
        names = ["attempt_number", "movement_date", "payment_channel"]
        self.env.flush_all()
        before = attempts.read(names)
        before[0]["payment_channel"] = before[1]["payment_channel"] = "portal"
        before[2]["payment_channel"] = "automatic"
        self.env.cr.execute(
            "UPDATE payment_transaction SET attempt_number = NULL, "
            "movement_date = NULL, payment_channel = NULL WHERE id IN %s",
            [tuple(attempts.ids)],
        )
        attempts._fill_movement_dates()
        attempts._fill_attempt_numbers()
        attempts._fill_known_channels()
        self.env.invalidate_all()
        self.assertEqual(attempts.read(names), before)
        later = self.start_attempt("done", amount=20).sudo()
        later.payment_id.action_draft()
        later.payment_id.date = "2026-03-03"
        later.payment_id.action_post()
        self.assertEqual(later.movement_date.isoformat(), "2026-03-03")

    def test_companies_and_own_documents(self):
        self.start_attempt("error", amount=10)
        stranger = self.make_user(
            "ip_stranger",
            "base.group_user,account.group_account_invoice",
        )
        stranger.write(
            {
                "company_ids": [Command.set(self.other_company.ids)],
                "company_id": self.other_company.id,
            }
        )
        rows = self.movements()
        self.assertTrue(rows)
        self.assertFalse(self.movements(user=stranger))
        with self.assertRaises(AccessError):
            rows[0].with_user(stranger).read(["amount_attempted"])
        self.assertFalse(
            rows.with_user(stranger)._read_group([], [], ["company_amount_moved:sum"])[
                0
            ][0]
        )
        employee = self.make_user("ip_employee", "base.group_user")
        with self.assertRaises(AccessError):
            self.movements(user=employee)
        group = self.env["res.groups"].create({"name": "Salespeople"})
        self.env["ir.model.access"].create(
            {
                "name": "Movements of salespeople",
                "model_id": self.env["ir.model"]._get_id(MODEL),
                "group_id": group.id,
                "perm_read": True,
            }
        )
        employee.group_ids |= group
        self.assertFalse(self.movements(user=employee))
        self.invoice.sudo().invoice_user_id = employee
        self.assertEqual(self.movements(user=employee).invoice_id, self.invoice)
        auditor = self.make_user("ip_auditor", "account.group_account_readonly")
        self.assertEqual(len(self.movements(user=auditor)), len(rows))
        for method in ("create", "write", "unlink"):
            with self.subTest(method), self.assertRaises(AccessError):
                values = {"create": [{}], "write": [{"reason": "x"}], "unlink": []}
                records = rows[:1].with_user(self.supervisor)
                ids = [] if method == "create" else [records.ids]
                call_kw(records, method, [*ids, *values[method]], {})

    def test_views_and_filters_work_for_accountants(self):
        self.start_attempt("error", amount=10)
        self._keep()
        model = self.env[MODEL].with_user(self.accountant)
        arch = fromstring(model.get_view(view_type="search")["arch"])
        domains = 0
        for node in arch.iter("filter"):
            if domain := node.get("domain"):
                domains += 1
                with self.subTest(node.get("name")):
                    model.search_count(fields.Domain(literal_eval(domain)))
        self.assertGreater(domains, 10)
        today = [
            ("outcome", "in", ("declined", "failed")),
            ("moved_on", ">=", "today"),
        ]
        self.assertTrue(model.search(today))
        self.assertEqual(
            len(model.search([("provider_id.name", "ilike", self.provider.name)])), 1
        )
        for group in ("provider_id", "method", "channel", "date:month", "outcome"):
            with self.subTest(group):
                self.assertTrue(model.formatted_read_group([], [group], ["__count"]))
        exporter = self.make_user(
            "ip_exporter", "account.group_account_readonly,base.group_allow_export"
        )
        [row] = self.movements(("kind", "=", "attempt"), user=exporter)
        [values] = row.export_data(["kind", "reason", "amount_moved"])["datas"]
        self.assertEqual(values, ["Online payment", "Card declined", 0.0])

    def test_buttons_of_a_row(self):
        """Each opens the dialog about its own record, or says what is missing."""
        [credit] = self.movements()  # The credit of the class.
        declined = self.start_attempt("error", amount=10)
        paid = self.start_attempt("done", amount=40)
        unknown = self.start_attempt(TimeoutError("late"), amount=20)
        rows = self.movements(("kind", "=", "attempt"), user=self.supervisor)
        by_attempt = {row.transaction_id: row for row in rows}
        payment = paid.sudo().payment_id
        for tx, name, record in (
            (declined, "action_retry", declined),
            (unknown, "action_resolve", unknown),
            (paid, "action_refund", payment),
        ):
            with self.subTest(name):
                action = getattr(by_attempt[tx], name)()
                self.assertEqual(action["type"], "ir.actions.act_window")
                self.assertIn(record.id, action["context"].values())
        action = by_attempt[paid].action_receipt()
        self.assertEqual(action["context"]["active_ids"], payment.ids)
        for row, name, missing in (
            (by_attempt[declined], "action_refund", "Payment"),
            (by_attempt[declined], "action_receipt", "Payment"),
            (credit, "action_retry", "Attempt"),
            (credit, "action_resolve", "Attempt"),
        ):
            label = row._fields[
                "payment_id" if missing == "Payment" else "transaction_id"
            ].string
            with (
                self.subTest(name, kind=row.kind),
                self.assertRefused(f"There is no {label} on this row."),
            ):
                getattr(row, name)()
        self.assertEqual(by_attempt[paid]._filter_refundable(), by_attempt[paid])
        self.assertFalse(by_attempt[declined]._filter_refundable())

    def test_retry_of_an_attempt_for_several_invoices(self):
        """The run has all of them, and not the first one only."""
        both = self.invoice | self.make_invoice(50.0)
        tx = self.make_portal_transaction(
            "error", amount=1050.0, invoice_ids=[Command.set(both.ids)]
        )
        row = self.movements(("transaction_id", "=", tx.id))
        run = self.env["account.charge.run"].browse(row.action_retry_many()["res_id"])
        self.assertEqual(run.line_ids.move_id, both)

    def test_each_of_several_invoices_is_named(self):
        other, third = self.make_invoice(50.0), self.make_invoice(70.0)
        both = self.invoice | other
        tx = self.make_portal_transaction(
            "done", amount=1050.0, invoice_ids=[Command.set(both.ids)]
        )
        joint = (third | self.make_invoice(30.0)).record_joint_payment()
        self.refund(tx.payment_id, 20.0)
        self.gateway.answers = ["done"]
        self.make_invoice(10.0).charge(self.token.id)
        rows = self.movements()
        by_attempt = rows.filtered(lambda row: row.transaction_id in tx.sudo())
        refund = rows.filtered(lambda row: row.kind == "refund")
        by_joint = rows.filtered(lambda row: row.payment_id == joint)
        self.assertEqual(by_attempt.invoice_ids, both)
        self.assertEqual(refund.invoice_ids, both)
        self.assertEqual(by_attempt.invoice_names, f"{self.invoice.name}, {other.name}")
        self.assertEqual(by_joint.invoice_ids, joint.invoice_ids)
        self.assertEqual(len(by_joint.invoice_ids), 2)
        for invoice, expected in (
            (self.invoice, by_attempt | refund),
            (other, by_attempt | refund),
            (third, by_joint),
        ):
            with self.subTest(invoice.name):
                for domain in (
                    ("invoice_ids", "in", invoice.ids),
                    ("invoice_ids", "=", invoice.id),
                    ("invoice_ids", "ilike", invoice.name),
                ):
                    found = self.movements(domain)
                    self.assertEqual(set(found.ids) & set(rows.ids), set(expected.ids))
        without = self.movements(("invoice_ids", "=", False))
        self.assertEqual(without.mapped("kind"), ["credit"])  # The customer's first.
        self.assertFalse(without.invoice_ids)
        self.assertFalse(without.invoice_names)
        with self.assertRaisesRegex(UserError, "Unsupported operator"):
            self.movements(("invoice_ids", ">", self.invoice.id))

        def count(records):
            self.env.invalidate_all()
            records.mapped("source")
            before = self.env.cr.sql_log_count
            records.mapped("invoice_ids")
            return self.env.cr.sql_log_count - before

        count(rows)
        self.assertLessEqual(count(rows), 2)

    # === THE LIST OF INVOICES === #

    def test_columns_of_invoices_take_few_queries(self):
        names = (
            "last_attempt_outcome",
            "has_attempt_in_flight",
            "in_flight_amount",
            "has_waiting_approval",
        )
        self.start_attempt("error", amount=10)
        paid = self.make_invoice(100)
        self.gateway.answers = ["done"]
        paid.charge(self.token.id)
        others = [self.make_invoice(100) for _number in range(6)]
        held = others[0]
        self.gateway.answers = ["pending"]
        held.charge(self.token.id)
        moves = self.invoice.browse(
            [self.invoice.id, paid.id, *(move.id for move in others)]
        )
        self._keep()

        def count(moves):
            self.env.flush_all()
            self.env.invalidate_all()
            moves.mapped("currency_id.name")  # As any list of invoices does.
            before = self.env.cr.sql_log_count
            for name in names:
                moves.mapped(name)
            return self.env.cr.sql_log_count - before

        self.assertLessEqual(count(moves), 3)
        self.assertEqual(count(moves), count(moves[:2]), "However many they are.")
        self.assertEqual(
            moves.mapped("last_attempt_outcome")[:4],
            ["declined", "succeeded", "pending", False],
        )
        self.assertEqual(moves.filtered("has_attempt_in_flight"), held)
        self.assertEqual(
            moves.mapped("in_flight_amount"), [100.0 * (move == held) for move in moves]
        )
        search = self.env["account.move"].with_user(self.accountant).search
        scope = ("id", "in", moves.ids)
        for domain, expected in (
            (("last_attempt_outcome", "=", "declined"), self.invoice),
            (("last_attempt_outcome", "in", ("succeeded", "pending")), paid | held),
            (("last_attempt_outcome", "=", False), moves[3:]),
            (("last_attempt_outcome", "!=", "declined"), moves - self.invoice),
            (("has_attempt_in_flight", "=", True), held),
            (("has_attempt_in_flight", "=", False), moves - held),
            (("has_waiting_approval", "=", True), moves.browse()),
            (("has_waiting_approval", "=", False), moves),
        ):
            with self.subTest(domain):
                self.assertEqual(
                    search([scope, domain]).sorted("id"), expected.sorted("id")
                )
        draft = self.env["account.move"].new({"move_type": "out_invoice"})
        self.assertFalse(draft.last_attempt_outcome or draft.has_attempt_in_flight)
        self.gateway.answers = ["done"]
        self.invoice.charge(self.token.id, amount=10)
        self.env.invalidate_all()
        self.assertEqual(self.invoice.last_attempt_outcome, "succeeded")
        self.assertFalse(search([("last_attempt_outcome", "=", "declined"), scope]))
