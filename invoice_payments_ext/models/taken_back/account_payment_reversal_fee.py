from odoo import Command, models

from ...tools import OURS


class AccountPaymentReversal(models.Model):
    """The fee that a provider or a bank charges for money that it took back.

    The purchase taxes of the account of fees apply: the fee includes them. With a
    reverse charge, they cancel each other out.
    """

    _inherit = "account.payment.reversal"

    def _book_fee(self, amount, date):
        """Book the fee of the provider.

        :param float amount: The amount in the currency of the payment, taxes included.
        """
        account = self.company_id._get_provider_fee_account()
        self.fee_amount = amount
        self.fee_move_id = self._book_entry(
            date, amount, account, self._get_fee_taxes(account)
        )

    def _return_fee(self, date):
        """Book that the provider gave its fee back, with its taxes."""
        fee = self.fee_move_id
        if not fee or fee._get_undoing_entry():
            return
        # To the cent: Odoo's own reversal computes the taxes anew from the base.
        is_storno = self.company_id.account_storno
        lines = [
            (
                line.account_id,
                -line.amount_currency,
                -line.balance,
                {
                    "tax_ids": [Command.set(line.tax_ids.ids)],
                    "tax_tag_ids": [Command.set(line.tax_tag_ids.ids)],
                    "tax_repartition_line_id": line.tax_repartition_line_id.id,
                    "group_tax_id": line.group_tax_id.id,
                    "tax_base_amount": -line.tax_base_amount,
                    "is_storno": is_storno and not line.is_storno,
                },
            )
            for line in fee.line_ids
        ]
        self.with_context(undone_by_door=OURS)._book_lines(
            date, lines, ref=fee.ref, reversed_entry_id=fee.id
        )

    def _get_fee_taxes(self, account):
        """Return the default purchase taxes of the account of fees.

        :rtype: account.tax
        """
        companies = self.company_id.sudo().parent_ids
        return account.sudo().tax_ids.filtered(
            lambda tax: (
                tax.active
                and tax.type_tax_use == "purchase"
                and tax.company_id in companies
            )
        )

    def _split_taxes(self, account, amount, balance, taxes):
        """Split an amount that includes taxes into the base and the taxes.

        The base takes what rounding leaves, so that the sum is the amount.

        :param float balance: The amount in the currency of the company.
        :return: For each line its account, both amounts, and further values.
        :rtype: list[tuple]
        """
        computed = self.env["account.tax"]
        base_line = computed._prepare_base_line_for_taxes_computation(
            None,
            price_unit=amount,
            quantity=1.0,
            currency_id=self.currency_id,
            tax_ids=taxes,
            special_mode="total_included",
            rate=amount / balance if balance else 1.0,
            account_id=account,
            partner_id=self.partner_id,
        )
        company = self.company_id
        computed._add_tax_details_in_base_lines([base_line], company)
        computed._round_base_lines_tax_details([base_line], company)
        computed._add_accounting_data_in_base_lines_tax_details(
            [base_line], company, include_caba_tags=True
        )
        lines = computed._prepare_tax_lines([base_line], company)
        accounts = self.env["account.account"]
        tax_lines = []
        for vals in lines["tax_lines_to_add"]:
            own = {**vals}
            tax_account = accounts.browse(own.pop("account_id"))
            tax_amount = self.currency_id.round(own.pop("amount_currency"))
            tax_balance = company.currency_id.round(own.pop("balance"))
            tax_lines.append((tax_account, tax_amount, tax_balance, own))
        [(_line, base)] = lines["base_lines_to_update"]
        return [
            (
                account,
                self.currency_id.round(amount - sum(line[1] for line in tax_lines)),
                company.currency_id.round(balance - sum(line[2] for line in tax_lines)),
                {
                    "tax_ids": [Command.set(taxes.ids)],
                    "tax_tag_ids": base["tax_tag_ids"],
                },
            ),
            *tax_lines,
        ]
