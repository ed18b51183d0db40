from . import account_collection_board
from . import account_collection_board_attempts
from . import account_collection_board_due
from . import account_collection_board_money
from . import payment_transaction
