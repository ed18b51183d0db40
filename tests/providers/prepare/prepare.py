"""Switches the providers on; executed by `odoo shell`, which gives `env`.

`PROVIDERS` is put before it: for each code the currency and the values of the provider.
A value such as `ref:base.br` is the record of this external id.
"""

import json

from odoo.fields import Command

company = env.ref("base.main_company")  # noqa: F821
env = env(  # noqa: F821
    context={"allowed_company_ids": company.ids, "tracking_disable": True}
)
card = env.ref("payment.payment_method_card")
card.active = True
facts = {}
for number, (code, setup) in enumerate(PROVIDERS.items()):  # noqa: F821
    currency = env["res.currency"].search(
        [("name", "=", setup["currency"]), ("active", "in", (True, False))]
    )
    currency.active = True
    provider = env["payment.provider"].search(
        [("code", "=", code), ("company_id", "=", company.id)], limit=1
    )
    journal = env["account.journal"].create(
        {
            "name": provider.name,
            "code": f"FA{number}",
            "type": "bank",
            "company_id": company.id,
        }
    )
    provider.available_currency_ids = currency
    provider.write(
        {
            **{
                name: env.ref(value[4:]).id if value.startswith("ref:") else value
                for name, value in setup["values"].items()
            },
            "state": "enabled",
            "is_published": True,
            "allow_tokenization": True,
        }
    )
    provider.journal_id = journal
    assert card in provider.with_context(active_test=False).payment_method_ids, code
    # The others, also those not active yet, would forbid to capture amounts by hand.
    provider.with_context(active_test=False).payment_method_ids = card
    method_line = journal.inbound_payment_method_line_ids.filtered(
        lambda line, provider=provider: line.payment_provider_id == provider
    )
    assert method_line, f"{code} has no payment method line"
    method_line.payment_account_id = env["account.account"].create(
        {
            "name": f"{provider.name} Outstanding",
            "code": f"10998{number}",
            "account_type": "asset_current",
            "reconcile": True,
            "company_ids": [Command.set(company.ids)],
        }
    )
    facts[code] = {
        "provider_id": provider.id,
        "journal_id": journal.id,
        "account_id": method_line.payment_account_id.id,
        "currency_id": currency.id,
    }
# Providers that were switched on later brought methods that cannot be captured by hand.
(env["payment.method"].search([]) - card - card.brand_ids).active = False
env["ir.config_parameter"].set_param("payment_fake_apis.facts", json.dumps(facts))
env.cr.commit()
