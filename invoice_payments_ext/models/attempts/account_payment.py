from contextlib import contextmanager

from odoo import Command, fields, models


class AccountPayment(models.Model):
    """Payments of Odoo's own forms, kept from charging twice."""

    _inherit = "account.payment"

    announced_transaction_id = fields.Many2one(
        string="Stands for",
        comodel_name="payment.transaction",
        readonly=True,
        copy=False,
        index="btree_not_null",
        help="The announced payment whose money this is. If its provider confirms it "
        "later, it is not booked once more.",
    )
    closes_announced = fields.Boolean(
        string="Closed the Announcement",
        readonly=True,
        copy=False,
        help="Whether nothing more of the announced payment was expected after this.",
    )
    # A copy is not the money of the attempt, and nobody asked to charge it.
    payment_transaction_id = fields.Many2one(copy=False)
    payment_token_id = fields.Many2one(copy=False, tracking=True)

    # === BUSINESS METHODS === #

    @contextmanager
    def _expecting_announced_again(self):
        """Expect again what these closed: called off, they stand for nothing."""
        closing = self.sudo().filtered("closes_announced")
        if not closing:
            yield
            return
        closed = [(each.announced_transaction_id, each.name) for each in closing]
        closing.announced_transaction_id.invoice_ids._lock_for_payment()
        # Confirmed again, they are matched again, as any other money.
        closing.write({"announced_transaction_id": False, "closes_announced": False})
        yield
        for announced, name in closed:
            announced._expect_again(name)

    def _prepare_payment_transaction_vals(self, **extra_create_values):
        """Keep Odoo's own forms from charging an amount twice."""
        values = super()._prepare_payment_transaction_vals(**extra_create_values)
        invoices = self._get_invoices_to_charge()
        invoices._check_no_blocking_attempt()
        return {**values, "invoice_ids": [Command.set(invoices.ids)]}

    # === GETTERS === #

    def _get_unbookable_reason(self, provider):
        """Say why money for this payment could not be booked; empty if it can.

        :param payment.provider provider: The provider that brings it, in superuser
                                          mode.
        :rtype: str
        """
        payment_sudo = self.sudo()
        return provider._get_unbookable_reason(
            payment_sudo.company_id,
            payment_sudo.destination_account_id,
            payment_sudo.journal_id,
        )

    def _get_invoices_to_charge(self):
        """Return the invoices that a charge of this draft is for.

        Odoo takes those of the context. Any client can send one, so they are checked.

        :rtype: account.move
        """
        self.ensure_one()
        invoices = self.invoice_ids
        context = self.env.context
        if context.get("active_model") in ("account.move", "account.move.line"):
            ids = context.get("active_ids") or []
            records = self.env[context["active_model"]].browse(ids).exists()
            is_item = records._name == "account.move.line"
            invoices |= records.move_id if is_item else records
        return invoices
