from odoo.tools.misc import clean_context

# The value of the context keys by which this addon's methods tell each other something.
# Any client can send a context, but none can send this.
OURS = object()

# With these, Odoo's accounting leaves out a part of what it books or checks.
ODOO_SWITCHES = {
    "check_move_validity",
    "move_reverse_cancel",
    "no_cash_basis",
    "no_exchange_difference",
    "skip_invoice_sync",
}


def without_defaults(records):
    """Return the records without what a client's context must not bring into a door.

    The `default_…` keys are meant for a dialog, not for what a door creates:
    `default_move_id` would make an invoice the entry of its own payment.
    """
    context = clean_context(records.env.context)
    context = {key: context[key] for key in context.keys() - ODOO_SWITCHES}
    # Keys are to be removed, which keyword arguments cannot do.
    # pylint: disable-next=context-overridden
    return records.with_context(context)
