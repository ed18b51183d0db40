"""Stripe's module against a Stripe-like server that others wrote.

Our fake and our reading of Stripe's answers come from the same hands. `localstripe`
does not: a mistake that both share is seen here.
"""

import subprocess
from pathlib import Path

import pytest
import requests
from lib import settings
from lib.odoo_server import get_free_port
from lib.waiting import PATIENCE, wait_until

from .api import Operation
from .apis import APIS
from .cell import Cell
from .shop import ADDON, Shop
from .stripe import Stripe

SERVER = Path(__file__).parent / "localstripe_server.py"
DECLINED = "Your card was declined."
CARDS = {"good": "4242424242424242", "declined": "4000000000000341"}


class LocalStripe(Stripe):
    """The server as the cells see a fake: its record is read from its own lists."""

    def __init__(self, record_path):
        super().__init__(record_path)
        self.port = get_free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = Path(record_path).with_name("localstripe.log")
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [settings.PYTHON, SERVER, str(self.port)], stdout=log, stderr=log
            )
        self._wait()

    def _wait(self):
        wait_until(self._answers, "an answer of localstripe")

    def _answers(self):
        try:
            self.call("GET", "balance_transactions")
        except requests.ConnectionError:
            assert self.process.poll() is None, "localstripe ended"
            return False
        return True

    def close(self):
        self.process.terminate()
        self.process.wait(10)

    def call(self, method, path, **data):
        """Send a request as the merchant's administrator does."""
        answer = requests.request(
            method,
            f"{self.url}/stripe/v1/{path}",
            data=data if method == "POST" else None,
            params=data if method == "GET" else None,
            headers={"Authorization": "Bearer sk_administrator"},
            timeout=PATIENCE,
        )
        answer.raise_for_status()
        return answer.json()

    def send_webhooks_to(self, address):
        """Let it send its notifications to an address, signed."""
        requests.post(
            f"{self.url}/stripe/_config/webhooks/shop",
            json={
                "url": address,
                "secret": self.provider_values["stripe_webhook_secret"],
            },
            headers={"Authorization": "Bearer sk_administrator"},
            timeout=PATIENCE,
        ).raise_for_status()

    def await_notification(self, event, count):
        """Wait until a notification was accepted so often: it comes a second later."""
        line = f'webhook "{event}" successfully delivered'
        wait_until(
            lambda: self.log.read_text().count(line) >= count,
            lambda: f"{count} times {line!r} in {self.log.read_text()[-3000:]}",
        )

    def save_card(self, kind):
        """Return the values of a saved method with a card of its own."""
        card = {"number": CARDS[kind], "exp_month": 12, "exp_year": 2040, "cvc": "123"}
        data = {f"card[{name}]": value for name, value in card.items()}
        method = self.call("POST", "payment_methods", type="card", **data)
        customer = self.call("POST", "customers", email="a@example.com")
        self.call(
            "POST", f"payment_methods/{method['id']}/attach", customer=customer["id"]
        )
        return {
            "provider_ref": customer["id"],
            "stripe_payment_method": method["id"],
        }

    @property
    def operations(self):
        """The record: intents and refunds, as the server lists them."""
        rows = [
            Operation(
                id=row["id"],
                kind="charge",
                amount=row["amount"],
                currency=row["currency"].upper(),
                reference=row["description"],
                status="succeeded" if row["status"] == "succeeded" else "declined",
            )
            for row in self.call("GET", "payment_intents", limit=100)["data"]
        ]
        rows += [
            Operation(
                id=row["id"],
                kind="refund",
                amount=row["amount"],
                currency=row["currency"].upper(),
                reference=None,
                status=row["status"],
                parent=row["payment_intent"],
            )
            for row in self.call("GET", "refunds", limit=100)["data"]
        ]
        return {row.id: row for row in rows}

    @operations.setter
    def operations(self, _value):
        """They are the server's alone."""


@pytest.fixture(scope="module")
def shop():
    # All of them: so the database of the other tests is used, and no other one built.
    shop = Shop([LocalStripe if api is Stripe else api for api in APIS])
    api = shop.apis["stripe"]
    try:
        shop.start()
        api.send_webhooks_to(f"{shop.server.url}/payment/stripe/webhook")
        shop.admin.call(
            "ir.config_parameter", "set_param", key=f"{ADDON}.url", value=api.url
        )
        yield shop
    finally:
        api.close()
        shop.close()


@pytest.fixture
def cell(shop):
    """A cell whose saved methods are known to the server."""
    return Cell(shop, shop.apis["stripe"])


def _charge(cell, kind="good", **values):
    """Charge a new invoice over 100 to a card of its own."""
    shop, facts = cell.shop, cell.shop.facts["providers"]["stripe"]
    partner_ids = shop.make_customers(1)
    [cell.token_id] = shop.make_tokens(
        partner_ids, provider_id=facts["provider_id"], **cell.api.save_card(kind)
    )
    [cell.invoice_id] = shop.make_invoices(
        partner_ids, currency_id=facts["currency_id"]
    )
    cell.invoice_ids.append(cell.invoice_id)
    cell.attempt_id = shop.charge(cell.invoice_id, cell.token_id, **values)


def test_charges_are_captured_and_refunded(cell):
    _charge(cell, amount=60.5)
    cell.expect("succeeded")
    assert cell.attempt["provider_reference"] == cell.operation.id
    cell.expect_moved("charge", 60.5)
    for amount in (20.25, 40.25):
        refund = cell.refund(amount)
        cell.expect("succeeded", refund)
        made = cell.api.operations[refund["provider_reference"]]
        assert made.amount == round(amount * 100)
    cell.expect_paid(0)
    cell.api.await_notification("payment_intent.succeeded", 1)
    cell.expect_paid(0)
    cell.expect_agreement()


def test_authorization_is_captured_and_voided(cell):
    cell.capture_manually()
    try:
        for method, outcome, paid in (
            ("capture", "succeeded", 100),
            ("void", "canceled", 0),
        ):
            _charge(cell)
            cell.expect("authorized")
            cell.expect_paid(0)
            cell.act(method)
            cell.expect(outcome)
            cell.expect_paid(paid)
    finally:
        cell.close()
    cell.expect_agreement()


def test_declined_card_changes_nothing(cell):
    _charge(cell, "declined")
    cell.expect("declined")
    cell.expect_reason(DECLINED)
    cell.expect_paid(0)
    cell.expect_moved("charge")
    cell.expect_agreement()
