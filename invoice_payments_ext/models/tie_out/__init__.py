from . import account_payment_tie_out
from . import account_payment_tie_out_acceptance
from . import account_payment_tie_out_credit
from . import account_payment_tie_out_entries
from . import account_payment_tie_out_invoices
from . import account_payment_tie_out_payments
from . import payment_gateway_check
from . import payment_gateway_movement
