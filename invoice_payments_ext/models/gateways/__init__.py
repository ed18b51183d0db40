from . import payment_provider
from . import payment_transaction_readings
from . import adyen
from . import authorize
from . import flutterwave
from . import razorpay
from . import stripe
from . import worldline
