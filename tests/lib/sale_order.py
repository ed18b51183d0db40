"""Invoice a prepaid order in parts, with Odoo's own `sale`: run in an Odoo shell."""
# ruff: noqa: F821

import json

from odoo.exceptions import AccessError, UserError
from odoo.fields import Command

company = env.ref("base.main_company")
env = env(context={**env.context, "allowed_company_ids": company.ids})
provider = env["payment.provider"].search(
    [("code", "=", "demo"), ("company_id", "=", company.id)], limit=1
)
provider.state = "test"
method = env.ref("payment_demo.payment_method_demo")
method.active = True
customer = env["res.partner"].create({"name": "Pupil", "email": "pupil@example.com"})
token = env["payment.token"].create(
    {
        "provider_id": provider.id,
        "payment_method_id": method.id,
        "payment_details": "4242",
        "partner_id": customer.id,
        "provider_ref": "order",
        "demo_simulated_state": "done",
    }
)
product = env["product.product"].create(
    {
        "name": "Course",
        "list_price": 100,
        "invoice_policy": "order",
        "taxes_id": False,
        "type": "service",
    }
)


def make_order(prepaid, customer=customer, token=token):
    """Return an order of four courses at 100, and the payment made for it before."""
    order = env["sale.order"].create(
        {
            "partner_id": customer.id,
            "order_line": [
                Command.create(
                    {
                        "product_id": product.id,
                        "product_uom_qty": 4,
                        "price_unit": 100,
                        "tax_ids": False,
                    }
                )
            ],
        }
    )
    tx = env["payment.transaction"].create(
        {
            "provider_id": provider.id,
            "payment_method_id": method.id,
            "token_id": token.id,
            "amount": prepaid,
            "currency_id": order.currency_id.id,
            "partner_id": customer.id,
            "operation": "offline",
            "sale_order_ids": [Command.set(order.ids)],
        }
    )
    tx._charge_with_token()
    tx._post_process()
    if order.state != "sale":
        order.action_confirm()
    return order, tx


def invoice_one(order):
    """Return a draft of one more course of an order."""
    draft = order._create_invoices()
    draft.invoice_line_ids[0].quantity = 1
    return draft


def issue(draft):
    """Issue a draft and charge the rest, as a person in the dialog does."""
    dialog = env["account.payment.create"].new({"move_id": draft.id, "issue": True})
    proposed = (dialog.prepaid_amount, dialog.amount)
    attempt = draft.issue_and_charge(token.id)
    env.invalidate_all()
    return [*proposed, attempt.amount if attempt else 0, draft.amount_residual]


def tell(order, tx):
    """Return what is open of the prepayment, on the invoices, and paid in all."""
    lines = order.invoice_ids.filtered(lambda move: move.state == "posted").line_ids
    due = lines.filtered(lambda line: line.account_type == "asset_receivable")
    paid = env["account.payment"].search(
        [("partner_id", "=", customer.id), ("state", "in", ("in_process", "paid"))]
    )
    open_lines = paid.move_id.line_ids.filtered(
        lambda line: line.account_type == "asset_receivable" and not line.reconciled
    )
    earlier = paid.filtered(lambda payment: payment.id < tx.payment_id.id)
    return [
        -sum(open_lines.mapped("amount_residual")),
        sum(due.mapped("amount_residual")),
        sum((paid - earlier).mapped("amount")),
    ]


told = {}
before = len(env["account.payment.tie.out"].check())
order, tx = make_order(250)
told["parts"] = [issue(invoice_one(order)) for _part in range(3)]
told["final"] = issue(order._create_invoices())
told["in parts"] = tell(order, tx)

# One of its invoices is cancelled: what it held is taken by the next one.
order, tx = make_order(250)
told["first"] = issue(invoice_one(order))
second = invoice_one(order)
second.action_post()
told["posted by Odoo"] = second.amount_residual
second.button_draft()
second.button_cancel()
told["again"] = [issue(invoice_one(order)) for _part in range(2)]
told["last"] = issue(order._create_invoices())
told["cancelled"] = tell(order, tx)


def press(person, button):
    """Press a button of an authorized order; return the error and the states."""
    order = env["sale.order"].create({"partner_id": customer.id, "user_id": person.id})
    tx = env["payment.transaction"].create(
        {
            "provider_id": provider.id,
            "payment_method_id": method.id,
            "amount": 400,
            "currency_id": order.currency_id.id,
            "partner_id": customer.id,
            "operation": "online_direct",
            "sale_order_ids": [Command.set(order.ids)],
        }
    )
    tx._set_authorized()
    env.flush_all()
    error = ""
    try:
        with env.cr.savepoint():
            getattr(order.with_user(person), button)()
    except AccessError as refused:
        error = str(refused)
    return [error, (tx | tx.child_transaction_ids).mapped("state")]


