from odoo import models

from ...proportion import reduce_in_proportion, round_by_tax
from .credit import COMPANY, DOCUMENT


class AccountMove(models.Model):
    """The amounts that a further credit note takes of each part."""

    _inherit = "account.move"

    # === PARTS OF A FURTHER CREDIT NOTE === #

    def _plan_credit(self, date, amount=None, lines=None):
        """Return the parts that a credit note takes, for an amount or for lines.

        :param date date: The date of the credit note.
        :param float amount: The amount, tax included.
        :param list[dict] lines: Or the lines, see :meth:`issue_credit_note`.
        :rtype: Credit
        """
        self.ensure_one()
        credit = self._get_credit(date)
        if lines:
            self._plan_lines(credit, lines)
        else:
            self._plan_amount(credit, self._get_units(amount))
        credit.taken[COMPANY] = self._plan_in_company_currency(
            credit, date, bool(lines)
        )
        return credit

    def _plan_amount(self, credit, units):
        """Credit an amount on all lines, in proportion to their rest."""
        share = _get_share(units, credit.left[DOCUMENT], credit.exact[DOCUMENT])
        credit.shares = dict.fromkeys(
            {part.line for part in credit.exact[DOCUMENT]}, share
        )
        credit.taken[DOCUMENT] = reduce_in_proportion(
            units, credit.get_wanted(DOCUMENT), credit.left[DOCUMENT]
        )

    def _plan_lines(self, credit, lines):
        """Credit an amount or a quantity of each of these lines."""
        taken = dict.fromkeys(credit.parts[DOCUMENT], 0)
        carried = {}
        for values in lines:
            line = self.line_ids.browse(values["line_id"])
            left, exact = (
                {part: units for part, units in amounts.items() if part.line == line.id}
                for amounts in (credit.left[DOCUMENT], credit.exact[DOCUMENT])
            )
            if "quantity" in values:
                credit.quantities[line.id] = values["quantity"]
                quantity_left = credit.get_quantity_left(line)
                # Quantities are rounded to a hundredth of a hundredth.
                is_all = abs(quantity_left - values["quantity"]) < 1e-4
                share = 1.0 if is_all else values["quantity"] / quantity_left
            else:
                units = self._get_units(values["amount"])
                share = _get_share(units, left, exact)
            credit.shares[line.id] = share
            wanted = {
                part: units
                for part, units in credit.get_wanted(DOCUMENT).items()
                if part in left
            }
            if "quantity" in values:
                units = round_by_tax(wanted, left, carried)
            taken.update(reduce_in_proportion(units, wanted, left, carried))
        credit.taken[DOCUMENT] = taken

    def _plan_in_company_currency(self, credit, date, by_lines):
        """Return the credited amounts in the company's currency.

        At the invoice's rate they are in proportion as well and end at zero with the
        others; at another rate they are converted.
        """
        if self.currency_id == self.company_currency_id:
            return dict(credit.taken[DOCUMENT])
        total = sum(credit.taken[DOCUMENT].values())
        if credit.is_same_rate and total == sum(credit.left[DOCUMENT].values()):
            return dict(credit.left[COMPANY])
        if credit.is_same_rate:
            return self._plan_at_same_rate(credit, by_lines)
        rate = self._get_expected_currency_rate_at(date)
        ratio = self.currency_id.rounding / rate / self.company_currency_id.rounding
        wanted = {part: units * ratio for part, units in credit.taken[DOCUMENT].items()}
        # Nothing is left over or used up: each part may get its own worth, and the
        # rounding of the others.
        room = len(wanted)
        limits = {
            part: round(units) + (room if units > 0 else -room if units < 0 else 0)
            for part, units in wanted.items()
        }
        return reduce_in_proportion(round(total * ratio), wanted, limits)

    def _plan_at_same_rate(self, credit, by_lines):
        """Return the amounts in the company's currency, in proportion.

        :param bool by_lines: Whether each line is credited on its own.
        """
        wanted = credit.get_wanted(COMPANY)
        left = credit.left[COMPANY]
        groups = [list(left)]
        if by_lines:
            groups = [
                [part for part in left if part.line == line_id]
                for line_id in credit.shares
            ]
        taken = dict.fromkeys(left, 0)
        carried = {}
        for group in groups:
            limits = {part: left[part] for part in group}
            total = round(sum(wanted[part] for part in group))
            available = sum(limits.values())
            taken.update(
                reduce_in_proportion(
                    max(min(0, available), min(total, max(0, available))),
                    {part: wanted[part] for part in group},
                    limits,
                    carried,
                )
            )
        return taken


def _get_share(units, left, exact):
    """Return the share of the rest that an amount is; 1 for all of it."""
    if units == sum(left.values()):
        return 1.0
    total = sum(exact.values())
    return min(max(units / total, 0.0), 1.0) if total else 0.0
