from collections import defaultdict

from odoo import api, fields, models
from odoo.exceptions import ValidationError

from .payment_token import BUDGET

END_ACTIONS = [
    ("nothing", "Nothing"),
    ("activity", "A task for a person"),
    ("write_off", "A task that proposes a write-off"),
    ("auto_pay_off", "Auto-pay is switched off"),
]


class AccountCollectionPlan(models.Model):
    """The steps for an open invoice, and when: charges and letters on one line."""

    _name = "account.collection.plan"
    _description = "Collection Plan"
    _order = "sequence, id"

    name = fields.Char(required=True, translate=True)
    sequence = fields.Integer(default=10)
    active = fields.Boolean(default=True)
    company_id = fields.Many2one(
        comodel_name="res.company", index=True, help="Empty: for all companies."
    )
    step_ids = fields.One2many(
        string="Steps",
        comodel_name="account.collection.step",
        inverse_name="plan_id",
        copy=True,
    )
    end_days = fields.Integer(
        string="Ends After",
        default=30,
        required=True,
        help="How many days after the due date the plan ends, if the invoice is still "
        "open. All its steps come before.",
    )
    end_action = fields.Selection(
        selection=END_ACTIONS,
        string="In the End",
        default="activity",
        required=True,
        help="What is done when the plan ends and the invoice is still open.",
    )

    # === CHECK METHODS === #

    @api.constrains("step_ids", "end_days")
    def _check_limits(self):
        """Check that no plan charges a method more often than the schemes allow.

        Steps after the issue and after the due date may fall on the same days, and a
        weekend moves steps together: the worst case counts. Other invoices count when a
        charge is decided.

        :raise ValidationError: With the number of charges and the limit.
        """
        for plan in self:
            charges = plan.step_ids.filtered(lambda step: step.kind == "charge")
            by_anchor = charges.grouped("anchor").values()
            for period, limit in BUDGET:
                tries = sum(steps._get_most(period) for steps in by_anchor)
                if tries > limit:
                    raise ValidationError(
                        plan._describe_excess(tries, limit, period.days)
                    )

    def _describe_excess(self, tries, limit, days):
        """Say that this plan charges more often than the schemes allow.

        :rtype: str
        """
        values = {"plan": self.name, "tries": tries, "limit": limit, "days": days}
        if days == 1:
            return self.env._(
                "%(plan)s could charge a payment method %(tries)s times a day. The "
                "networks of cards allow %(limit)s: take steps out, or put more days "
                "between them.",
                **values,
            )
        return self.env._(
            "%(plan)s could charge a payment method %(tries)s times in %(days)s days. "
            "The networks of cards allow %(limit)s: take steps out, or put more days "
            "between them.",
            **values,
        )

    # === GETTERS === #

    def _get_retry_days(self):
        """Return how many days after a first charge a plan charges again.

        Note: `self.ensure_one()`

        :rtype: int
        """
        self.ensure_one()
        days = defaultdict(set)
        for step in self.step_ids.filtered(lambda step: step.kind == "charge"):
            days[step.anchor].add(step.days)
        waits = [
            later - earlier
            for each in days.values()
            for earlier, later in zip(sorted(each), sorted(each)[1:], strict=False)
        ]
        return waits[0] if waits else 1
