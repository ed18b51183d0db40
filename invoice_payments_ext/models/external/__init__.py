from . import payment_dialog_outside_mixin
from . import account_move
from . import account_move_third_currency
from . import account_payment
from . import payment_transaction
