from odoo import api, models
from odoo.exceptions import UserError

from ..states import POSTED_STATES
from .external_kinds import EXTERNAL_KINDS


class AccountMove(models.Model):
    """The kind of an external payment, and the journal that it chooses."""

    _inherit = "account.move"

    # === CHECK METHODS === #

    @api.model
    def _check_external_kind(self, kind):
        """Check the kind of an external payment; it may be left out.

        :raise UserError: If there is no such kind.
        """
        if kind and kind not in EXTERNAL_KINDS:
            raise UserError(
                self.env._(
                    "The kind of an external payment is one of %(kinds)s, not "
                    "%(value)r.",
                    kinds=", ".join(EXTERNAL_KINDS),
                    value=kind,
                )
            )

    # === GETTERS === #

    @api.model
    def _get_external_kind_label(self, kind):
        """Return the name of a kind, in the language of the reader.

        :rtype: str
        """
        return self.env._(EXTERNAL_KINDS[kind].label) if kind else ""

    @api.model
    def _get_journals_of_kind(self, kind, company):
        """Return the journals of a company for a kind, the one to propose first.

        :rtype: account.journal
        """
        journals = self.env["account.journal"]
        return journals.search(
            [
                *journals._check_company_domain(company),
                ("type", "=", EXTERNAL_KINDS[kind].journal_type),
                ("id", "not in", company.sudo().credit_balance_journal_id.ids),
            ],
            order="sequence, id",
        )

    @api.model
    def _get_journal_of_kind(self, kind, company):
        """Return the journal in which a kind of payment is received.

        :rtype: account.journal
        :raise UserError: If the company has none.
        """
        journal = self._get_journals_of_kind(kind, company)[:1]
        if not journal:
            raise UserError(self._get_no_journal_reason(kind, company))
        return journal

    @api.model
    def _choose_external_journal(self, journal_id, kind, company):
        """Return the journal of external payments: the given one, or that of the kind.

        :rtype: account.journal
        :raise UserError: If there is none, or the given one does not fit.
        """
        if kind and not journal_id:
            return self._get_journal_of_kind(kind, company)
        return self._get_external_journal(journal_id, company)

    @api.model
    def _propose_journal(self, kind, company):
        """Return the journal to propose for a kind: the one used last, or the first.

        :rtype: account.journal
        """
        journals = self._get_journals_of_kind(kind, company)
        used = self._get_latest_of_kind(company, kind).journal_id
        return used if used in journals else journals[:1]

    @api.model
    def _get_no_journal_reason(self, kind, company):
        """Say that a company has no journal for a kind, and how to get one.

        :rtype: str
        """
        if EXTERNAL_KINDS[kind].journal_type == "cash":
            return self.env._(
                "%s has no cash journal. Create one of the type Cash in Invoicing "
                "under Configuration, Journals, or choose another journal.",
                company.name,
            )
        return self.env._("%s has no bank journal.", company.name)

    @api.model
    def _get_latest_of_kind(self, company, kind=None):
        """Return the latest external payment of a kind, or of any, in a company.

        A dialog proposes the journal and the method that were used then.

        :rtype: account.payment
        """
        domain = [
            ("company_id", "=", company.id),
            ("external_kind", "=", kind) if kind else ("external_kind", "!=", False),
            ("state", "in", POSTED_STATES),
        ]
        return self.env["account.payment"].search(domain, order="id DESC", limit=1)
