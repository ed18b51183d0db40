"""The addon is uninstalled and installed again: nothing is lost, nothing dangles."""

import pytest
from lib import database, settings
from lib.rpc import RpcError
from lib.template import get_template
from lib.world import World

BOOKS = """
    SELECT line.id, line.account_id, line.balance, line.amount_currency,
           line.parent_state, line.amount_residual, move.payment_state
      FROM account_move_line line JOIN account_move move ON move.id = line.move_id
  ORDER BY line.id
"""


@pytest.fixture
def own_world():
    world = World(get_template())
    try:
        yield world.start()
    finally:
        world.close()


def get_count(world, statement, *values):
    [row] = world.query(f"SELECT count(*) AS number {statement}", *values)
    return row["number"]


def find_addon(world):
    return world.admin.call(
        "ir.module.module", "search", domain=[("name", "=", settings.ADDON)]
    )


def press(world, button):
    """Press a button of the addon in the list of apps: the registry is made anew."""
    client = world.log_in("admin")
    client.timeout = 600
    client.call("ir.module.module", button, find_addon(world))


def get_lost_documents(world):
    """Return the models that Odoo's page names as lost, and the open attempts."""
    [module_id] = find_addon(world)
    wizard_ids = world.admin.call(
        "base.module.uninstall",
        "create",
        vals_list=[{"module_ids": [[6, 0, [module_id]]]}],
    )
    [wizard] = world.admin.read(
        "base.module.uninstall",
        wizard_ids,
        ["model_ids", "removes_invoice_payments", "unresolved_attempt_count"],
    )
    assert wizard["removes_invoice_payments"]
    models = world.admin.read("ir.model", wizard["model_ids"], ["model"])
    return {model["model"] for model in models}, wizard["unresolved_attempt_count"]


def test_installed_again(own_world):
    """Credit of 40 is on the same account, and an unknown attempt is unknown again."""
    world = own_world
    partner_id = world.make_customer()
    world.adjust_credit(partner_id, 100.0)
    world.make_invoices([partner_id], 60.0)  # Credit pays it.
    invoice_id, token_id = world.make_case("tok_drop_after")
    world.gateway.script("error_before", kind="query", times=None)
    attempt_id = world.charge(invoice_id, token_id)
    assert world.get_attempt(attempt_id)["outcome"] == "unknown"
    [company] = world.query(
        "SELECT * FROM res_company WHERE id = %s", world.facts["company_id"]
    )
    journal_id = company["credit_balance_journal_id"]
    books = world.query(BOOKS)
    lost, unresolved = get_lost_documents(world)
    assert {"account.payment.approval", "account.credit.balance.entry"} <= lost
    assert unresolved == 1

    press(world, "button_immediate_uninstall")
    assert world.query(BOOKS) == books
    for dangling in (
        "FROM pg_proc WHERE proname LIKE 'account_credit_balance%%'",
        "FROM account_journal WHERE active AND id = %s" % journal_id,
        "FROM payment_provider WHERE state <> 'disabled' AND code = 'none'",
        # Odoo keeps the id of a customer of the demo data, who has entries.
        "FROM ir_model_data WHERE module = 'invoice_payments_ext' "
        "AND model <> 'res.partner'",
        "FROM account_move_line WHERE account_id IS NULL AND display_type = 'product'",
    ):
        assert get_count(world, dangling) == 0, dangling
    attempt = world.get_attempt(attempt_id)
    assert attempt["state"] == "pending"  # Odoo lets no customer pay it twice.
    assert "unknown" in attempt["state_message"]
    assert get_count(
        world,
        "FROM mail_message WHERE model = 'account.move' AND res_id = %s "
        "AND body LIKE '%%outcome was unknown%%'",
        invoice_id,
    )

    press(world, "button_immediate_install")
    [again] = world.query("SELECT * FROM res_company WHERE id = %s", company["id"])
    for name in ("balance_account", "balance_journal", "adjustment_account"):
        assert again[f"credit_{name}_id"] == company[f"credit_{name}_id"], name
    assert get_count(world, "FROM account_journal WHERE active AND id = %s", journal_id)
    assert world.get_credit_balance(partner_id)["amount"] == 40
    assert world.get_credit_history(partner_id) == [("manual", 100), ("applied", -60)]
    attempt = world.get_attempt(attempt_id)
    assert (attempt["state"], attempt["outcome"]) == ("draft", "unknown")
    with pytest.raises(RpcError, match=attempt["reference"]):
        world.charge(invoice_id, token_id)
    assert world.gateway.count_requests(attempt["reference"]) == 1
    assert world.get_tie_out() == []
    # The credit is spent as before.
    [next_id] = world.make_invoices([partner_id], 50.0)
    assert world.get_invoice(next_id)["amount_residual"] == 10
    assert not database.query(
        world.database, "SELECT 1 FROM ir_model_data WHERE module LIKE '\\_\\_inv%%'"
    )
    world.act(attempt_id, "resolve", charged=True, reason="Seen at the gateway")
    assert world.get_invoice(invoice_id)["amount_residual"] == 0
    world.referee.assert_agree()
