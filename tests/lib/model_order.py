"""Loads the models in other orders; executed by `odoo shell`, which gives `env`.

Prints the books that the same work leaves in each order, one line of JSON for each.
"""

import json
import random

from odoo import SUPERUSER_ID, api
from odoo.fields import Command
from odoo.orm.models import MetaModel
from odoo.orm.registry import Registry

ADDON = "invoice_payments_ext"
classes = list(MetaModel._module_to_models__[ADDON])
# A class that makes a model comes before those that extend it.
makers = [each for each in classes if each._name not in each._inherit]
extensions = [each for each in classes if each not in makers]


def order_classes(seed):
    """Return the classes in another order: turned round, or shuffled."""
    shuffled = extensions[::-1]
    if seed:
        random.Random(seed).shuffle(shuffled)
    return makers + shuffled


def work(env):
    """Let credit pay, be given back and written off, in the ways that rooms share.

    :return: The state of the books afterwards.
    """
    company = env.ref("base.main_company")
    env = env(context={"allowed_company_ids": company.ids, "tracking_disable": True})
    partner = env["res.partner"].create({"name": "Customer of the Order Test"})

    def make_invoice(amount, **values):
        line = {"name": "Service", "price_unit": amount, "tax_ids": False}
        invoice = env["account.move"].create(
            {
                "move_type": "out_invoice",
                "partner_id": partner.id,
                "invoice_line_ids": [Command.create(line)],
                **values,
            }
        )
        invoice.action_post()
        return invoice

    partner.adjust_credit_balance(100.0, reason="Goodwill")
    paid_by_credit = make_invoice(100.0)
    paid_by_credit.issue_credit_note(amount=40.0, reason="Damaged")
    paid_outside = make_invoice(50.0, apply_credit=False)
    payment = paid_outside.record_external_payment(amount=30.0)
    payment.refund(amount=5.0, to="outside", reason="Too much")
    loss = env["account.account"].search([("account_type", "=", "expense")], limit=1)
    entry = paid_outside.write_off(amount=10.0, reason="Lost", account_id=loss.id)
    entry.undo_write_off()
    reset = make_invoice(20.0)  # Credit pays it, and gets it back.
    reset.button_draft()
    env.flush_all()
    lines = env["account.move.line"].search([("partner_id", "=", partner.id)])
    return {
        "credit": partner.credit_balance_ids.mapped("amount"),
        "invoices": [
            (move.amount_residual, move.payment_state, move.refund_status)
            for move in (paid_by_credit, paid_outside, reset)
        ],
        "ledger": sorted(
            (line.account_id.code, line.balance, line.amount_residual)
            for line in lines
            if line.parent_state == "posted"
        ),
        "tie_out": env["account.payment.tie.out"].check(company.ids),
    }


env.cr.rollback()  # noqa: F821
for seed in (None, 0, 1, 2):
    if seed is not None:
        MetaModel._module_to_models__[ADDON][:] = order_classes(seed)
        Registry.new(env.cr.dbname)  # noqa: F821
    with Registry(env.cr.dbname).cursor() as cr:  # noqa: F821
        books = work(api.Environment(cr, SUPERUSER_ID, {}))
        cr.rollback()
    print("BOOKS", json.dumps(books))
