from . import account_payment_approval_reject
from . import account_payment_create
from . import account_payment_refund
from . import payment_attempt_resolve
