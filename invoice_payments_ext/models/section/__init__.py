from . import account_move
from . import account_move_queries
from . import account_move_row_actions
from . import account_move_row_reasons
from . import account_move_rows
from . import account_move_taken_back
from . import ir_websocket
