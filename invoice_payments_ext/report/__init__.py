from . import account_credit_balance_report
from . import report_credit_statement
from . import report_customer_statement
