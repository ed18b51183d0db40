"""Fixtures of the tests with a browser; a test module names this as a plugin."""

import os
import resource
import shutil
from pathlib import Path

import pytest
from lib import settings
from playwright.sync_api import sync_playwright

from .accountant import Accountant

ARGUMENTS = [
    "--no-sandbox",  # Chromium's sandbox refuses to be used by root, as in containers.
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
]


@pytest.fixture(scope="session")
def artefacts():
    """Return the folder in which screenshots are kept."""
    folder = Path(os.environ.get("IPX_ARTEFACTS") or settings.LOCAL / "artefacts")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def chromium():
    """Return a running Chromium, the one of the system."""
    path = os.environ.get("IPX_CHROMIUM") or shutil.which("chromium")
    assert path, "Chromium is not installed (Debian's package is called chromium)."
    # Odoo's own HTTP tests, earlier in this process, limit its address space, and a
    # browser inherits the limit; it reserves far more than it uses.
    hard_limit = resource.getrlimit(resource.RLIMIT_AS)[1]
    resource.setrlimit(resource.RLIMIT_AS, (hard_limit, hard_limit))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def session_accountant(chromium, session_world, artefacts):
    """Return an accountant for all tests, as logging in takes long."""
    accountant = Accountant(chromium, session_world, artefacts)
    accountant.log_in("accountant1")
    yield accountant
    accountant.close()


@pytest.fixture
def accountant(session_accountant, world, request):
    """Return the accountant with nothing open; keep the screen afterwards."""
    session_accountant.start_again()
    yield session_accountant
    session_accountant.keep_screen(request.node.name)
    assert not session_accountant.get_errors()
