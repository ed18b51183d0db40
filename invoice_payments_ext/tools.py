from odoo.tools.misc import clean_context


def without_defaults(records):
    """Return the records without the `default_…` keys of a dialog in their context.

    They are meant for the dialog, not for what a door creates: `default_move_id` would
    make an invoice the entry of its own payment.
    """
    # Keys are to be removed, which keyword arguments cannot do.
    # pylint: disable-next=context-overridden
    return records.with_context(clean_context(records.env.context))
