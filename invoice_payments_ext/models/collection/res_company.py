from zoneinfo import ZoneInfo

from odoo import fields, models


class ResCompany(models.Model):
    """What may be charged without a person."""

    _inherit = "res.company"

    charge_second_method = fields.Boolean(
        string="Try a Second Method",
        help="If the bank says that a saved method must not be charged again, or that "
        "the customer has to act, another saved method of the customer is tried once "
        "for the invoice.",
    )

    # === GETTERS === #

    def _get_collection_zone(self):
        """Return the time zone in which this company collects: that of its contact.

        :rtype: zoneinfo.ZoneInfo
        """
        self.ensure_one()
        return ZoneInfo(self.sudo().partner_id.tz or "UTC")

    def _get_collection_today(self):
        """Return the present day in the time zone of this company.

        :rtype: datetime.date
        """
        now = fields.Datetime.now().replace(tzinfo=ZoneInfo("UTC"))
        return now.astimezone(self._get_collection_zone()).date()
