"""Strangers try one card after another at many worker processes: each try counts."""

from urllib.parse import parse_qs, urlsplit

import pytest
from lib.at_once import CLIENTS, act_at_once, assert_clear
from lib.rpc import JsonRpcClient, RpcError
from lib.template import get_template
from lib.world import World

FREE = 5  # The attempts on an invoice that came to nothing, before one has to wait.
WORKERS = 4


@pytest.fixture(scope="module")
def world():
    """Return a world whose server has several processes, which share no memory."""
    world = World(get_template(), workers=WORKERS)
    try:
        yield world.start()
    finally:
        world.close()


def test_strangers_at_many_workers(world):
    """Sixteen at once on one invoice: five tries count, and the others have to wait."""
    invoice_id, _token_id = world.make_case()
    link = world.admin.call("account.move", "get_portal_url", [invoice_id])
    [access_token] = parse_qs(urlsplit(link).query)["access_token"]
    [method] = world.query("SELECT id FROM payment_method WHERE code = 'card'")

    def try_once():
        return JsonRpcClient(world.server.url)._call(
            f"/invoice/transaction/{invoice_id}",
            {
                "access_token": access_token,
                "amount": 100.0,
                "provider_id": world.facts["provider_id"],
                "payment_method_id": method["id"],
                "token_id": None,
                "flow": "redirect",
                "tokenization_requested": False,
                "landing_route": "/my/invoices",
            },
        )

    for _time in range(4):
        done, errors = act_at_once([try_once] * CLIENTS)
        # Some find that somebody else is at it, and may ask again.
        assert_clear(errors)
        assert len(world.get_attempts(invoice_id)) <= FREE
    assert len(world.get_attempts(invoice_id)) == FREE
    assert not done
    with pytest.raises(RpcError, match="Try again in"):
        try_once()
