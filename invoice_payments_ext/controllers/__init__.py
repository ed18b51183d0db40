from . import payment, payment_page
from . import portal
