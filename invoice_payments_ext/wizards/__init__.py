from . import account_credit_note_create
from . import account_payment_approval_reject
from . import account_payment_create
from . import account_payment_refund
from . import account_write_off_create
from . import payment_attempt_resolve
from . import payment_refund_wizard
