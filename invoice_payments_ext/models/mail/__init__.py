from . import account_payment
from . import payment_transaction
from . import res_company
