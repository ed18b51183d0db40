from odoo import SUPERUSER_ID, api
from odoo.fields import Command


def migrate(cr, version):
    """Give the levels of *Invoice payments* that a new installation gives."""
    env = api.Environment(cr, SUPERUSER_ID, {})
    for group, level in (
        ("account.group_account_invoice", "invoice_payments_ext.group_payment_record"),
        ("account.group_account_manager", "invoice_payments_ext.group_payment_refund"),
    ):
        env.ref(group).implied_ids = [Command.link(env.ref(level).id)]
