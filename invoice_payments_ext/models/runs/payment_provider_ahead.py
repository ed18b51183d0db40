from odoo import api, models
from odoo.fields import Domain

# As in Odoo's `_get_compatible_providers`.
STATES_THAT_SERVE = ("enabled", "test")


class ReadAhead:
    """The providers that were read ahead, for a decision on many invoices.

    It is a value of the context, which no client can send. With it Odoo's own method
    chooses the providers, and its three statements are not sent again for each company
    and currency.

    :param dict providers: By the id of each company, the ids that may serve it.
    """

    def __init__(self, providers):
        self.providers = providers


class PaymentProvider(models.Model):
    _inherit = "payment.provider"

    @api.model
    def _search(self, domain, offset=0, limit=None, order=None, **kwargs):
        """Find the providers that were read ahead, where just these are asked for."""
        ahead = self.env.context.get("read_ahead")
        if isinstance(ahead, ReadAhead) and not (offset or limit or kwargs):
            asked = Domain(domain)
            for company_id, provider_ids in ahead.providers.items():
                if asked == Domain(self._get_serving_domain(company_id)):
                    return self.browse(sorted(provider_ids))._as_query()
        return super()._search(
            domain, offset=offset, limit=limit, order=order, **kwargs
        )

    @api.model
    def _get_serving_domain(self, company_id):
        """Return the domain by which Odoo begins to choose providers.

        :param int company_id: The company that is paid.
        :rtype: list
        """
        return [
            *self._check_company_domain(company_id),
            ("state", "in", list(STATES_THAT_SERVE)),
        ]


class ResCurrency(models.Model):
    _inherit = "res.currency"

    def exists(self):
        """Ask nothing where invoices that were just read refer to it."""
        ahead = self.env.context.get("read_ahead")
        return self if isinstance(ahead, ReadAhead) else super().exists()


class ResCompany(models.Model):
    _inherit = "res.company"

    def exists(self):
        """Ask nothing where invoices that were just read refer to it."""
        ahead = self.env.context.get("read_ahead")
        return self if isinstance(ahead, ReadAhead) else super().exists()
