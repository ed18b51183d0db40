"""Members in many tabs pay at once: each invoice once, no more credit than is held."""

import itertools

import pytest
from lib.at_once import CLIENTS, act_at_once, assert_clear
from lib.rpc import JsonRpcClient

pytest_plugins = ["lib.fixtures"]

HELD = 100.0
PART = 15.0
MEMBERS = 4
_logins = itertools.count(1)


@pytest.fixture
def partner_id(world):
    """Return a company, of which four members use the portal."""
    return world.make_customer(is_company=True)


@pytest.fixture
def tabs(world, partner_id):
    """Return sixteen tabs of four members of one customer."""
    tabs = []
    for _ in range(MEMBERS):
        login = f"tab-member-{next(_logins)}"
        [contact_id] = world.make_customers(1, parent_id=partner_id)
        world.make_user(login, "base.group_portal", partner_id=contact_id)
        member = world.log_in(login)
        tabs += [member, *(open_tab(member) for _ in range(CLIENTS // MEMBERS - 1))]
    return tabs


def open_tab(member):
    tab = JsonRpcClient(member.url)
    tab.session.cookies.update(member.session.cookies)
    return tab


def pay(tab, world, invoice_id, amount, token_id=None, **values):
    """Send the same request as the payment form."""
    provider_id, method_id = world.facts["provider_id"], None
    if not token_id and "provider_id" not in values:
        [credit] = world.query(
            "SELECT id FROM payment_provider WHERE code = 'credit_balance' "
            "AND company_id = %s",
            world.facts["company_id"],
        )
        [method] = world.query(
            "SELECT id FROM payment_method WHERE code = 'credit_balance'"
        )
        provider_id, method_id = credit["id"], method["id"]
    return tab._call(
        f"/invoice/transaction/{invoice_id}",
        {
            "access_token": "",
            "amount": amount,
            "provider_id": provider_id,
            "payment_method_id": method_id,
            "token_id": token_id,
            "flow": "token" if token_id else "direct",
            "tokenization_requested": False,
            "landing_route": "/my/invoices",
            **values,
        },
    )


def test_credit_on_different_invoices(world, tabs, partner_id):
    """Sixteen tabs spend 15 of 100 on sixteen invoices: spent is the balance."""
    invoices = world.make_invoices([partner_id] * CLIENTS, amount=PART)
    world.adjust_credit(partner_id, HELD)
    done, errors = act_at_once(
        [
            lambda tab=tab, invoice_id=invoice_id: pay(tab, world, invoice_id, PART)
            for tab, invoice_id in zip(tabs, invoices, strict=True)
        ]
    )
    assert_clear(errors)
    assert 1 <= len(done) <= 6
    assert world.get_spent(invoices, partner_id) == (
        HELD - PART * len(done),
        PART * len(done),
    )


def test_credit_on_one_invoice(world, tabs, partner_id):
    """Sixteen tabs pay one invoice of 40 out of 100: it is paid once."""
    invoices = world.make_invoices([partner_id], amount=40.0)
    world.adjust_credit(partner_id, HELD)
    done, errors = act_at_once(
        [lambda tab=tab: pay(tab, world, invoices[0], 40.0) for tab in tabs]
    )
    assert_clear(errors)
    assert len(done) == 1
    assert world.get_spent(invoices, partner_id) == (60.0, 40.0)


@pytest.mark.parametrize("credit", (0.0, 30.0))
def test_saved_method_on_one_invoice(world, tabs, partner_id, credit):
    """Sixteen tabs charge one invoice: one capture, and the credit once."""
    invoices = world.make_invoices([partner_id])
    token_id = world.make_token(partner_id)
    if credit:
        world.adjust_credit(partner_id, credit)
    done, errors = act_at_once(
        [
            lambda tab=tab: pay(
                tab, world, invoices[0], 100.0, token_id, use_credit=bool(credit)
            )
            for tab in tabs
        ]
    )
    assert_clear(errors)
    assert len(done) == 1
    attempt = world.get_only_attempt(invoices[0])
    assert (attempt["state"], attempt["amount"]) == ("done", 100.0 - credit)
    assert world.gateway.count_requests(attempt["reference"], "charge") == 1
    assert world.get_invoice(invoices[0])["amount_residual"] == 0


def test_one_key(world, tabs, partner_id):
    """Sixteen times the same request: it is done once, and answered again."""
    invoices = world.make_invoices([partner_id])
    token_id = world.make_token(partner_id)
    values = {"idempotency_key": f"portal-{partner_id}"}
    _done, errors = act_at_once(
        [
            lambda: pay(tabs[0], world, invoices[0], 100.0, token_id, **values)
            for _ in tabs
        ]
    )
    assert_clear(errors)
    attempt = world.get_only_attempt(invoices[0])
    again = pay(tabs[0], world, invoices[0], 100.0, token_id, **values)
    assert (again["reference"], again["state"]) == (attempt["reference"], "done")
    assert world.gateway.count_requests(attempt["reference"], "charge") == 1


@pytest.mark.parametrize(
    ("point", "is_charged"),
    (
        ("before-prepared", False),
        ("after-prepared", False),
        ("during-send", False),
        ("after-answer", True),
        ("after-recorded", True),
        ("before-settled", True),
        ("after-settled", True),
    ),
)
def test_killed_while_a_member_pays(world, tabs, partner_id, point, is_charged):
    """A charge beside credit: the gateway's money is booked, the credit once."""
    invoices = world.make_invoices([partner_id])
    token_id = world.make_token(partner_id)
    world.adjust_credit(partner_id, 30.0)
    world.kill_at(point)
    world.expect_death(
        pay, tabs[0], world, invoices[0], 100.0, token_id, use_credit=True
    )
    world.run_resolver()
    for attempt in world.get_attempts(invoices[0]):
        if attempt["outcome"] == "unknown":
            world.act(
                attempt["id"], "resolve", charged=is_charged, reason="Looked it up"
            )
    world.run_resolver()
    assert world.get_spent(invoices, partner_id) == (
        (0.0, 100.0) if is_charged else (30.0, 0.0)
    )


def start_at_provider(tab, world, invoice_id):
    """Let a member open the provider's page for a new card; return the attempt."""
    [method] = world.query("SELECT id FROM payment_method WHERE code = 'card'")
    values = pay(
        tab,
        world,
        invoice_id,
        100.0,
        flow="redirect",
        provider_id=world.facts["provider_id"],
        payment_method_id=method["id"],
    )
    return values["reference"]


def test_new_cards_while_the_schedules_run(world, tabs, partner_id):
    """The page books its payment, once; no error is logged, whatever runs beside.

    The provider tells of the payment, the page asks for it twice, and Odoo's schedule
    and ours run at the same moment.
    """
    invoices = world.make_invoices([partner_id] * 3)
    [mails] = world.query(
        "SELECT res_id FROM ir_model_data WHERE name = 'ir_cron_mail_customers'"
    )
    world.admin.call(
        "res.partner", "write", [partner_id], vals={"email": "nora@example.com"}
    )
    # Printing the receipts of all tests before would take the schedule many minutes.
    world.query("UPDATE payment_transaction SET customer_mail_due = FALSE")
    log_start = world.server.log_path.stat().st_size
    for tab, invoice_id in zip(tabs, invoices, strict=False):
        reference = start_at_provider(tab, world, invoice_id)
        world.query("DELETE FROM ir_cron_trigger")
        # The card was entered on the page of the provider, which tells of it.
        answer = world.gateway.send_webhook(
            reference, "succeeded", amount=10_000, currency="USD"
        )
        assert set(answer["answers"]) == {"200"}
        # The schedule waits: the page that is open books first.
        triggers = world.query(
            "SELECT call_at > now() AT TIME ZONE 'UTC' + interval '30 s' AS is_later"
            "  FROM ir_cron_trigger WHERE cron_id = %s",
            world.facts["resolver_cron_id"],
        )
        assert [trigger["is_later"] for trigger in triggers] == [True]
        clients = (tab, open_tab(tab))
        _done, errors = act_at_once(
            [
                *(
                    lambda client=client: client._call("/payment/status/poll", {})
                    for client in clients
                ),
                world.run_resolver,
                lambda: world.run_cron(world.facts["post_process_cron_id"]),
            ]
        )
        # The word by which Odoo's page knows that it asks again.
        assert not [error for error in errors if error.message != "retry"]
        assert tab._call("/payment/status/poll", {})["state"] == "done"
        assert world.get_invoice(invoice_id)["amount_residual"] == 0
    act_at_once([lambda: world.run_cron(mails["res_id"])] * 2)
    world.run_cron(mails["res_id"])
    told = world.query(
        "SELECT count(*) FROM mail_mail JOIN mail_message message"
        "    ON message.id = mail_message_id"
        "  JOIN account_payment payment ON message.model = 'account.payment'"
        "   AND payment.id = message.res_id WHERE payment.partner_id IN"
        "       (SELECT id FROM res_partner WHERE commercial_partner_id = %s)",
        partner_id,
    )
    with world.server.log_path.open("rb") as log:
        log.seek(log_start)
        text = log.read().decode(errors="replace")
    for words in ("Traceback", "could not be booked", "could not serialize"):
        assert words not in text, text[max(text.find(words) - 2000, 0) :][:4000]
    assert told[0]["count"] == 3
