"""Gives the demo member saved payment methods; executed by `odoo shell`, with `env`."""

provider = env.ref("payment.payment_provider_demo")  # noqa: F821
provider.write({"state": "test", "is_published": True})
member = env.ref("invoice_payments_ext.partner_demo_member")  # noqa: F821
method = provider.payment_method_ids.filtered("active")[:1]
# The demo provider's answer is a property of the saved method.
for number, answer in (("1881", "error"), ("0005", "pending"), ("4242", "done")):
    env["payment.token"].create(  # noqa: F821
        {
            "provider_id": provider.id,
            "payment_method_id": method.id,
            "partner_id": member.id,
            "payment_details": f"{number} ({answer})",
            "provider_ref": f"demo-{number}",
            "demo_simulated_state": answer,
        }
    )
env.cr.commit()  # noqa: F821
