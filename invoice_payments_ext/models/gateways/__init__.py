from . import payment_transaction_readings
