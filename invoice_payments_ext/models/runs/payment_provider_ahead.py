from collections import defaultdict

from odoo import api, models
from odoo.fields import Domain

from ..attempts.res_company import STATES_THAT_SERVE


class ReadAhead:
    """What was found ahead, for a decision on many invoices.

    It is a value of the context, which no client can send. With it Odoo's own method
    chooses the providers, and its three statements are not sent again for each company
    and currency.

    :param dict providers: By the id of each company, the ids that may serve it.
    """

    def __init__(self, providers):
        self.providers = providers
        # By the id of a company, the contacts whose permissions and credit were read.
        self.partner_ids = defaultdict(set)
        self.permission_ids = set()
        self.balance_ids = set()
        # By the id of a contact, the ids of the saved methods that a decision found.
        self.token_ids = {}
        # By the id of a saved method, why it is not tried now; None if it may be.
        self.trial_verdicts = {}

    def knows(self, partners, company):
        """Tell if the permissions and the credit of contacts were read.

        :rtype: bool
        """
        return self.partner_ids[company.id].issuperset(partners.ids)


def get_ahead(env):
    """Return what was found ahead, if something was.

    :rtype: ReadAhead or None
    """
    ahead = env.context.get("read_ahead")
    return ahead if isinstance(ahead, ReadAhead) else None


class PaymentProvider(models.Model):
    _inherit = "payment.provider"

    @api.model
    def _search(self, domain, offset=0, limit=None, order=None, **kwargs):
        """Find the providers that were read ahead, where just these are asked for."""
        ahead = get_ahead(self.env)
        if ahead and not (offset or limit or kwargs):
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


class PaymentToken(models.Model):
    _inherit = "payment.token"

    def _get_trial_verdicts(self):
        """Ask once about each method: the words follow the decision."""
        ahead = get_ahead(self.env)
        if not ahead:
            return super()._get_trial_verdicts()
        known = ahead.trial_verdicts
        new = self.filtered(lambda token: token.id not in known)
        found = super(PaymentToken, new)._get_trial_verdicts()
        known.update((token.id, found.get(token.id)) for token in new)
        return {token.id: known[token.id] for token in self if known[token.id]}


class ResCurrency(models.Model):
    _inherit = "res.currency"

    def exists(self):
        """Ask nothing where invoices that were just read refer to it."""
        return self if get_ahead(self.env) else super().exists()


class ResCompany(models.Model):
    _inherit = "res.company"

    def exists(self):
        """Ask nothing where invoices that were just read refer to it."""
        return self if get_ahead(self.env) else super().exists()


class AccountAutoPay(models.Model):
    _inherit = "account.auto.pay"

    @api.model
    def _find(self, partners, company):
        """Find the permissions that were read ahead, where just these are asked for."""
        ahead = get_ahead(self.env)
        if not ahead or not ahead.knows(partners, company):
            return super()._find(partners, company)
        rows = self.sudo().browse(filter(None, ahead.permission_ids))
        return rows.filtered(
            lambda row: row.company_id == company and row.partner_id in partners
        )
