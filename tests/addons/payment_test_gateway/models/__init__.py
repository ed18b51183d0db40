from . import account_payment
from . import payment_provider
from . import payment_transaction
