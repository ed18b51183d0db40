from . import controllers, models, report, wizards


def post_init_hook(env):
    """Set existing companies up as new ones are when they are created."""
    companies = env["res.company"].search([])
    companies._create_credit_balance_books()
    companies._set_default_mail_templates()


def uninstall_hook(env):
    """Switch off the providers that nothing serves any more."""
    providers = env["payment.provider"].search([("code", "=", "credit_balance")])
    providers.write(providers._get_removal_values())
