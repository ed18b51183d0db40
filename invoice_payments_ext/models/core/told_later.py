"""Forms and schedules that are told of changes together, where many invoices change."""

import time

# The seconds for which changes are held back.
HELD_FOR = 3.0


class ToldLater:
    """The invoices that changed, and whose open forms are still to be told.

    The schedules that have to do are held back with them: each waking takes a database
    connection of its own, and wakes all workers. What is lost when a lane is killed
    comes when a form is opened again, and with the next turn of a schedule.

    It is in the context of whoever works on many invoices, and tells later. From
    outside nobody can put one there.
    """

    def __init__(self):
        self.ids = set()
        self.schedules = set()
        self.told_at = time.monotonic()

    def is_due(self):
        """Tell if something was held back for long enough.

        :rtype: bool
        """
        is_any = bool(self.ids or self.schedules)
        return is_any and time.monotonic() - self.told_at >= HELD_FOR

    def take(self):
        """Return the ids of the invoices and those of the schedules; hold back anew.

        :rtype: tuple[set[int], set[str]]
        """
        taken = self.ids, self.schedules
        self.ids, self.schedules, self.told_at = set(), set(), time.monotonic()
        return taken
