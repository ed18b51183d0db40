from . import payment_token, res_company
from . import account_move_decision, account_move_method, account_move_collect
from . import account_auto_pay, account_auto_pay_at_once, account_journal
from . import account_collection_plan
from . import account_collection_step
from . import account_collection
from . import account_collection_schedule
from . import account_collection_events
from . import account_collection_notice
from . import account_collection_run
from . import account_collection_telling
from . import res_partner
from . import account_move_permission
from . import account_move_promised
from . import account_move_start
from . import account_move
from . import account_move_doors
from . import account_move_events
from . import account_move_line
from . import account_payment_reversal
from . import account_payment_promise
from . import payment_method
from . import payment_token_events
from . import payment_transaction
