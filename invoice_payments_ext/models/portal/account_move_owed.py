from typing import NamedTuple

from odoo import api, fields, models


class OwedLine(NamedTuple):
    """An open instalment of an invoice, as customers see and pay it."""

    line: object  # The journal item, in superuser mode.
    number: int  # Of the instalments of the invoice, also of those that are paid.
    count: int
    residual: float  # The rest of it.
    amount: float  # The same less the money in flight: it can be paid now.
    discount: float  # The early-payment discount for who pays that today.
    is_overdue: bool
    is_due: bool  # Overdue, or to be paid today.

    @property
    def settling(self):
        """What is charged for it today."""
        currency = self.line.move_id.currency_id
        return currency.round(self.amount - self.discount)

    @property
    def in_flight(self):
        """How much of it is being processed."""
        return self.line.move_id.currency_id.round(self.residual - self.amount)

    @property
    def order(self):
        """The order in which instalments are listed and paid."""
        due = self.line.date_maturity or self.line.date
        return due, self.line.move_id.id, self.line.id


class AccountMove(models.Model):
    """The debts of a customer: one method for all pages, so that all say one figure."""

    _inherit = "account.move"

    # === BUSINESS METHODS === #

    @api.model
    def _get_owed(self, partner):
        """Return the debts of a customer, by company and currency.

        The invoices of the whole company are meant, as far as the user may read them.

        :param res.partner partner: A contact of the customer.
        :return: By company and currency, the first due first: the `invoices`, their
                 `lines` (see :meth:`_get_owed_lines`), and sums of these: `total`, and
                 of it `due` and `overdue`, are what is to be paid; apart from it stand
                 the money `in_flight` and the early-payment `discount` of who pays
                 today. `overdue_invoices` are those of which a part is overdue.
        :rtype: dict[tuple[res.company, res.currency], dict]
        """
        if not self.has_access("read"):
            return {}
        found = self.search(
            self._get_owed_domain(partner), order="invoice_date_due, id"
        )
        owed = {}
        groups = found.grouped(lambda move: (move.company_id, move.currency_id))
        for (company, currency), invoices in groups.items():
            lines = [line for move in invoices for line in move._get_owed_lines()]
            lines.sort(key=lambda owed_line: owed_line.order)
            amounts = {
                "total": sum(line.settling for line in lines),
                "in_flight": sum(line.in_flight for line in lines),
                "discount": sum(line.discount for line in lines),
                "due": sum(line.settling for line in lines if line.is_due),
                "overdue": sum(line.settling for line in lines if line.is_overdue),
            }
            overdue_ids = {
                line.line.move_id.id
                for line in lines
                if line.is_overdue and currency.compare_amounts(line.amount, 0) > 0
            }
            owed[company, currency] = {
                "invoices": invoices,
                "overdue_invoices": invoices.filtered(
                    lambda move, ids=overdue_ids: move.id in ids
                ),
                "lines": lines,
                **{name: currency.round(each) for name, each in amounts.items()},
            }
        return owed

    def _get_owed_lines(self):
        """Return the open instalments of this invoice, the first due first.

        Money in flight pays the first ones first, as it will when it comes.

        Note: `self.ensure_one()`

        :rtype: list[OwedLine]
        """
        self.ensure_one()
        invoice_sudo = self.sudo()
        today = fields.Date.context_today(self)
        in_flight = (
            invoice_sudo.amount_residual - invoice_sudo._get_member_chargeable_amount()
        )
        terms = invoice_sudo.line_ids.filtered(
            lambda line: line.display_type == "payment_term"
        ).sorted(lambda line: (line.date_maturity or today, line.id))
        # There is one only where an invoice has one instalment and nothing was paid.
        discount = invoice_sudo._get_discount() if not in_flight else 0.0
        owed = []
        for number, line in enumerate(terms, 1):
            residual = line.amount_residual_currency
            if line.reconciled or self.currency_id.compare_amounts(residual, 0) <= 0:
                continue
            going = min(in_flight, residual)
            in_flight = self.currency_id.round(in_flight - going)
            due = line.date_maturity
            owed.append(
                OwedLine(
                    line=line,
                    number=number,
                    count=len(terms),
                    residual=residual,
                    amount=self.currency_id.round(residual - going),
                    discount=discount,
                    is_overdue=bool(due and due < today),
                    is_due=bool(due and due <= today),
                )
            )
        return owed

    def _get_overdue_amount(self):
        """Return the overdue amount of these invoices, in one currency, to be paid.

        :return: The amount in the invoices' currency.
        :rtype: float
        """
        lines = [line for invoice in self for line in invoice._get_owed_lines()]
        amount = sum(line.settling for line in lines if line.is_overdue)
        return self.currency_id.round(amount) if self else 0.0

    def _get_owed_shares(self, line_ids=None):
        """Return how much of each of these invoices is paid at once.

        An early-payment discount is taken off.

        :param list[int] line_ids: The chosen instalments; the overdue ones if not
                                   given. The money pays the first due ones first.
        :return: By invoice, the first due first.
        :rtype: dict[account.move, float]
        """
        lines = [line for invoice in self for line in invoice._get_owed_lines()]
        lines.sort(key=lambda owed_line: owed_line.order)
        chosen = [
            line
            for line in lines
            if (line.line.id in line_ids if line_ids else line.is_overdue)
        ]
        shares = {}
        for line in chosen:
            invoice = line.line.move_id.with_env(self.env)
            before = shares.get(invoice, 0.0)
            shares[invoice] = invoice.currency_id.round(before + line.settling)
        return shares

    # === ODOO'S OWN PAGES === #

    def _get_invoice_portal_extra_values(self, custom_amount=None):
        """Name the instalments that are to be paid, without the money on its way."""
        values = super()._get_invoice_portal_extra_values(custom_amount)
        if custom_amount is not None or values.get("installment_state") not in (
            "next",
            "overdue",
        ):
            return values
        lines = self._get_owed_lines()
        if not any(
            self.currency_id.compare_amounts(line.amount, line.residual)
            for line in lines
        ):
            return values
        lines = [line for line in lines if not self.currency_id.is_zero(line.amount)]
        overdue = [line for line in lines if line.is_overdue]
        shown = overdue or lines[:1]
        if not shown:
            return {**values, "installment_state": None}
        return {
            **values,
            "installment_state": "overdue" if overdue else "next",
            "next_amount_to_pay": self.currency_id.round(
                sum(line.amount for line in shown)
            ),
            "next_payment_reference": f"{self.name}-{shown[0].number}",
            "next_due_date": shown[0].line.date_maturity,
        }

    # === GETTERS === #

    @api.model
    def _get_owed_domain(self, partner):
        """Return the domain of the open invoices of a customer's whole company.

        :param res.partner partner: A contact of the customer.
        :rtype: list
        """
        return [
            ("commercial_partner_id", "=", partner.commercial_partner_id.id),
            ("state", "=", "posted"),
            ("move_type", "=", "out_invoice"),
            ("payment_state", "in", ("not_paid", "partial")),
        ]

    def _get_apart_reason(self):
        """Say why these invoices cannot be paid at once; empty if they can.

        :rtype: str
        """
        if len(self) < 2:
            return ""
        if len({invoice._get_receivable_account() for invoice in self}) > 1:
            return self.env._(
                "%s are booked on different accounts: pay them one by one.",
                ", ".join(self.mapped("name")),
            )
        return ""

    def _has_discount_now(self):
        """Tell if an early-payment discount settles this invoice today.

        :rtype: bool
        """
        self.ensure_one()
        return bool(
            self.currency_id.compare_amounts(
                self._get_default_payment_amount(), self._get_chargeable_amount()
            )
        )
