from odoo import Command, models

from ...tools import OURS


class AccountPaymentReversal(models.Model):
    """The fee that a provider or a bank charges for money that it took back.

    The purchase taxes of the account of fees apply: the fee includes them. With a
    reverse charge, they cancel each other out.
    """

    _inherit = "account.payment.reversal"

    def _book_fee(self, amount, date, reference=None):
        """Book a fee of the provider.

        :param float amount: The amount in the currency of the payment, taxes included;
                             below zero for a part that came back.
        :param str reference: The provider's id of the fee.
        """
        account = self.company_id._get_provider_fee_account()
        taxes = self._get_fee_taxes(account)
        date = self.payment_id._get_taken_back_booking_date(date, has_tax=bool(taxes))
        entry = self._book_entry(date, amount, account, taxes)
        entry.reversal_fee_reference = reference
        self.fee_amount = self.currency_id.round(self.fee_amount + amount)
        self.fee_move_id = self.fee_move_id or entry

    def _return_fee(self, date):
        """Book that the provider gave its fees back, with their taxes."""
        for fee in self._get_fee_entries():
            if not fee._get_undoing_entry():
                self._return_fee_entry(fee, date)

    def _return_told_fee(self, references, date, reference):
        """Book that the provider gave a fee back, if it is one of these, once.

        :param list[str] references: The provider's ids of fees of this amount.
        :param str reference: The provider's id of what it gave back.
        :return: Whether one of these was given back, now or before.
        :rtype: bool
        """
        for fee in self._get_fee_entries():
            if fee.reversal_fee_reference not in references:
                continue
            returned = fee._get_undoing_entry() or self._return_fee_entry(fee, date)
            if not returned.reversal_fee_reference:
                returned.reversal_fee_reference = reference
                return True
        return False

    def _return_fee_entry(self, fee, date):
        """Book the opposite of the entry of a fee.

        :param account.move fee: The entry.
        :return: The opposite entry.
        :rtype: account.move
        """
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
        date = self.payment_id._get_taken_back_booking_date(
            date, has_tax=bool(fee.line_ids.tax_ids)
        )
        receipts = self.payment_id.outstanding_account_id
        amount = -sum(
            line.amount_currency for line in fee.line_ids if line.account_id == receipts
        )
        self.fee_returned_amount = self.currency_id.round(
            self.fee_returned_amount + amount
        )
        return (
            self.with_context(undone_by_door=OURS)
            ._book_lines(date, lines, ref=fee.ref, reversed_entry_id=fee.id)
            .with_env(self.env)
        )

    def _get_fee_entries(self):
        """Return the entries of fees, without those by which they came back.

        :rtype: account.move
        """
        named = self.entry_ids.filtered("reversal_fee_reference")
        fees = (self.fee_move_id | named).sorted("id")
        return fees.filtered(lambda entry: not entry.reversed_entry_id)

    def _get_told_fees(self):
        """Return the provider's ids of the fees that are booked, or that came back.

        :rtype: list[str]
        """
        return self.entry_ids.mapped("reversal_fee_reference")

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
