"""A real Odoo server process, and one-off Odoo commands."""

import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import requests

from . import settings


class ServerError(Exception):
    """The process did not do what it was started for; the message has its log's end."""


def get_free_port():
    """Return a port for a server that may be stopped and started again on it.

    Not one that the system gives to outgoing connections: another worker's could take
    it while the server is down.
    """
    while True:
        port = random.SystemRandom().randrange(20000, 32000)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def _get_command(subcommand, database, *arguments):
    return [
        settings.PYTHON,
        "-m",
        "odoo",
        subcommand,
        # No configuration file: not the one in the home folder either.
        f"--config={os.devnull}",
        f"--database={database}",
        f"--addons-path={settings.ADDONS_PATH}",
        f"--data-dir={settings.DATA_DIR}",
        *arguments,
    ]


def run_odoo(subcommand, database, *arguments, script=None, timeout=900):
    """Run an Odoo command to its end.

    :param str script: Standard input: what `odoo shell` executes.
    :return: Standard output.
    """
    settings.DATA_DIR.mkdir(parents=True, exist_ok=True)
    result = subprocess.run(
        _get_command(subcommand, database, *arguments),
        input=script,
        capture_output=True,
        text=True,
        cwd="/",
        env=settings.get_process_environment(),
        timeout=timeout,
        check=False,
    )
    if result.returncode or "Traceback (most recent call last)" in result.stderr:
        raise ServerError(f"odoo {subcommand} failed:\n{result.stderr[-6000:]}")
    return result.stdout


class OdooServer:
    """A server on one database that can be killed and started again on its port."""

    def __init__(self, database, log_path=None, port=None):
        self.database = database
        self.port = port or get_free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.process = None
        if log_path is None:
            handle, log_path = tempfile.mkstemp(prefix="ipx-odoo-", suffix=".log")
            os.close(handle)
        self.log_path = Path(log_path)

    def start(self, arguments=(), **environment):
        """Start the process and wait until it answers on its database.

        :param environment: More variables for it, such as ``IPX_KILL_AT``.
        """
        if self.process:
            raise ServerError("The server runs already.")
        command = _get_command(
            "server",
            self.database,
            f"--db-filter=^{self.database}$",
            f"--http-port={self.port}",
            "--http-interface=127.0.0.1",
            "--max-cron-threads=0",
            "--workers=0",
            *arguments,
        )
        # Its own session: Ctrl+C is for the tests, which then end it. And it ends with
        # them, however they end.
        if shutil.which("setpriv"):
            command = ["setpriv", "--pdeathsig", "KILL", *command]
        with self.log_path.open("ab") as log:
            self.process = subprocess.Popen(
                command,
                start_new_session=True,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                env=settings.get_process_environment(**environment),
            )
        self._wait_until_ready()
        return self

    def _wait_until_ready(self, timeout=120):
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                status, self.process = self.process.returncode, None
                raise ServerError(f"Odoo ended with {status}:\n{self.get_log_end()}")
            try:
                # A page that needs the registry, unlike /web/health.
                requests.post(
                    f"{self.url}/web/webclient/version_info", json={}, timeout=60
                ).raise_for_status()
                return
            except requests.RequestException:
                time.sleep(0.1)
        raise ServerError(f"Odoo does not answer:\n{self.get_log_end()}")

    @property
    def is_running(self):
        return self.process is not None and self.process.poll() is None

    def kill(self):
        """End the process as a power failure would."""
        if self.process:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
            self.process = None

    def wait_until_dead(self, timeout=60):
        """Wait for the process to die by itself.

        :return: Whether it did.
        """
        try:
            self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            return False
        self.process = None
        return True

    def stop(self):
        if self.process:
            self.process.terminate()
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
            self.process = None

    def get_log_end(self, size=6000):
        with self.log_path.open("rb") as log:
            log.seek(0, os.SEEK_END)
            log.seek(max(0, log.tell() - size))
            return log.read().decode(errors="replace")
