from odoo import fields, models


class AccountMove(models.Model):
    """Single invoices that are not charged automatically."""

    _inherit = "account.move"

    auto_pay_excluded = fields.Boolean(
        string="Not Charged Automatically",
        copy=False,
        tracking=True,
        help="This invoice is not charged automatically, though its customer permits "
        "it for others.",
    )

    # === GETTERS === #

    def _get_auto_pay_refusal(self, amount):
        """Say why an amount of this invoice must not be charged automatically.

        Note: `self.ensure_one()`; to be called in superuser mode.

        :param float amount: The amount, in the currency of the invoice.
        :return: The code of the reason and the sentence; empty texts if it may be.
        :rtype: tuple[str, str]
        """
        self.ensure_one()
        permissions = self.env["account.auto.pay"]._get_permissions(
            self.partner_id, self.company_id
        )
        return self._get_refusal_of(permissions[self.commercial_partner_id], amount)

    def _get_refusal_of(self, permission, amount):
        """Say why a permission does not allow a charge; see `_get_auto_pay_refusal`.

        :rtype: tuple[str, str]
        """
        if self.auto_pay_excluded:
            return "excluded", self.env._("It is not to be charged automatically.")
        customer = self.commercial_partner_id.display_name
        if not permission.is_on:
            return "permission_off", self.env._(
                "%s does not permit automatic charges.", customer
            )
        currency = self.company_id.currency_id
        asked = self._from_own_currency(currency, amount)
        if permission.limit and currency.compare_amounts(asked, permission.limit) > 0:
            return "above_permitted", self.env._(
                "%(customer)s permits automatic charges up to %(limit)s.",
                customer=customer,
                limit=currency.format(permission.limit),
            )
        return "", ""
