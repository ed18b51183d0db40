from dataclasses import dataclass, field

from odoo import Command, fields, models

from ..proportion import (
    Part,
    reduce_in_proportion,
    round_by_tax,
    scale,
    take,
    take_anywhere,
)
from ..tools import SELDOM_READ

# Odoo's tax engine keeps each amount in the document's and in the company's currency,
# under keys with these endings.
DOCUMENT, COMPANY = "_currency", ""
# The tax engine reads the totals of a line only with amounts of taxes beside them; a
# line without taxes gets those of a tax that does not exist.
NO_TAX_AMOUNTS = {"0": {}}


@dataclass
class Credit:
    """What of an invoice was credited, and what a further credit note takes of it.

    The amounts are in smallest units, by the keys `DOCUMENT` and `COMPANY`.

    :param dict parts: What the invoice consists of.
    :param dict left: What of it is not credited yet.
    :param dict exact: What were left if nothing had been rounded.
    :param bool is_same_rate: Whether all is booked at the rate of the invoice.
    :param dict shares: Of each line, the share of what is left that is credited now.
    :param dict quantities: Of the lines credited by quantity, the quantity.
    :param dict taken: What is credited now.
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
        """Return what each part should get for its running total to be exact.

        :rtype: dict[Part, float]
        """
        return {
            part: units
            - self.exact[suffix][part] * (1 - self.shares.get(part.line, 0.0))
            for part, units in self.left[suffix].items()
        }

    def get_quantity_left(self, line):
        """Return what of a line's quantity is not credited yet."""
        total = self.get_line_total(line.id, self.parts[DOCUMENT])
        left = self.get_line_total(line.id, self.exact[DOCUMENT])
        return line.quantity * left / total if total else line.quantity


class AccountMoveLine(models.Model):
    _inherit = "account.move.line"

    credited_line_id = fields.Many2one(
        string="Credited Invoice Line",
        comodel_name="account.move.line",
        readonly=True,
        copy=False,
        index="btree_not_null",
        ondelete="set null",
        help="On a line of a credit note: the line of the invoice that it credits.",
    )

    def _copy_data_extend_business_fields(self, values):
        """Let Odoo's own reversals know too which lines they credit."""
        result = super()._copy_data_extend_business_fields(values)
        if self.move_id.move_type == "out_invoice":
            values["credited_line_id"] = self.id
        return result


