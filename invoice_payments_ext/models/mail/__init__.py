from . import account_payment
from . import account_payment_reversal
from . import payment_token
from . import payment_transaction
from . import payment_transaction_finish
from . import res_company
from . import res_partner
