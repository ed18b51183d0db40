from datetime import timedelta

from babel.dates import format_skeleton

from odoo import models
from odoo.fields import Domain
from odoo.tools import format_date
from odoo.tools.misc import babel_locale_parse, get_lang

from ..states import POSTED_STATES
from ..taken_back.reversal_states import UNDECIDED
from .account_collection_board_due import LINES
from .figures import Source, Sum, Total, get_currency, sum_up

PAYMENTS = Source("account.payment", "company_id")
PROMISES = Source("account.payment.promise", "currency_id")
REVERSALS = Source("account.payment.reversal", "currency_id")


class AccountCollectionBoard(models.AbstractModel):
    """Money that came, that was promised, and that was taken back."""

    _inherit = "account.collection.board"

    # === BUSINESS METHODS === #

    def _get_money(self, converter, month):
        """Return the money of a month, the promises and the money taken back.

        :param Converter converter: Makes one amount of several currencies.
        :param Period month: The present month.
        :rtype: dict
        """
        collected = self._get_collected(converter, month)
        figures = {
            **collected["figures"],
            **self._get_promised(converter, month),
            **self._get_taken_back(converter, month),
        }
        return {"figures": figures, "pictures": collected["pictures"]}

    # === BUSINESS METHODS - COLLECTED === #

    def _get_collected_sums(self, month):
        """Return the sums of the money that came in a month.

        It is payments with a journal entry, in the currency of the company, and money
        on bank statements that was matched with receivables without a payment. Refunds
        are not deducted; credit that is spent is not money.

        :param Period month: The month.
        :rtype: dict[str, tuple[Source, Sum]]
        """
        credit = self.env.companies.sudo().credit_balance_journal_id.ids
        during = (
            self._get_selected_domain()
            & Domain("date", ">=", month.first.isoformat())
            & Domain("date", "<=", month.last.isoformat())
            & Domain("journal_id", "not in", credit)
        )
        payments = (
            during
            & Domain("payment_type", "=", "inbound")
            & Domain("partner_type", "=", "customer")
            & Domain("state", "in", POSTED_STATES)
            & Domain("move_id", "!=", False)
        )
        matched = (
            during
            & self._get_receivable_domain()
            & Domain("statement_line_id", "!=", False)
            & Domain("balance", "<", 0.0)
        )
        return {
            "payments": (PAYMENTS, Sum(payments, "amount_company_currency_signed")),
            "matched": (LINES, Sum(matched, "credit")),
        }

    def _get_collected(self, converter, month):
        """Return the money that came in a month: in all, by day and by method.

        :rtype: dict
        """
        names = {
            "payments": self.env._("Payments"),
            "matched": self.env._("Matched with the bank"),
        }
        figures, days, methods = {}, [], []
        for key, (source, wanted) in self._get_collected_sums(month).items():
            by_day, by_method = self._group(source, wanted)
            all_days = Total()
            for day in by_day.values():
                all_days.merge(day)
            figures[key] = self._prepare_figure(
                converter, names[key], source, wanted, all_days
            )
            bars = self._prepare_days(converter, source, wanted, month, by_day)
            if all_days.count or key == "payments":
                days.append({"label": names[key], "bars": bars})
            if source == PAYMENTS:
                methods += [
                    self._prepare_method(converter, wanted, *names_of_method, total)
                    for names_of_method, total in by_method.items()
                ]
            elif all_days.count:
                methods.append(figures[key])
        methods.sort(key=lambda bar: -bar["amount"])
        return {
            "figures": figures,
            "pictures": {
                "days": {"series": days},
                "methods": {
                    "series": [{"label": self.env._("Amount"), "bars": methods}]
                },
            },
        }

    def _group(self, source, wanted):
        """Compute a sum by day, and of payments by method, by one query.

        :param Source source: The records.
        :param Sum wanted: Which of them, and the field that is summed up.
        :return: The totals by day, and those by the kind of an external payment, or
                 else by the names of journal and method.
        :rtype: tuple[dict[datetime.date, Total], dict[tuple, Total]]
        """
        keys = [["date:day"]]
        if source == PAYMENTS:
            names = ["journal_id.name", "payment_method_line_id.name"]
            keys.append(["external_kind", *names])
        groups = self.env[source.model]._read_grouping_sets(
            wanted.domain,
            [[*key, source.currency] for key in keys],
            ["__count", f"{wanted.field}:sum"],
        )
        by_day, by_method = {}, {}
        for day, owner, count, amount in groups[0]:
            by_day.setdefault(day, Total()).add(get_currency(owner), count, amount)
        for kind, *names, owner, count, amount in groups[1] if groups[1:] else ():
            # Cash is cash, in whatever journal it was received.
            key = (kind, "", "") if kind else (False, *names)
            total = by_method.setdefault(key, Total())
            total.add(get_currency(owner), count, amount)
        return by_day, by_method

    def _prepare_method(self, converter, wanted, kind, journal, method, total):
        """Return the bar of a kind of external payment, or of a method of a journal.

        Journals and methods are told by their names: so companies share a bar, and no
        name is read.

        :rtype: dict
        """
        own = Domain("external_kind", "=", kind)
        label = self.env["account.move"]._get_external_kind_label(kind)
        if not kind:
            own &= Domain("journal_id.name", "=", journal) & (
                Domain("payment_method_line_id.name", "=", method)
                if method
                else Domain("payment_method_line_id", "=", False)
            )
            label = " · ".join(dict.fromkeys(filter(None, (journal, method))))
        own = Sum(wanted.domain & own, wanted.field)
        return self._prepare_figure(converter, label, PAYMENTS, own, total)

    def _prepare_days(self, converter, source, wanted, month, totals):
        """Return a bar for each day of a month.

        :rtype: list[dict]
        """
        bars, locale = [], babel_locale_parse(get_lang(self.env).code)
        for number in range(month.days):
            day = month.first + timedelta(days=number)
            own = Sum(
                wanted.domain & Domain("date", "=", day.isoformat()), wanted.field
            )
            label = format_skeleton("MMMd", day, locale=locale)
            total = totals.get(day, Total())
            bars.append(self._prepare_figure(converter, label, source, own, total))
        return bars

    # === BUSINESS METHODS - EXPECTED AND LOST === #

    def _get_promised(self, converter, month):
        """Return the open promises, and those whose day is over by now.

        :rtype: dict[str, dict]
        """
        selected = self._get_selected_domain()
        is_open = selected & Domain("state", "=", "open")
        sums = {"promised": Sum(is_open, "amount")}
        totals = sum_up(self, PROMISES, is_open, sums)
        names = {"promised": self.env._("Promised")}
        return self._prepare_figures(converter, names, PROMISES, sums, totals)

    def _get_taken_back(self, converter, month):
        """Return the money that was taken back, and what has to be answered next.

        :rtype: dict[str, dict]
        """
        selected = self._get_selected_domain()
        undecided = selected & Domain("state", "in", UNDECIDED)
        answerable = Domain("respond_by", ">=", month.last.isoformat())
        lost = (
            selected
            & Domain("state", "=", "lost")
            & Domain("closed_on", ">=", month.first.isoformat())
        )
        sums = {
            "taken_back": Sum(selected & Domain("state", "=", "open"), "amount"),
            "inquiries": Sum(selected & Domain("state", "=", "inquiry"), "amount"),
            "respond_by": Sum(undecided & answerable, "amount", lowest="respond_by"),
            "lost": Sum(lost, "amount"),
        }
        names = {
            "taken_back": self.env._("Taken back"),
            "inquiries": self.env._("Inquiries"),
            "respond_by": self.env._("To respond to"),
            "lost": self.env._("Lost"),
        }
        totals = sum_up(self, REVERSALS, undecided | lost, sums)
        figures = self._prepare_figures(converter, names, REVERSALS, sums, totals)
        if totals["respond_by"].count:
            day = totals["respond_by"].lowest
            figures["respond_by"]["day"] = format_date(self.env, day)
        return figures
