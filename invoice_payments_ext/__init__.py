from . import controllers, models, report, wizards


def post_init_hook(env):
    """Set existing companies up as new ones are when they are created.

    The books that an earlier installation left are taken up again.
    """
    companies = env["res.company"].search([])
    companies._create_credit_balance_books()
    companies._set_write_off_accounts()
    companies._set_default_mail_templates()
    env["payment.transaction"]._take_up_attempts()


def uninstall_hook(env):
    """Leave the books as they are, and nothing that serves no more."""
    env["payment.transaction"]._leave_attempts()
    companies = env["res.company"].search([])
    companies._leave_taken_back_accounts()
    companies._leave_credit_balance_books()
    # Its method goes with the addon.
    receipt = env.ref("account.action_report_payment_receipt", raise_if_not_found=False)
    if receipt:
        receipt.print_report_name = False
