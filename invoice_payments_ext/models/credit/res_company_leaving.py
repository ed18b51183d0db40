from odoo import models
from odoo.fields import Domain

from ...tools import OURS

# The module of the external ids by which an installation finds the books of an earlier
# one. It is not the addon's name: Odoo deletes all with an id of a module that goes.
LEFT = "__invoice_payments_ext__"


class ResCompany(models.Model):
    """The books of credit that stay when the addon goes, and are found again."""

    _inherit = "res.company"

    # === BUSINESS METHODS - LEAVING === #

    def _leave_credit_balance_books(self):
        """Leave the books of credit as they are, and nothing that serves no more.

        The account keeps its balance. The journal is archived: as an ordinary cash
        journal it would be offered for payments and in Point of Sale. Providers that
        transactions name are switched off, the others are deleted.
        """
        companies = self.sudo()
        providers = self.env["payment.provider"].sudo()
        providers = providers.search([("code", "=", "credit_balance")])
        transactions = self.env["payment.transaction"].sudo()
        groups = transactions._read_group(
            [("provider_id", "in", providers.ids)], ["provider_id"]
        )
        used = providers.browse(provider.id for [provider] in groups)
        for provider in used:
            provider.company_id._remember_left("provider", provider)
        for company in companies.filtered(lambda company: not company.parent_id):
            journal = company.credit_balance_journal_id
            company._remember_left("account", company.credit_balance_account_id)
            company._remember_left("adjustment", company.credit_adjustment_account_id)
            company._remember_left("journal", journal)
            # Not through `write`: Odoo keeps a journal with drafts from being archived,
            # and these can be posted or deleted as before.
            journal._write({"active": False})
        providers.write(providers._get_removal_values())
        (providers - used).unlink()
        # Odoo deletes all with an id of the addon, posted entries of the demo data too.
        self.env["ir.model.data"].sudo().search(
            [
                ("module", "=", "invoice_payments_ext"),
                ("model", "in", ("account.move", "account.payment")),
            ]
        ).unlink()
        method = self.env.ref("invoice_payments_ext.payment_method_credit_balance")
        method.active = False  # Odoo deletes it, unless transactions name it.
        # The trigger goes with its table, the function would stay.
        self.env.cr.execute(
            "DROP FUNCTION IF EXISTS account_credit_balance_entry_keep() CASCADE"
        )

    def _remember_left(self, kind, record):
        """Give a record the external id by which it is found again.

        :param str kind: The kind of record: one of each for a company.
        """
        self.ensure_one()
        if record:
            xml_id = f"{LEFT}.{kind}_{self.id}"
            self.env["ir.model.data"].sudo()._update_xmlids(
                [{"xml_id": xml_id, "record": record, "noupdate": True}]
            )

    # === BUSINESS METHODS - TAKING UP AGAIN === #

    def _adopt_credit_balance_books(self):
        """Take up the account and the journal of an earlier installation again."""
        self.ensure_one()
        if self.credit_balance_account_id or self.credit_balance_journal_id:
            return
        journals = self.env["account.journal"].with_context(active_test=False)
        journal = self._take_up_left("journal", journals)
        account = self._take_up_left("account", self.env["account.account"])
        if not journal and not account:
            # Versions up to 19.0.1.6 left no ids.
            journal = self._find_nameless_credit_journal()
            account = journal.default_account_id
        if account.account_type != "liability_current" or account.reconcile:
            # It was changed meanwhile: the tie-out names it, a new one is made.
            account = account.browse()
        if not account:
            return
        self.with_context(adopting_credit_books=OURS).write(
            {
                "credit_balance_account_id": account.id,
                "credit_balance_journal_id": journal.id,
                "credit_adjustment_account_id": self._take_up_left(
                    "adjustment", self.env["account.account"]
                ).id,
            }
        )
        journal.active = True
        self.env["account.credit.balance.entry"]._rebuild_history(self)

    def _take_up_left(self, kind, model):
        """Return the record of an earlier installation, and forget its external id.

        :param str kind: See :meth:`_remember_left`.
        :param odoo.models.BaseModel model: The model of the record.
        :return: None if nothing is left, or it was deleted in the meantime.
        :rtype: odoo.models.BaseModel
        """
        self.ensure_one()
        data = self.env["ir.model.data"].sudo()
        data = data.search(
            [
                ("module", "=", LEFT),
                ("name", "=", f"{kind}_{self.id}"),
                ("model", "=", model._name),
            ]
        )
        record = model.browse(data.mapped("res_id")).exists()
        data.unlink()
        return record

    def _find_nameless_credit_journal(self):
        """Return a credit journal of an earlier installation that nothing names.

        No other cash journal books on a liability, in and out.

        :return: The one whose account has items, if there are several.
        :rtype: account.journal
        """
        self.ensure_one()
        journals = self.env["account.journal"].with_context(active_test=False)
        journals = journals.search(
            Domain("company_id", "=", self.id)
            & Domain("type", "=", "cash")
            & Domain("code", "=like", "CR%")
            & Domain("default_account_id.account_type", "=", "liability_current")
            & Domain("default_account_id.reconcile", "=", False)
        ).filtered(
            lambda journal: (
                (
                    journal.inbound_payment_method_line_ids
                    | journal.outbound_payment_method_line_ids
                ).payment_account_id
                == journal.default_account_id
            )
        )
        lines = self.env["account.move.line"].sudo()
        booked = lines._read_group(
            [
                ("account_id", "in", journals.default_account_id.ids),
                ("company_id", "child_of", self.id),
            ],
            ["account_id"],
        )
        in_use = journals.default_account_id.browse(account.id for [account] in booked)
        return journals.sorted(
            lambda journal: (journal.default_account_id not in in_use, journal.id)
        )[:1]
