from typing import NamedTuple

from odoo import api, fields, models
from odoo.exceptions import UserError

from .states import POSTED_STATES

# What is locked before an invoice that is credited.
LOCKED_BEFORE_CREDIT_NOTE = ("_lock_credit_to_give_back",)
# Who says where money goes if nobody else does.
DEFAULT_DESTINATIONS = ("_get_credit_destinations",)


class Destination(NamedTuple):
    """Where a part of what is given back goes.

    :param str kind: One of `account.move._get_destination_kinds`.
    :param account.payment payment: The payment that it is taken from, or the earlier
                                    refund; empty for what no payment brought.
    :param float amount: The amount in the invoice's currency.
    :param dict values: What was given with it besides.
    """

    kind: str
    payment: models.BaseModel
    amount: float
    values: dict


class DestinationKind(NamedTuple):
    """How one kind of destination is handled.

    :param str plan: The method of the invoice that checks what was given and returns
                     what it leads to, a list of :class:`Destination`.
    :param str carry_out: The method of the invoice that does it, with the credit note.
    :param tuple keys: What may be given with it, besides `to` and `amount`.
    """

    plan: str
    carry_out: str
    keys: tuple


class AccountMove(models.Model):
    """Where the money of a credit note goes that was paid already."""

    _inherit = "account.move"

    @api.model
    def _get_destination_kinds(self):
        """Return the kinds of destination that there are, in the order of planning.

        :rtype: dict[str, DestinationKind]
        """
        return {
            "refund": DestinationKind(
                "_plan_earlier_refund", "_link_earlier_refund", ("payment_id",)
            ),
            "original": DestinationKind(
                "_plan_original", "_prepare_original", ("payment_id",)
            ),
            "outside": DestinationKind(
                "_plan_outside", "_book_outside", ("journal_id", "date", "reference")
            ),
            "credit": DestinationKind("_plan_credit_balance", "_book_credit", ()),
        }

    # === LOCKS === #

    def _lock_for_credit_note(self, destinations=None, **_arguments):
        """Lock this invoice, and before it what the destinations need.

        :param list[dict] destinations: See :meth:`issue_credit_note`.
        """
        self.ensure_one()
        given = destinations if isinstance(destinations, list | tuple) else []
        given = [values for values in given if isinstance(values, dict)]
        for name in LOCKED_BEFORE_CREDIT_NOTE:
            getattr(self, name)(given)
        self._lock_for_payment()

    def _lock_credit_to_give_back(self, destinations):
        """Lock the balances that a part of a credit note is kept on.

        :param list[dict] destinations: The destinations that were given.
        """
        brought = self._get_money_brought()
        payments = self.env["account.payment"].union(*brought)
        if any(values.get("to") == "credit" for values in destinations):
            owners = payments._get_credit_owners()
            if not all(brought):
                owners.add(self._get_credit_owner())  # No payment brought a part.
        else:
            # What was paid from a balance goes back there automatically.
            owners = payments.filtered("is_from_credit")._get_credit_owners()
        self.env["account.credit.balance"]._get_locked(owners)

    # === WHAT WAS GIVEN === #

    def _plan_destinations(self, excess, total, destinations):
        """Check where what was paid already goes, and return it piece by piece.

        :param float excess: What a credit note has above what remains to be paid.
        :param float total: The total of the credit note.
        :param list[dict] destinations: See :meth:`issue_credit_note`.
        :return: The pieces, which add up to the excess.
        :rtype: list[Destination]
        :raise UserError: If they do not add up, or one of them is not possible.
        """
        self.ensure_one()
        currency = self.currency_id
        excess = max(currency.round(excess), 0.0)
        destinations = list(destinations or [])
        if not destinations and excess:
            for name in DEFAULT_DESTINATIONS:
                destinations += getattr(self, name)(excess)
        self._check_destinations(destinations, total)
        self._check_destinations_sum(
            currency.round(sum(values["amount"] for values in destinations)), excess
        )
        if not destinations:
            return []
        # The same money is not given back twice: the pieces use up what there is.
        self._get_payments_to_return()._lock_for_refund()
        left = self._get_returnable_amounts()
        kinds = self._get_destination_kinds()
        order = list(kinds)
        planned = []
        # What is chosen comes before what is spread over what is left.
        for values in sorted(
            destinations,
            key=lambda values: (
                not values.get("payment_id"),
                order.index(values["to"]),
            ),
        ):
            planned += getattr(self, kinds[values["to"]].plan)(values, left)
        return planned

    def _check_destinations(self, destinations, total):
        """Check the form of the destinations that were given."""
        kinds = self._get_destination_kinds()
        for values in destinations:
            kind = kinds.get(values.get("to"))
            if not kind:
                raise UserError(
                    self.env._(
                        "%(kind)r is no destination: choose one of %(kinds)s.",
                        kind=values.get("to"),
                        kinds=", ".join(kinds),
                    )
                )
            unknown = set(values) - {"to", "amount", *kind.keys}
            if unknown:
                raise UserError(
                    self.env._(
                        "The destination %(kind)s takes no %(keys)s.",
                        kind=values["to"],
                        keys=", ".join(sorted(map(str, unknown))),
                    )
                )
            self._check_amount(
                values.get("amount"),
                self.currency_id,
                total,
                self.env._("amount of the credit note"),
            )

    def _check_destinations_sum(self, given, excess):
        """Check that the destinations add up to what is given back."""
        currency = self.currency_id
        difference = currency.compare_amounts(given, excess)
        if not difference:
            return
        values = {
            "name": self.display_name,
            "given": currency.format(given),
            "excess": currency.format(excess),
            "difference": currency.format(abs(given - excess)),
            "remaining": self._describe_chargeable_amount(),
        }
        if currency.is_zero(given):
            message = self.env._(
                "%(excess)s of the credit note are above the %(remaining)s of "
                "%(name)s: say where they go.",
                **values,
            )
        elif currency.is_zero(excess):
            message = self.env._(
                "The credit note is not above the %(remaining)s of %(name)s: nothing "
                "is given back, but destinations are given for %(given)s.",
                **values,
            )
        elif difference > 0:
            message = self.env._(
                "The destinations add up to %(given)s, but %(excess)s are given back: "
                "they are %(difference)s too much.",
                **values,
            )
        else:
            message = self.env._(
                "The destinations add up to %(given)s, but %(excess)s are given back: "
                "%(difference)s are missing.",
                **values,
            )
        raise UserError(message)

    # === WHAT THERE IS TO GIVE BACK === #

    def _get_money_brought(self):
        """Return what paid this invoice, by what brought it.

        Credit notes and write-offs reduced it, but brought no money.

        :return: By payment, the amount in the invoice's currency; what no payment
                 brought, such as a bank match, by the empty payment.
        :rtype: dict[account.payment, float]
        """
        self.ensure_one()
        brought = {}
        lines = self.sudo().line_ids.filtered(
            lambda line: line.display_type == "payment_term"
        )
        for partial in lines.matched_credit_ids:
            move = partial.credit_move_id.move_id
            if move.move_type == "out_refund" or move.written_off_invoice_id:
                continue
            payment = move.origin_payment_id.sudo(self.env.su)
            brought[payment] = brought.get(payment, 0.0) + partial.debit_amount_currency
        return brought

    def _get_money_returned(self):
        """Return what credit notes of this invoice gave back, or are giving back.

        :return: By payment, the amount in the invoice's currency; see
                 :meth:`_get_money_brought`.
        :rtype: dict[account.payment, float]
        """
        returned = {}
        invoice_sudo = self.sudo()
        for allocation in invoice_sudo.refund_allocation_ids:
            refund = allocation.payment_id
            if allocation.credit_note_id and refund.state in POSTED_STATES:
                payment = refund.source_payment_id.sudo(self.env.su)
                returned[payment] = returned.get(payment, 0.0) + allocation.amount
        for payment in self._get_money_brought():
            refunds = payment.sudo().payment_transaction_id.child_transaction_ids
            for refund in refunds.filtered(
                lambda tx: (
                    tx.operation == "refund"
                    and tx._is_refund_in_flight()
                    and (
                        tx.refund_credit_note_id.reversed_entry_id == invoice_sudo
                        or str(self.id) in (tx.refund_credits_planned or {})
                    )
                )
            ):
                returned[payment] = returned.get(payment, 0.0) + self._to_own_currency(
                    refund.currency_id, -refund.amount
                )
        return returned

    def _get_payments_to_return(self):
        """Return the payments of this invoice that money can be given back from."""
        return self.env["account.payment"].union(*self._get_money_brought())

    def _get_returnable_amounts(self):
        """Return what can be given back of what was paid on this invoice.

        :return: By payment, the amount in the invoice's currency, the newest first; by
                 the empty payment what no payment brought.
        :rtype: dict[account.payment, float]
        """
        brought = self._get_money_brought()
        returned = self._get_money_returned()
        newest_first = sorted(
            brought,
            key=lambda payment: (payment.date or fields.Date.today(), payment.id or 0),
            reverse=True,
        )
        amounts = {}
        for payment in newest_first:
            left = brought[payment] - returned.get(payment, 0.0)
            if payment:
                refundable = self._to_own_currency(
                    payment.currency_id, payment._get_refundable_amount()
                )
                left = min(left, refundable)
            amounts[payment] = max(self.currency_id.round(left), 0.0)
        return amounts

    def _to_own_currency(self, currency, amount, date=None):
        """Convert an amount into the currency of this invoice."""
        if currency == self.currency_id:
            return amount
        return currency._convert(amount, self.currency_id, self.company_id, date)

    def _to_payment_currency(self, payment, amount, date=None):
        """Convert an amount of this invoice into the currency of a payment.

        :param date date: The day on which it is given back; today if not given.
        """
        if payment.currency_id == self.currency_id:
            return amount
        converted = self.currency_id._convert(
            amount, payment.currency_id, self.company_id, date
        )
        return min(converted, payment._get_refundable_amount())

    # === WHAT IT IS TAKEN FROM === #

    def _plan_parts(self, kind, given, payments, left, refusal):
        """Plan what each payment gives of an amount; those that cannot are left out.

        :param str kind: `original`, `outside` or `credit`.
        :param float given: The amount, in the invoice's currency.
        :param payments: The payments in the order in which they give.
        :param dict left: What :meth:`_get_returnable_amounts` returned; what is planned
                          is taken off.
        :param str refusal: What is told if they cannot give all of it; the reasons
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
        """Plan what goes back through the gateway it came through."""
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
        """Plan what is paid out by hand: of the newest payments, then of the rest."""
        booked = [values.get(key) for key in self._get_outside_keys()]
        parts = self._plan_parts(
            "outside",
            values["amount"],
            left,
            left,
            self.env._(
                "%(amount)s of the %(given)s cannot be given back outside: what was "
                "paid on %(invoice)s is given back already, or was no money."
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
        """Book what was paid out, and reconcile it with the credit note."""
        payment = destination.payment
        amount = destination.amount
        if payment:
            amount = self._to_payment_currency(
                payment, amount, destination.values["date"]
            )
        payment._book_outside_refund(
            amount, destination.values, reason, credit_note=credit_note
        )

    # === THE CREDIT BALANCE === #

    def _plan_credit_balance(self, values, left):
        """Plan what is kept for the customer: what was credit before, then the rest."""
        self._get_credit_payment_values(self.company_id, "outbound")
        return self._plan_parts(
            "credit",
            values["amount"],
            sorted(left, key=lambda payment: not payment.is_from_credit),
            left,
            self.env._(
                "%(amount)s of the %(given)s cannot be kept as credit: what was paid "
                "on %(invoice)s is given back already."
            ),
        )

    def _book_credit(self, credit_note, destination, reason):
        """Keep it on the credit balance, and reconcile it with the credit note."""
        payment = destination.payment
        amount = destination.amount
        if payment:
            amount = self._to_payment_currency(payment, amount)
        payment._book_on_credit_balance(amount, reason, credit_note=credit_note)

    @api.model
    def _get_returnable_credit(self, left):
        """Return how much of what was paid from credit balances can go back there.

        :param dict left: What :meth:`_get_returnable_amounts` returned.
        :rtype: float
        """
        return sum(
            amount
            for payment, amount in left.items()
            if payment.is_from_credit
            and not payment._get_refund_blocked_reason("credit")
        )

    def _get_credit_destinations(self, excess):
        """Return where what is given back goes if nobody says it.

        What a credit balance paid goes back there by itself.

        :param float excess: The amount, in the invoice's currency.
        :rtype: list[dict]
        """
        from_credit = self._get_returnable_credit(self._get_returnable_amounts())
        if self.currency_id.compare_amounts(excess, from_credit) > 0:
            return []
        return [{"to": "credit", "amount": excess}]

    # === AN EARLIER REFUND === #

    def _plan_earlier_refund(self, values, left):
        """Plan to link a refund that was paid out before, instead of paying twice."""
        refund = self.env["account.payment"].browse(values.get("payment_id")).exists()
        if not refund:
            raise UserError(
                self.env._("There is no refund %s.", values.get("payment_id"))
            )
        name = refund.display_name
        refund._lock_for_refund()
        if (
            refund.payment_type != "outbound"
            or refund.partner_type != "customer"
            or refund.state not in POSTED_STATES
        ):
            raise UserError(self.env._("%s is no posted refund to a customer.", name))
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
        """Return what of an earlier refund is open in this invoice's currency.

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
