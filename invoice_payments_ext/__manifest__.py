{
    "name": "Invoice Payments",
    "summary": "Charge, record, retry and follow an invoice's payments in one place",
    "version": "19.0.1.1.0",
    "category": "Accounting/Accounting",
    "author": "Invoice Payments maintainers",
    "license": "LGPL-3",
    "depends": ["account_payment"],
    "data": [
        "security/invoice_payments_ext_security.xml",
        "security/ir.model.access.csv",
        "data/ir_cron_data.xml",
        "report/payment_receipt_templates.xml",
        "wizards/account_payment_create_views.xml",
        "wizards/payment_attempt_resolve_views.xml",
        "views/account_move_views.xml",
        "views/account_portal_templates.xml",
        "views/payment_transaction_views.xml",
        "views/res_partner_views.xml",
    ],
    "demo": ["demo/demo_data.xml"],
    "assets": {
        "web.assets_backend": [
            "invoice_payments_ext/static/src/**/*",
        ],
    },
    "installable": True,
}
