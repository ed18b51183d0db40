from . import test_auto_pay, test_collection, test_decision, test_notice, test_promised
