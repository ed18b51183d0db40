from . import payment_transaction_readings
from . import payment_transaction_requests
