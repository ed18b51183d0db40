from . import payment, payment_finish, payment_page
from . import portal_credit
from . import portal_documents
from . import portal_my_payments
from . import portal_owe
from . import portal_payments
from . import portal_promises
from . import portal_statement
from . import portal_tokens
from . import report
