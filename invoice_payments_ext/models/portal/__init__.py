from . import account_move
from . import account_move_member_payment
from . import account_move_words
from . import account_payment
from . import payment_transaction
from . import payment_transaction_chatter
from . import payment_transaction_pace
from . import res_company
