"""The fake APIs, in the order of the table's columns, and those beside it."""

from .adyen import Adyen
from .authorize import Authorize
from .flutterwave import Flutterwave
from .mercado_pago import MercadoPago
from .mollie import Mollie
from .razorpay import Razorpay
from .stripe import Stripe
from .worldline import Worldline
from .xendit import Xendit

APIS = (
    Stripe,
    Adyen,
    Authorize,
    Razorpay,
    Flutterwave,
    Xendit,
    Worldline,
    MercadoPago,
)
# The modules of these save no methods.
ONLINE_APIS = (Mollie,)
