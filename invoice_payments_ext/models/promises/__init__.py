from . import account_move
from . import account_move_promise_checks
from . import account_payment_promise
from . import account_payment_promise_date
from . import account_payment_promise_deciding
from . import account_refund_allocation
from . import res_company
from . import res_partner
