"""Arithmetic of credit notes: parts of an invoice in proportion, to the smallest unit.

Amounts are whole numbers of a currency's smallest unit, so that everything adds up.
"""

import math
from typing import NamedTuple

# The error of floating-point arithmetic, in smallest units.
NOISE = 1e-6


class Part(NamedTuple):
    """A part of an invoice: the base of a line, or a tax on it.

    :param int line: The id of the invoice line.
    :param tuple tax: The key of the tax; None for the base.
    :param int repartition: Which of the repartition lines of the tax, by its index.
    """

    line: int
    tax: tuple | None = None
    repartition: int = 0


def is_within(units, limit):
    """Tell if an amount lies between zero and its limit."""
    return min(0, limit) <= units <= max(0, limit)


def apportion(total, wanted, limits):
    """Split a total into whole units, as close as can be to the wanted amounts.

    :param int total: The sum of the parts.
    :param list[float] wanted: The exact amount of each part.
    :param list[int] limits: The most that each part can take; it gets an amount
                             between zero and this, which may be negative.
    :return: The parts, in the order given.
    :rtype: list[int]
    """
    parts = [
        max(min(0, limit), min(math.floor(exact + NOISE), max(0, limit)))
        for exact, limit in zip(wanted, limits, strict=True)
    ]
    left = total - sum(parts)
    step = 1 if left > 0 else -1
    while left:
        # Those that are furthest from their exact amount come first.
        open_parts = sorted(
            (
                index
                for index, limit in enumerate(limits)
                if is_within(parts[index] + step, limit)
            ),
            key=lambda index: step * (wanted[index] - parts[index]),
            reverse=True,
        )
        if not open_parts:
            raise ValueError("The total does not fit into the limits.")
        # One unit each, or an equal share of much that is left.
        share = max(abs(left) // len(open_parts), 1)
        for index in open_parts[: abs(left)]:
            room = max(0, limits[index]) - parts[index]
            if step < 0:
                room = parts[index] - min(0, limits[index])
            taken = min(share, room)
            parts[index] += step * taken
            left -= step * taken
    return parts


def reduce_in_proportion(total, wanted, limits, carried=None):
    """Split a tax-included amount into its base and its taxes.

    Each tax gets the unit nearest to its exact amount, and the base the rest. Only
    where an amount of a few units leaves no base for that, a tax has to wait for its
    unit.

    :param int total: The amount, tax included.
    :param dict[Part, float] wanted: The exact amount of each part.
    :param dict[Part, int] limits: The rest of each part.
    :param dict carried: By tax, the rounding of the amounts before this one; it is
                         evened out here, and kept up to date.
    :return: The amount of each part.
    :rtype: dict[Part, int]
    """
    if total == sum(limits.values()):
        return dict(limits)
    carried = {} if carried is None else carried
    by_tax, exact, left, units = _round_taxes(wanted, limits, carried)
    units[None] = total - sum(units.values())
    if not is_within(units[None], left[None]):
        taxes = list(by_tax)
        units = dict(
            zip(
                taxes,
                apportion(
                    total, [exact[tax] for tax in taxes], [left[tax] for tax in taxes]
                ),
                strict=True,
            )
        )
    result = {}
    for tax, parts in by_tax.items():
        carried[tax] = exact[tax] - units[tax] if tax else 0.0
        result.update(_spread_over_repartition(units[tax], parts, wanted, limits))
    return result


def round_by_tax(wanted, limits, carried):
    """Round the base and each tax on their own; see :func:`reduce_in_proportion`.

    :return: Their sum.
    :rtype: int
    """
    total = sum(limits.values())
    _by_tax, exact, _left, units = _round_taxes(wanted, limits, carried)
    units = sum(units.values()) + math.floor(exact[None] + 0.5)
    return max(min(0, total), min(units, max(0, total)))


def _round_taxes(wanted, limits, carried):
    """Round the amount of each tax to the nearest unit.

    :return: By tax, and None for the base: the parts, the exact amounts and the rest;
             and by tax only, the rounded amounts.
    """
    by_tax = {None: []}
    for part in wanted:
        by_tax.setdefault(part.tax, []).append(part)
    exact = {
        tax: sum(wanted[part] for part in parts) + carried.get(tax, 0.0)
        for tax, parts in by_tax.items()
    }
    left = {tax: sum(limits[part] for part in parts) for tax, parts in by_tax.items()}
    units = {
        tax: max(
            min(0, left[tax]), min(math.floor(exact[tax] + 0.5), max(0, left[tax]))
        )
        for tax in by_tax
        if tax
    }
    return by_tax, exact, left, units


def _spread_over_repartition(units, parts, wanted, limits):
    """Split the amount of one tax over its repartition lines, and those over lines."""
    by_repartition = {}
    for part in parts:
        by_repartition.setdefault(part.repartition, []).append(part)
    groups = list(by_repartition.values())
    amounts = apportion(
        units,
        [sum(wanted[part] for part in group) for group in groups],
        [sum(limits[part] for part in group) for group in groups],
    )
    result = {}
    for amount, group in zip(amounts, groups, strict=True):
        shares = apportion(
            amount, [wanted[part] for part in group], [limits[part] for part in group]
        )
        result.update(zip(group, shares, strict=True))
    return result


def take(left, part, units):
    """Take units off the rest of a part, no more than that.

    :param dict[Part, int] left: The rest of each part; it is changed.
    :return: The amount that was taken.
    :rtype: int
    """
    room = left.get(part, 0)
    taken = max(min(0, room), min(units, max(0, room)))
    if taken:
        left[part] -= taken
    return taken


def take_anywhere(left, units, parts):
    """Take units off all that is left, in proportion; or give back negative ones.

    :param dict[Part, int] left: The rest of each part; it is changed.
    :param int units: How much; no more is taken than is left, or given back than was
                      taken.
    :param dict[Part, int] parts: The original amount of each part.
    """
    limits = [left[part] - (parts[part] if units < 0 else 0) for part in parts]
    total = sum(limits)
    units = max(min(0, total), min(units, max(0, total)))
    if not units:
        return
    taken = apportion(units, [limit * units / total for limit in limits], limits)
    for part, amount in zip(parts, taken, strict=True):
        left[part] -= amount


def scale(amounts, total):
    """Scale whole amounts to a total; it is the first one's where all are zero."""
    known = sum(amounts)
    if not known:
        return [amounts[0] + total, *amounts[1:]]
    wanted = [amount * total / known for amount in amounts]
    limits = [
        round(exact) + (1 if exact > 0 else -1) * len(amounts) for exact in wanted
    ]
    return apportion(total, wanted, limits)
