from typing import NamedTuple

from odoo import api, models
from odoo.exceptions import UserError

# The methods that lock records before an invoice that is credited.
LOCKED_BEFORE_CREDIT_NOTE = ("_lock_credit_to_give_back",)

# The methods that choose where money goes if nobody else does.
DEFAULT_DESTINATIONS = ("_get_credit_destinations",)


class DestinationKind(NamedTuple):
    """How one kind of destination is handled.

    :param str plan: The method of the invoice that checks the given values and returns
                     a list of :class:`Destination`.
    :param str carry_out: The method of the invoice that does it, with the credit note.
    :param tuple keys: The values that may be given with it, besides `to` and `amount`.
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

    def _lock_to_credit(self, destinations=None, **_arguments):
        """Lock this invoice, and before it the records that the destinations need.

        :param list[dict] destinations: See :meth:`issue_credit_note`.
        """
        self.ensure_one()
        for name in LOCKED_BEFORE_CREDIT_NOTE:
            getattr(self, name)(destinations or [])
        self._lock_for_payment()

    # === GIVEN DESTINATIONS === #

    def _plan_destinations(self, excess, total, destinations):
        """Check the destinations, and return the amounts piece by piece.

        :param float excess: The amount of a credit note above the amount that remains
                             to be paid.
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
        # The same money is not given back twice: the pieces use up the amounts that
        # there are.
        self._get_payments_to_return()._lock_with_invoices()
        left = self._get_returnable_amounts()
        kinds = self._get_destination_kinds()
        order = list(kinds)
        planned = []
        # Chosen payments come before amounts that are spread over the rest.
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
                        "%(kind)r is not a destination: choose one of %(kinds)s.",
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
        """Check that the destinations add up to the amount given back."""
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