class AccountMove(models.Model):
    """The amounts of a credit note, by Odoo's tax engine and in exact proportion.

    Every part of an invoice (the base of a line, each tax on it) is credited in
    proportion. What counts is the running total of all credit notes, not the single
    one: so rounding does not pile up, and the last one ends at zero in every part.
    """

    _inherit = "account.move"

    credited_shares = fields.Json(
        prefetch=SELDOM_READ,
        readonly=True,
        copy=False,
        help="On a credit note: the exact share that it credits of what was left of "
        "each invoice line, before rounding, and the total that this is about.",
    )

    # === WHAT A DOCUMENT CONSISTS OF === #

    def _get_units(self, amount, suffix=DOCUMENT):
        """Return an amount in smallest units of the document's or company's currency.

        :rtype: int
        """
        currency = self.currency_id if suffix else self.company_currency_id
        return round(amount / currency.rounding)

    def _get_amount(self, units, suffix=DOCUMENT):
        """Return the amount of a number of smallest units; see :meth:`_get_units`."""
        currency = self.currency_id if suffix else self.company_currency_id
        return currency.round(units * currency.rounding)

    def _get_base_lines_with_taxes(self):
        """Return the base lines of the tax engine, with amounts by repartition line."""
        self.ensure_one()
        base_lines, _tax_lines = self._get_rounded_base_and_tax_lines()
        self.env["account.tax"]._add_accounting_data_in_base_lines_tax_details(
            base_lines, self.company_id, include_caba_tags=self.always_tax_exigible
        )
        return base_lines

    def _get_parts(self):
        """Return what this document consists of, as it is booked.

        :return: By currency, the amount of each part.
        :rtype: dict[str, dict[Part, int]]
        """
        self.ensure_one()
        parts = {DOCUMENT: {}, COMPANY: {}}
        for base_line in self._get_base_lines_with_taxes():
            line = base_line["record"]
            sign = self.direction_sign
            for suffix, amount in (
                (DOCUMENT, line.amount_currency),
                (COMPANY, line.balance),
            ):
                parts[suffix][Part(line.id)] = self._get_units(sign * amount, suffix)
            for tax_data in base_line["tax_details"]["taxes_data"]:
                for index, rep_data in self._get_repartition_data(tax_data):
                    part = Part(line.id, self._get_tax_key(tax_data), index)
                    for suffix, amounts in parts.items():
                        units = self._get_units(rep_data[f"tax_amount{suffix}"], suffix)
                        amounts[part] = amounts.get(part, 0) + units
        self._fit_to_tax_lines(parts)
        return parts

    def _get_tax_key(self, tax_data):
        """Return what identifies a tax; one with reverse charge comes twice."""
        return tax_data["tax"].id, bool(tax_data["is_reverse_charge"])

    def _get_repartition_data(self, tax_data):
        """Pair the amounts of a tax with the indexes of its repartition lines.

        By their index, those of invoices and of credit notes correspond.
        """
        repartition_lines = self._get_repartition_lines(tax_data["tax"])
        return [
            (repartition_lines.ids.index(rep_data["tax_rep"].id), rep_data)
            for rep_data in tax_data["tax_reps_data"]
        ]

    def _get_repartition_lines(self, tax):
        lines = (
            tax.refund_repartition_line_ids
            if self.move_type == "out_refund"
            else tax.invoice_repartition_line_ids
        )
        return lines.filtered(lambda line: line.repartition_type == "tax")

    def _fit_to_tax_lines(self, parts):
        """Make the taxes add up to the booked tax lines, which may be edited by hand.

        The rounding of a total in cash may be in a tax line too.
        """
        by_repartition_line = self.line_ids.filtered("tax_repartition_line_id").grouped(
            "tax_repartition_line_id"
        )
        for repartition_line, tax_lines in by_repartition_line.items():
            tax = repartition_line.tax_id
            indexes = self._get_repartition_lines(tax).ids
            for suffix, fname in ((DOCUMENT, "amount_currency"), (COMPANY, "balance")):
                amounts = parts[suffix]
                booked = self._get_units(
                    self.direction_sign * sum(tax_lines.mapped(fname)), suffix
                )
                own = [
                    part
                    for part in amounts
                    if part.tax
                    and part.tax[0] == tax.id
                    and part.tax[1] == (repartition_line.factor < 0)
                    and indexes[part.repartition] == repartition_line.id
                ]
                if not own:  # Somebody entered a tax without a base.
                    amounts[Part(tax_lines[0].id)] = booked
                    continue
                if booked != sum(amounts[part] for part in own):
                    shares = scale([amounts[part] for part in own], booked)
                    amounts.update(zip(own, shares, strict=True))

    # === WHAT WAS CREDITED === #

    def _get_credit_notes(self):
        """Return the posted credit notes of this invoice, oldest first."""
        self.ensure_one()
        return (
            self.sudo()  # All of them count, whoever may see them.
            .reversal_move_ids.filtered(
                lambda move: move.state == "posted" and move.move_type == "out_refund"
            )
            .sorted("id")
        )

    def _get_credit(self, date):
        """Return what of this invoice was credited by all its credit notes.

        :param date date: The date of a further credit note, for its rate.
        :rtype: Credit
        """
        self.ensure_one()
        parts = self._get_parts()
        credit = Credit(
            parts=parts,
            left={suffix: dict(amounts) for suffix, amounts in parts.items()},
            exact={suffix: dict(amounts) for suffix, amounts in parts.items()},
            is_same_rate=_is_same(
                self._get_expected_currency_rate_at(date), self.invoice_currency_rate
            ),
        )
        for credit_note in self._get_credit_notes():
            self._take_credit_note(credit, credit_note)
            if not _is_same(
                credit_note.invoice_currency_rate, self.invoice_currency_rate
            ):
                credit.is_same_rate = False
        return credit

    def _take_credit_note(self, credit, credit_note):
        """Take a credit note off what is left of this invoice.

        What an ordinary credit note credits need not match the invoice: it is taken
        off the most similar lines, and what fits nowhere off everything that is left.
        """
        before = {suffix: dict(left) for suffix, left in credit.left.items()}
        if credit_note.currency_id == self.currency_id:
            parts = credit_note._get_parts()
            line_map = self._map_credited_lines(
                credit_note,
                {part.line for part in parts[DOCUMENT]},
                {part.line for part in credit.parts[DOCUMENT]},
            )
            for suffix, left in credit.left.items():
                rest = parts[suffix]
                for is_similar in (True, False):
                    rest = self._take_parts(left, rest, line_map, is_similar)
                take_anywhere(left, sum(rest.values()), credit.parts[suffix])
        else:
            amount = credit_note.currency_id._convert(
                credit_note.amount_total, self.currency_id, date=credit_note.date
            )
            for suffix, total in (
                (DOCUMENT, amount),
                (COMPANY, abs(credit_note.amount_total_signed)),
            ):
                take_anywhere(
                    credit.left[suffix],
                    self._get_units(total, suffix),
                    credit.parts[suffix],
                )
        self._take_exact_amounts(credit, credit_note, before)

    def _take_parts(self, left, parts, line_map, is_similar):
        """Take parts of a credit note off the most similar lines, or off any others.

        :return: What is more than was left there.
        :rtype: dict[Part, int]
        """
        rest = {}
        for part, units in parts.items():
            candidates = line_map[part.line]
            for line_id in candidates[:1] if is_similar else candidates[1:]:
                units -= take(left, part._replace(line=line_id), units)
            if units:
                rest[part] = units
        return rest

    def _map_credited_lines(self, credit_note, line_ids, own_line_ids):
        """Return for each line of a credit note the invoice lines that it may credit.

        :return: By the line's id the ids of all own lines, the most similar first.
        :rtype: dict[int, list[int]]
        """
        own_lines = self.line_ids.browse(own_line_ids)
        result = {}
        for line_id in line_ids:
            line = credit_note.line_ids.browse(line_id)

            def similarity(own, line=line):
                return (
                    own != line.credited_line_id,
                    own.account_id != line.account_id or own.tax_ids != line.tax_ids,
                    own.product_id != line.product_id,
                    own.name != line.name,
                    own.id,
                )

            result[line_id] = own_lines.sorted(similarity).ids
        return result

    def _get_creditable_lines(self):
        """Return the lines of this invoice that a credit note can credit."""
        return self.line_ids.filtered(
            lambda line: (
                line.display_type in ("product", "epd", "rounding")
                and not line.tax_repartition_line_id
            )
        )

    def _take_exact_amounts(self, credit, credit_note, before):
        """Take off what a credit note took, as it was before rounding.

        A credit note of this addon knows it; any other took what is booked.
        """
        known = credit_note.credited_shares or {}
        is_known = known and not self.currency_id.compare_amounts(
            known["amount"], credit_note.amount_total
        )
        for suffix, exact in credit.exact.items():
            for part, units in exact.items():
                if is_known:
                    share = known["shares"].get(str(part.line), 0.0)
                    exact[part] = units * (1 - share)
                else:
                    taken = before[suffix][part] - credit.left[suffix][part]
                    rest = units - taken
                    # What was rounded may have taken a fraction of a unit too much.
                    exact[part] = rest if rest * credit.parts[suffix][part] > 0 else 0.0

    # === WHAT A FURTHER CREDIT NOTE TAKES === #

    def _plan_credit(self, date, amount=None, lines=None):
        """Return what a credit note for an amount, or for lines, takes of this invoice.

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
        """Credit an amount on all lines, in proportion to what is left of them."""
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
                # A hundredth of a hundredth is what quantities are rounded by.
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
        """Return the amounts in the company's currency of what is credited.

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
        # Nothing is left over or used up: each part may get what it is worth, and the
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

    # === THE LINES OF THE CREDIT NOTE === #

    def _prepare_credit_note_lines(self, credit, date):
        """Return the values of a credit note's lines: one for each invoice line.

        :rtype: list[dict]
        """
        self.ensure_one()
        base_lines = {
            base_line["record"].id: base_line
            for base_line in self._get_base_lines_with_taxes()
        }
        taken_lines = {
            part.line
            for amounts in credit.taken.values()
            for part, units in amounts.items()
            if units
        }
        return [
            self._prepare_credit_note_line_vals(
                line, base_lines.get(line.id), credit, date
            )
            for line in self.line_ids
            if line.id in taken_lines
        ]

    def _prepare_credit_note_line_vals(self, line, base_line, credit, date):
        """Return the values of the credit note's line for a line of this invoice.

        A line that is credited in full, or by quantity, keeps its price; else the
        amount is credited as one piece, of which no quantity comes back.

        :rtype: dict
        """
        taken = {
            suffix: {
                part: units for part, units in amounts.items() if part.line == line.id
            }
            for suffix, amounts in credit.taken.items()
        }
        is_whole = line.display_type == "product" and all(
            units == credit.parts[DOCUMENT][part]
            for part, units in taken[DOCUMENT].items()
        )
        by_quantity = is_whole or line.id in credit.quantities
        values = line.with_context(include_business_fields=by_quantity).copy_data()[0]
        for fname in ("move_id", "balance", "amount_currency", "tax_tag_ids"):
            values.pop(fname, None)
        values["credited_line_id"] = line.id
        if line.display_type not in ("product", "epd"):
            # The rounding in cash is credited as any other line: a credit note for an
            # amount is not rounded again.
            values.update(
                display_type="product",
                tax_ids=[Command.clear()],
                tax_repartition_line_id=False,
                product_id=False,
            )
        if line.display_type == "epd":
            values["amount_currency"] = self._get_amount(taken[DOCUMENT][Part(line.id)])
        elif not by_quantity:
            values.update(
                quantity=1.0,
                discount=0.0,
                price_unit=self._get_price_to_credit(base_line, taken[DOCUMENT]),
            )
        elif not is_whole:
            values["quantity"] = credit.quantities[line.id]
        values["extra_tax_data"] = self._prepare_extra_tax_data(
            line, base_line, values, taken, date
        )
        return values

    def _get_price_to_credit(self, base_line, taken):
        """Return the price of what is credited, with the taxes that prices include."""
        included = {
            self._get_tax_key(tax_data)
            for tax_data in (
                base_line["tax_details"]["taxes_data"] if base_line else []
            )
            if tax_data["price_include"]
        }
        return self._get_amount(
            sum(
                units
                for part, units in taken.items()
                if not part.tax or part.tax in included
            )
        )

    def _prepare_extra_tax_data(self, line, base_line, values, taken, date):
        """Return the amounts that the tax engine is to take over as they are.

        It does so, here and whenever the credit note is computed again, as long as
        nobody changes the price, the quantity or the discount.

        :rtype: dict
        """
        totals = {
            suffix: self._get_amount(amounts[Part(line.id)], suffix)
            for suffix, amounts in taken.items()
        }
        tax_amounts = {
            str(tax.id): {} for tax in line.tax_ids._flatten_taxes_and_sort_them()[0]
        }
        for tax_data in base_line["tax_details"]["taxes_data"] if base_line else []:
            if tax_data["is_reverse_charge"]:
                continue
            amounts = tax_amounts.setdefault(str(tax_data["tax"].id), {})
            key = self._get_tax_key(tax_data)
            for suffix in taken:
                amounts[f"tax_amount{suffix}"] = self._get_amount(
                    sum(
                        units
                        for part, units in taken[suffix].items()
                        if part.tax == key
                    ),
                    suffix,
                )
                amounts[f"base_amount{suffix}"] = self._get_base_amount_to_credit(
                    base_line, tax_data, totals[suffix], suffix
                )
        is_epd = line.display_type == "epd"
        return {
            "manual_total_excluded_currency": totals[DOCUMENT],
            "manual_total_excluded": totals[COMPANY],
            "manual_tax_amounts": tax_amounts or NO_TAX_AMOUNTS,
            "currency_id": self.currency_id.id,
            "price_unit": totals[DOCUMENT] if is_epd else values["price_unit"],
            "quantity": 1.0 if is_epd else values["quantity"],
            "discount": 0.0 if is_epd else values["discount"],
            "rate": self._get_expected_currency_rate_at(date),
        }

    def _get_base_amount_to_credit(self, base_line, tax_data, total, suffix):
        """Return the base of a tax, which other taxes may be part of."""
        details = base_line["tax_details"]
        invoiced = (
            details[f"total_excluded{suffix}"]
            + details[f"delta_total_excluded{suffix}"]
        )
        base = tax_data[f"base_amount{suffix}"]
        currency = self.currency_id if suffix else self.company_currency_id
        if not invoiced or not currency.compare_amounts(base, invoiced):
            return total
        return currency.round(total * base / invoiced)

    def _fit_tax_lines(self, credit):
        """Book the exact amounts where a tax goes to several accounts.

        The engine splits each tax anew; this keeps the running total of each account
        in proportion. To be called on the draft credit note.
        """
        self.ensure_one()
        AccountTax = self.env["account.tax"]
        is_split = any(
            part.repartition or part.tax[1]
            for part in credit.taken[DOCUMENT]
            if part.tax
        )
        if not is_split:
            return
        base_lines, tax_lines = self._get_rounded_base_and_tax_lines(
            round_from_tax_lines=False
        )
        AccountTax._add_accounting_data_in_base_lines_tax_details(
            base_lines, self.company_id, include_caba_tags=self.always_tax_exigible
        )
        for base_line in base_lines:
            origin = base_line["record"].credited_line_id
            for tax_data in base_line["tax_details"]["taxes_data"]:
                for index, rep_data in self._get_repartition_data(tax_data):
                    part = Part(origin.id, self._get_tax_key(tax_data), index)
                    for suffix, taken in credit.taken.items():
                        if part in taken:
                            rep_data[f"tax_amount{suffix}"] = self._get_amount(
                                taken[part], suffix
                            )
        results = AccountTax._prepare_tax_lines(
            base_lines, self.company_id, tax_lines=tax_lines
        )
        commands = [
            Command.delete(tax_line["record"].id)
            for tax_line in results["tax_lines_to_delete"]
        ]
        commands += [
            Command.create({**values, "display_type": "tax"})
            for values in results["tax_lines_to_add"]
        ]
        if commands:
            self.with_context(dynamic_unlink=True).write({"line_ids": commands})
        for tax_line, _key, amounts in results["tax_lines_to_update"]:
            line = tax_line["record"]
            # The amount in the company's currency comes last: the other one sets it.
            for fname, currency in (
                ("amount_currency", self.currency_id),
                ("balance", self.company_currency_id),
            ):
                if currency.compare_amounts(line[fname], amounts[fname]):
                    line[fname] = currency.round(amounts[fname])


def _is_same(rate, other):
    return abs(rate - other) <= abs(other) * 1e-9


def _get_share(units, left, exact):
    """Return which share of what is left an amount is, of all if it is all."""
    if units == sum(left.values()):
        return 1.0
    total = sum(exact.values())
    return min(max(units / total, 0.0), 1.0) if total else 0.0
