from markupsafe import Markup

from odoo import api, models
from odoo.exceptions import UserError

from ...tools import without_defaults


class AccountPaymentApproval(models.Model):
    """A request that is made in the place of the work of a door."""

    _inherit = "account.payment.approval"

    # === BUSINESS METHODS - STEPS === #

    @api.model
    def _hold(self, record, kind, arguments, amount):
        """Make a request wait, if a second person is needed.

        Called by the doors on locked and checked records.

        :param recordset record: The payment, invoice, credit balance or contact.
        :param str kind: One of the kinds of request.
        :param dict arguments: The arguments of the door, as JSON can hold them.
        :param float amount: The amount that is given.
        :return: The request; empty when no second person is needed.
        :rtype: account.payment.approval
        :raise UserError: If one of the kind waits for this record already, or nobody
                          could approve it.
        """
        giving = record.sudo()._get_giving(arguments)
        company = giving.company
        if company.payment_approval_limit is None:
            return self.browse()
        giving.customer._lock_to_give()
        if not self._is_above_limit(record, kind, arguments, amount):
            return self.browse()
        self._check_none_waits(record, kind)
        approvers = self._get_approvers(company, self.env.user)
        if not approvers:
            raise UserError(
                self.env._(
                    "A second person has to approve this (approval limit: %(limit)s), "
                    "and nobody else of %(company)s has the level Refund and credit.",
                    limit=company._describe_approval_limit(),
                    company=company.name,
                )
            )
        # In superuser mode, as everywhere here: nobody may write requests.
        request_sudo = (
            without_defaults(self)
            .sudo()
            .create(self._prepare_request_vals(record, kind, arguments, amount))
        )
        request_sudo._ask(approvers)
        return request_sudo.sudo(False)

    @api.model
    def _prepare_request_vals(self, record, kind, arguments, amount):
        """Return the values of a request.

        :rtype: dict
        """
        giving = record.sudo()._get_giving(arguments)
        return {
            "kind": kind,
            "partner_id": record.partner_id.id if "partner_id" in record else False,
            self._get_record_field(kind): record.id,
            "invoice_id": self._get_invoices(record)[:1].id,
            "company_id": giving.company.id,
            "currency_id": giving.currency.id,
            "amount": amount,
            "reason": arguments["reason"],
            "arguments": arguments,
            "requester_id": self.env.uid,
        }

    @api.model
    def _check_none_waits(self, record, kind):
        """Check that no other request of this kind waits for this record.

        Both would be for the same remaining amount: one of them had to fail.
        """
        waiting = self.sudo().search(
            [
                (self._get_record_field(kind), "=", record.id),
                ("kind", "=", kind),
                ("state", "=", "waiting"),
            ],
            limit=1,
        )
        if waiting:
            raise UserError(
                self.env._(
                    "%(request)s, requested by %(user)s, waits for approval already. "
                    "Have it decided on or withdrawn first.",
                    request=waiting.display_name,
                    user=waiting.requester_id.name,
                )
            )

    def _ask(self, approvers):
        """Give the approvers an activity, and note the request on the invoices."""
        for approver in approvers:
            self.activity_schedule(
                "mail.mail_activity_data_todo",
                summary=self.env._("Approve or reject"),
                note=Markup.escape(self.reason or ""),
                user_id=approver.id,
            )
        self._log_on_invoices(
            self.env._(
                "%(request)s waits for a second person (approval limit: %(limit)s): "
                "%(reason)s",
                request=self._get_html_link(),
                limit=self.company_id._describe_approval_limit(),
                reason=self.reason or "",
            )
        )

    # === GETTERS === #

    @api.model
    def _get_approvers(self, company, requester):
        """Return the users who may approve this person's requests in a company."""
        group = self.env.ref("invoice_payments_ext.group_payment_refund").sudo()
        return group.all_user_ids.filtered(
            lambda user: (
                user.active
                and not user.share
                and user != requester
                and company in user.company_ids
            )
        )
