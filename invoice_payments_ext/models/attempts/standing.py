from odoo.tools import SQL

from ..states import POSTED_STATES

# The condition for payments (`standing`) that stand for announced money, as
# `payment.transaction._get_standing_payments` has it.
IS_STANDING = SQL(
    """
    (standing.state IN %s AND NOT EXISTS (
        SELECT FROM account_move undoing
         WHERE undoing.reversed_entry_id = standing.move_id
           AND undoing.state != 'cancel'))
    """,
    POSTED_STATES,
)
