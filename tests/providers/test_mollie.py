"""Payments on Mollie's pages that are charged back, with the unmodified module."""

import itertools

import pytest

from .cell import Cell

pytest_plugins = ["providers.fixtures"]
_logins = itertools.count(1)


class OnlineCell(Cell):
    """A customer who pays an invoice over 100 on the pages of the provider."""

    def begin(self):
        """Let the customer come to the provider's page."""
        facts = self.shop.facts["providers"][self.api.code]
        [partner_id] = self.shop.make_customers(1)
        [self.invoice_id] = self.shop.make_invoices(
            [partner_id], currency_id=facts["currency_id"]
        )
        self.invoice_ids.append(self.invoice_id)
        login = f"mollie-{next(_logins)}"
        self.shop.make_user(login, "base.group_portal", partner_id=partner_id)
        [method] = self.shop.query("SELECT id FROM payment_method WHERE code = 'card'")
        values = self.shop.log_in(login)._call(
            f"/invoice/transaction/{self.invoice_id}",
            {
                "access_token": "",
                "amount": 100.0,
                "provider_id": facts["provider_id"],
                "payment_method_id": method["id"],
                "token_id": None,
                "flow": "redirect",
                "tokenization_requested": False,
                "landing_route": "/my/invoices",
            },
        )
        [attempt] = self.shop.query(
            "SELECT id FROM payment_transaction WHERE reference = %s",
            values["reference"],
        )
        self.attempt_id = attempt["id"]
        self.api.settle(self.operation, "succeeded")

    def pay(self):
        """Let the customer pay, and the provider tell it."""
        self.begin()
        self.tell(self.operation, times=2)
        self.expect("succeeded")
        self.expect_paid(100)

    def lose(self):
        """Let a person say what Mollie never says: that open chargebacks are lost."""
        rows = self.shop.query(
            """
            SELECT reversal.id FROM account_payment_reversal AS reversal
              JOIN account_payment AS payment ON payment.id = reversal.payment_id
             WHERE payment.payment_transaction_id = %s AND reversal.state = 'open'
            """,
            self.attempt_id,
        )
        for row in rows:
            self.shop.admin.call("account.payment.reversal", "lose", [row["id"]])


@pytest.fixture
def cell(make_cell):
    """Return a cell that must agree when the test ends."""
    cell = make_cell("mollie", OnlineCell)
    yield cell
    cell.lose()
    cell.expect_agreement()


def test_charged_back_and_lost(cell):
    """Told twice, it is one record, also after a person decided."""
    cell.pay()
    dispute = cell.api.dispute(cell.operation)
    cell.tell(dispute, times=2)
    cell.expect_paid(100)  # It is parked.
    cell.expect_reversals(("open", 100))
    cell.lose()
    cell.expect_paid(0)
    cell.tell(dispute, times=2)
    cell.expect_paid(0)
    cell.expect_reversals(("lost", 100))


def test_charged_back_and_reversed(cell):
    cell.pay()
    dispute = cell.api.dispute(cell.operation)
    cell.tell(dispute, times=2)
    cell.tell(cell.api.close_dispute(dispute, "won"), times=2)
    cell.expect_reversals(("won", 100))
    cell.expect_paid(100)


def test_two_parts_by_both_kinds_of_webhooks(cell):
    """The message and the event are each true only if Mollie says the same."""
    cell.pay()
    for amount in (30, 70):
        dispute = cell.api.dispute(cell.operation, amount * cell.api.minor_units)
        cell.send([cell.api.build_event(dispute)] * 2)
        cell.tell(dispute)
    cell.expect_reversals(("open", 30), ("open", 70))


def test_an_event_that_nobody_sent(cell):
    """An event that names a chargeback of which Mollie knows nothing."""
    cell.pay()
    dispute = cell.api.dispute(cell.operation)
    event = cell.api.build_event(dispute)
    cell.api.operations.pop(dispute.id)
    cell.send([event])
    cell.expect_reversals()
    cell.expect_paid(100)


def test_it_cannot_be_asked_at_first(cell):
    """The message is answered with an error, so that it comes again."""
    cell.pay()
    dispute = cell.api.dispute(cell.operation)
    cell.api.wish(kind="read", failure="503", when="before")
    cell.tell(dispute)
    cell.expect_reversals(("open", 100))


def test_the_only_message_is_that_of_the_chargeback(cell):
    """That the customer paid was never heard: it is booked, and taken back."""
    cell.begin()
    dispute = cell.api.dispute(cell.operation)
    cell.tell(dispute)
    cell.expect("succeeded")
    cell.expect_reversals(("open", 100))
    cell.tell(dispute, times=2)
    cell.expect_reversals(("open", 100))
