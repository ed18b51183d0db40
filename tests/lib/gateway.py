"""The gateway process, and the instructions of a test to it."""

import subprocess
import sys
import tempfile
from pathlib import Path

import requests

from . import settings
from .odoo_server import get_free_port
from .waiting import PATIENCE, wait_until


class Gateway:
    """The referee, as a process of its own."""

    def __init__(self, database=None):
        self.folder = tempfile.TemporaryDirectory(prefix="ipx-gateway-")
        self.database = database or Path(self.folder.name) / "record.sqlite"
        self.process = None
        self.url = None

    def start(self, port=None):
        self.process = subprocess.Popen(
            [
                sys.executable,
                settings.TESTS / "gateway/server.py",
                "--database",
                self.database,
                "--port",
                str(port or get_free_port()),
                "--until-stdin-ends",
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        line = self.process.stdout.readline()
        if not line.startswith("listening on "):
            raise RuntimeError(f"The gateway did not start: {line}")
        self.url = f"http://{line.removeprefix('listening on ').strip()}"
        return self

    def stop(self):
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process.stdin.close()
            self.process.stdout.close()
            self.process = None

    def close(self):
        self.stop()
        self.folder.cleanup()

    # === INSTRUCTIONS OF A TEST === #

    def get(self, path, **params):
        return self._answer(
            requests.get(f"{self.url}/v1/{path}", params, timeout=PATIENCE)
        )

    def post(self, path, **values):
        return self._answer(
            requests.post(f"{self.url}/v1/{path}", json=values, timeout=PATIENCE)
        )

    @staticmethod
    def _answer(response):
        response.raise_for_status()
        return response.json()

    def script(self, behaviour, **conditions):
        """Script the behaviour of coming requests, see `Handler._script`."""
        return self.post("script", behaviour=behaviour, **conditions)

    def send_webhook(self, reference, status=None, **values):
        """Change an outcome, send it, and return the other side's answer."""
        return self.post("webhooks/send", reference=reference, status=status, **values)

    def refund_in_dashboard(self, charge, amount, **values):
        """Refund a charge, named by its reference, without the shop having asked."""
        return self.post(
            "dashboard/refund", charge=charge, amount=round(amount * 100), **values
        )

    def get_ledger(self, reference=None):
        return self.get("ledger", **({"reference": reference} if reference else {}))

    def get_refunded(self, reference):
        """Return the refunded amount of a charge, in major units."""
        refunds = self.get_ledger(reference)["refunds"]
        return sum(row["amount"] for row in refunds) / 100

    def wait_for_webhooks(self, reference, number):
        """Wait until so many webhooks under a reference were taken by the shop."""

        def get_answers():
            return [
                row["answer"]
                for row in self.get("webhooks")["data"]
                if row["reference"] == reference and row["answer"]
            ]

        wait_until(
            lambda: len(get_answers()) >= number,
            lambda: f"{number} webhooks of {reference}, but {get_answers()}",
        )
        assert get_answers() == ["200"] * number

    def wait_until_held(self, token):
        """Wait until the gateway has a request that it is to hold."""
        wait_until(lambda: token in self.get("held")["data"], f"a request of {token}")

    def release(self, token):
        """Let a request that is held be decided, and wait until it is."""
        self.post("release", token=token)
        wait_until(
            lambda: all(
                row["answer"]
                for row in self.get("requests")["data"]
                if row["token"] == token
            ),
            f"an answer to the requests of {token}",
        )

    def count_requests(self, reference, kind="charge"):
        return self.get_ledger(reference)["requests"].get(f"{kind} {reference}", 0)
