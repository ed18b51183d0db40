import re

from odoo import models

INVOICE_CHANNEL = re.compile(r"^account\.move_(\d+)$")


class IrWebsocket(models.AbstractModel):
    """The channels by which open forms hear that payments changed."""

    _inherit = "ir.websocket"

    def _build_bus_channel_list(self, channels):
        """Let people listen to the invoices that they may read, and to no others."""
        channels = list(channels)
        wanted = {
            channel: int(match[1])
            for channel in channels
            if isinstance(channel, str) and (match := INVOICE_CHANNEL.match(channel))
        }
        if wanted:
            channels = [channel for channel in channels if channel not in wanted]
            invoices = self.env["account.move"].browse(wanted.values()).exists()
            channels.extend(invoices._filtered_access("read"))
        return super()._build_bus_channel_list(channels)
