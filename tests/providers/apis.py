"""The fake APIs, in the order of the table's columns."""

from .flutterwave import Flutterwave
from .mercado_pago import MercadoPago
from .stripe import Stripe
from .worldline import Worldline
from .xendit import Xendit

APIS = (Stripe, Flutterwave, Xendit, Worldline, MercadoPago)
