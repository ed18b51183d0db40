"""The fake APIs, in the order of the table's columns."""

from .stripe import Stripe

APIS = (Stripe,)
