from odoo import fields, models

from ...optional_monetary import OptionalMonetary


class ResConfigSettings(models.TransientModel):
    _inherit = "res.config.settings"

    write_off_account_id = fields.Many2one(
        related="company_id.write_off_account_id", readonly=False
    )
    payment_approval_limit = OptionalMonetary(
        related="company_id.payment_approval_limit", readonly=False
    )
    credit_balance_account_id = fields.Many2one(
        related="company_id.credit_balance_account_id", readonly=False
    )
    credit_balance_journal_id = fields.Many2one(
        related="company_id.credit_balance_journal_id", readonly=False
    )
    credit_applied_at_issue = fields.Boolean(
        related="company_id.credit_applied_at_issue", readonly=False
    )
    credit_adjustment_account_id = fields.Many2one(
        related="company_id.credit_adjustment_account_id", readonly=False
    )
    credit_accounts_confirmed = fields.Boolean(
        related="company_id.credit_accounts_confirmed", readonly=False
    )
    dispute_handling = fields.Selection(
        related="company_id.dispute_handling", readonly=False
    )
    disputed_payments_account_id = fields.Many2one(
        related="company_id.disputed_payments_account_id", readonly=False
    )
    provider_fee_account_id = fields.Many2one(
        related="company_id.provider_fee_account_id", readonly=False
    )
    monthly_statements = fields.Boolean(
        related="company_id.monthly_statements", readonly=False
    )
    payment_returned_mail_template_id = fields.Many2one(
        related="company_id.payment_returned_mail_template_id", readonly=False
    )
    payment_refund_failed_mail_template_id = fields.Many2one(
        related="company_id.payment_refund_failed_mail_template_id", readonly=False
    )
    payment_expiring_mail_template_id = fields.Many2one(
        related="company_id.payment_expiring_mail_template_id", readonly=False
    )
    token_consent_text = fields.Text(
        related="company_id.token_consent_text", readonly=False
    )
    auto_pay = fields.Boolean(related="company_id.auto_pay", readonly=False)
    auto_pay_consent_text = fields.Text(
        related="company_id.auto_pay_consent_text", readonly=False
    )
    charge_second_method = fields.Boolean(
        related="company_id.charge_second_method", readonly=False
    )
    collection_plan_id = fields.Many2one(
        related="company_id.collection_plan_id", readonly=False
    )
    portal_amount_choice = fields.Boolean(
        related="company_id.portal_amount_choice", readonly=False
    )
    portal_minimum_amount = fields.Monetary(
        related="company_id.portal_minimum_amount", readonly=False
    )
    portal_attempts = fields.Integer(
        related="company_id.portal_attempts", readonly=False
    )
    portal_address_attempts = fields.Integer(
        related="company_id.portal_address_attempts", readonly=False
    )
    portal_attempt_wait = fields.Integer(
        related="company_id.portal_attempt_wait", readonly=False
    )
    promise_by_members = fields.Boolean(
        related="company_id.promise_by_members", readonly=False
    )
    promise_max_open = fields.Integer(
        related="company_id.promise_max_open", readonly=False
    )
    promise_max_days = fields.Integer(
        related="company_id.promise_max_days", readonly=False
    )
    payment_tell_customer = fields.Boolean(
        related="company_id.payment_tell_customer", readonly=False
    )
    payment_pending_mail_template_id = fields.Many2one(
        related="company_id.payment_pending_mail_template_id", readonly=False
    )
    payment_receipt_mail_template_id = fields.Many2one(
        related="company_id.payment_receipt_mail_template_id", readonly=False
    )
    payment_declined_mail_template_id = fields.Many2one(
        related="company_id.payment_declined_mail_template_id", readonly=False
    )
    payment_refund_mail_template_id = fields.Many2one(
        related="company_id.payment_refund_mail_template_id", readonly=False
    )
