"""Makes a database ready for the tests; executed by `odoo shell`, which gives `env`."""

import json
from datetime import datetime, timedelta

from odoo.fields import Command

from odoo.addons.base.models import res_users

# Odoo's own tests do the same: hashing one password takes half a second otherwise, and
# so does checking it.
res_users.MIN_ROUNDS = 1

company = env.ref("base.main_company")  # noqa: F821
env = env(  # noqa: F821
    context={"allowed_company_ids": company.ids, "tracking_disable": True}
)
provider = env["payment.provider"].search(
    [("code", "=", "test_gateway"), ("company_id", "=", company.id)]
)
journal = env["account.journal"].create(
    {"name": "Test Gateway", "code": "TGW", "type": "bank", "company_id": company.id}
)
cash_journal = env["account.journal"].create(
    {"name": "Test Cash", "code": "TCSH", "type": "cash", "company_id": company.id}
)
provider.write({"state": "test", "is_published": True})
provider.journal_id = journal
method_line = journal.inbound_payment_method_line_ids.filtered(
    lambda line: line.payment_provider_id == provider
)
assert method_line, "the provider has no payment method line"
if not method_line.payment_account_id:
    method_line.payment_account_id = env["account.account"].create(
        {
            "name": "Test Gateway Outstanding",
            "code": "109999",
            "account_type": "asset_current",
            "reconcile": True,
            "company_ids": [Command.set(company.ids)],
        }
    )

accountants = []
for number in range(1, 5):
    user = env["res.users"].create(
        {
            "name": f"Accountant {number}",
            "login": f"accountant{number}",
            "password": f"accountant{number}",
            "company_id": company.id,
            "company_ids": [Command.set(company.ids)],
            "group_ids": [
                Command.set(
                    (
                        env.ref("base.group_user")
                        | env.ref("account.group_account_invoice")
                        | env.ref("invoice_payments_ext.group_payment_refund")
                    ).ids
                )
            ],
        }
    )
    key = (
        env["res.users.apikeys"]
        .with_user(user)
        .sudo()
        ._generate(None, "tests", datetime.now() + timedelta(days=1))
    )
    accountants.append({"login": user.login, "password": user.login, "key": key})

# One day for all: the company and its other users have no time zone either. That of the
# demo data would date invoices a day later in the last hours of the day.
env.ref("base.user_admin").write({"password": "admin", "tz": "UTC"})
cron = env.ref(
    "invoice_payments_ext.ir_cron_resolve_attempts", raise_if_not_found=False
)
facts = {
    "company_id": company.id,
    "provider_id": provider.id,
    "payment_method_id": env.ref("payment.payment_method_card").id,
    "journal_id": journal.id,
    "cash_journal_id": cash_journal.id,
    "resolver_cron_id": cron.id if cron else None,
    "post_process_cron_id": env.ref("payment.cron_post_process_payment_tx").id,
    "accountants": accountants,
}
env["ir.config_parameter"].set_param("payment_test_gateway.facts", json.dumps(facts))
env.cr.commit()
