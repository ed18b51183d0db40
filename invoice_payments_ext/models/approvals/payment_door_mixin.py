from odoo import models
from odoo.exceptions import UserError

from ...tools import OURS
from .account_payment_approval_limit import Giving


class PaymentDoorMixin(models.AbstractModel):
    """Doors whose requests wait for a second person above a limit."""

    _inherit = "payment.door.mixin"

    def _hold_for_approval(self, door, arguments, amount):
        """Return the request for approval that waits in the place of the work.

        :param Door door: The declaration of the door.
        :param dict arguments: The arguments of the door.
        :param float amount: The amount that counts towards the limit.
        :return: The request; none if no second person is needed.
        :rtype: account.payment.approval
        """
        approvals = self.env["account.payment.approval"]
        if not door.approval:
            return approvals
        return approvals._hold(self, door.approval, arguments, amount)

    def _get_giving(self, arguments):
        """Return who gets the amount of a request, and of which record.

        :param dict arguments: The arguments of the door.
        :rtype: Giving
        """
        self.ensure_one()
        return Giving(
            self,
            self.company_id,
            self.currency_id,
            self.partner_id.commercial_partner_id,
        )

    # === AMOUNTS THAT WAIT === #

    def _get_waiting_amount(self, kind):
        """Return the amount of this record that waits for approval.

        It is not offered a second time. A request that is being approved does not stand
        in its own way; only one of a kind waits for a record.

        :param str kind: The kind of request.
        :return: The amount in the currency of the requests.
        :rtype: float
        """
        self.ensure_one()
        if self.env.context.get("approving") is OURS or not self.id:
            return 0.0
        approvals_sudo = self.env["account.payment.approval"].sudo()
        requests_sudo = approvals_sudo.search(
            [
                (approvals_sudo._get_record_field(kind), "=", self._origin.id),
                ("kind", "=", kind),
                ("state", "=", "waiting"),
            ]
        )
        return sum(requests_sudo.mapped("amount"))

    def _get_amount_offered(self, kind, possible, currency):
        """Return the amount that can still be asked for, without the waiting one.

        :param str kind: The kind of request.
        :param float possible: The amount that is possible, with the waiting one.
        :param res.currency currency: The currency of both.
        :rtype: float
        """
        return max(currency.round(possible - self._get_waiting_amount(kind)), 0.0)

    def _check_amount_offered(self, kind, amount, possible, currency, label):
        """Check an amount that is asked for, beside the one that waits for approval.

        :param str kind: The kind of request.
        :param float amount: The amount that is asked for.
        :param float possible: The amount that is possible, with the waiting one.
        :param res.currency currency: The currency of both.
        :param str label: The name of the possible amount, for the message.
        :raise UserError: If it is above the one that can still be asked for.
        """
        offered = self._get_amount_offered(kind, possible, currency)
        waiting = currency.round(possible - offered)
        if not currency.is_zero(waiting):
            values = {"label": label, "waiting": currency.format(waiting)}
            if currency.is_zero(offered):
                raise UserError(
                    self.env._(
                        "All of the %(label)s, %(waiting)s, waits for approval "
                        "already. Have that decided on or withdrawn first.",
                        **values,
                    )
                )
            label = self.env._(
                "%(label)s beside the %(waiting)s that waits for approval", **values
            )
        self.env["account.move"]._check_amount(amount, currency, offered, label)
