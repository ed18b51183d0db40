from . import account_statement_sending
from . import res_company
from . import res_partner
from . import res_partner_export
from . import res_partner_sending
from . import res_partner_statement
from . import res_partner_statement_lines
