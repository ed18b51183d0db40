{
    "name": "Payment Provider: Test Gateway",
    "summary": "Talks to the tests' gateway process; never for real use",
    "version": "19.0.1.0.0",
    "category": "Hidden/Tests",
    "author": "Invoice Payments maintainers",
    "license": "LGPL-3",
    "depends": ["account_payment"],
    "data": [
        "data/payment_provider_data.xml",
        "views/payment_provider_views.xml",
    ],
    "post_init_hook": "post_init_hook",
    "uninstall_hook": "uninstall_hook",
    "installable": True,
}
