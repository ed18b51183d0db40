from odoo import api, fields, models
from odoo.exceptions import UserError

from odoo.addons.payment.utils import add_to_report


class PaymentProvider(models.Model):
    """The provider by which members pay from their own credit balance.

    It calls no gateway: the payment is booked in the same database transaction.
    """

    _inherit = "payment.provider"

    code = fields.Selection(
        selection_add=[("credit_balance", "Credit Balance")],
        ondelete={"credit_balance": "set default"},
    )

    # === COMPUTE METHODS === #

    def _compute_feature_support_fields(self):
        result = super()._compute_feature_support_fields()
        self.filtered(lambda provider: provider.code == "credit_balance").update(
            {"support_refund": "partial"}
        )
        return result

    @api.depends("company_id.credit_balance_journal_id")
    def _compute_journal_id(self):
        """Book on the credit journal: no bank account is touched."""
        by_credit = self.filtered(lambda provider: provider.code == "credit_balance")
        for provider in by_credit:
            provider.journal_id = provider.company_id.credit_balance_journal_id
        return super(PaymentProvider, self - by_credit)._compute_journal_id()

    def _inverse_journal_id(self):
        """Leave the journal to the company's settings."""
        others = self.filtered(lambda provider: provider.code != "credit_balance")
        return super(PaymentProvider, others)._inverse_journal_id()

    # === BUSINESS METHODS === #

    def _get_default_payment_method_codes(self):
        self.ensure_one()
        if self.code != "credit_balance":
            return super()._get_default_payment_method_codes()
        return {"credit_balance"}

    @api.model
    def _get_compatible_providers(
        self,
        company_id,
        partner_id,
        amount,
        currency_id=None,
        is_validation=False,
        report=None,
        may_use_credit_first=False,
        **kwargs,
    ):
        """Offer credit to the logged-in member who holds enough of it only.

        :param bool may_use_credit_first: Whether the others are also offered for the
                                          rest when credit pays first.
        """
        balance = self.env["account.credit.balance"]
        if not is_validation and currency_id:
            balance = self._get_member_credit_balance(
                company_id, partner_id, currency_id
            )
        rest = amount
        if may_use_credit_first and 0 < balance.amount < amount:
            rest = balance.currency_id.round(amount - balance.amount)
        providers = super()._get_compatible_providers(
            company_id,
            partner_id,
            rest,
            currency_id=currency_id,
            is_validation=is_validation,
            report=report,
            **kwargs,
        )
        by_credit = providers.filtered(
            lambda provider: provider.code == "credit_balance"
        )
        usable = by_credit.filtered(
            lambda provider: (
                # The credit that branches hold is not their main company's.
                provider.company_id.id == company_id
                and balance
                and balance.amount
                and balance.currency_id.compare_amounts(balance.amount, amount or 0)
                >= 0
            )
        )
        add_to_report(
            report,
            by_credit - usable,
            available=False,
            reason=self.env._("not enough credit"),
        )
        return providers - by_credit + usable

    def _check_compatible(self, company, partner, amount, currency):
        """Check that this provider is offered for a payment.

        :param res.company company: The company to be paid.
        :param res.partner partner: On whose behalf is paid.
        :param float amount: The amount in the given currency.
        :raise UserError: If it is not, in words for the member.
        """
        compatible = self._get_compatible_providers(
            company.id, partner.id, amount, currency_id=currency.id
        )
        if self not in compatible:
            raise UserError(
                self.env._(
                    "%(provider)s cannot be used for %(amount)s: choose another "
                    "payment method.",
                    provider=self.name or "?",
                    amount=currency.format(amount),
                )
            )

    @api.model
    def _get_member_credit_balance(self, company_id, partner_id, currency_id):
        """Return the credit balance that the user may pay with.

        :param int company_id: The company to be paid.
        :param int partner_id: On whose behalf is paid.
        :param int currency_id: The currency of the payment.
        :return: The balance, in superuser mode; none for the public, and for everybody
                 who does not belong to the same customer.
        :rtype: account.credit.balance
        """
        balances = self.env["account.credit.balance"].sudo()
        user = self.env.user
        partner = self.env["res.partner"].sudo().browse(partner_id or [])
        (user.partner_id.sudo() | partner).mapped("commercial_partner_id")  # At once.
        customer = user.partner_id.commercial_partner_id
        if user._is_public() or customer != partner.commercial_partner_id:
            return balances
        return balances._find_balance(
            customer,
            self.env["res.company"].browse(company_id),
            self.env["res.currency"].browse(currency_id),
        )

    def _get_member_maximums(self, company, partner_id, currency):
        """Return how much can be paid through these providers at the most.

        :param res.company company: The company to be paid.
        :param int partner_id: On whose behalf is paid.
        :param res.currency currency: The currency of the payment.
        :return: By the id of each provider that has a limit, the amount; and the credit
                 of the user; in the given currency.
        :rtype: tuple[dict[int, float], float]
        """
        today = fields.Date.context_today(self)
        held = self._get_member_credit_balance(
            company.id, partner_id, currency.id
        ).amount
        maximums = {}
        for provider in self:
            if provider.code == "credit_balance":
                maximums[provider.id] = held
            elif provider.maximum_amount:
                maximums[provider.id] = provider.main_currency_id._convert(
                    provider.maximum_amount, currency, company, today
                )
        return maximums, held
