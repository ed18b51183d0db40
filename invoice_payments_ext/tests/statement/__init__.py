from . import test_merged_contacts
from . import test_statement
from . import test_statement_portal
