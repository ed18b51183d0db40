from . import payment_token, res_company
from . import account_move_decision, account_move_method, account_move_collect
