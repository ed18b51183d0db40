"""Many clients at the same moment."""

import threading
from concurrent.futures import ThreadPoolExecutor

from .rpc import RpcError

CLIENTS = 16


def act_at_once(calls):
    """Start all calls at the same moment, each in its own thread.

    :return: A pair of lists: the results, and the `RpcError`s that were raised.
    """
    barrier = threading.Barrier(len(calls))

    def run(call):
        barrier.wait()
        try:
            return call(), None
        except RpcError as error:
            return None, error

    with ThreadPoolExecutor(len(calls)) as pool:
        outcomes = list(pool.map(run, calls))
    return (
        [result for result, error in outcomes if error is None],
        [error for _result, error in outcomes if error is not None],
    )


def is_clear(error):
    """Tell if a person is to read this refusal."""
    return error.name.rpartition(".")[2] in (
        "UserError",
        "ValidationError",
        "LockError",
        "TooManyAttemptsError",
    )


def assert_clear(errors):
    """Check that a person understands each refusal."""
    for error in errors:
        assert is_clear(error), f"{error.name}: {error.message}\n{error.details}"
        assert error.message
        for word in ("serialize", "psycopg2", "Traceback", "duplicate key", "Error:"):
            assert word not in error.message, error.message
