"""The fake APIs, in the order of the table's columns."""

from .adyen import Adyen
from .authorize import Authorize
from .razorpay import Razorpay
from .stripe import Stripe

APIS = (Stripe, Adyen, Authorize, Razorpay)
