from odoo import api, fields, models
from odoo.tools.sql import column_exists, create_column

# The mode of a provider, by its state; one that is disabled has none.
MODES = {"enabled": "live", "test": "test"}


class PaymentModeMixin(models.AbstractModel):
    """Records that belong to one mode of their provider, the live or the test one.

    A gateway keeps both apart: it does not know in one mode the cards and payments of
    the other one, or takes them for others.
    """

    _name = "payment.mode.mixin"
    _description = "Mode of the Provider"

    provider_mode = fields.Selection(
        selection=[("live", "Live"), ("test", "Test")],
        string="Made In",
        compute="_compute_provider_mode",
        store=True,
        copy=False,
        help="The mode of the provider in which this was made. Nothing of it is sent "
        "in the other mode. Empty: made before the mode was kept.",
    )

    def _auto_init(self):
        """Fill in only the modes that are known: unknown ones stay empty."""
        cr = self.env.cr
        is_new = not (self._abstract or column_exists(cr, self._table, "provider_mode"))
        if is_new:
            create_column(cr, self._table, "provider_mode", "varchar")
        result = super()._auto_init()
        if is_new:
            self._fill_known_modes()
        return result

    def _fill_known_modes(self):
        """Fill in the mode of records that were made before it was kept."""

    # === COMPUTE METHODS === #

    @api.depends("provider_id")
    def _compute_provider_mode(self):
        """Keep the mode in which the provider is when the record is made."""
        for record in self:
            record.provider_mode = MODES.get(record.sudo().provider_id.state)

    # === GETTERS === #

    def _is_test(self):
        """Tell if this was made in test mode; if unknown, the provider's mode counts.

        Note: `self.ensure_one()`

        :rtype: bool
        """
        self.ensure_one()
        own_sudo = self.sudo()  # Providers are readable by administrators only.
        mode = own_sudo.provider_mode or MODES.get(own_sudo.provider_id.state)
        return mode == "test"

    def _is_of_other_mode(self):
        """Tell if this was made in another mode than its provider is in now.

        Note: `self.ensure_one()`

        :rtype: bool
        """
        self.ensure_one()
        own_sudo = self.sudo()  # Providers are readable by administrators only.
        mode = MODES.get(own_sudo.provider_id.state)
        return bool(own_sudo.provider_mode and mode) and mode != own_sudo.provider_mode

    def _get_other_mode_reason(self):
        """Say that this belongs to the other mode; an empty text if it does not.

        Note: `self.ensure_one()`

        :rtype: str
        """
        self.ensure_one()
        if not self._is_of_other_mode():
            return ""
        values = {
            "record": self.sudo().display_name,
            "provider": self.sudo().provider_id.name,
        }
        if self._is_test():
            return self.env._(
                "%(record)s was made in test mode, and %(provider)s is in live mode "
                "now: nothing of a test is sent to the live gateway.",
                **values,
            )
        return self.env._(
            "%(record)s was made in live mode, and %(provider)s is in test mode now: "
            "switch the provider back first.",
            **values,
        )
