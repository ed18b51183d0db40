"""Give credit by a till, as users of the Point of Sale alone: run in an Odoo shell."""
# ruff: noqa: F821

import json

from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tests.common import new_test_user

company = env.ref("base.main_company")
env = env(context={**env.context, "allowed_company_ids": company.ids})
cashier = new_test_user(
    env, "pos_cashier", "point_of_sale.group_pos_manager", company_id=company.id
)
customer = env["res.partner"].create({"name": "Accomplice"})
credit_journal = company.credit_balance_journal_id
cash = env["account.journal"].create({"name": "Till", "type": "cash", "code": "TILL"})
tills = env["pos.payment.method"].with_user(cashier)
told = {}


def attempt(name, work):
    """Note how this ends, and undo it."""
    env.flush_all()
    savepoint = env.cr.savepoint(flush=False)
    try:
        work()
        env.flush_all()
        told[name] = "done"
    except (AccessError, UserError, ValidationError) as error:
        told[name] = str(error)
    savepoint.rollback()
    env.transaction.clear()


attempt(
    "created",
    lambda: tills.create({"name": "Credit", "journal_id": credit_journal.id}),
)
till = tills.create({"name": "Cash", "journal_id": cash.id})
env.flush_all()
attempt("changed", lambda: till.write({"journal_id": credit_journal.id}))


def choose_journal_of_till(is_archived=False):
    """Choose, in the settings of a new company, the journal of a till for credit."""
    other = env["res.company"].create(
        {"name": "Shop", "country_id": company.country_id.id}
    )
    env["account.chart.template"].try_loading("generic_coa", other, install_demo=False)
    here = env(context={**env.context, "allowed_company_ids": other.ids})
    journal = here["account.journal"].create(
        {
            "name": "New Credit",
            "type": "cash",
            "code": "NCRE",
            "default_account_id": other.credit_balance_account_id.id,
        }
    )
    if is_archived is not None:
        method = here["pos.payment.method"].create(
            {"name": "Shop's Cash", "journal_id": journal.id}
        )
        method.active = not is_archived
    settings = here["res.config.settings"].create({})
    settings.credit_balance_journal_id = journal
    settings.execute()


attempt("journal of a till in the settings", choose_journal_of_till)
attempt("journal of an archived till", lambda: choose_journal_of_till(True))
attempt("journal of no till", lambda: choose_journal_of_till(None))


def give(**values):
    """Take 70 out of a session for the customer, as its end books: as superuser."""
    config = env["pos.config"].with_user(cashier).create({"name": "Shop"})
    config.payment_method_ids = till
    config.open_ui()
    session = config.current_session_id
    env.flush_all()
    lines = env["account.bank.statement.line"].with_user(cashier).sudo()
    lines.create(
        {
            **session._prepare_account_bank_statement_line_vals(
                session, -1, 70, "Gift", customer.id, {"translatedType": "out"}
            ),
            **values,
        }
    )


def give_by_till():
    """As one that was there before the addon, or that SQL put there."""
    env.cr.execute(
        "UPDATE pos_payment_method SET journal_id = %s WHERE id = %s",
        (credit_journal.id, till.id),
    )
    env.invalidate_all()
    give()


attempt("till on the credit journal", give_by_till)
attempt(
    "credit on the other side",
    lambda: give(counterpart_account_id=company.credit_balance_account_id.id),
)
attempt("ordinary till", give)
print("TOLD", json.dumps(told))
