from . import payment_door_mixin
from . import payment_undo_mixin
from . import account_move
from . import account_payment
