"""Fixtures of the tests with a real server; a test module names this as a plugin."""

import pytest

from .at_once import CLIENTS
from .template import get_template
from .world import World


@pytest.fixture(scope="session")
def session_world():
    """Return a world that all tests of this process share: starting one takes 5 s."""
    world = World(get_template())
    try:
        yield world.start()
    finally:
        world.close()


@pytest.fixture
def world(session_world):
    """Return the world with a running server, and compare the books afterwards."""
    session_world.ensure_running()
    yield session_world
    left = session_world.clear_faults()
    session_world.ensure_running()
    session_world.run_resolver()
    session_world.referee.assert_agree()
    exceptions = session_world.get_tie_out()
    assert not exceptions, "\n".join(exceptions)
    assert not left, "a fault that the test asked for did not happen"


@pytest.fixture(scope="module")
def clients_of_one(session_world):
    """Return clients of one accountant: half in a browser, half through the API."""
    session_world.ensure_running()
    return [
        session_world.open_tab("accountant1")
        if number % 2
        else session_world.get_api_client()
        for number in range(CLIENTS)
    ]


@pytest.fixture(scope="module")
def clients(session_world):
    """Return clients of four accountants: half in a browser, half through the API."""
    session_world.ensure_running()
    return [
        session_world.open_tab(f"accountant{number % 4 + 1}")
        if number % 8 < 4
        else session_world.get_api_client(number % 4 + 1)
        for number in range(CLIENTS)
    ]
