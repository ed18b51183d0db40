"""An accountant proposes a run, confirms it, and watches it in a browser."""

from lib.charge_runs import assert_each_once, finish, get_lanes, get_lines, run_lanes
from playwright.sync_api import expect

LONG_NAME = "Swimming Association of the Northern Lakes and Rivers, Junior Section"

pytest_plugins = ["lib.fixtures", "browser.fixtures"]


def open_run(accountant, run_id):
    accountant.page.evaluate(
        """(resId) => odoo.__WOWL_DEBUG__.root.env.services.action.doAction(
            {
                type: "ir.actions.act_window",
                res_model: "account.charge.run",
                res_id: resId,
                views: [[false, "form"]],
            },
            {clearBreadcrumbs: true}
        )""",
        run_id,
    )


def press(accountant, name):
    """Press a button in the header of the form."""
    accountant.page.locator(".o_form_view .o_statusbar_buttons").get_by_role(
        "button", name=name, exact=True
    ).click()


def see_line_go_on(world, progress, lines):
    """See that the lines follow while the run goes on, not only its figures."""
    step = "UPDATE account_charge_run_line SET state = %s WHERE id = %s"
    [first] = world.query(
        "SELECT min(id) AS id FROM account_charge_run_line WHERE state = 'ready'"
    )
    expect(lines.filter(has_text="Done")).to_have_count(0)
    world.query(step, "done", first["id"])
    expect(progress).to_contain_text("1 of 5")
    expect(lines.filter(has_text="Done")).to_have_count(1)
    world.query(step, "ready", first["id"])


def test_from_proposal_to_end(world, accountant):
    page = accountant.page
    invoice_ids = [invoice_id for invoice_id, _token_id in world.make_cases(5)]
    [declined_id, _token_id] = world.make_case("tok_decline")
    without_id = world.make_invoices([world.make_customer(name=LONG_NAME)])[0]
    every = [*invoice_ids, declined_id, without_id]
    # As a person does: in the list, with the menu of actions.
    accountant.open_list("account.move", [["id", "in", every]])
    page.locator(".o_list_view thead .o_list_record_selector input").click()
    page.locator(".o_cp_action_menus").get_by_role("button", name="Actions").click()
    page.get_by_role("menuitem", name="Charge…", exact=True).click()

    form = page.locator(".o_charge_run_form")
    expect(form.locator("[name=totals]")).to_have_text("6 customers, 600.00 USD")
    lines = form.locator("[name=line_ids] .o_data_row")
    expect(lines).to_have_count(7)
    expect(lines.filter(has_text="no saved payment method")).to_have_count(1)
    expect(form).to_contain_text("without a method that can be charged: 1")
    link = "Send a payment link to the one without a method"
    expect(page.get_by_role("button", name=link, exact=True)).to_be_visible()
    # No name is cut beside a column that is empty for most lines.
    cut = lines.evaluate_all(
        """rows => rows.flatMap((row) =>
            [...row.querySelectorAll("td:not(.o_list_actions_header)")]
                .filter((cell) => cell.scrollWidth > cell.clientWidth + 1)
                .map((cell) => cell.textContent)
        )"""
    )
    assert not cut
    accountant.keep_screen("charge-run-proposal-1280")
    [run] = world.query("SELECT max(id) AS id FROM account_charge_run")
    accountant.narrow()
    open_run(accountant, run["id"])
    expect(form.locator(".o_kanban_record:not(.o_kanban_ghost)")).to_have_count(7)
    accountant.keep_screen("charge-run-proposal-360")
    page.set_viewport_size({"width": 1280, "height": 1200})
    open_run(accountant, run["id"])

    proposed = lines.filter(has_text="Proposed")
    # The first row is of the customer whose charge is declined.
    proposed.nth(0).locator("button[name=action_change]").click()
    accountant.enter("amount", "40")
    accountant.press("Change")
    expect(form.locator("[name=totals]")).to_have_text("6 customers, 540.00 USD")
    proposed.nth(4).locator("button[name=action_drop]").click()
    expect(lines).to_have_count(6)
    press(accountant, "Confirm")
    dialog = page.locator(".modal .o_charge_run_confirm")
    expect(dialog).to_contain_text("5 customers, 440.00 USD")
    accountant.keep_dialog("charge-run-confirm")
    accountant.press("Confirm")
    expect(page.locator(".modal")).to_have_count(0)

    progress = form.locator(".o_charge_run_progress")
    expect(progress).to_contain_text("0 of 5")
    see_line_go_on(world, progress, lines)
    run_lanes(world, *get_lanes(world)[:2])
    finish(world, run["id"])
    # The page asks for the figures without a click.
    expect(progress).to_contain_text("5 of 5")
    expect(progress).to_contain_text("Succeeded: 4")
    expect(progress).to_contain_text("Declined: 1")
    expect(progress).to_contain_text("400.00 USD")
    state = form.locator("[name=state] .o_arrow_button_current")
    expect(state).to_have_text("Done")
    accountant.keep_screen("charge-run-done-1280")
    accountant.narrow()
    accountant.keep_screen("charge-run-done-360")
    page.set_viewport_size({"width": 1280, "height": 1200})
    press(accountant, "Retry the declined")
    expect(form.locator("[name=retried_run_id]")).to_be_visible()
    lines = form.locator("[name=line_ids] .o_data_row")
    expect(lines).to_have_count(1)
    charged = [row["move_id"] for row in get_lines(world, run["id"]) if row["outcome"]]
    paid = [each for each in charged if not world.get_invoice(each)["amount_residual"]]
    assert len(paid) == 4
    assert_each_once(world, paid)
    assert not accountant.get_errors()
