"""Issue invoices in the ways of other addons, with and without a plan, in a shell.

Of each way, the invoice is told with its record of collection, and what the plan costs.
"""
# ruff: noqa: F821

import json
from unittest.mock import patch

from odoo import fields

from odoo.addons.payment.models.payment_provider import PaymentProvider

TODAY = fields.Date.today()

company = env.company
plan = env.ref("invoice_payments_ext.collection_plan_standard")
facts = json.loads(
    env["ir.config_parameter"].get_param("payment_test_gateway.facts") or "{}"
)
company.auto_pay = True
customer = env["res.partner"].create({"name": "Member", "email": "m@example.com"})
env["payment.token"].create(
    {
        "provider_id": facts["provider_id"],
        "payment_method_id": facts["payment_method_id"],
        "partner_id": customer.id,
        "provider_ref": "tok_succeed",
    }
)
income = env["account.account"].search([("account_type", "=", "income")], limit=1)
pricelist = env["product.pricelist"].create({"name": "Members"})
product = env["product.product"].create(
    {
        "name": "Membership",
        "type": "service",
        "list_price": 100,
        "invoice_policy": "order",
        "subscribable": True,
        "taxes_id": False,
        "property_account_income_id": income.id,
    }
)


def prepare_button():
    """An invoice of a person, who presses the button."""
    return make_draft().action_post


def prepare_schedule():
    """A draft that Odoo issues on its day."""
    make_draft(auto_post="at_date", date=TODAY)
    return env["account.move"]._autopost_draft_entries


def prepare_import():
    """Rows of a file, which are issued together."""
    names = [
        *("partner_id", "move_type", "invoice_date"),
        *("invoice_line_ids/name", "invoice_line_ids/price_unit"),
    ]
    row = [customer.name, "Customer Invoice", str(TODAY), "Membership", "100"]
    result = env["account.move"].load(names, [row])
    assert result["ids"], result["messages"]
    return env["account.move"].browse(result["ids"]).action_post


def prepare_sale():
    """An order, whose invoice is issued by the one who made it."""
    order = env["sale.order"].create(
        {
            "partner_id": customer.id,
            "order_line": [fields.Command.create({"product_id": product.id})],
        }
    )
    order.action_confirm()
    return lambda: order._create_invoices().action_post()


def prepare_contract():
    """A contract, whose schedule makes drafts that are issued together."""
    contract = env["contract.contract"].create(
        {
            "name": "Membership",
            "partner_id": customer.id,
            "line_recurrence": True,
            "contract_line_ids": [
                fields.Command.create(
                    {
                        "product_id": product.id,
                        "name": "Membership",
                        "quantity": 1,
                        "price_unit": 100,
                        "recurring_rule_type": "monthly",
                        "recurring_interval": 1,
                        "date_start": TODAY,
                        "recurring_next_date": TODAY,
                    }
                )
            ],
        }
    )

    def work():
        env["contract.contract"].cron_recurring_create_invoice()
        contract._get_related_invoices().action_post()

    return work


def prepare_subscription(mode):
    """A subscription, whose schedule makes and issues the invoice."""
    template = env["sale.subscription.template"].create(
        {
            "name": mode,
            "code": mode,
            "recurring_rule_type": "months",
            "recurring_rule_boundary": "unlimited",
            "invoicing_mode": mode,
        }
    )
    stage = env["sale.subscription.stage"].search([("type", "=", "in_progress")])[:1]
    env["sale.subscription"].create(
        {
            "partner_id": customer.id,
            "template_id": template.id,
            "pricelist_id": pricelist.id,
            "company_id": company.id,
            "date_start": TODAY,
            "recurring_next_date": TODAY,
            "recurring_rule_boundary": True,
            "stage_id": stage.id,
            "in_progress": True,
            "sale_subscription_line_ids": [
                fields.Command.create({"product_id": product.id, "price_unit": 100})
            ],
        }
    )
    return env["sale.subscription"].cron_subscription_management


def make_draft(**values):
    return env["account.move"].create(
        {
            "move_type": "out_invoice",
            "partner_id": customer.id,
            "invoice_date": TODAY,
            "invoice_line_ids": [
                fields.Command.create(
                    {"name": "Membership", "price_unit": 100, "tax_ids": False}
                )
            ],
            **values,
        }
    )


WAYS = {
    "button": prepare_button,
    "import": prepare_import,
    "auto-post": prepare_schedule,
    "sale": prepare_sale,
    "contract": prepare_contract,
    "subscription": lambda: prepare_subscription("invoice"),
    "subscription by a sale": lambda: prepare_subscription("sale_and_invoice"),
}
asked, commits = [], []


def issue(prepare, with_plan):
    """Issue an invoice in one way.

    :return: The invoice, and the queries that it took.
    """
    company.collection_plan_id = plan if with_plan else False
    work = prepare()
    env.flush_all()
    env.invalidate_all()
    last = env["account.move"].search([], order="id desc", limit=1).id
    env.invalidate_all()
    before = env.cr.sql_log_count
    work()
    env.flush_all()
    queries = env.cr.sql_log_count - before
    issued = env["account.move"].search(
        [("partner_id", "=", customer.id), ("state", "=", "posted")],
        order="id desc",
        limit=1,
    )
    assert issued.id >= last, "nothing was issued"
    return issued, queries


def tell(prepare):
    """Issue invoices in one way: the first ones fill Odoo's own caches."""
    issue(prepare, False)
    _without, alone = issue(prepare, False)
    issue(prepare, True)
    issued, queries = issue(prepare, True)
    row = issued.collection_ids
    return {
        "state": row.state,
        "plan": row.plan_id == plan,
        "is_due": bool(row.next_at),
        "more_queries": queries - alone,
        "attempts": len(issued.transaction_ids),
    }


told = {}
woken = env.ref("invoice_payments_ext.ir_cron_collect")
with (
    patch.object(
        PaymentProvider, "_send_api_request", lambda *values, **more: asked.append(1)
    ),
    # The mail with the document is not the question, and printing it takes long.
    patch.object(
        type(env["account.move.send"]),
        "_generate_and_send_invoices",
        lambda *values, **more: None,
    ),
    patch.object(env.cr, "commit", lambda: commits.append(1)),
):
    for name, prepare in WAYS.items():
        env["ir.cron.trigger"].search([("cron_id", "=", woken.id)]).unlink()
        told[name] = tell(prepare)
        told[name]["is_woken"] = bool(
            env["ir.cron.trigger"].search_count([("cron_id", "=", woken.id)])
        )
told["requests"] = len(asked)
print("TOLD", json.dumps(told))
