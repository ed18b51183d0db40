from . import controllers, models, report, wizards


def post_init_hook(env):
    """Give the companies that there are their credit account, journal and provider."""
    env["res.company"].search([])._create_credit_balance_books()


def uninstall_hook(env):
    """Switch off the providers that nothing serves any more."""
    providers = env["payment.provider"].search([("code", "=", "credit_balance")])
    providers.write(providers._get_removal_values())
