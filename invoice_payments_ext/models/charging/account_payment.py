from odoo import models
from odoo.exceptions import UserError


class AccountPayment(models.Model):
    """Charges of a saved method by Odoo's own forms, held to the rules of the door."""

    _inherit = "account.payment"

    # === CHECK METHODS === #

    def _check_charges_to_post(self):
        """Check and lock the payments among these that charge a saved method.

        :raise AccessError: If the user is not of the level *Record and charge*, or may
                            not change the payments and their invoices.
        :raise UserError: If one cannot be charged.
        """
        charges = self.filtered(
            lambda payment: (
                payment.payment_token_id and not payment.payment_transaction_id
            )
        )
        if not charges:
            return
        invoices = self.env["account.move"].union(
            *(payment._get_invoices_to_charge() for payment in charges)
        )
        invoices._check_payment_rights()
        charges.check_access("write")
        invoices._lock_for_payment()
        charges._lock_rows()
        taken = {}
        for payment in charges:
            payment._check_charge_to_post(taken)

    def _check_charged(self):
        """Check that payments which become posted charged the method that they name.

        :raise UserError: Naming one that did not.
        """
        if self.env.su:
            return
        for payment in self:
            if (
                payment.payment_type == "inbound"
                and payment.payment_token_id
                and not payment.payment_transaction_id
            ):
                raise UserError(
                    self.env._(
                        "%s names a saved payment method: use Confirm, which charges "
                        "it.",
                        payment.display_name,
                    )
                )

    def _check_charge_to_post(self, taken):
        """Check that this locked payment may charge its method now.

        :param dict taken: By invoice, the amount that other payments charge for it,
                           in the currency of the company. It is completed.
        """
        self.ensure_one()
        if (
            # With a draft of its entry, it is in process for Odoo.
            self.state not in ("draft", "in_process")
            or self._is_posted()
            or self.payment_type != "inbound"
            or self.partner_type != "customer"
        ):
            raise UserError(
                self.env._(
                    "%s cannot charge a saved payment method: only drafts of payments "
                    "from customers do.",
                    self.display_name,
                )
            )
        self._check_company_selected()
        invoices = self._get_invoices_to_charge()
        customer = self.partner_id.commercial_partner_id
        root = self.company_id.sudo().root_id  # Branches share methods and journals.
        for invoice in invoices:
            if (
                invoice.commercial_partner_id != customer
                or invoice.company_id.sudo().root_id != root
            ):
                raise UserError(
                    self.env._(
                        "%(invoice)s is an invoice of another customer or company than "
                        "%(payment)s.",
                        invoice=invoice.display_name,
                        payment=self.display_name,
                    )
                )
        invoices._check_collectable()
        invoices._check_no_blocking_attempt()
        self._check_amount_to_charge(invoices, taken)
        token = self.payment_token_id
        owners = self.partner_id | customer | invoices._get_payment_method_owners()
        token._check_fit(owners, self, self.amount)

    def _check_amount_to_charge(self, invoices, taken):
        """Check that no more is charged than these locked invoices leave.

        Without an invoice there is no limit, as for any payment on account.
        """
        left = None
        if invoices:
            left = sum(
                invoice.currency_id._convert(
                    invoice._get_chargeable_amount(),
                    self.currency_id,
                    self.company_id,
                    self.date,
                )
                for invoice in invoices
            ) - taken.get(invoices, 0.0)
            left = self.currency_id.round(left)
            taken[invoices] = taken.get(invoices, 0.0) + self.amount
        invoices._check_amount(
            self.amount, self.currency_id, left, self.env._("chargeable amount")
        )
