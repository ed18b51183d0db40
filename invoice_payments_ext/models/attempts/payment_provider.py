from datetime import timedelta

import requests
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError

from odoo import models
from odoo.exceptions import UserError

from .gateway_answer import NotSentError

# The server did not get the whole request in time, or says so of another server.
UNDECIDED_HTTP_STATUSES = (408,)
# The statuses that say that the payment was declined, by the code of the provider. With
# another 4xx, something of the request or of the settings was wrong: it was not carried
# out. Sources: the references of the providers' APIs on errors.
DECLINING_HTTP_STATUSES = {
    "adyen": (),  # A payment that is refused is answered with 200.
    "mercado_pago": (),  # As well: with 201, and the status `rejected`.
    "stripe": (402,),
    "worldline": (402,),
}
DEFAULT_DECLINING_HTTP_STATUSES = (400, 402, 422)


class PaymentProvider(models.Model):
    _inherit = "payment.provider"

    def _announces_only(self):
        """Tell if pending means that the customer is to send the money, and no more.

        A provider overrides this when nothing is on the way while its transactions are
        pending: a bank transfer, cash on delivery. They hold nothing of an invoice.

        Note: `self.ensure_one()`

        :rtype: bool
        """
        self.ensure_one()
        return self.code == "custom"

    def _get_finish_url(self, transaction):
        """Return where the customer finishes a pending payment at this provider.

        A provider overrides this when its gateway gives such an address, as for 3-D
        Secure. Without one, the form that led the customer there leads there again.

        :param payment.transaction transaction: The pending transaction.
        :return: The address, or an empty text.
        :rtype: str
        """
        return ""

    def _fetch_outcome(self, transaction):
        """Ask the gateway for the outcome of a request whose answer was lost.

        A provider overrides this when its gateway can be asked by reference. It is
        called with the transaction's row locked and never sends a payment request.

        :param payment.transaction transaction: The transaction whose outcome is
                                                unknown.
        :return: The payment data in the form that the transaction's `_process` takes;
                 an empty dict if the gateway never received the request; None if it
                 cannot tell, which leaves the decision to a person.
        :rtype: dict or None
        """
        return None

    def _get_arrival_delay(self):
        """Return how long after it was sent a request may still reach the gateway.

        A gateway that does not know a request is not believed before. A provider
        overrides this where it is known how long requests are on their way.

        Note: `self.ensure_one()`

        :rtype: datetime.timedelta
        """
        self.ensure_one()
        return timedelta(minutes=15)

    def _may_resend(self, transaction):
        """Tell if the lost request of a charge may be sent again, with its key.

        A provider overrides this when its gateway cannot be asked, but answers a
        request with a known idempotency key as it answered the first. Only a charge
        that nobody has resolved is sent again, by the schedule.

        :param payment.transaction transaction: The transaction whose outcome is
                                                unknown.
        :rtype: bool
        """
        return False

    def _get_decline_details(self, transaction, payment_data=None, error=None):
        """Return the gateway's own reason for declining a request.

        A provider overrides this when its answers tell more than Odoo's module keeps.

        :param payment.transaction transaction: The transaction that was declined.
        :param dict payment_data: The answer, in the form that `_process` takes.
        :param Exception error: The error that was raised while sending, if it was one.
        :return: Some of `code` (the gateway's own), `network_code` and `advice_code`
                 (of the card's network), `reason` (a sentence for people) and
                 `provider_reference` (the gateway's id of the attempt).
        :rtype: dict
        """
        return {}

    def _classify_refusal(self, transaction, error):
        """Classify an error that was raised while sending a request.

        Odoo raises a `ValidationError` for every failure of a request; the exception
        behind it tells more. A request that surely was not carried out is `failed`: it
        never reached the gateway, or the gateway found it wrong. Only a payment that
        was refused is `declined`.

        :param payment.transaction transaction: The transaction that was sent.
        :param Exception error: The exception raised by the provider's code.
        :return: `failed`, `declined` or `unknown`
        :rtype: str
        """
        transport_error = get_transport_error(error)
        if isinstance(error, NotSentError):
            return "failed"
        if transport_error is None:
            return "declined" if isinstance(error, UserError) else "unknown"
        if _never_connected(transport_error):
            return "failed"
        response = getattr(transport_error, "response", None)
        is_status = isinstance(transport_error, requests.exceptions.HTTPError)
        if not is_status or response is None:
            return "unknown"
        status = response.status_code
        if not 400 <= status < 500 or status in UNDECIDED_HTTP_STATUSES:
            return "unknown"
        declining = DECLINING_HTTP_STATUSES.get(
            self.code, DEFAULT_DECLINING_HTTP_STATUSES
        )
        return "declined" if status in declining else "failed"


def get_transport_error(error):
    """Return the latest error of the HTTP client that led to this error, if any.

    :param Exception error: The error that a provider's code raised.
    :rtype: requests.exceptions.RequestException or None
    """
    seen = set()
    while error is not None and id(error) not in seen:
        if isinstance(error, requests.exceptions.RequestException):
            return error
        seen.add(id(error))
        error = error.__cause__ or error.__context__
    return None


def _never_connected(transport_error):
    """Tell if the name was not resolved or the connection was never made."""
    if isinstance(transport_error, requests.exceptions.ConnectTimeout):
        return True
    reason = (
        getattr(transport_error.args[0], "reason", None)
        if transport_error.args
        else None
    )
    return isinstance(reason, NewConnectionError | ConnectTimeoutError)
