from odoo import SUPERUSER_ID, api

# The mails whose text has changed.
TEMPLATES = (
    "mail_template_collection_notice",
    "mail_template_collection_reminder",
    "mail_template_credit_statement",
    "mail_template_payment_declined",
    "mail_template_payment_expiring",
    "mail_template_payment_finish",
    "mail_template_payment_receipt",
    "mail_template_payment_refund",
    "mail_template_payment_refund_failed",
    "mail_template_payment_returned",
)


def migrate(cr, version):
    """Give the mails that nobody has edited their new texts, and add a new one."""
    env = api.Environment(cr, SUPERUSER_ID, {})
    env["res.company"].search([])._set_default_mail_templates(["pending"])
    for name in TEMPLATES:
        template = env.ref(f"invoice_payments_ext.{name}", raise_if_not_found=False)
        if template and template.write_uid.id == SUPERUSER_ID:
            template.reset_template()
