"""How long a provider asks not to be sent any request."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus


def is_overload(status):
    """Tell if an HTTP status says that the provider is too busy, or that it failed.

    :param int status: The status.
    :rtype: bool
    """
    return status == HTTPStatus.TOO_MANY_REQUESTS or status >= 500


def read_retry_after(response, longest):
    """Return the seconds for which the answer of a busy provider asks to wait.

    https://www.rfc-editor.org/rfc/rfc9110#field.retry-after

    :param requests.Response response: The answer; None if there was none.
    :param float longest: Nobody waits longer, whatever a provider says.
    :return: The seconds; zero if it does not say.
    :rtype: float
    """
    if response is None or not is_overload(response.status_code):
        return 0.0
    value = response.headers.get("Retry-After")
    try:
        seconds = float(value)
    except (TypeError, ValueError):
        seconds = _read_seconds_until(value)
    return min(max(seconds, 0.0), longest) if seconds == seconds else 0.0


def _read_seconds_until(date):
    """Return the seconds until a date of HTTP; zero if the text is none."""
    try:
        moment = parsedate_to_datetime(date)
    except (TypeError, ValueError):
        return 0.0
    # "-0000" says that it is in UTC, and nothing of the zone.
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return (moment - datetime.now(UTC)).total_seconds()
