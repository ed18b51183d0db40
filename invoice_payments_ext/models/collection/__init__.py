from . import payment_token, res_company
from . import account_move_decision, account_move_method, account_move_collect
from . import account_auto_pay
from . import res_company_auto_pay
from . import res_partner
from . import account_move_excluded
from . import payment_transaction
