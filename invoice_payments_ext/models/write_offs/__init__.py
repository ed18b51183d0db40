from . import account_move
from . import account_move_rules
from . import account_payment
from . import account_payment_approval
from . import res_company
