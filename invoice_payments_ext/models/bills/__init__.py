from . import account_move
from . import account_move_line
from . import account_move_lines
from . import account_move_parts
from . import account_move_plan
from . import account_partial_reconcile
from . import payment_transaction
