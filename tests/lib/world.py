"""One company in a running Odoo, with its gateway, on which the tests act."""

import itertools
import os
import shutil
import tempfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from . import database, settings
from .gateway import Gateway
from .odoo_server import OdooServer
from .referee import Referee
from .rpc import ConnectionLost, Json2Client, JsonRpcClient
from .template import get_facts
from .waiting import PATIENCE

_names = itertools.count(1)
TIMEOUT = 1  # Second: much less than the delays of the modules.


class Charged(NamedTuple):
    """An invoice and the charge that paid it."""

    invoice_id: int
    attempt_id: int
    payment_id: int
    reference: str  # Of the attempt, under which the gateway knows the charge.


class World:
    """A database, an Odoo server on it, and a gateway.

    Without cron threads: nothing happens that a test did not ask for.
    """

    # The system parameter with the seconds for which Odoo waits for the gateway.
    timeout_parameter = f"{settings.TEST_ADDON}.timeout"

    def __init__(self, template, name=None, options=(), workers=0):
        self.database = name or f"{settings.PREFIX}_world_{os.getpid()}_{next(_names)}"
        self.query = database.Reader(self.database).query
        self.template = template
        self.options = options  # Of the server, as its workers.
        self.workers = workers
        self.gateway = Gateway()
        self.folder = tempfile.TemporaryDirectory(prefix="ipx-world-")
        self.kill_file = Path(self.folder.name) / "kill"
        self.serialization_file = Path(self.folder.name) / "serialization"
        self.server = None
        self.referee = None
        self.facts = {}
        self._clients = {}

    # === LIFE === #

    def start(self, **environment):
        """Start everything; `environment` is for the Odoo server."""
        self.gateway.start()
        database.clone(self.template, self.database)
        self.facts = get_facts(self.database)
        self.server = OdooServer(
            self.database,
            log_path=Path(self.folder.name) / "odoo.log",
            options=self.options,
            workers=self.workers,
        )
        self.query(
            "UPDATE payment_provider SET test_gateway_url = %s WHERE code = %s",
            self.gateway.url,
            "test_gateway",
        )
        self.gateway.post(
            "settings", webhook_url=f"{self.server.url}/payment/test_gateway/webhook"
        )
        self.referee = Referee(self.database, self.gateway)
        self.start_server(**environment)
        return self

    def start_server(self, **environment):
        """Start the Odoo server (again)."""
        self.server.start(
            IPX_KILL_FILE=self.kill_file,
            IPX_SERIALIZATION_FILE=self.serialization_file,
            # An attempt that nobody works on is one whose sender died.
            IPX_STALE_DELAY=environment.pop("IPX_STALE_DELAY", -1),
            **environment,
        )

    def ensure_running(self):
        if not self.server.is_running:
            self.server.kill()  # Also its remains.
            self.start_server()

    def wait_for_death(self, timeout=PATIENCE):
        """Wait for the server to kill itself, and start another one."""
        assert self.server.wait_until_dead(timeout), "the server did not die"
        self.start_server()

    def close(self):
        if self.server:
            self.server.close()
        self.gateway.close()
        database.drop(self.database)
        log = Path(self.folder.name) / "odoo.log"
        if settings.ARTEFACTS and log.exists():
            target = Path(settings.ARTEFACTS) / f"odoo-{self.database}.log"
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(log, target)
        self.folder.cleanup()

    # === FAULTS === #

    def kill_at(self, point):
        """Let the running server kill itself at a point, once."""
        self.kill_file.write_text(point)

    def fail_serialization_at(self, point):
        """Let PostgreSQL raise a serialization failure at a point, once."""
        self.serialization_file.write_text(point)

    def clear_faults(self):
        """Remove the faults that were not used up.

        :return: Whether there was something.
        """
        left = False
        for path in (self.kill_file, self.serialization_file):
            left = left or path.exists()
            path.unlink(missing_ok=True)
        return left

    def end_connections(self):
        """Let PostgreSQL end all connections of the Odoo server."""
        self.query(
            """
            SELECT pg_terminate_backend(pid) FROM pg_stat_activity
             WHERE datname = %s AND pid <> pg_backend_pid()
            """,
            self.database,
        )

    @contextmanager
    def short_timeout(self):
        """Let Odoo wait a second for an answer, and not as long as it takes."""
        self._set_timeout(TIMEOUT)
        try:
            yield
        finally:
            self._set_timeout("")

    def _set_timeout(self, seconds):
        self.admin.call(
            "ir.config_parameter",
            "set_param",
            key=self.timeout_parameter,
            value=seconds,
        )

    # === CLIENTS === #

    def log_in(self, login, password=None):
        """Return a new client of its own, with a session."""
        client = JsonRpcClient(self.server.url)
        return client.authenticate(self.database, login, password or login)

    def get_client(self, login):
        """Return the client of a user; its session outlives the server."""
        if login not in self._clients:
            self._clients[login] = self.log_in(login)
        return self._clients[login]

    def open_tab(self, login):
        """Return one more client with the session of a user."""
        client = JsonRpcClient(self.server.url)
        client.session.cookies.update(self.get_client(login).session.cookies)
        return client

    @property
    def admin(self):
        return self.get_client("admin")

    @property
    def accountant(self):
        return self.get_client("accountant1")

    def get_api_client(self, number=1):
        """Return a new client of the external API, as one of the accountants."""
        key = self.facts["accountants"][number - 1]["key"]
        return Json2Client(self.server.url, key)

    # === RECORDS === #

    def make_user(self, login, *groups, **values):
        """Create a user whose password is the login.

        :param str groups: Their external ids.
        """
        rows = self.query(
            "SELECT res_id FROM ir_model_data "
            "WHERE model = 'res.groups' AND module || '.' || name IN %s",
            groups,
        )
        assert len(rows) == len(groups)
        self.admin.call(
            "res.users",
            "create",
            vals_list=[
                {
                    "name": login,
                    "login": login,
                    "password": login,
                    "group_ids": [[6, 0, [row["res_id"] for row in rows]]],
                    **values,
                }
            ],
        )

    def make_customer(self, **values):
        return self.make_customers(1, **values)[0]

    def make_customers(self, count, **values):
        return self.admin.call(
            "res.partner",
            "create",
            vals_list=[
                {"name": f"Customer {next(_names)}", "email": "a@example.com", **values}
                for _ in range(count)
            ],
        )

    def make_token(self, partner_id, provider_ref="tok_succeed", **values):
        return self.make_tokens([partner_id], provider_ref, **values)[0]

    def make_tokens(
        self,
        partner_ids,
        provider_ref="tok_succeed",
        details="4242",
        provider_id=None,
        **values,
    ):
        """Create saved methods whose `provider_ref` decides the gateway's behaviour."""
        return self.admin.call(
            "payment.token",
            "create",
            vals_list=[
                {
                    "provider_id": provider_id or self.facts["provider_id"],
                    "payment_method_id": self.facts["payment_method_id"],
                    "payment_details": details,
                    "partner_id": partner_id,
                    "provider_ref": provider_ref,
                    **values,
                }
                for partner_id in partner_ids
            ],
        )

    def make_invoices(self, partner_ids, amount=100.0, post=True, **values):
        """Create customer invoices of one line without tax."""
        invoice_ids = self.admin.call(
            "account.move",
            "create",
            vals_list=[
                {
                    "move_type": "out_invoice",
                    "partner_id": partner_id,
                    "invoice_line_ids": [
                        [
                            0,
                            0,
                            {
                                "name": "Service",
                                "quantity": 1,
                                "price_unit": amount,
                                "tax_ids": [[6, 0, []]],
                            },
                        ]
                    ],
                    **values,
                }
                for partner_id in partner_ids
            ],
        )
        if post:
            self.admin.call("account.move", "action_post", invoice_ids)
        return invoice_ids

    def make_case(self, provider_ref="tok_succeed", amount=100.0):
        """Return a new invoice and a saved method of its customer."""
        return self.make_cases(1, provider_ref, amount)[0]

    def make_cases(self, count, provider_ref="tok_succeed", amount=100.0):
        """Return pairs of a new invoice and a saved method of its customer."""
        partner_ids = self.make_customers(count)
        return list(
            zip(
                self.make_invoices(partner_ids, amount),
                self.make_tokens(partner_ids, provider_ref),
                strict=True,
            )
        )

    def make_draft_case(self, provider_ref="tok_succeed", amount=100.0):
        """Return a new draft invoice and a saved method of its customer."""
        partner_id = self.make_customer()
        [invoice_id] = self.make_invoices([partner_id], amount, post=False)
        return invoice_id, self.make_token(partner_id, provider_ref)

    def make_charged(self, provider_ref="tok_succeed", amount=100.0, charged=None):
        """Return a new invoice that was charged.

        :param float charged: The charged amount; all of it if not given.
        """
        invoice_id, token_id = self.make_case(provider_ref, amount)
        arguments = {} if charged is None else {"amount": charged}
        attempt_id = self.charge(invoice_id, token_id, **arguments)
        return self.get_charged(attempt_id, invoice_id)

    def get_charged(self, attempt_id, invoice_id):
        attempt = self.get_attempt(attempt_id)
        return Charged(
            invoice_id, attempt_id, attempt["payment_id"], attempt["reference"]
        )

    # === DOORS === #

    def expect_death(self, call, *arguments, **values):
        """Make a call during which the server dies, and start another one."""
        try:
            result = call(*arguments, **values)
        except ConnectionLost:
            self.wait_for_death()
        else:
            raise AssertionError(f"The server did not die, it answered {result}")

    @contextmanager
    def while_held(self, token, call, *arguments, **values):
        """Make a call, and do something while the gateway holds its request.

        :return: The call, as a future.
        """
        with ThreadPoolExecutor(1) as pool:
            future = pool.submit(call, *arguments, **values)
            self.gateway.wait_until_held(token)
            yield future

    def charge(self, invoice_id, token_id, client=None, **arguments):
        """Charge an invoice.

        :return: The id of the attempt.
        """
        result = (client or self.accountant).call(
            "account.move", "charge", [invoice_id], token_id=token_id, **arguments
        )
        return _get_id(result)

    def act(self, attempt_id, method, client=None, **arguments):
        """Call a door of an attempt: retry, resolve, capture, void.

        :return: The id of the attempt that came of it.
        """
        result = (client or self.accountant).call(
            "payment.transaction", method, [attempt_id], **arguments
        )
        return _get_id(result)

    def refund(self, payment_id, client=None, **arguments):
        """Refund a payment.

        The answer is the id of the refund or, while it is not booked, of the attempt:
        :meth:`get_refunds` tells its outcome.
        """
        result = (client or self.accountant).call(
            "account.payment",
            "refund",
            [payment_id],
            **{"reason": "Broken", **arguments},
        )
        return _get_id(result)

    def report_taken_back(self, payment_id, client=None, **arguments):
        """Report that money of a payment was taken back.

        :return: The id of the record.
        """
        result = (client or self.accountant).call(
            "account.payment", "report_taken_back", [payment_id], **arguments
        )
        return _get_id(result)

    def issue_credit_note(self, invoice_id, client=None, **arguments):
        """Issue a credit note.

        :return: Its id.
        """
        result = (client or self.accountant).call(
            "account.move",
            "issue_credit_note",
            [invoice_id],
            **{"reason": "Broken", **arguments},
        )
        return _get_id(result)

    def adjust_credit(self, partner_id, amount, client=None, **arguments):
        """Add to the credit balance of a customer, or deduct from it.

        :return: The id of the balance.
        """
        (client or self.accountant).call(
            "res.partner",
            "adjust_credit_balance",
            [partner_id],
            **{"amount": amount, "reason": "Goodwill", **arguments},
        )
        return self.get_credit_balance(partner_id)["id"]

    def get_spent(self, invoices, partner_id):
        """Return the rest of a balance, and the amount paid on the invoices."""
        [paid] = self.query(
            "SELECT sum(amount_total - amount_residual) AS paid FROM account_move "
            "WHERE id IN %s",
            tuple(invoices),
        )
        return self.get_credit_balance(partner_id)["amount"], paid["paid"]

    def pay_out(self, balance_id, client=None, **arguments):
        """Pay credit out to the customer.

        :return: The id of the payment or, while it is not booked, of the attempt.
        """
        result = (client or self.accountant).call(
            "account.credit.balance",
            "pay_out",
            [balance_id],
            **{"reason": "Left", **arguments},
        )
        return _get_id(result)

    def confirm(self, attempt_id, status="succeeded", **values):
        """Let the gateway tell the outcome of an attempt, and the schedule run."""
        reference = self.get_attempt(attempt_id)["reference"]
        answer = self.gateway.send_webhook(reference, status, **values)
        assert set(answer["answers"]) == {"200"}
        self.run_resolver()

    def run_resolver(self):
        """Run the scheduled action that resolves and settles."""
        self.run_cron(self.facts["resolver_cron_id"])

    def run_cron(self, cron_id):
        """Run a scheduled action until it has nothing left to do.

        Odoo gives it 10 seconds at a time, which are few on a busy machine. So it runs
        as long as it gets anything done.
        """
        least, idle = None, 0
        while idle < 20:
            self.forget_kills(cron_id)
            result = self.admin.call("ir.cron", "method_direct_trigger", [cron_id])
            if result is not True:
                raise AssertionError(f"The scheduled action failed: {result}")
            progress = self.query(
                "SELECT remaining FROM ir_cron_progress WHERE cron_id = %s"
                " ORDER BY id DESC LIMIT 1",
                cron_id,
            )
            remaining = sum(row["remaining"] for row in progress)
            if not remaining:
                return
            if least is None or remaining < least:
                least, idle = remaining, 0
            else:
                idle += 1
        raise AssertionError(f"The scheduled action leaves {remaining} undone.")

    def forget_kills(self, *cron_ids):
        """Let Odoo run jobs whose last three runs were cut off: it would skip one."""
        self.query(
            "UPDATE ir_cron_progress SET timed_out_counter = 0 WHERE cron_id = ANY(%s)",
            list(cron_ids),
        )

    # === BOOKS === #

    def get_attempts(self, invoice_id):
        """Return the attempts on an invoice, oldest first, as the database has them."""
        return self.query(
            """
            SELECT tx.* FROM payment_transaction AS tx
              JOIN account_invoice_transaction_rel AS link
                ON link.transaction_id = tx.id
             WHERE link.invoice_id = %s
          ORDER BY tx.id
            """,
            invoice_id,
        )

    def get_attempt(self, attempt_id):
        [row] = self.query(
            "SELECT * FROM payment_transaction WHERE id = %s", attempt_id
        )
        return row

    def get_only_attempt(self, invoice_id):
        [row] = self.get_attempts(invoice_id)
        return row

    def get_refunds(self, attempt_id):
        """Return the attempts to refund a charge, oldest first."""
        return self.query(
            "SELECT * FROM payment_transaction WHERE operation = 'refund' "
            "AND source_transaction_id = %s ORDER BY id",
            attempt_id,
        )

    def get_only_refund(self, attempt_id):
        [row] = self.get_refunds(attempt_id)
        return row

    def get_refundable(self, payment_id):
        """Return the amount of a payment that Odoo says can still be refunded."""
        [values] = self.accountant.read(
            "account.payment", [payment_id], ["amount_available_for_refund"]
        )
        return values["amount_available_for_refund"]

    def get_credit_notes(self, invoice_id):
        """Return the posted credit notes of an invoice, oldest first."""
        return self.query(
            "SELECT * FROM account_move WHERE reversed_entry_id = %s "
            "AND move_type = 'out_refund' AND state = 'posted' ORDER BY id",
            invoice_id,
        )

    def get_credit_balance(self, partner_id):
        """Return the credit balance of a customer, who has one only."""
        [row] = self.query(
            "SELECT * FROM account_credit_balance WHERE partner_id = %s", partner_id
        )
        return row

    def get_credit_history(self, partner_id):
        """Return the type and amount of the changes of the balance, oldest first."""
        rows = self.query(
            """
            SELECT entry.entry_type, entry.amount
              FROM account_credit_balance_entry AS entry
              JOIN account_credit_balance AS balance ON balance.id = entry.balance_id
             WHERE balance.partner_id = %s
          ORDER BY entry.id
            """,
            partner_id,
        )
        return [(row["entry_type"], float(row["amount"])) for row in rows]

    def tie_out_with_provider(self, provider_id, days=0):
        """Hold the provider's list of the last hours against the books.

        :param int days: How many days more.
        :return: The state of the check, and its findings.
        """
        now = datetime.now(UTC).replace(tzinfo=None, microsecond=0)
        period = {
            "date_from": str(now - timedelta(days=days, hours=6)),
            "date_to": str(now + timedelta(hours=2)),
        }
        [dialog_id] = self.accountant.call(
            "payment.gateway.check.start", "create", vals_list=[period]
        )
        self.accountant.call("payment.gateway.check.start", "action_begin", [dialog_id])
        self.run_gateway_checks()
        [check] = self.query(
            """
            SELECT * FROM payment_gateway_check
             WHERE provider_id = %s AND NOT COALESCE(is_nightly, false)
          ORDER BY id DESC LIMIT 1
            """,
            provider_id,
        )
        return check["state"], self.query(
            "SELECT * FROM payment_gateway_finding WHERE check_id = %s", check["id"]
        )

    def run_gateway_checks(self):
        """Run the scheduled action of the tie-out with the providers."""
        [cron] = self.query(
            "SELECT res_id FROM ir_model_data WHERE name = 'ir_cron_check_gateways'"
        )
        self.run_cron(cron["res_id"])

    def get_tie_out(self):
        """Return the findings of the tie-out of payments, as sentences."""
        return [
            f"{row['name']}: {row['label']}: {row['expected']} is expected, "
            f"{row['found']} found"
            for row in self.accountant.call("account.payment.tie.out", "check")
        ]

    def get_activities(self, model, record_id):
        """Return the activities of a record, also those that are done: not active."""
        return self.query(
            "SELECT summary, note, active FROM mail_activity WHERE res_model = %s "
            "AND res_id = %s ORDER BY id",
            model,
            record_id,
        )

    def get_invoice(self, invoice_id):
        [row] = self.query("SELECT * FROM account_move WHERE id = %s", invoice_id)
        return row


def _get_id(result):
    """Return the id in a door's result, as either protocol gives it."""
    if isinstance(result, list):
        [result] = result
    if isinstance(result, dict):
        result = result["id"]
    return result
