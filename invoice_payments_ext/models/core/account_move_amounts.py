from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Domain
from odoo.tools import float_compare

from ...tools import OURS, is_number


class AccountMove(models.Model):
    """Amounts that are checked, and journal items that are matched."""

    _inherit = "account.move"

    # Who may read an invoice sees how many payments it has, as its form does.
    reconciled_payment_ids = fields.Many2many(compute_sudo=True)

    # === CHECK METHODS === #

    @api.model
    def _check_amount(self, amount, currency, maximum=None, maximum_label=""):
        """Check an amount that somebody gave.

        :param float amount: The amount to check.
        :param res.currency currency: The currency of both amounts.
        :param float maximum: The highest amount allowed; none if not given.
        :param str maximum_label: The name of the maximum, for the message.
        :raise UserError: If it is not a positive number of the currency's smallest
                          units, or above the maximum.
        """
        if not is_number(amount):
            raise UserError(
                self.env._("The amount must be a number, not %(value)r.", value=amount)
            )
        if amount <= 0:
            raise UserError(self.env._("The amount must be above zero."))
        # Below a thousandth of the smallest unit, a difference is the noise of a
        # computation. An amount is not.
        if currency.is_zero(amount) or float_compare(
            amount, currency.round(amount), precision_rounding=currency.rounding / 1000
        ):
            raise UserError(
                self.env._(
                    "The amount %(amount)s is finer than the smallest unit of "
                    "%(currency)s, %(unit)s.",
                    amount=amount,
                    currency=currency.name,
                    unit=currency.format(currency.rounding),
                )
            )
        if maximum is not None and currency.compare_amounts(amount, maximum) > 0:
            raise UserError(
                self.env._(
                    "The amount %(amount)s is above the %(label)s of %(maximum)s.",
                    amount=currency.format(amount),
                    label=maximum_label,
                    maximum=currency.format(maximum),
                )
            )

    # === BUSINESS METHODS - EXTERNAL PAYMENTS === #

    def _get_open_receivable_lines(self, account=None):
        """Return the lines of this invoice that are still to be paid."""
        self.ensure_one()
        lines = self.line_ids.filtered(
            lambda line: line.display_type == "payment_term" and not line.reconciled
        )
        return (
            lines.filtered(lambda line: line.account_id == account)
            if account
            else lines
        )

    def _search_reconciled_payment_ids(self, operator, value):
        if self.env.context.get("nothing_reconciled_yet") is OURS:
            return Domain.FALSE  # See `account.payment`.
        return super()._search_reconciled_payment_ids(operator, value)

    def _compute_reconciled_payment_ids(self):
        """Ask the database only for the payments of matched entries.

        Odoo asks for those of each invoice that is issued, though nothing is matched
        with it yet: no other query of posting takes PostgreSQL longer to plan.
        """
        matched = self.filtered(
            lambda move: (
                move.line_ids.matched_debit_ids or move.line_ids.matched_credit_ids
            )
        )
        for move in self - matched:
            move.reconciled_payment_ids = move.matched_payment_ids
        return super(AccountMove, matched)._compute_reconciled_payment_ids()

    # === BUSINESS METHODS - STEPS === #

    def _get_receivable_account(self):
        """Return the account on which this invoice is owed."""
        lines = self.line_ids.filtered(lambda line: line.display_type == "payment_term")
        return lines.sorted("reconciled").account_id[:1]

    @api.model
    def _reconcile_part(self, debit_lines, credit_lines, amount):
        """Reconcile open lines in one currency up to an amount, oldest due first.

        :param float amount: The amount in the currency of the lines.
        """
        if not debit_lines or not credit_lines:
            return
        currency = debit_lines.currency_id
        debit_lines = debit_lines.sorted(lambda line: (line.date_maturity, line.id))
        due = sum(debit_lines.mapped("amount_residual_currency"))
        given = -sum(credit_lines.mapped("amount_residual_currency"))
        if currency.compare_amounts(min(due, given), amount) <= 0:
            # In general all that can be is to be reconciled.
            if currency.compare_amounts(amount, 0) > 0:
                (debit_lines | credit_lines).reconcile()
            return
        partials = self.env["account.partial.reconcile"]
        for debit_line in debit_lines:
            for credit_line in credit_lines:
                part = min(
                    amount,
                    debit_line.amount_residual_currency,
                    -credit_line.amount_residual_currency,
                )
                if currency.compare_amounts(part, 0) <= 0:
                    continue
                vals = self._prepare_partial_vals(debit_line, credit_line, part)
                partials |= partials._create_computed([vals])
                amount -= part
        partials._create_tax_cash_basis_moves()

    @api.model
    def _prepare_partial_vals(self, debit_line, credit_line, amount):
        """Return the values of a reconciliation for less than both lines have open.

        :rtype: dict
        """
        in_company_currency = [
            abs(line.amount_residual)
            * amount
            / abs(line.amount_residual_currency or line.amount_residual)
            for line in (debit_line, credit_line)
        ]
        return {
            "amount": debit_line.company_currency_id.round(min(in_company_currency)),
            "debit_amount_currency": amount,
            "credit_amount_currency": amount,
            "debit_move_id": debit_line.id,
            "credit_move_id": credit_line.id,
        }

    # === MONEY TO GIVE BACK === #

    def _to_own_currency(self, currency, amount, date=None):
        """Convert an amount into the currency of this invoice."""
        if currency == self.currency_id:
            return amount
        return currency._convert(amount, self.currency_id, self.company_id, date)

    def _from_own_currency(self, currency, amount, date=None):
        """Convert an amount from the currency of this invoice."""
        if currency == self.currency_id:
            return amount
        return self.currency_id._convert(amount, currency, self.company_id, date)

    # === GETTERS === #

    def _get_reversals(self):
        """Return the entries that reverse these, or will: a draft is posted later.

        :rtype: account.move
        """
        return self.sudo().reversal_move_ids.filtered(
            lambda move: move.state != "cancel"
        )

    def _get_credit_lines(self):
        """Return the journal items of these entries on their credit account.

        :rtype: account.move.line
        """
        return self.line_ids._filter_credit()

    def _get_credit_amounts(self):
        """Return by how much these entries change credit balances.

        :return: By currency, the amount in it.
        :rtype: dict[res.currency, float]
        """
        return {
            currency: currency.round(-sum(lines.mapped("amount_currency")))
            for currency, lines in self._get_credit_lines()
            .grouped("currency_id")
            .items()
        }

    def _get_undoing_entry(self):
        """Return the posted entry that undoes this one."""
        self.ensure_one()
        return self.reversal_move_ids.filtered(lambda move: move.state == "posted")[:1]
