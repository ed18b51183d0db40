from datetime import UTC, date, datetime, time, timedelta

from odoo import api, fields, models
from odoo.exceptions import ValidationError

from ..gateways.payment_decline_rule import DECLINE_CLASSES

SATURDAY = 5
A_MONDAY = date(2024, 1, 1)


class AccountCollectionStep(models.Model):
    """One point of a plan: a day, an hour, and what is done then for whom."""

    _name = "account.collection.step"
    _description = "Step of a Collection Plan"
    _order = "plan_id, anchor, days, hour, id"

    plan_id = fields.Many2one(
        comodel_name="account.collection.plan",
        required=True,
        index=True,
        ondelete="cascade",
    )
    kind = fields.Selection(
        selection=[
            ("charge", "Charge"),
            ("remind", "Reminder"),
            ("notice", "Notice of a debit"),
            ("call", "Call"),
        ],
        required=True,
        default="remind",
        help="Charge: the saved method is charged; a mail is sent instead where the "
        "customer must act.\n"
        "Reminder: a mail with a link to pay.\n"
        "Notice of a debit: the customer is told the amount and the day of the next "
        "charge, where the payment method asks for it.\n"
        "Call: a task for a person.",
    )
    days = fields.Integer(
        required=True, help="Days after the date; below zero, before it."
    )
    anchor = fields.Selection(
        selection=[("issue", "Date of issue"), ("due", "Due date")],
        string="After",
        required=True,
        default="due",
    )
    hour = fields.Float(
        default=9.0,
        help="Not before this hour of the day, in the time zone of the company.",
    )
    on_workdays = fields.Boolean(
        string="Workdays Only",
        help="On a Saturday or a Sunday, it waits for Monday.",
    )
    audience = fields.Selection(
        selection=[
            ("all", "Everybody"),
            ("with_method", "With a method that may be charged"),
            ("without_method", "Without such a method"),
            ("declined", "After a decline"),
        ],
        string="For",
        required=True,
        default="all",
        help="A saved method counts if the customer permits automatic charges.",
    )
    decline_class = fields.Selection(
        selection=DECLINE_CLASSES,
        string="Of Class",
        help="The class of the last decline. Empty: any.",
    )
    mail_template_id = fields.Many2one(
        comodel_name="mail.template",
        domain="[('model', '=', 'account.move')]",
        ondelete="restrict",
        help="The mail of a reminder, or of a charge where the customer must act. "
        "Empty: the standard one.",
    )

    _hour_of_day = models.Constraint(
        "CHECK(hour >= 0 AND hour < 24)", "The hour is from 0:00 to 23:59."
    )

    # === COMPUTE METHODS === #

    @api.depends("kind", "days", "anchor")
    def _compute_display_name(self):
        kinds = dict(self._fields["kind"]._description_selection(self.env))
        anchors = dict(self._fields["anchor"]._description_selection(self.env))
        for step in self:
            step.display_name = f"{kinds.get(step.kind, '')} ({step.days:+d}, " + (
                f"{anchors.get(step.anchor, '')})"
            )

    # === CHECK METHODS === #

    @api.constrains("kind", "days", "anchor", "hour", "on_workdays", "plan_id")
    def _check_plan(self):
        """Check the limits of the plan, and that its steps come before its end."""
        self.plan_id._check_limits()
        for step in self:
            if step.anchor == "issue" and step.days < 0:
                raise ValidationError(
                    self.env._("No step can come before an invoice is issued.")
                )
            if step.anchor == "due" and step.days > step.plan_id.end_days:
                raise ValidationError(
                    self.env._(
                        "%(step)s comes after the plan ends, %(days)s days after the "
                        "due date.",
                        step=step.display_name,
                        days=step.plan_id.end_days,
                    )
                )

    # === GETTERS === #

    def _get_moment(self, anchors, zone):
        """Return when this step is due.

        Note: `self.ensure_one()`

        :param dict anchors: By the value of `anchor`, its day.
        :param zoneinfo.ZoneInfo zone: The time zone of the company.
        :return: The moment in UTC, as Odoo stores it.
        :rtype: datetime.datetime
        """
        self.ensure_one()
        day = anchors[self.anchor] + timedelta(days=self.days)
        if self.on_workdays and day.weekday() >= SATURDAY:
            day += timedelta(days=7 - day.weekday())
        return get_moment(day, self.hour, zone)

    def _get_most(self, period):
        """Return how many of these steps may fall into any period of a length.

        The day of the week from which they count decides which of them a weekend moves.

        :param datetime.timedelta period: The length.
        :rtype: int
        """
        most = 0
        for weekday in range(7):
            day = A_MONDAY + timedelta(days=weekday)
            anchors = dict.fromkeys(self.mapped("anchor"), day)
            moments = [step._get_moment(anchors, UTC) for step in self]
            for begin in moments:
                within = sum(begin <= moment < begin + period for moment in moments)
                most = max(most, within)
        return most


def get_moment(day, hour, zone):
    """Return a day and hour of a time zone in UTC, as Odoo stores it.

    Of an hour that comes twice, when summer time ends, the first counts. One that is
    left out when it begins is as late as if the clock had not been moved.

    :param datetime.date day: The day.
    :param float hour: The hour, such as 9.5.
    :param zoneinfo.ZoneInfo zone: The time zone.
    :rtype: datetime.datetime
    """
    minutes = round(hour * 60)
    local = datetime.combine(day, time(minutes // 60, minutes % 60), tzinfo=zone)
    return local.astimezone(UTC).replace(tzinfo=None)
