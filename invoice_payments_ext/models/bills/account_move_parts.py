from odoo import models

from ...proportion import Part, scale, take, take_anywhere
from .credit import COMPANY, DOCUMENT, Credit


class AccountMove(models.Model):
    """The parts that an invoice consists of, and how much of each was credited.

    Every part (the base of a line, each tax on it) is credited in proportion. The
    running total of all credit notes counts, not the single one: so rounding does not
    pile up, and the last one ends at zero in every part.
    """

    _inherit = "account.move"

    # === PARTS OF A DOCUMENT === #

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
        """Return the parts of this document, as they are booked.

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
        """Return the key of a tax; one with reverse charge comes twice."""
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

        The rounding of a total in cash may be in a tax line too. Where a repartition
        line is not booked, a credit note has nothing of it; see `_fit_tax_lines`.
        """
        by_repartition_line = self.line_ids.filtered("tax_repartition_line_id").grouped(
            "tax_repartition_line_id"
        )
        for part in parts[DOCUMENT]:
            if part.tax:
                tax = self.env["account.tax"].browse(part.tax[0])
                line = self._get_repartition_lines(tax)[part.repartition]
                by_repartition_line.setdefault(line, self.line_ids.browse())
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

    # === CREDITED PARTS === #

    def _get_credit_notes(self):
        """Return the posted credit notes of this invoice, oldest first."""
        self.ensure_one()
        return (
            self.sudo()  # All of them count, also those that the user may not see.
            .reversal_move_ids.filtered(
                lambda move: move.state == "posted" and move.move_type == "out_refund"
            )
            .sorted("id")
        )

    def _get_credit(self, date):
        """Return the parts of this invoice that its credit notes credited.

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
        """Take a credit note off the rest of this invoice.

        The lines of an ordinary credit note need not match the invoice. They are taken
        off the most similar lines, and the others off everything that is left.
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

        :return: The amount above the rest that was left there.
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
        """Take off the amounts of a credit note, as they were before rounding.

        A credit note of this addon knows it; any other took the booked amounts.
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
                    # Rounding may have taken a fraction of a unit too much.
                    exact[part] = rest if rest * credit.parts[suffix][part] > 0 else 0.0


def _is_same(rate, other):
    return abs(rate - other) <= abs(other) * 1e-9
