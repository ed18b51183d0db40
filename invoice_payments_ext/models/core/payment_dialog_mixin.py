import uuid

from odoo import api, fields, models


class PaymentDialogRightsMixin(models.AbstractModel):
    """A dialog on a record that its user cannot read is refused, and tells nothing.

    Many values of a dialog are related or computed with more rights than the user has:
    so it is checked once, where the records come in, that the user can read them.
    """

    _name = "payment.dialog.rights.mixin"
    _description = "Payment Dialog on Records that its User can read"

    # === CHECK METHODS === #

    def _check_given_records(self, values):
        """Check that the user can read the records that a dialog is given.

        :param dict values: Values of the dialog, in any format.
        :raise AccessError: If the user cannot read one of the records.
        """
        for name, value in values.items():
            field = self._fields.get(name)
            if not value or not field or not field.store:
                continue
            if field.type in ("many2one", "many2many"):
                given = field.convert_to_cache(value, self)
                ids = given if isinstance(given, tuple) else given and [given]
                self.env[field.comodel_name].browse(ids)._origin.check_access("read")

    # === CRUD METHODS === #

    @api.model
    def default_get(self, fields):
        defaults = super().default_get(fields)
        self._check_given_records(defaults)
        return defaults

    @api.model_create_multi
    def create(self, vals_list):
        for vals in vals_list:
            self._check_given_records(vals)
        return super().create(vals_list)

    def write(self, vals):
        self._check_given_records(vals)
        return super().write(vals)

    def _update_cache(self, values, validate=True):
        """Check the values that a client gives to `onchange`, also in rows."""
        self._check_given_records(values)
        return super()._update_cache(values, validate=validate)


class PaymentDialogMixin(models.AbstractModel):
    """The parts shared by dialogs that call a door once."""

    _name = "payment.dialog.mixin"
    _inherit = "payment.dialog.rights.mixin"
    _description = "Payment Dialog"

    # Made when the dialog opens: a second click or a replay is the same request.
    idempotency_key = fields.Char(
        default=lambda self: str(uuid.uuid4()), required=True, readonly=True
    )
