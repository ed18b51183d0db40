from . import controllers, models, wizards


def post_init_hook(env):
    """Give the companies that there are what new ones get when they are created."""
    companies = env["res.company"].search([])
    companies._create_credit_balance_books()
    companies._set_default_mail_templates()
