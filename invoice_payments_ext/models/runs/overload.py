"""A provider that was too busy for a request, or whose server failed."""

from ..attempts.retry_after import is_overload, read_retry_after

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
        elif is_overload(response.status_code):
            self.is_seen = True
            self.retry_after = read_retry_after(response, MAX_WAIT)
