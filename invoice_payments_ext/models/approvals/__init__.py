from . import account_payment_approval
from . import account_payment_approval_decision
from . import account_payment_approval_details
from . import account_payment_approval_limit
from . import account_payment_approval_request
from . import payment_door_mixin
from . import res_company
from . import res_partner
