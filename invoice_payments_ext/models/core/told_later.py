"""Open forms that are told of changes together, where many invoices change."""

import time

# The seconds for which changes are held back.
HELD_FOR = 3.0


class ToldLater:
    """The invoices that changed, and whose open forms are still to be told.

    It is in the context of whoever works on many invoices, and tells later. From
    outside nobody can put one there.
    """

    def __init__(self):
        self.ids = set()
        self.told_at = time.monotonic()

    def is_due(self):
        """Tell if something was held back for long enough.

        :rtype: bool
        """
        return bool(self.ids) and time.monotonic() - self.told_at >= HELD_FOR

    def take(self):
        """Return the ids of the invoices, and hold back anew.

        :rtype: set[int]
        """
        ids, self.ids, self.told_at = self.ids, set(), time.monotonic()
        return ids
