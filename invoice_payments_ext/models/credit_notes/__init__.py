from . import account_move
from . import account_move_by_hand
from . import account_move_destination_kinds
from . import account_move_destinations
from . import account_move_returnable
from . import account_payment_approval
