from datetime import timedelta

from odoo import api, fields, models

# From mild to severe: of the rules that fit a decline, the most severe one counts.
DECLINE_CLASSES = [
    ("other", "Other"),
    ("try_later", "Try later"),
    ("ask_customer", "Ask the customer"),
    ("needs_customer", "Needs the customer"),
    ("never", "Never again"),
]
# The fields of a rule that decide which declines are of which class.
CLASSIFYING_FIELDS = {
    "active",
    "brand",
    "code",
    "decline_class",
    "kind",
    "provider_code",
}
SEVERITY = [name for name, _label in DECLINE_CLASSES]


class PaymentDeclineRule(models.Model):
    """What a code means with which a payment was declined, or a debit came back."""

    _name = "payment.decline.rule"
    _description = "Decline Rule"
    _order = "provider_code, kind, code, brand"
    _rec_name = "code"

    active = fields.Boolean(default=True)
    provider_code = fields.Char(
        string="Provider",
        help="The code of the provider whose code this is, such as stripe. Empty: of "
        "any provider.",
    )
    kind = fields.Selection(
        selection=[
            ("gateway", "Code of the gateway"),
            ("network", "Code of the card's network"),
            ("advice", "Advice of the card's network"),
            ("return", "Reason of a returned debit"),
        ],
        required=True,
        default="gateway",
    )
    code = fields.Char(required=True)
    brand = fields.Char(
        string="Payment Method",
        help="The code of the payment method that the rule is for, such as visa. It "
        "counts too where only card is known. Empty: for any.",
    )
    decline_class = fields.Selection(
        selection=DECLINE_CLASSES,
        string="Class",
        required=True,
        help="Try later: the same method can be charged again after the wait.\n"
        "Ask the customer: another method, or a call to the bank, is needed.\n"
        "Needs the customer: the customer has to confirm the payment.\n"
        "Never again: the method is not charged again on any invoice.",
    )
    wait_hours = fields.Integer(
        string="Wait (hours)", help="How long nothing is to be charged again."
    )
    meaning = fields.Char(translate=True)
    source = fields.Char(help="Where the rule comes from.")

    _one_rule_per_code = models.UniqueIndex(
        "(COALESCE(provider_code, ''), kind, code, COALESCE(brand, ''))",
        "There is a rule for this code already.",
    )
    _wait_not_below_zero = models.Constraint(
        "CHECK (wait_hours >= 0)", "The wait cannot be below zero."
    )

    # === CRUD METHODS === #

    def write(self, vals):
        result = super().write(vals)
        if CLASSIFYING_FIELDS & vals.keys():
            self.env["payment.token"].sudo()._release_after_correction()
        return result

    def unlink(self):
        result = super().unlink()
        self.env["payment.token"].sudo()._release_after_correction()
        return result

    def _load_records_write(self, values):
        """Leave a rule as the staff corrected it when the addon is updated."""

    # === BUSINESS METHODS === #

    @api.model
    def _classify(self, provider_code, brand, codes):
        """Return the class of a decline, and how long nothing is to be charged.

        :param str provider_code: The code of the provider.
        :param str brand: The code of the payment method.
        :param dict codes: By the kind of rule, the code that the gateway told.
        :return: The class and the wait.
        :rtype: tuple[str, datetime.timedelta]
        """
        rules = self.search([("code", "in", [code for code in codes.values() if code])])
        fitting = rules.filtered(
            lambda rule: (
                codes.get(rule.kind) == rule.code
                and rule.provider_code in (False, provider_code)
                and (not rule.brand or brand in (rule.brand, "card"))
            )
        )
        classes = fitting.mapped("decline_class") or ["other"]
        hours = max(fitting.mapped("wait_hours"), default=0)
        return max(classes, key=SEVERITY.index), timedelta(hours=hours)
