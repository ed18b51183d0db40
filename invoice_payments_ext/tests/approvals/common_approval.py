from ..common import InvoicePaymentsCommon

GROUPS = (
    "base.group_user,account.group_account_invoice,"
    "invoice_payments_ext.group_payment_refund"
)


class ApprovalCommon(InvoicePaymentsCommon):
    """A limit of 100, and a second person who may approve."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.company.write_off_account_id = cls.env["account.account"].create(
            {"name": "Bad debt", "code": "BADDEBT", "account_type": "expense"}
        )
        cls.company.payment_approval_limit = 100.0
        cls.company.credit_adjustment_account_id = cls.company_data[
            "default_account_expense"
        ]
        cls.approver = cls.make_user(cls, "ip_approver", GROUPS, name="Ada Approver")

    def setUp(self):
        super().setUp()
        self.approver = self.approver.with_env(self.env)
        self.invoice = self.invoice.with_user(self.supervisor)
        self._keep()
