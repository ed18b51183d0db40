from . import test_auto_pay
