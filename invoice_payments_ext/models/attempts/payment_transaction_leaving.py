import json

from odoo import Command, api, models
from odoo.exceptions import UserError

from ...tools import OURS
from ..states import IN_FLIGHT_OUTCOMES, UNRESOLVED_OUTCOMES

ADDON = "invoice_payments_ext"
# Where the values of this addon's fields are kept, by attempt, when it is removed.
LEFT_ATTEMPTS = f"{ADDON}.left_attempts"


class PaymentTransaction(models.Model):
    """Attempts in flight while the addon is removed, and when it comes back."""

    _inherit = "payment.transaction"

    # === BUSINESS METHODS - LEAVING === #

    @api.model
    def _get_unresolved_domain(self):
        """Return the domain of attempts whose outcome nobody knows yet."""
        return [("outcome", "in", UNRESOLVED_OUTCOMES)]

    @api.model
    def _leave_attempts(self):
        """Leave no attempt in a state that Odoo would take for one never made.

        Odoo knows no unknown outcome, and `draft` says that nothing was sent. Pending
        says that the money may come: Odoo then does not let the customer pay twice, and
        accepts all later messages of the provider.

        :raise UserError: If one is being sent at this moment.
        """
        in_flight = self.sudo().search([("outcome", "in", IN_FLIGHT_OUTCOMES)])
        if in_flight.try_lock_for_update(allow_referencing=True) != in_flight:
            raise UserError(
                self.env._(
                    "A payment is being sent to its provider at this moment. Uninstall "
                    "Invoice Payments in a minute."
                )
            )
        unsent = in_flight.filtered(lambda tx: tx.outcome == "ready")
        unsent._set_not_carried_out(self.env._("It was never sent to the provider."))
        in_flight -= unsent
        sent = in_flight.filtered(lambda tx: tx.outcome == "sent")
        sent.request_state = "unknown"
        self._keep_left_values(in_flight)
        for tx in in_flight.filtered(lambda tx: tx.outcome == "unknown"):
            message = self.env._(
                "The outcome was unknown when Invoice Payments was uninstalled: ask "
                "the provider before you charge again."
            )
            tx.write({"state": "pending", "state_message": message})
            tx._log_message_on_linked_documents(f"{tx.reference}: {message}")

    @api.model
    def _keep_left_values(self, attempts):
        """Keep the values of this addon's fields of some attempts, and their shares."""
        fields = self._get_left_fields()
        values = {
            vals.pop("id"): vals
            for vals in attempts.read(fields, load="_classic_write")
        }
        for attempt in attempts:
            values[attempt.id]["share_ids"] = [
                Command.create(vals) for vals in attempt.share_ids.copy_data()
            ]
        self.env["ir.config_parameter"].sudo().set_param(
            LEFT_ATTEMPTS, json.dumps(values, default=str) if values else False
        )

    @api.model
    def _get_left_fields(self):
        """Return the fields that Odoo deletes with this addon, and its own state.

        :rtype: list[str]
        """
        return ["state", "state_message"] + [
            name
            for name, field in self._fields.items()
            if field.store
            and field.column_type
            and not field.compute
            and not field.related
            and set(field._modules) == {ADDON}
        ]

    # === BUSINESS METHODS - TAKING UP AGAIN === #

    @api.model
    def _take_up_attempts(self):
        """Give the attempts that an earlier installation left in flight back to it.

        Those that got an outcome in the meantime keep that.
        """
        parameters = self.env["ir.config_parameter"].sudo()
        left = json.loads(parameters.get_param(LEFT_ATTEMPTS) or "{}")
        for attempt_id, values in left.items():
            attempt = self.sudo().browse(int(attempt_id)).exists()
            if attempt.state not in ("pending", values["state"]):
                continue
            if attempt.state == "pending" == values["state"]:
                del values["state_message"]
            # A consent is as it was given, too.
            attempt.with_context(keeps_consent=OURS).write(
                self._drop_missing_records(values)
            )
        parameters.set_param(LEFT_ATTEMPTS, False)

    @api.model
    def _drop_missing_records(self, values):
        """Return the values without records that were deleted, or fields that are gone.

        :rtype: dict
        """
        kept = {}
        for name, value in values.items():
            field = self._fields.get(name)
            if field is None:
                continue
            if field.type == "many2one" and value:
                value = self.env[field.comodel_name].sudo().browse(value).exists().id
            kept[name] = value
        return kept
