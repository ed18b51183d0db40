"""A provider that was too busy for a request, or whose server failed."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus

MAX_WAIT = 3600


class Overload:
    """What a request told about the load of its provider, while a line was worked on.

    It stands in the context, where no client can put one. A lane has one for all of its
    lines: with another context for each, Odoo would look through ever more of them.

    :ivar bool is_seen: Whether the provider is to be slowed down.
    :ivar float retry_after: The seconds for which it asked; zero if it did not say.
    """

    def __init__(self):
        self.forget()

    def forget(self):
        """Forget what was seen: another line begins."""
        self.is_seen = False
        self.retry_after = 0.0

    def see(self, error):
        """Take note of the error of a request.

        :param requests.exceptions.RequestException error: The error of the HTTP client.
        """
        response = getattr(error, "response", None)
        if response is None:
            self.is_seen = True  # It could not be reached, or did not answer in time.
            return
        status = response.status_code
        if status == HTTPStatus.TOO_MANY_REQUESTS or status >= 500:
            self.is_seen = True
            self.retry_after = _read_retry_after(response.headers.get("Retry-After"))


def _read_retry_after(value):
    """Return the seconds that a `Retry-After` header asks for.

    :rtype: float
    """
    try:
        seconds = float(value)
    except (TypeError, ValueError):
        try:
            moment = parsedate_to_datetime(value)
            seconds = (moment - datetime.now(UTC)).total_seconds()
        except (TypeError, ValueError):
            return 0.0
    return min(max(seconds, 0.0), MAX_WAIT) if seconds == seconds else 0.0
