from . import test_statement
from . import test_statement_portal
