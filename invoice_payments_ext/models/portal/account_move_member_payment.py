from datetime import timedelta

from odoo import fields, models
from odoo.exceptions import UserError

from ...tools import is_number

# How long a payment at a provider's page keeps other people and tabs from starting.
OTHER_PAYMENT_DELAY = timedelta(minutes=10)


class AccountMove(models.Model):
    """The payments of members, checked on the server."""

    _inherit = "account.move"

    # === CHECK METHODS === #

    def _check_member_payment(
        self, amount, partner, link_amount=None, tab=None, shares=None
    ):
        """Check, on locked invoices, that this amount can be paid on them now.

        :param float amount: The amount in the invoices' currency.
        :param res.partner partner: On whose behalf is paid.
        :param float link_amount: The amount of the payment link that was followed.
        :param str tab: The id of the browser tab.
        :param dict shares: By invoice, how much of it is paid; of a single invoice,
                            any amount that may be chosen if not given.
        :raise UserError: In words for the member.
        """
        for invoice in self:
            if not invoice._has_to_be_paid():
                raise UserError(invoice._get_online_payment_error())
        if not self or len(self.currency_id) > 1 or len(self.company_id) > 1:
            raise UserError(
                self.env._("Invoices of one company and currency are paid at once.")
            )
        holding = self.sudo().transaction_ids.filtered("holds_invoice")
        if (
            self._get_unresolved_attempts()
            or holding - self._get_attempts_that_leave_a_rest()
            or self._get_payment_started_elsewhere(partner, tab)
        ):
            raise UserError(
                self.env._(
                    "A payment of this invoice is being processed already. Look at it "
                    "again in a few minutes before you pay."
                )
            )
        if reason := self._get_apart_reason():
            raise UserError(reason)
        self._check_amount(
            amount,
            self.currency_id,
            sum(invoice._get_member_chargeable_amount() for invoice in self),
            self.env._("amount to be paid"),
        )
        if shares is None:
            self._check_member_amount(amount, link_amount)
            return
        total = self.currency_id.round(sum(shares.values()))
        if len(shares) < len(self) or self.currency_id.compare_amounts(amount, total):
            raise UserError(
                self.env._(
                    "The amount to be paid has changed: it is %s now. Load the page "
                    "again.",
                    self.currency_id.format(total),
                )
            )

    def _check_credit_not_held_back(self):
        """Check that credit may pay these invoices now; in words for the member."""
        if held_back := self.filtered(lambda invoice: invoice._is_credit_held_back()):
            raise UserError(
                self.env._(
                    "Your credit cannot be used while another payment of %s is being "
                    "processed.",
                    ", ".join(held_back.mapped("name")),
                )
            )

    def _check_payable_by(self, provider, use_credit):
        """Check that a provider, and credit, can pay these; in words for the member."""
        if use_credit or provider.code == "credit_balance":
            self._check_credit_not_held_back()
        if self._get_unbookable_reason(provider):
            raise UserError(
                self.env._(
                    "%s cannot be used right now: choose another payment method.",
                    provider.name,
                )
            )

    def _check_member_amount(self, amount, link_amount=None):
        """Check that a member may choose this amount; see `_check_member_payment`."""
        offered = [*self._get_member_amounts().values(), *filter(None, [link_amount])]
        if not all(self.currency_id.compare_amounts(amount, each) for each in offered):
            return
        if not self.company_id.portal_amount_choice:
            raise UserError(
                self.env._(
                    "%(amount)s cannot be paid: pay %(offered)s.",
                    amount=self.currency_id.format(amount),
                    offered=self.env._(" or ").join(
                        self.currency_id.format(each) for each in offered
                    ),
                )
            )
        minimum = self._get_member_minimum()
        if self.currency_id.compare_amounts(amount, minimum) < 0:
            raise UserError(
                self.env._(
                    "%(amount)s is below the least amount, %(minimum)s.",
                    amount=self.currency_id.format(amount),
                    minimum=self.currency_id.format(minimum),
                )
            )

    # === BUSINESS METHODS === #

    def _prepare_member_transaction_vals(
        self,
        amount,
        partner,
        provider,
        use_credit=False,
        credit_shown=None,
        link_amount=None,
        is_sent_at_once=False,
        tab=None,
        owed_line_ids=None,
    ):
        """Lock these invoices and return the values of a member's payment of them.

        In superuser mode, but as the member's user.

        :param float amount: The total that the member pays, in the invoices' currency.
        :param res.partner partner: On whose behalf is paid.
        :param payment.provider provider: The provider of the chosen method.
        :param bool use_credit: Whether the credit balance pays first, as far as it
                                goes, and the provider the rest.
        :param float credit_shown: How much the form said that this is.
        :param float link_amount: The amount of the payment link that was followed.
        :param bool is_sent_at_once: Whether a saved method is charged by the same
                                     request.
        :param str tab: The id of the browser tab.
        :param list[int] owed_line_ids: The instalments that were chosen; of several
                                        invoices, all that are overdue if not given.
        :rtype: dict
        :raise UserError: If it cannot be paid, in words for the member.
        """
        company = self.company_id[:1]
        currency = self.currency_id[:1]
        balance = provider._get_member_credit_balance(
            company.id, partner.id, currency.id
        )
        if balance and (use_credit or provider.code == "credit_balance"):
            balance._lock_or_create([balance._get_owner()])
        self._lock_for_payment()
        is_shared = owed_line_ids or len(self) > 1
        shares = self._get_owed_shares(owed_line_ids) if is_shared else None
        self._check_member_payment(amount, partner, link_amount, tab, shares)
        if use_credit:
            self._check_credit_goes_first(
                amount, provider, balance, credit_shown, shares
            )
        from_credit = balance.amount if use_credit else 0.0
        rest = currency.round(amount - from_credit)
        provider._check_compatible(company, partner, rest, currency)
        self._check_payable_by(provider, use_credit)
        values = {
            "amount": rest,
            "credit_first_amount": from_credit,
            "portal_tab": tab or False,
        }
        if shares is not None:
            values["share_ids"] = self._prepare_member_shares(
                shares, from_credit, is_sent_at_once
            )
        return {**values, **self._prepare_held_vals(is_sent_at_once)}

    def _prepare_held_vals(self, is_sent_at_once):
        """Return the values of an attempt that is sent at once, and holds these."""
        if not is_sent_at_once:
            return {}
        self._get_attempts_that_leave_a_rest()._release_invoice()
        return {
            "request_kind": "charge",
            "request_state": "ready",
            "holds_invoice": True,
            "charge_invoice_id": self.id if len(self) == 1 else False,
        }

    def _prepare_member_shares(self, shares, from_credit, is_held):
        """Return the values of the shares of a payment that credit pays a part of.

        The credit pays the invoices due last, and the method the rest: also those with
        an early-payment discount, which is for one payment.

        :param dict shares: By invoice, how much of it is paid in all.
        :param float from_credit: How much the credit pays of all.
        :param bool is_held: Whether the attempt holds the invoices.
        :return: Commands for `share_ids`.
        :rtype: list
        """
        by_method = dict(shares)
        by_credit = dict.fromkeys(shares, 0.0)
        for invoice in reversed(list(shares)):
            if invoice._has_discount_now():
                continue
            part = min(shares[invoice], from_credit)
            from_credit = invoice.currency_id.round(from_credit - part)
            by_credit[invoice] = part
            by_method[invoice] = invoice.currency_id.round(shares[invoice] - part)
        transactions = self.env["payment.transaction"]
        commands = transactions._prepare_shares(by_method, is_held)
        for command, part in zip(commands, by_credit.values(), strict=True):
            command[2]["credit_amount"] = part
        return commands

    def _check_credit_goes_first(
        self, amount, provider, balance, shown=None, shares=None
    ):
        """Check that a locked credit balance can pay a part of an amount.

        :param float shown: How much the member was told: the card pays the rest, and
                            no more than that.
        :param dict shares: By invoice, how much of it is paid, if there are several.
        """
        if not balance or self.currency_id.is_zero(balance.amount):
            raise UserError(self.env._("There is no credit to be used."))
        if shown is not None and (
            not is_number(shown)
            or self.currency_id.compare_amounts(shown, balance.amount)
        ):
            raise UserError(
                self.env._(
                    "Your credit has changed: it is %s now. Load the page again.",
                    balance.currency_id.format(balance.amount),
                )
            )
        if self._get_credit_partner() - balance.partner_id:
            raise UserError(
                self.env._("Credit pays only invoices of the customer who holds it.")
            )
        if (
            provider.code == "credit_balance"
            or self.currency_id.compare_amounts(balance.amount, amount) >= 0
        ):
            raise UserError(
                self.env._("Your credit pays all of it: choose it as the method.")
            )
        discounted = self.filtered(lambda invoice: invoice._has_discount_now())
        for_others = sum(
            share
            for invoice, share in (shares or {}).items()
            if invoice not in discounted
        )
        if (
            discounted
            and self.currency_id.compare_amounts(balance.amount, for_others) > 0
        ):
            raise UserError(
                self.env._(
                    "The early-payment discount of %s is for one payment: pay "
                    "without using credit first.",
                    ", ".join(discounted.mapped("name")),
                )
            )

    def _get_member_payment_values(self, link_amount=0.0):
        """Return the amounts that the payment form offers on this invoice.

        :param float link_amount: The amount of the payment link that was followed.
        :rtype: dict
        """
        self.ensure_one()
        amounts = self._get_member_amounts()
        labels = {
            "link": self.env._("Requested amount"),
            "overdue": self.env._("Overdue"),
            "next": self.env._("Next instalment"),
            "full": self.env._("Remaining amount"),
        }
        # A part may have been paid since: what remains is offered once.
        link_amount = min(link_amount, amounts["full"])
        if link_amount and self.currency_id.compare_amounts(
            link_amount, amounts["full"]
        ):
            amounts["link"] = link_amount
        options = [
            {"kind": kind, "label": label, "amount": amounts[kind]}
            for kind, label in labels.items()
            if kind in amounts
        ]
        minimum = (
            self._get_member_minimum() if self.company_id.portal_amount_choice else 0.0
        )
        is_choice = bool(
            minimum and self.currency_id.compare_amounts(minimum, amounts["full"]) < 0
        )
        offered = [option["amount"] for option in options]
        return {
            "member_amounts": options,
            "member_minimum": minimum if is_choice else 0.0,
            "member_has_discount": self._has_discount_now(),
            "member_smallest_amount": min(
                [*offered, minimum] if is_choice else offered
            ),
        }

    # === GETTERS === #

    def _get_payment_started_elsewhere(self, partner, tab):
        """Return the last page of a provider, if it was opened in another tab just now.

        Its fate there is not known. An attempt that was started in the
        same tab before counts as given up: people come back to choose another method.
        Only a page that the customer opened counts: whoever has just the link could
        keep the customer from paying as long as they like.
        """
        started = fields.Datetime.now() - OTHER_PAYMENT_DELAY
        last_pages = self.env["payment.transaction"].sudo()
        for invoice in self.sudo():
            pages = invoice.transaction_ids.filtered(
                lambda tx, customer=invoice.commercial_partner_id: (
                    tx.outcome == "draft"
                    and tx.operation in ("online_redirect", "online_direct")
                    and tx.create_date > started
                    and tx.partner_id.commercial_partner_id == customer
                    and not tx.create_uid._is_public()
                )
            )
            last_pages |= pages.sorted("id")[-1:]
        return last_pages.filtered(
            lambda tx: tx.partner_id != partner or tx.portal_tab != (tab or False)
        )