# Odoo captures an order in superuser mode: the level is the person's all the same.
provider.capture_manually = True
people = {
    name: env["res.users"].create(
        {
            "name": name,
            "login": name,
            "group_ids": [Command.set([env.ref(group).id for group in groups])],
        }
    )
    for name, groups in {
        "seller": ["sales_team.group_sale_salesman"],
        "cashier": [
            "sales_team.group_sale_salesman",
            "invoice_payments_ext.group_payment_record",
        ],
        "biller": ["sales_team.group_sale_salesman", "account.group_account_invoice"],
    }.items()
}
told["buttons"] = {
    f"{button} by the {name}": press(person, f"payment_action_{button}")
    for name, person in people.items()
    if name != "biller"
    for button in ("capture", "void")
}
# A seller who invoices links an order with money of somebody or some company else.
provider.capture_manually = False
stranger = env["res.partner"].create({"name": "Stranger"})
stranger_token = token.copy({"partner_id": stranger.id, "provider_ref": "stranger"})
seller = people["biller"]


def link_to_order(strange_tx):
    """Return an order of the customer that the seller linked with an attempt."""
    order, _tx = make_order(50)
    order.user_id = seller
    companies = {"allowed_company_ids": seller.company_ids.ids}
    order.with_user(seller).with_context(**companies).write(
        {"transaction_ids": [Command.link(strange_tx.id)]}
    )
    env.flush_all()
    return order


def see(invoice, strange_tx):
    """Return what remains, what is open of the money, and if it is linked."""
    env.invalidate_all()
    line = strange_tx.payment_id.move_id.line_ids.filtered(
        lambda line: line.account_type == "asset_receivable"
    )
    is_linked = strange_tx in invoice.transaction_ids
    return [invoice.amount_residual, -line.amount_residual, is_linked]


_order, strange_tx = make_order(400, stranger, stranger_token)
draft = link_to_order(strange_tx)._create_invoices()
dialog = env["account.payment.create"].new({"move_id": draft.id, "issue": True})
told["strange"] = {"proposed": [dialog.prepaid_amount, dialog.amount]}
draft.action_post()
told["strange"]["posted"] = see(draft, strange_tx)

# The customer of a draft that is linked already is changed.
draft = _order._create_invoices()
told["strange"]["linked"] = strange_tx in draft.transaction_ids
draft.partner_id = customer
dialog = env["account.payment.create"].new({"move_id": draft.id, "issue": True})
told["strange"]["of a changed customer"] = [dialog.prepaid_amount, dialog.amount]
draft.action_post()
told["strange"]["changed"] = see(draft, strange_tx)[:2]

# Odoo invoices the order by itself when the strange money comes.
env["ir.config_parameter"].set_param("sale.automatic_invoice", True)
late_tx = env["payment.transaction"].create(
    {
        "provider_id": provider.id,
        "payment_method_id": method.id,
        "amount": 400,
        "currency_id": company.currency_id.id,
        "partner_id": stranger.id,
        "operation": "online_direct",
    }
)
order = link_to_order(late_tx)
late_tx._set_done()
late_tx.with_context(skip_sale_auto_invoice_send=True)._post_process()
env.flush_all()
invoice = order.invoice_ids.filtered(lambda move: move.state != "cancel")[-1:]
told["strange"]["automatic"] = [*invoice.mapped("state"), *see(invoice, late_tx)]
env["ir.config_parameter"].set_param("sale.automatic_invoice", False)

# The money of the same customer, but of another company.
other_company = env["res.company"].create({"name": "Other Company"})
(env.user | seller).company_ids |= other_company
other_provider = provider.copy({"company_id": other_company.id, "state": "test"})
other_tx = env["payment.transaction"].create(
    {
        "provider_id": other_provider.id,
        "payment_method_id": method.id,
        "amount": 400,
        "currency_id": company.currency_id.id,
        "partner_id": customer.id,
        "operation": "online_direct",
    }
)
other_tx._set_done()
draft = link_to_order(other_tx)._create_invoices()
told["strange"]["of another company"] = other_tx in draft.transaction_ids

# A member pays orders from the credit of one company: its own, and one of the other.
company.credit_adjustment_account_id = env["account.account"].search(
    [("account_type", "=", "expense"), ("company_ids", "in", company.ids)], limit=1
)
customer.adjust_credit_balance(80, reason="Goodwill", company_id=company.id)
by_credit = env["payment.provider"].search(
    [("code", "=", "credit_balance"), ("company_id", "=", company.id)]
)
by_credit.is_published = True
member = env["res.users"].create(
    {
        "login": "member with an order",
        "partner_id": customer.id,
        "group_ids": [Command.set([env.ref("base.group_portal").id])],
    }
)


def pay_by_credit(selling_company):
    """Let the member pay an order; return the error and what is held then."""
    order = env["sale.order"].create(
        {"partner_id": customer.id, "company_id": selling_company.id}
    )
    tx = env["payment.transaction"].create(
        {
            "provider_id": by_credit.id,
            "payment_method_id": by_credit.payment_method_ids[:1].id,
            "amount": 50,
            "currency_id": company.currency_id.id,
            "partner_id": customer.id,
            "operation": "online_direct",
            "sale_order_ids": [Command.set(order.ids)],
        }
    )
    env.flush_all()
    error = ""
    try:
        with env.cr.savepoint():
            tx.with_user(member).sudo()._spend_credit_balance()
    except UserError as refused:
        error = str(refused)
    env.invalidate_all()
    balance = env["account.credit.balance"]._find_balance(
        customer, company, company.currency_id
    )
    return [error, balance.amount]


told["by credit"] = [pay_by_credit(each) for each in (other_company, company)]

told["tie-out"] = len(env["account.payment.tie.out"].check()) - before
print("TOLD", json.dumps(told))
