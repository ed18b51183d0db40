import logging

from odoo import api, models
from odoo.exceptions import AccessError

from ...tools import OURS
from .sealed_fields import ALL, SEALED_FIELDS, Rule

_logger = logging.getLogger(__name__)

# No default of a user or a context counts for fields with these rules.
SET_BY_CODE = (Rule.NEVER, Rule.COMPUTED, Rule.BUTTON, Rule.MATCHING)


class PaymentSealMixin(models.AbstractModel):
    """Records whose sealed fields only superuser code and the doors write.

    Rights of access do not do it: they add up over the modules, so that any other one
    may give them again, and Odoo asks for the right to write a transaction from all who
    capture, void or refund it. So the fields are sealed at the model, which dialogs,
    RPC and imports meet alike.

    It stands before the model that it extends (`_inherit = ["payment.seal.mixin", …]`),
    to see values as they were given.
    """

    _name = "payment.seal.mixin"
    _description = "Sealed Fields"

    # === CHECK METHODS === #

    def _check_sealed(self, vals):
        """Check values that are written on these records, or on new ones.

        :param dict vals: The values; on new records, empty ones change nothing.
        :raise AccessError: Naming the first sealed field, and the way to take instead.
        """
        if self._is_unsealed():
            return
        for name in self._filter_sealed(vals):
            value = vals[name]
            seal = self._get_seal(name)
            if not (self or value) or not self._breaks(seal, name, value):
                continue
            # A refusal leaves no trace in the database.
            _logger.warning(
                "User %s may not write %s of %s", self.env.uid, name, self or self._name
            )
            label = self._fields[name]._description_string(self.env)
            raise AccessError(
                self.env._(
                    "%(field)s (%(name)s) of %(record)s cannot be entered or changed "
                    "by hand. %(instead)s",
                    field=label,
                    name=name,
                    record=self[:1].sudo().display_name or self._description,
                    instead=self.env._(seal.instead),
                )
            )

    # === CRUD METHODS === #

    @api.model
    def default_get(self, fields):
        """Take no values for sealed fields from the context or a user's defaults.

        These are anybody's to set, and they count in superuser mode too.
        """
        values = super().default_get(fields)
        for name in self._filter_sealed(values):
            if self._get_seal(name).rule in SET_BY_CODE:
                del values[name]
                if default := self._fields[name].default:
                    values |= self._convert_to_write({name: default(self)})
        return values

    @api.model_create_multi
    def create(self, vals_list):
        for vals in vals_list:
            self.browse()._check_sealed(vals)
        return super().create(vals_list)

    def write(self, vals):
        if self:  # Else they would be checked as a new record.
            self._check_sealed(vals)
        return super().write(vals)

    def unlink(self):
        """Keep records of which all is sealed."""
        if ALL in SEALED_FIELDS[self._name] and not self._is_unsealed():
            raise AccessError(
                self.env._("%s cannot be deleted.", self[:1].sudo().display_name)
            )
        return super().unlink()

    # === GETTERS === #

    def _is_unsealed(self):
        """Tell if superuser code or a door is writing."""
        return self.env.su or self.env.context.get("written_by_door") is OURS

    def _is_matching(self):
        """Tell if Odoo's code matches journal items, or undoes that."""
        return self.env.context.get("reconciled_by_code") is OURS

    def _by_button(self):
        """Return these for a button of Odoo, which checks, to change their state."""
        return self.with_context(state_by_button=OURS)

    @api.model
    def _filter_sealed(self, names):
        """Return those of these names that are fields with a seal.

        Where all fields have one, those that an administrator added are left out: no
        code goes by them.

        :rtype: list[str]
        """
        seals = SEALED_FIELDS[self._name]
        if ALL not in seals:
            return [name for name in seals if name in names]
        fields = self._fields
        return [name for name in names if name in fields and not fields[name].manual]

    @api.model
    def _get_seal(self, name):
        """Return the seal of a field that has one.

        :rtype: Seal
        """
        seals = SEALED_FIELDS[self._name]
        return seals.get(name) or seals[ALL]

    def _breaks(self, seal, name, value):
        """Tell if a value breaks a seal on these records, or on new ones.

        :rtype: bool
        """
        records = self.sudo()
        match seal.rule:
            case Rule.NEVER:
                return True
            case Rule.COMPUTED:
                # Odoo's own code writes them on drafts. Posting computes them anew.
                final = records.filtered(
                    lambda each: not each._is_unsealed_draft(False)
                )
                field = self._fields[name]
                return any(
                    field.convert_to_write(record[name], record) != value
                    for record in (final if self else records.new())
                )
            case Rule.BUTTON:
                field = self._fields[name]
                is_changed = any(
                    field.convert_to_write(record[name], record) != value
                    for record in records
                )
                by_button = self.env.context.get("state_by_button") is OURS
                return is_changed and not by_button if self else value != "draft"
            case Rule.MATCHING:
                return not self._is_matching()
            case Rule.LESS:
                return bool(self and value and not all(records.mapped(name)))
            case Rule.MORE:
                return bool(self and not value and any(records.mapped(name)))
            case Rule.POSTED | Rule.PAYMENT:
                moves = self.env["account.move"]
                return any(
                    moves._field_will_change(record, {name: value}, name)
                    and record._is_booked(seal.rule is Rule.PAYMENT)
                    for record in records
                )
            case Rule.ONCE:
                return any(record[name] for record in records)
            case Rule.NEW | Rule.DRAFT:
                return any(
                    not record._is_unsealed_draft(seal.rule is Rule.NEW)
                    for record in records
                )
        return False

    def _is_unsealed_draft(self, is_new):
        """Tell if this record is a draft on which people may still write.

        Note: `self.ensure_one()`; to be called in superuser mode.

        :param bool is_new: Whether it must never have been posted, too.
        :rtype: bool
        """
        self.ensure_one()
        return self.state == "draft"
