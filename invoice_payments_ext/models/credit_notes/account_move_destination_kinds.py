from typing import NamedTuple

from odoo import api, models
from odoo.exceptions import UserError

from ..states import POSTED_STATES


class Destination(NamedTuple):
    """The destination of a part of the amount that is given back.

    :param str kind: One of `account.move._get_destination_kinds`.
    :param account.payment payment: The payment that it is taken from, or the earlier
                                    refund; empty for an amount that no payment brought.
    :param float amount: The amount in the invoice's currency.
    :param dict values: The other values that were given with it.
    """

    kind: str
    payment: models.BaseModel
    amount: float
    values: dict


class AccountMove(models.Model):
    """The kinds of destination: the original method, outside, an earlier refund."""

    _inherit = "account.move"

    # === SOURCES === #

    def _plan_parts(self, kind, given, payments, left, refusal):
        """Plan the part of each payment; those that cannot give are left out.

        :param str kind: `original`, `outside` or `credit`.
        :param float given: The amount, in the invoice's currency.
        :param payments: The payments in the order in which they give.
        :param dict left: The result of :meth:`_get_returnable_amounts`; planned amounts
                          are taken off.
        :param str refusal: The message if they cannot give all of it; the reasons
                            follow.
        :rtype: list[Destination]
        :raise UserError: If they cannot.
        """
        currency = self.currency_id
        missing = given
        parts = []
        reasons = []
        for payment in payments:
            part = currency.round(min(missing, left[payment]))
            if currency.is_zero(part):
                continue
            reason = payment and payment._get_refund_blocked_reason(
                kind, self._to_payment_currency(payment, part)
            )
            if reason:
                reasons.append(reason)
                continue
            parts.append(Destination(kind, payment, part, {}))
            left[payment] -= part
            missing -= part
        if currency.compare_amounts(missing, 0) > 0:
            told = refusal % {
                "amount": currency.format(missing),
                "given": currency.format(given),
                "invoice": self.display_name,
            }
            raise UserError(" ".join([told, *reasons]))
        return parts

    # === THE ORIGINAL METHOD === #

    def _plan_original(self, values, left):
        """Plan the amounts that go back through their gateway."""
        payments = [payment for payment in left if payment]
        if values.get("payment_id"):
            payments = [self._get_payment_to_return(values["payment_id"], left)]
        return self._plan_parts(
            "original",
            values["amount"],
            payments,
            left,
            self.env._(
                "%(amount)s of the %(given)s cannot go back to the original method."
            ),
        )

    def _get_payment_to_return(self, payment_id, left):
        """Return a payment that was chosen; refuse one of another invoice."""
        for payment in left:
            if payment and payment.id == payment_id:
                return payment
        payment = self.env["account.payment"].browse(payment_id).exists()
        raise UserError(
            self.env._(
                "%(payment)s does not pay %(invoice)s.",
                payment=payment.display_name or payment_id,
                invoice=self.display_name,
            )
        )

    def _prepare_original(self, credit_note, destination, reason):
        """Prepare the attempt to refund; it is run when all is committed."""
        payment = destination.payment
        payment._prepare_refund_attempt(
            self._to_payment_currency(payment, destination.amount),
            reason,
            credit_note=credit_note,
        )

    # === OUTSIDE THE GATEWAY === #

    def _plan_outside(self, values, left):
        """Plan amounts paid out by hand: of the newest payments, then the rest."""
        booked = [values.get(key) for key in self._get_outside_keys()]
        parts = self._plan_parts(
            "outside",
            values["amount"],
            left,
            left,
            self.env._(
                "%(amount)s of the %(given)s cannot be given back outside: the amount "
                "that was paid on %(invoice)s was given back already, or was not paid "
                "in money."
            ),
        )
        return [
            part._replace(
                values=part.payment._get_outside_refund_values(self.company_id, *booked)
            )
            for part in parts
        ]

    @api.model
    def _get_outside_keys(self):
        return self._get_destination_kinds()["outside"].keys

    def _book_outside(self, credit_note, destination, reason):
        """Book the amount paid out, and reconcile it with the credit note."""
        payment = destination.payment
        amount = destination.amount
        if payment:
            amount = self._to_payment_currency(
                payment, amount, destination.values["date"]
            )
        payment._book_outside_refund(
            amount, destination.values, reason, credit_note=credit_note
        )

    # === AN EARLIER REFUND === #

    def _plan_earlier_refund(self, values, left):
        """Plan to link a refund that was paid out before, instead of paying twice."""
        refund = self.env["account.payment"].browse(values.get("payment_id")).exists()
        if not refund:
            raise UserError(
                self.env._("There is no refund %s.", values.get("payment_id"))
            )
        name = refund.display_name
        refund._lock_with_invoices()
        if (
            refund.payment_type != "outbound"
            or refund.partner_type != "customer"
            or refund.state not in POSTED_STATES
        ):
            raise UserError(
                self.env._("%s is not a posted refund to a customer.", name)
            )
        if (
            refund.partner_id.commercial_partner_id != self.commercial_partner_id
            or refund.company_id != self.company_id
        ):
            raise UserError(
                self.env._(
                    "%(refund)s is a refund to another customer than %(customer)s.",
                    refund=name,
                    customer=self.commercial_partner_id.display_name,
                )
            )
        self._check_amount(
            values["amount"],
            self.currency_id,
            self._get_open_refund_amount(refund),
            self.env._("open amount of the refund %s", name),
        )
        return [Destination("refund", refund, values["amount"], {})]

    def _get_open_refund_amount(self, refund):
        """Return the open amount of an earlier refund in this currency.

        :rtype: float
        """
        lines = self._get_open_refund_lines(refund)
        return self.currency_id.round(sum(lines.mapped("amount_residual_currency")))

    def _get_open_refund_lines(self, refund):
        """Return the open lines of an earlier refund that can be linked to."""
        account = self._get_receivable_account()
        return refund.move_id.line_ids.filtered(
            lambda line: (
                line.account_id == account
                and line.currency_id == self.currency_id
                and line.amount_residual_currency > 0
                and not line.reconciled
            )
        )

    def _get_earlier_refunds(self):
        """Return the refunds to this customer that a credit note can be linked to."""
        self.ensure_one()
        lines = self.env["account.move.line"].search(
            [
                ("account_id", "=", self._get_receivable_account().id),
                ("partner_id", "=", self.commercial_partner_id.id),
                ("company_id", "=", self.company_id.id),
                ("currency_id", "=", self.currency_id.id),
                ("reconciled", "=", False),
                ("amount_residual_currency", ">", 0),
                ("payment_id.payment_type", "=", "outbound"),
                ("payment_id.state", "in", POSTED_STATES),
            ]
        )
        return lines.payment_id

    def _link_earlier_refund(self, credit_note, destination, reason):
        """Reconcile the credit note with the refund, as far as was asked."""
        refund = destination.payment
        self._reconcile_part(
            self._get_open_refund_lines(refund),
            credit_note._get_open_receivable_lines(),
            destination.amount,
        )
        refund.sudo()._keep_allocations([(self, destination.amount, credit_note)])
