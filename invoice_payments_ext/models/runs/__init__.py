from . import payment_provider, payment_provider_ahead, payment_transaction
from . import account_charge_run, account_charge_run_line
from . import account_charge_run_doors, account_charge_run_proposal
from . import account_charge_run_end, account_charge_run_steps
from . import account_charge_run_lane, account_charge_run_line_work
from . import account_charge_run_due, account_charge_run_queue
from . import account_charge_run_purge
from . import account_move, account_move_ahead, account_payment_approval
