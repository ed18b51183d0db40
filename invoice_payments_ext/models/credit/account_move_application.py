from contextlib import contextmanager
from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools.sql import column_exists, create_column

from ...tools import without_defaults
from ..core.door import Door

APPLY_CREDIT_BALANCE = Door(
    "account.move.apply_credit_balance",
    rights="_check_payment_rights",
    lock="_lock_to_apply_credit",
    amount="_get_amount_to_apply",
    check="_check_credit_applicable",
    work="_carry_out_credit_application",
)


class AccountMove(models.Model):
    """Invoices paid from the customer's credit balance: at issue, or by hand."""

    _inherit = "account.move"

    apply_credit = fields.Boolean(
        compute="_compute_apply_credit",
        store=True,
        readonly=False,
        precompute=True,
        copy=False,
        tracking=True,
        help="Pay this invoice from the customer's credit balance when it is issued.",
    )
    available_credit = fields.Monetary(
        compute="_compute_available_credit",
        compute_sudo=True,
        help="The credit that is held for the customer in the currency of this "
        "invoice.",
    )
    has_outstanding_credit = fields.Boolean(
        compute="_compute_has_outstanding_credit",
        compute_sudo=True,
        help="Whether something of this credit note or entry is open in favour of a "
        "customer.",
    )

    def _auto_init(self):
        """Tick the drafts that there are; issued invoices need no computation."""
        if not column_exists(self.env.cr, "account_move", "apply_credit"):
            create_column(self.env.cr, "account_move", "apply_credit", "boolean")
            self.env.cr.execute(
                "UPDATE account_move SET apply_credit = true "
                "WHERE state = 'draft' AND move_type = 'out_invoice'"
            )
        return super()._auto_init()

    # === COMPUTE METHODS === #

    @api.depends("company_id", "partner_id", "move_type")
    def _compute_apply_credit(self):
        for move in self:
            partner = move.partner_id.commercial_partner_id
            move.apply_credit = (
                move.move_type == "out_invoice"
                and move.company_id.sudo().credit_applied_at_issue
                and partner.sudo().credit_applied_at_issue
            )

    @api.model
    def _follow_credit_switch(self, domain):
        """Set the tick of drafts again after the switch of credit changed.

        :param list domain: Which customers' or companies' drafts.
        """
        drafts = self.sudo().search(
            [("state", "=", "draft"), ("move_type", "=", "out_invoice"), *domain]
        )
        self.env.add_to_compute(self._fields["apply_credit"], drafts)

    @api.depends("partner_id", "company_id", "currency_id", "move_type")
    def _compute_available_credit(self):
        invoices = self.filtered(lambda move: move.move_type == "out_invoice")
        amounts = {
            balance._get_owner(): balance.amount
            for balance in invoices._get_credit_balances()
        }
        for move in self:
            move.available_credit = amounts.get(move._get_credit_owner(), 0.0)

    def _compute_has_outstanding_credit(self):
        for move in self:
            move.has_outstanding_credit = (
                move.state == "posted"
                and move.move_type in ("out_refund", "entry")
                and bool(move._get_outstanding_credit_lines().partner_id)
            )

    def _mark_credit_in_widget(self, contents):
        """Tell payments by credit from money, for the print of this invoice."""
        payments_sudo = self.env["account.payment"].sudo()
        for values in contents:
            payment = payments_sudo.browse(values["account_payment_id"])
            values["is_from_credit"] = payment.is_from_credit

    # === CHECK METHODS === #

    def _check_credit_applicable(self, amount):
        """Check that this much of the customer's balance can be spent on this invoice.

        On a locked invoice and balance.

        :raise UserError: If the invoice takes no payment, the rest of it is in
                          flight, or the balance does not hold as much.
        """
        self.ensure_one()
        self._check_collectable()
        held = self._get_credit_balances().amount
        if self.currency_id.is_zero(held):
            raise UserError(
                self.env._(
                    "Nothing is held in %(currency)s for %(customer)s.",
                    currency=self.currency_id.name,
                    customer=self.commercial_partner_id.display_name,
                )
            )
        self._check_payment_amount(amount)
        self._check_amount(
            amount,
            self.currency_id,
            held,
            self.env._("credit balance of %s", self.commercial_partner_id.display_name),
        )

    # === ACTION METHODS === #

    def action_move_to_credit_balance(self):
        """Move the open amount of these entries to the credit balance.

        :return: The notification to show.
        :rtype: dict
        """
        lines = self._get_outstanding_credit_lines()
        if not lines:
            raise UserError(
                self.env._(
                    "Nothing of %s is open in favour of a customer.",
                    ", ".join(self.mapped("display_name")),
                )
            )
        return lines.action_move_to_credit_balance()

    # === BUSINESS METHODS - DOORS === #

    def apply_credit_balance(self, amount=None, idempotency_key=None):
        """Pay this invoice from its customer's credit balance. Does not commit.

        :param float amount: The amount in the invoice's currency; the amount that
                             settles the invoice today if not given, as far as the
                             balance goes.
        :param str idempotency_key: See :meth:`charge`.
        :return: The payment, of the company's credit journal.
        :rtype: account.payment
        :raise UserError: If the invoice takes no payment, the amount is above the one
                          that is not in flight, the balance does not hold as much, or
                          the key was used with other values.
        :raise AccessError: If the user has no right to record payments.
        """
        return self._pass(APPLY_CREDIT_BALANCE, idempotency_key, amount=amount)

    # === BUSINESS METHODS - BY HAND === #

    def _lock_to_apply_credit(self, **_arguments):
        """Lock this invoice, and before it the balance that it is paid from."""
        self._lock_credit_balances()
        self._lock_for_payment()

    def _get_amount_to_apply(self, **_arguments):
        """Return the amount that settles this invoice today, as far as credit goes."""
        held = self._get_credit_balances().amount
        return min(self._get_default_payment_amount(), held)

    def _carry_out_credit_application(self, amount):
        """Pay this invoice from its customer's balance, both of them locked."""
        payment = self._pay_with_credit({self: amount})
        self._notify_payments_changed()
        return payment

    # === BUSINESS METHODS - AT ISSUE === #

    @contextmanager
    def _paying_issued_from_credit(self):
        """Pay invoices at issue from their customers' credit balances."""
        candidates = self.filtered(
            lambda move: (
                move.move_type == "out_invoice"
                and move.apply_credit
                and not move._is_paid_at_counter()
            )
        )
        # Locked first, as everywhere: balances come before invoices.
        balances = candidates._lock_credit_balances()
        credited = self.filtered(lambda move: move.move_type == "out_refund")
        for invoice in credited.reversed_entry_id:
            invoice._get_credit_applications()._lock_credit_balances()
        yield
        if balances:
            posted = candidates.filtered(lambda move: move.state == "posted")
            # In superuser mode: who may issue an invoice need not be in accounting.
            spending = without_defaults(posted).sudo()
            spending._spend_credit(balances, self._get_most_credit_at_issue())

    def _spend_credit(self, balances, maximum=None, shares=None):
        """Spend locked balances on these invoices, the earliest due first.

        :param dict balances: The result of :meth:`_lock_credit_balances`.
        :param float maximum: How much is spent at the most, where all the invoices are
                              of one currency; as much as there is if not given.
        :param dict shares: By invoice, how much of it is paid at the most, if given.
        :return: The payments.
        :rtype: account.payment
        """
        left = {
            balance: balance.amount if maximum is None else min(maximum, balance.amount)
            for balance in balances.values()
        }
        amounts = {}
        for invoice in self.sorted(
            lambda move: (move.invoice_date_due or move.invoice_date, move.id)
        ):
            if not (balance := balances.get(invoice._get_credit_owner())):
                continue
            # Money that was paid before it was issued: Odoo may match it after this.
            prepaid = invoice.transaction_ids.payment_id.move_id
            open_amount = invoice._get_default_payment_amount() + sum(
                line.amount_residual_currency
                for line in prepaid._get_outstanding_credit_lines()
                if line.currency_id == invoice.currency_id
                and invoice._is_customer_of(line)
            )
            most = shares.get(invoice, 0.0) if shares else open_amount
            amount = min(left[balance], open_amount, most)
            if invoice.currency_id.compare_amounts(amount, 0) > 0:
                amounts[invoice] = amount
                left[balance] = invoice.currency_id.round(left[balance] - amount)
        return self._pay_with_credit(amounts)

    # === BUSINESS METHODS - STEPS === #

    def _pay_with_credit(self, amounts):
        """Book payments from credit balances, after the checks.

        :param dict amounts: By invoice, the amount in its currency.
        :return: The payments.
        :rtype: account.payment
        """
        paid = self.env["account.payment"]
        invoices = self.browse().union(*amounts)
        for company, of_company in invoices.grouped("company_id").items():
            values = self._get_credit_payment_values(company)
            by_dialog = of_company.filtered(
                lambda invoice, values=values: invoice._needs_register_dialog(values)
            )
            for invoice in by_dialog:
                # With no amount, it settles the invoice: with the discount, if any.
                is_settled = not invoice.currency_id.compare_amounts(
                    amounts[invoice], invoice._get_default_payment_amount()
                )
                paid |= invoice._record_by_register_dialog(
                    None if is_settled else amounts[invoice], values
                )
            batch = of_company - by_dialog
            paid |= batch._create_payments_together(
                [
                    invoice._prepare_external_payment_vals(amounts[invoice], values)
                    for invoice in batch
                ]
            )
        return paid

    # === GETTERS === #

    def _is_paid_at_counter(self):
        """Tell if Point of Sale books the payment right after issue."""
        return "pos_order_ids" in self._fields and bool(self.sudo().pos_order_ids)

    def _get_outstanding_credit_lines(self):
        """Return the journal items of these that are open in favour of somebody.

        :rtype: account.move.line
        """
        return self.line_ids.filtered(
            lambda line: (
                line.account_id.account_type == "asset_receivable"
                and line.currency_id.compare_amounts(line.amount_residual_currency, 0)
                < 0
            )
        )

    def _get_credit_owner(self):
        """Return the key of the balance: `account.credit.balance._lock_or_create`."""
        self.ensure_one()
        partner = self._get_credit_partner()
        return partner.id, self.company_id.id, self.currency_id.id

    def _get_credit_partner(self):
        """Return whose credit pays these.

        Of posted invoices it is whose journal items are to be paid: these follow when a
        contact gets another parent, the invoices of its own contacts do not.

        :rtype: res.partner
        """
        posted = self.filtered(
            lambda move: move.move_type == "out_invoice" and move.state == "posted"
        )
        lines = posted.line_ids.filtered(
            lambda line: line.display_type == "payment_term"
        )
        others = self - lines.move_id
        return lines.partner_id | others.commercial_partner_id

    def _get_credit_applications(self):
        """Return the payments from credit balances that this invoice is paid with.

        :rtype: account.payment
        """
        return self._get_payments_to_return().filtered("is_from_credit")

    def _get_credit_balances(self):
        """Return the balances that these invoices can be paid from.

        :return: Those above zero, in superuser mode.
        :rtype: account.credit.balance
        """
        balances = self.env["account.credit.balance"].sudo()
        partners = self._get_credit_partner().sudo().filtered("has_credit_balance")
        if not partners:
            return balances
        owners = {move._get_credit_owner() for move in self}
        return balances.search_fetch(
            [
                ("partner_id", "in", partners.ids),
                ("merged_into_id", "=", False),
                ("amount", ">", 0),
            ]
        ).filtered(lambda balance: balance._get_owner() in owners)

    def _lock_credit_balances(self):
        """Lock the balances that these invoices can be paid from.

        :return: The balances by owner; see `account.credit.balance._lock_or_create`.
        :rtype: dict
        """
        balances = self._get_credit_balances()
        return balances._lock_or_create([balance._get_owner() for balance in balances])

    @api.model
    def _get_credit_payment_values(self, company, way="inbound", start=None):
        """Return the values that payments of the credit journal share.

        :param res.company company: Whose credit balances they change.
        :param str way: `inbound` for credit that is spent, `outbound` for credit that
                        is kept.
        :param date start: The day of the undone payment; see :meth:`_get_today`.
        :rtype: dict
        :raise UserError: If the company keeps no credit.
        """
        journal = company.sudo().credit_balance_journal_id.sudo(self.env.su)
        account = company.sudo().credit_balance_account_id
        if not journal or not account:
            raise UserError(
                self.env._(
                    "%s has no credit account or journal: set them in the settings of "
                    "Invoicing under Invoice payments.",
                    company.name,
                )
            )
        method_line = self._get_external_method_line(journal, None, way)
        if method_line.payment_account_id != account:
            raise UserError(
                self.env._(
                    "The method %(method)s of the journal %(journal)s does not book on "
                    "the credit account %(account)s: set it there.",
                    method=method_line.name,
                    journal=journal.name,
                    account=account.display_name,
                )
            )
        date = self._get_today(start)
        if locks := company._get_violated_lock_dates(date, False, journal):
            # As Odoo does with entries that are posted in a locked period.
            date = locks[-1][0] + timedelta(days=1)
        return {
            "journal_id": journal.id,
            "payment_method_line_id": method_line.id,
            "date": date,
            "payment_reference": False,
            "memo": False,
        }
