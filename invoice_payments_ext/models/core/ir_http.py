import json
from http import HTTPStatus

from odoo import models
from odoo.exceptions import LockError, UserError
from odoo.http import request
from odoo.service.model import PG_CONCURRENCY_EXCEPTIONS_TO_RETRY

from ...tools import TooManyAttemptsError, TryAgainError
from .payment_door_mixin import TRY_AGAIN


class IrHttp(models.AbstractModel):
    """Requests that can be sent again: their answer is a sentence and a code."""

    _inherit = "ir.http"

    @classmethod
    def _handle_error(cls, exception):
        """Answer in words where Odoo gave up replaying a request.

        The code is 409, as that of Odoo's own `LockError`, where others were at the
        same records, and 429 after too many attempts.
        """
        if isinstance(exception, (*PG_CONCURRENCY_EXCEPTIONS_TO_RETRY, TryAgainError)):
            exception = UserError(str(TRY_AGAIN))
            status = HTTPStatus.CONFLICT
        elif isinstance(exception.__cause__, LockError):
            status = HTTPStatus.CONFLICT
        else:
            status = getattr(exception, "http_status", None)
        if status not in (HTTPStatus.CONFLICT, HTTPStatus.TOO_MANY_REQUESTS):
            return super()._handle_error(exception)
        exception.http_status = status
        response = super()._handle_error(exception)
        if request.dispatcher.routing_type == "jsonrpc":
            answer = json.loads(response.get_data())
            answer["error"]["code"] = int(status)
            response.set_data(json.dumps(answer))
            response.status_code = int(status)
            if isinstance(exception, TooManyAttemptsError):
                response.headers["Retry-After"] = str(exception.seconds)
        return response
