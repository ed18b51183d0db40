from odoo import models
from odoo.exceptions import UserError
from odoo.service.model import PG_CONCURRENCY_EXCEPTIONS_TO_RETRY
from odoo.tools import LazyTranslate

from ...tools import TryAgainError, without_defaults
from .door_arguments import ARGUMENTS, show

# Rooms that may do something in the place of the work of a door. Each gets the door,
# its arguments and the amount that the check returned. It returns the records it made.
INSTEAD_OF_WORK = ("_hold_for_approval",)


_lt = LazyTranslate(__name__)

# True also where a part was done before: a payment that was sent is never lost.
TRY_AGAIN = _lt(
    "Somebody else was working on the same records at this moment. Look at the "
    "changes, then try again."
)


class PaymentDoorMixin(models.AbstractModel):
    """Records with doors: all requests pass the same steps, in the same order."""

    _name = "payment.door.mixin"
    _description = "Doors that Move Money"

    # === CHECK METHODS === #

    def _check_company_selected(self):
        """Check that the user works for the company of this record now.

        :raise UserError: If it is not among the selected companies.
        """
        self.ensure_one()
        if self.company_id not in self.env.companies and not self.env.su:
            raise UserError(
                self.env._(
                    "%(name)s belongs to %(company)s, which is not among your selected "
                    "companies.",
                    name=self.display_name,
                    company=self.company_id.sudo().name,
                )
            )

    # === ARGUMENTS === #

    def _read_argument(self, name, value):
        """Return an argument from outside as JSON can hold it, by the table of them.

        :raise UserError: If it is of another kind, naming the argument.
        """
        argument = ARGUMENTS[name]
        try:
            value = argument.kind.read(argument, value)
        except (OverflowError, TypeError, ValueError):
            refusal = self.env._(argument.kind.refusal)
            raise UserError(
                refusal % {"field": self.env._(argument.label), "value": show(value)}
            ) from None
        if not isinstance(value, list):
            return value
        return [
            {
                # An unknown value is for the check of the rows to name.
                key: self._read_argument(key, each) if key in ARGUMENTS else show(each)
                for key, each in row.items()
            }
            for row in value
        ]

    def _get_key_company(self, arguments):
        """Return the company that a request is for.

        :rtype: res.company
        """
        if company_id := arguments.get("company_id"):
            return self.env["res.company"].browse(company_id)
        return self.sudo().company_id[:1] or self.env.company

    # === BUSINESS METHODS === #

    def _pass(self, door, idempotency_key=None, **arguments):
        """Let a request pass through a door of these records.

        :param Door door: The declaration of the door.
        :param str idempotency_key: A text that makes the request unique: called again
                                    with it, the first one is completed and returned.
        :param arguments: The arguments of the door.
        :return: The result of the request; a request for approval if it needs a second
                 person.
        :rtype: recordset
        :raise AccessError: If the user may not ask for it.
        :raise UserError: If it cannot be done, a value is of another kind, or the key
                          was used with other values.
        :raise TryAgainError: If another request was at the same records.
        """
        try:
            return self._pass_once(door, idempotency_key, arguments)
        except PG_CONCURRENCY_EXCEPTIONS_TO_RETRY as error:
            raise TryAgainError(TRY_AGAIN) from error

    def _pass_once(self, door, idempotency_key, arguments):
        """Let a request pass, unless another is at the same records; see `_pass`.

        :param dict arguments: The arguments of the door.
        :rtype: recordset
        """
        if not door.is_batch:
            self.ensure_one()
        getattr(self, door.rights)()
        self = without_defaults(self)
        arguments = {
            name: self._read_argument(name, value) for name, value in arguments.items()
        }
        if door.adapt:
            arguments |= getattr(self, door.adapt)(**arguments)
        keys = self.env["account.idempotency.key"]
        company = self._get_key_company(arguments)
        asked = door.get_key_arguments(self, arguments)
        result = keys._find_result(idempotency_key, company, door.name, asked)
        if result is None:
            result = self._pass_steps(door, arguments)
            keys._remember(idempotency_key, company, door.name, asked, result)
        if door.complete and result._name != "account.payment.approval":
            result = getattr(self, door.complete)(result)
        return result

    def _pass_steps(self, door, arguments):
        """Take a new request through the steps of its door.

        :param Door door: The declaration of the door.
        :param dict arguments: The arguments of the door; the amount is completed.
        :return: The result of the work, or the request for approval that it became.
        :rtype: recordset
        """
        if door.lock:
            getattr(self, door.lock)(**arguments)
        if door.amount and arguments["amount"] is None:
            arguments["amount"] = getattr(self, door.amount)(**arguments)
        amount = getattr(self, door.check)(**arguments)
        for name in INSTEAD_OF_WORK:
            if result := getattr(self, name)(door, arguments, amount):
                return result
        return getattr(self, door.work)(**arguments)
