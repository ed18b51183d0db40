"""Waiting for a state, as long as it takes on a busy machine."""

import time

# Seconds: on a quiet machine a state comes in one of them.
PATIENCE = 180


def wait_until(condition, expected, seconds=PATIENCE, pause=0.1):
    """Wait until something is true, and fail if that never comes.

    :param condition: Is called until it returns something true.
    :param expected: What is waited for, as a text or a function that returns one: it
                     is read only if the wait was in vain.
    :return: What `condition` returned.
    """
    end = time.monotonic() + seconds
    while not (found := condition()):
        if time.monotonic() > end:
            text = expected() if callable(expected) else expected
            raise AssertionError(f"After {seconds} s still not: {text}")
        time.sleep(pause)
    return found
