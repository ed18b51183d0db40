from odoo import fields, models
from odoo.fields import Domain

from ..collection.account_collection_step import get_moment
from ..gateways.payment_decline_rule import DECLINE_CLASSES
from .figures import Source, Sum, get_ratio, sum_up

ATTEMPTS = Source(
    "payment.transaction",
    "currency_id",
    "invoice_payments_ext.payment_transaction_view_list_board",
)
# Where no class was given: the attempt is older than the classes.
NO_CLASS = "none"


class AccountCollectionBoard(models.AbstractModel):
    """How attempts to charge end: at first, after a decline, and those without an end.

    A try counts in the month in which its outcome came. Retries do not count as first
    tries, as in the rates of the providers: https://docs.stripe.com/declines
    """

    _inherit = "account.collection.board"

    # === GETTERS === #

    def _get_decided_domain(self, month):
        """Return the domain of the charges that were answered in a month.

        :param Period month: The month.
        :rtype: Domain
        """
        charges = self.env["payment.transaction"]._get_charges_domain()
        selected = self._get_selected_domain()
        return selected & charges & self._get_since_domain(month)

    def _get_since_domain(self, month):
        """Return the domain of the attempts whose outcome came since a month began.

        :param Period month: The month.
        :rtype: Domain
        """
        first = get_moment(month.first, 0.0, self.env.company._get_own_zone())
        return Domain("last_state_change", ">=", fields.Datetime.to_string(first))

    def _get_reasons(self):
        """Return the words of the classes of declines.

        :rtype: dict[str, str]
        """
        field = self.env["payment.transaction"]._fields["decline_class"]
        words = dict(field._description_selection(self.env))
        reasons = {name: words[name] for name, _label in DECLINE_CLASSES}
        return {**reasons, NO_CLASS: self.env._("No reason given")}

    # === BUSINESS METHODS === #

    def _get_attempts(self, converter, month):
        """Return how the attempts of a month ended, and those that are unknown.

        :param Converter converter: Makes one amount of several currencies.
        :param Period month: The present month.
        :rtype: dict
        """
        sums = self._get_sums_of_attempts(month)
        scope = self._get_selected_domain() & (
            Domain("outcome", "=", "unknown") | self._get_since_domain(month)
        )
        totals = sum_up(self, ATTEMPTS, scope, sums)
        names = {
            "unknown": self.env._("Unknown"),
            "unknown_refunds": self.env._("Unknown refunds"),
            "first_tries": self.env._("First tries"),
            "first_succeeded": self.env._("Succeeded at the first try"),
            "recovered": self.env._("Recovered"),
            "first_declined": self.env._("Declined at the first try"),
            "first_recovered": self.env._("Declined at the first try, then collected"),
            "declined": self.env._("Declined"),
        }
        figures = self._prepare_figures(converter, names, ATTEMPTS, sums, totals)
        reasons = self._prepare_figures(
            converter, self._get_reasons(), ATTEMPTS, sums, totals
        )
        bars = sorted(reasons.values(), key=lambda bar: -bar["count"])
        return {
            "figures": figures,
            "rates": {
                "first_success": get_ratio(
                    figures["first_succeeded"]["count"], figures["first_tries"]["count"]
                ),
                "recovery": get_ratio(
                    figures["first_recovered"]["count"],
                    figures["first_declined"]["count"],
                ),
            },
            "pictures": {
                "reasons": {
                    "series": [
                        {
                            "label": self.env._("Declined"),
                            "bars": [bar for bar in bars if bar["count"]],
                        }
                    ]
                }
            },
        }

    def _get_sums_of_attempts(self, month):
        """Return the sums of attempts: their number, and the amount attempted.

        :param Period month: The present month.
        :rtype: dict[str, Sum]
        """
        decided = self._get_decided_domain(month)
        succeeded = decided & Domain("outcome", "=", "succeeded")
        declined = decided & Domain("outcome", "=", "declined")
        tried = decided & Domain("outcome", "in", ("succeeded", "declined"))
        first = Domain("is_first_try", "=", True)
        unknown = self._get_selected_domain() & Domain("outcome", "=", "unknown")
        refunds = Domain("operation", "=", "refund")
        domains = {
            "unknown": unknown & ~refunds,
            "unknown_refunds": unknown & refunds,
            "first_tries": tried & first,
            "first_succeeded": succeeded & first,
            "recovered": succeeded & Domain("is_first_try", "=", False),
            "first_declined": declined & first,
            "first_recovered": declined & first & Domain("is_recovered", "=", True),
            "declined": declined,
        }
        for reason in self._get_reasons():
            value = False if reason == NO_CLASS else reason
            domains[reason] = declined & Domain("decline_class", "=", value)
        return {name: Sum(domain, "amount") for name, domain in domains.items()}
