from dataclasses import dataclass, field

# Odoo's tax engine keeps each amount in the document's and in the company's currency,
# under keys with these endings.
DOCUMENT, COMPANY = "_currency", ""


@dataclass
class Credit:
    """The credited parts of an invoice, and those of a further credit note.

    The amounts are in smallest units, by the keys `DOCUMENT` and `COMPANY`.

    :param dict parts: The parts of the invoice.
    :param dict left: The parts of it that are not credited yet.
    :param dict exact: The amounts that were left if nothing had been rounded.
    :param bool is_same_rate: Whether all is booked at the rate of the invoice.
    :param dict shares: Of each line, the share of the rest that is credited now.
    :param dict quantities: Of the lines credited by quantity, the quantity.
    :param dict taken: The amounts that are credited now.
    """

    parts: dict
    left: dict
    exact: dict
    is_same_rate: bool = True
    shares: dict = field(default_factory=dict)
    quantities: dict = field(default_factory=dict)
    taken: dict = field(default_factory=dict)

    def get_line_total(self, line_id, amounts):
        """Add up the base and the taxes of a line."""
        return sum(units for part, units in amounts.items() if part.line == line_id)

    def get_wanted(self, suffix):
        """Return the amounts of the parts that make the running total exact.

        :rtype: dict[Part, float]
        """
        return {
            part: units
            - self.exact[suffix][part] * (1 - self.shares.get(part.line, 0.0))
            for part, units in self.left[suffix].items()
        }

    def get_quantity_left(self, line):
        """Return the quantity of a line that is not credited yet."""
        total = self.get_line_total(line.id, self.parts[DOCUMENT])
        left = self.get_line_total(line.id, self.exact[DOCUMENT])
        return line.quantity * left / total if total else line.quantity
