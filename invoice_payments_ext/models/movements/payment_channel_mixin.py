from odoo import api, fields, models
from odoo.http import request
from odoo.tools.sql import column_exists, create_column

from ...tools import OURS
from ..runs.overload import Overload
from .movement_words import CHANNELS

# Where programs call, and no page of Odoo does.
API_PATHS = ("/json/2/", "/jsonrpc", "/xmlrpc")


class PaymentChannelMixin(models.AbstractModel):
    """Records that keep the way on which they were asked for."""

    _name = "payment.channel.mixin"
    _description = "Channel of a Payment"

    payment_channel = fields.Selection(
        selection=CHANNELS,
        string="Channel",
        default=lambda self: self._get_present_channel(),
        readonly=True,
        copy=False,
        help="Who asked for it, and where.",
    )

    def _auto_init(self):
        """Leave records alone that were made before the channel was kept."""
        cr = self.env.cr
        is_new = not (
            self._abstract or column_exists(cr, self._table, "payment_channel")
        )
        if is_new:
            create_column(cr, self._table, "payment_channel", "varchar")
        result = super()._auto_init()
        if is_new:
            self._fill_known_channels()
        return result

    def _fill_known_channels(self):
        """Fill in the channel of records that were made before it was kept."""

    # === GETTERS === #

    @api.model
    def _get_present_channel(self):
        """Return the channel on which something is asked for now.

        :rtype: str
        """
        context = self.env.context
        if context.get("collecting") is OURS:
            return "automatic"
        if isinstance(context.get("charge_run_overload"), Overload):
            return "run"
        if not self.env.user._is_internal():
            return "portal"
        if request and request.httprequest.path.startswith(API_PATHS):
            return "api"
        return "automatic" if self.env.user._is_superuser() else "staff"
