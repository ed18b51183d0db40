{
    "name": "Payment Providers: Fake APIs",
    "summary": "Sends requests of Odoo's providers to the tests; never for real use",
    "version": "19.0.1.0.0",
    "category": "Hidden/Tests",
    "author": "Invoice Payments maintainers",
    "license": "LGPL-3",
    "depends": [
        "payment_adyen",
        "payment_authorize",
        "payment_flutterwave",
        "payment_mercado_pago",
        "payment_razorpay",
        "payment_stripe",
        "payment_worldline",
        "payment_xendit",
    ],
    "installable": True,
}
