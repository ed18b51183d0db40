from . import controllers, models, report, wizards


def post_init_hook(env):
    """Give the companies that there are their credit account and journal."""
    env["res.company"].search([])._create_credit_balance_books()
