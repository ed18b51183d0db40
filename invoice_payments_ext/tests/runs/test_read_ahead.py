from odoo import fields
from odoo.fields import Command
from odoo.tests import tagged

from .common_runs import ChargeRunCommon


@tagged("post_install", "-at_install")
class TestReadAhead(ChargeRunCommon):
    """What a proposal reads in few statements is what Odoo would have read."""

    def setUp(self):
        super().setUp()
        self.euro = self.env.ref("base.EUR")
        self.euro.active = True
        self.branch = self.env["res.company"].create(
            {"name": "Branch", "parent_id": self.company.id}
        )
        self.other = self.env["res.company"].create({"name": "Another Company"})

    def make_providers(self):
        """Make providers of which each is unfit for some of the payments."""
        copy = self.provider.copy
        return self.provider.concat(
            *(
                copy({"state": state, **values})
                for state, values in (
                    ("disabled", {"name": "Off"}),
                    ("test", {"name": "Limited", "maximum_amount": 50.0}),
                    ("test", {"company_id": self.branch.id}),
                    ("test", {"company_id": self.other.id}),
                    ("test", {"available_currency_ids": [Command.set(self.euro.ids)]}),
                    (
                        "test",
                        {
                            "available_country_ids": [
                                Command.set(self.env.ref("base.fr").ids)
                            ]
                        },
                    ),
                )
            )
        )

    def test_providers_are_those_that_odoo_finds(self):
        """For each company, currency, country and amount."""
        self.make_providers()
        customers = self.customers[:2]
        customers[1].country_id = self.env.ref("base.fr")
        invoices = (
            self.env["account.move"]
            .concat(
                *(
                    self.env["account.move"].create(
                        {
                            "move_type": "out_invoice",
                            "partner_id": customer.id,
                            "company_id": company.id,
                            "currency_id": currency.id,
                            "journal_id": self.invoices.journal_id.id,
                        }
                    )
                    for customer in customers
                    for company in (self.company, self.branch)
                    for currency in (self.company.currency_id, self.euro)
                )
            )
            .sudo()
        )
        self.env.flush_all()
        self.env.invalidate_all()
        ahead = invoices._read_ahead()
        seen = set()
        for move, other in zip(ahead, invoices, strict=True):
            for amount in (10.0, 100.0):
                with self.subTest(move.id, amount=amount):
                    serving, report = move.env["payment.provider"]._find_serving(
                        move, amount
                    )
                    expected, reasons = other.env["payment.provider"]._find_serving(
                        other, amount
                    )
                    self.assertEqual(set(serving.ids), set(expected.ids))
                    self.assertEqual(report, reasons)
                    seen.add(frozenset(serving.ids))
        self.assertGreater(len(seen), 4)  # The question is not an empty one.

    def test_other_providers_are_asked_for_as_ever(self):
        """What was read ahead answers no other question than Odoo's own."""
        off = self.provider.copy({"state": "disabled", "name": "Off"})
        self.env.flush_all()
        ahead = self.invoices.sudo()._read_ahead()
        providers = ahead.env["payment.provider"]
        own = [("company_id", "=", self.company.id)]
        for domain in (
            [*own, ("state", "=", "disabled")],
            [*own, ("state", "in", ["enabled", "test"]), ("name", "=", "Off")],
        ):
            expected = self.env["payment.provider"].sudo().search(domain)
            self.assertEqual(providers.search(domain).ids, expected.ids)
        self.assertIn(off, providers.search([*own, ("state", "=", "disabled")]))

    def test_company_without_a_provider(self):
        """Its invoices are proposed as those of customers without a method."""
        providers = self.env["payment.provider"].sudo()
        providers.search([("company_id", "=", self.company.id)]).state = "disabled"
        self._keep()
        run = self.propose()
        self.env.invalidate_all()
        plain = self.invoices.with_company(self.company)._decide_charges(is_run=True)
        self.assertEqual(
            run.line_ids.mapped("reason_code"),
            [plain[invoice].reason for invoice in self.invoices],
        )
        self.assertEqual(set(self.results(run)), {"skipped"})

    def test_decisions_are_the_same(self):
        """As without reading ahead, whatever stands against a charge."""
        self.gateway.answers = ["declined"]
        declined = self.invoices[0]
        declined.charge(declined._get_default_token().id)
        promised = self.make_invoices(self.customers[1:2], amount=30)
        promised.promise_to_pay(date=fields.Date.today())
        self.gateway.answers = ["pending"]
        in_flight = self.make_invoices(self.customers[2:], amount=40)
        in_flight.charge(in_flight._get_default_token().id)
        without = self.make_invoices(self.make_customers(1, with_method=False))
        draft = self.make_invoices(self.customers[:1], post=False)
        invoices = self.invoices | promised | in_flight | without | draft
        self._keep()
        before = self.env.cr.sql_log_count
        proposed, decisions = (
            self.env["account.charge.run"]
            .with_user(self.accountant)
            ._decide_lines("charge", invoices, self.company)
        )
        self.assertLess(self.env.cr.sql_log_count - before, 20)
        self.assertFalse(proposed)
        self.env.invalidate_all()
        plain = invoices.with_company(self.company)
        self.assertEqual(decisions, plain._decide_charges(is_run=True))
        self.assertGreater(len({each.reason for each in decisions.values()}), 4)

    def test_what_a_decision_found_is_not_asked_for_again(self):
        """The methods of a contact, and why one is not tried: as Odoo finds them."""
        tried, archived = (
            move._get_default_token().sudo() for move in self.invoices[:2]
        )
        self.gateway.answers = ["error"]
        attempt = self.invoices[0].charge(tried.id)
        attempt.sudo().decline_class = "never"
        second = archived.copy({"partner_id": tried.partner_id.id})
        archived.active = False
        self._keep()
        plain = self.invoices.sudo()
        saved = [move._get_saved_tokens() for move in plain]
        self.assertEqual(set(saved[0].ids), {tried.id, second.id})
        self.assertFalse(saved[1])
        defaults = [move._get_default_token() for move in plain]
        tokens = second.union(*saved)
        trials = tokens._get_trial_verdicts()
        self.assertEqual(set(trials), {tried.id})
        self._keep()
        ahead = plain._read_ahead()
        ahead._decide_charges(is_run=True, tokens={ahead[1]: archived})
        before = self.env.cr.sql_log_count
        found = [move._get_saved_tokens() for move in ahead]
        self.assertEqual(tokens.with_env(ahead.env)._get_trial_verdicts(), trials)
        self.assertEqual(self.env.cr.sql_log_count, before)
        for own, expected in zip(found, saved, strict=True):
            self.assertEqual(set(own.ids), set(expected.ids))
        self.assertEqual([move._get_default_token() for move in ahead], defaults)

    def test_the_cache_holds_what_odoo_reads(self):
        """Each value that was read ahead is the one that Odoo reads itself."""
        self.gateway.answers = ["declined"]
        self.invoices[:1].charge(self.invoices[0]._get_default_token().id)
        self.check_cache(self.invoices)
