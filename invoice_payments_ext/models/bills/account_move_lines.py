from odoo import Command, models

from ...proportion import Part
from .credit import COMPANY, DOCUMENT

# The tax engine reads the totals of a line only with amounts of taxes beside them; a
# line without taxes gets those of a tax that does not exist.
NO_TAX_AMOUNTS = {"0": {}}


class AccountMove(models.Model):
    """The lines of a credit note, with amounts that Odoo's tax engine takes over."""

    _inherit = "account.move"

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
        """Return the price of credited lines, with the taxes that it includes."""
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

        The engine splits each tax again; this keeps the running total of each account
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
