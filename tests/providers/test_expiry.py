"""Answers that charge a saved card name its last month, and it is kept."""

from datetime import date

import pytest

pytest_plugins = ["providers.fixtures"]


@pytest.mark.parametrize(
    "code, day",
    (("stripe", date(2032, 2, 29)), ("adyen", date(2032, 2, 29)), ("razorpay", None)),
)
def test_expiry_of_a_charged_card(make_cell, code, day):
    cell = make_cell(code)
    cell.charge()
    [token] = cell.shop.query(
        "SELECT expires_on FROM payment_token WHERE id = %s", cell.token_id
    )
    assert token["expires_on"] == day
