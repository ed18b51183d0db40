from datetime import UTC

from odoo import fields, models

from ..gateways.payment_provider import CannotBeAskedError, MovementPage
from .payment_gateway_check import EDGE

# What a movement has on a page besides what is stored of it.
NOT_STORED = ("currency", "confirms")


class PaymentGatewayCheck(models.Model):
    """The pages of a provider's list, and the periods of which they have everything."""

    _inherit = "payment.gateway.check"

    covered = fields.Json(
        help="The periods of which the list has everything, if it may have gaps."
    )
    notes = fields.Json(help="Sentences on what could not be compared.")

    # === BUSINESS METHODS === #

    def _read_page(self):
        """Store the next page of the provider's list; compare after the last one."""
        try:
            page = self.provider_id._list_movements(
                self.date_from, self.date_to, self.cursor or None
            )
        except CannotBeAskedError as error:
            self.write({"state": "impossible", "message": str(error)})
            return
        if page is None:
            self.state = "impossible"
            return
        page = MovementPage(*page)
        self._store_movements(page.movements)
        notes = dict.fromkeys([*(self.notes or ()), *page.notes])
        self.write(
            {
                "cursor": page.cursor,
                "page_count": self.page_count + 1,
                "tries": 0,
                "message": False,
                "not_before": False,
                "covered": self._add_period(page.covered),
                "notes": list(notes),
            }
        )
        if page.cursor:
            return
        self.message = "\n".join(notes) or False
        if self.covered and not self.covered["periods"] and not self.movement_ids:
            self.state = "impossible"
        else:
            self._compare()

    def _store_movements(self, movements):
        """Store the movements of a page. Of one that is known, the later word counts.

        :param list[dict] movements: See `payment.provider._list_movements`.
        """
        known = {row.reference: row for row in self.movement_ids}
        currencies = self.env["res.currency"].with_context(active_test=False)
        by_code = {
            currency.name: currency.id
            for currency in currencies.search(
                [("name", "in", [row["currency"] for row in movements])]
            )
        }
        zone = self.company_id._get_own_zone()
        new = {}
        for row in movements:
            if known_row := known.get(row["reference"]):
                names = ("amount", "state", "is_open")
                known_row.write({name: row[name] for name in names if name in row})
            elif not row.get("confirms"):
                new[row["reference"]] = row
        self.movement_ids.create(
            [
                {
                    "check_id": self.id,
                    "currency_id": by_code[row["currency"]],
                    "day": get_day(row["date"], zone),
                    **{key: row[key] for key in row if key not in NOT_STORED},
                }
                for row in new.values()
            ]
        )

    def _add_period(self, period):
        """Return the covered periods with another one, joined where they touch.

        :param tuple period: Two moments; empty for none, and None if the list is one
                             without gaps.
        :rtype: dict or None
        """
        if period is None:
            return self.covered
        periods = [list(each) for each in (self.covered or {}).get("periods", ())]
        if period and periods and periods[-1][1] >= period[0]:
            periods[-1][1] = period[1]
        elif period:
            periods.append(list(period))
        return {"periods": periods}

    # === GETTERS === #

    def _get_compared_periods(self):
        """Return the periods in which a booking must be in the provider's list.

        What is at their edges may be in the list of another day.

        :rtype: list[tuple[datetime.datetime, datetime.datetime]]
        """
        periods = [(self.date_from, self.date_to)]
        if self.covered:
            read = fields.Datetime.to_datetime
            periods = [map(read, period) for period in self.covered["periods"]]
        delay = max(EDGE, self.provider_id._get_listing_delay())
        return [(since + EDGE, until - delay) for since, until in periods]

    def _is_undecided(self, movements):
        """Tell if money may be captured yet of what the provider authorized.

        :param payment.gateway.movement movements: Those of one record of the books.
        """
        if not all(row.is_open for row in movements):
            return False
        return not any(
            since <= row.date <= until
            for since, until in self._get_compared_periods()
            for row in movements
        )


def get_day(moment, zone):
    """Return the day of a moment in UTC, as a time zone has it.

    :param datetime.datetime moment: The moment.
    :param zoneinfo.ZoneInfo zone: The zone.
    :rtype: datetime.date
    """
    return moment.replace(tzinfo=UTC).astimezone(zone).date()
