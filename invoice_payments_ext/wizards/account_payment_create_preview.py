from odoo import api, fields, models
from odoo.tools import format_date

from ..tools import format_preview


class AccountPaymentCreate(models.TransientModel):
    """The effects of a payment, in words, before it is made."""

    _inherit = "account.payment.create"

    preview = fields.Html(compute="_compute_preview", sanitize=False)
    button_label = fields.Char(compute="_compute_button_label")

    # === COMPUTE METHODS === #

    @api.depends("amount", "method", "issue")
    def _compute_button_label(self):
        """Say on the button which amount it moves."""
        for dialog in self:
            amount = dialog.currency_id and dialog.currency_id.format(dialog.amount)
            if not amount:
                dialog.button_label = False
            elif dialog._is_issue_only():
                dialog.button_label = self.env._("Issue")
            elif dialog.issue:
                dialog.button_label = self.env._("Issue and charge %s", amount)
            elif dialog.is_external:
                dialog.button_label = self.env._("Record %s", amount)
            elif dialog.is_credit:
                dialog.button_label = self.env._("Apply credit %s", amount)
            else:
                dialog.button_label = self.env._("Charge %s", amount)

    @api.depends(
        "amount",
        "method",
        "journal_id",
        "payment_method_line_id",
        "date",
        "keep_excess",
        "move_id",
    )
    def _compute_preview(self):
        for dialog in self:
            dialog.preview = (
                format_preview(dialog._get_preview_lines()) if dialog.move_id else False
            )

    # === PREVIEW === #

    def _get_preview_lines(self):
        """Say in words the effects of the payment.

        :rtype: list[str]
        """
        self.ensure_one()
        if reason := self._get_preview_refusal():
            return [reason]
        amount = self.currency_id.round(self.amount)
        effects = [*self._describe_invoice(amount), *self._describe_entry(amount)]
        if self._get_token():
            effects = [self.env._("When it succeeds: %s", line) for line in effects]
        return [self._describe_movement(amount), *effects]

    def _get_preview_refusal(self):
        """Say why this amount cannot be paid in this way; empty if it can."""
        invoice, currency = self.move_id, self.currency_id
        if reason := invoice._get_all_in_flight_reason():
            return reason
        if currency.compare_amounts(self.amount, 0) <= 0 and not self.issue:
            return self.env._("Enter an amount above zero.")
        if self.is_credit:
            maximum = min(self.chargeable_amount, self.available_credit)
        else:
            maximum = self.chargeable_amount
        is_above = currency.compare_amounts(self.amount, maximum) > 0
        if self.is_external and self.keep_excess:
            is_above = False
        if is_above and self.is_external and self.excess_amount:
            return self.env._(
                "%s is above the amount that settles the invoice: keep it as credit, "
                "or enter less.",
                self.payment_currency_id.format(self.excess_amount),
            )
        if is_above:
            return self.env._("Only %s can be paid now.", currency.format(maximum))
        if self.is_external and not self.journal_id:
            return self.no_journal_reason or self.env._("Choose a journal.")
        return ""

    def _describe_movement(self, amount):
        """Say from where the money comes."""
        booked = self._format_booked(amount)
        amount = self.currency_id.format(amount)
        if self.is_external and booked != amount:
            amount = self.env._(
                "%(amount)s, which is %(booked)s,", amount=amount, booked=booked
            )
        if self.is_external:
            return self.env._(
                "%(amount)s is recorded as received: %(kind)s, in the journal "
                "%(journal)s. No gateway is asked.",
                amount=amount,
                kind=self.move_id._get_external_kind_label(self.external_kind),
                journal=self.journal_id.display_name,
            )
        if self.is_credit:
            return self.env._(
                "%(amount)s is paid from the customer's credit: %(left)s of it remain.",
                amount=amount,
                left=self.currency_id.format(self.available_credit - self.amount),
            )
        token = self._get_token()
        if not token:
            return self.env._("Choose a payment method.")
        values = {"amount": amount, "method": token._get_method_label()}
        if self._is_issue_only():
            return self.env._(
                "The invoice is issued. Nothing is charged: earlier payments or credit "
                "pay it."
            )
        if self.issue:
            return self.env._(
                "The invoice is issued. Then %(amount)s is charged to %(method)s "
                "through its gateway.",
                **values,
            )
        return self.env._(
            "%(amount)s is charged to %(method)s through its gateway, now.", **values
        )

    def _is_issue_only(self):
        """Tell if the invoice is issued, and nothing of it is left to charge.

        :rtype: bool
        """
        return self.issue and self.currency_id.is_zero(self.amount)

    def _get_token(self):
        """Return the chosen one of the customer's saved methods, in superuser mode.

        :rtype: payment.token
        """
        tokens_sudo = self.env["payment.token"].sudo()
        if (self.method or "").isdigit():
            tokens_sudo = self.move_id._get_saved_tokens()
        return tokens_sudo.filtered(lambda token: str(token.id) == self.method)

    def _describe_invoice(self, amount):
        """Say how much of the invoice remains, and where an excess goes."""
        invoice, currency = self.move_id, self.currency_id
        if self.issue:
            return
        if self.excess_amount and self.keep_excess:
            yield self.env._(
                "%(excess)s of it is kept on the credit balance of %(customer)s.",
                excess=self.payment_currency_id.format(self.excess_amount),
                customer=self.partner_id.commercial_partner_id.display_name,
            )
        settling = invoice._get_default_payment_amount()
        discount = invoice._get_chargeable_amount() - settling
        is_settled = not currency.compare_amounts(amount, settling)
        if is_settled and currency.compare_amounts(discount, 0) > 0:
            yield self.env._(
                "The early-payment discount of %s is granted.",
                currency.format(discount),
            )
            amount += discount
        left = max(currency.round(invoice.amount_residual - amount), 0.0)
        if currency.is_zero(left):
            yield self.env._("%s is paid: nothing remains.", invoice.name)
        else:
            yield self.env._(
                "%(invoice)s: %(left)s of %(remaining)s remain to be paid.",
                invoice=invoice.name,
                left=currency.format(left),
                remaining=currency.format(invoice.amount_residual),
            )

    def _describe_entry(self, amount):
        """Say which entry is booked, and when."""
        money_account = self._get_money_account()
        if not money_account or self.issue:
            return
        date = fields.Date.context_today(self)
        if self.is_external and self.date:
            date = self.date
        yield self.env._(
            "Entry of %(date)s: debit %(money)s, credit %(receivable)s, %(amount)s.",
            date=format_date(self.env, date),
            money=money_account.display_name,
            receivable=self.move_id._get_receivable_account().display_name,
            amount=self._format_booked(amount),
        )

    def _format_booked(self, amount):
        """Return an amount as it is booked: a journal may have a currency of its own.

        :rtype: str
        """
        if not (self.is_external and self.journal_id):
            return self.currency_id.format(amount)
        date = self.date or fields.Date.context_today(self)
        values = {"journal_id": self.journal_id.id, "date": date}
        booked = self.move_id._convert_for_journal(amount, values)
        return self.payment_currency_id.format(booked)

    def _get_money_account(self):
        """Return the account that the money comes to, or the credit from.

        :rtype: account.account
        """
        company_sudo = self.company_id.sudo()
        if self.is_credit:
            return company_sudo.credit_balance_account_id
        line_sudo = self.payment_method_line_id.sudo()
        if token_sudo := self._get_token():
            provider_sudo = token_sudo.provider_id
            lines_sudo = provider_sudo.journal_id.inbound_payment_method_line_ids
            line_sudo = lines_sudo.filtered(
                lambda line: line.payment_provider_id == provider_sudo
            )[:1]
        elif not self.is_external:
            return company_sudo.env["account.account"]
        payments_sudo = self.env["account.payment"].sudo()
        payment_sudo = payments_sudo.new({"company_id": company_sudo.id})
        return line_sudo.payment_account_id or payment_sudo._get_outstanding_account(
            "inbound"
        )
