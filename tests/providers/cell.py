"""One cell of the table: a scenario with one provider."""

from lib.waiting import wait_until

UNRESOLVED = ("sent", "unknown", "pending")


class Cell:
    """A customer with an invoice and a saved method, and the fake API behind it."""

    def __init__(self, shop, api):
        self.shop = shop
        self.api = api
        self.mark = shop.referee.mark(api)
        self.first_told = len(api.sent)
        self.manual = False
        self.invoice_ids = []
        self.invoice_id = self.token_id = self.attempt_id = None  # The last ones.

    # === ACTIONS === #

    def capture_manually(self):
        """Let charges only authorize, until the cell ends."""
        self.manual = True
        self.shop.write_provider(self.api.code, capture_manually=True)

    def close(self):
        if self.manual:
            self.shop.write_provider(self.api.code, capture_manually=False)

    def charge(self, **values):
        """Charge a new invoice over 100.

        :return: The attempt, as the database has it.
        """
        self.invoice_id, self.token_id = self.shop.take_case(self.api)
        self.invoice_ids.append(self.invoice_id)
        self.attempt_id = self.shop.charge(self.invoice_id, self.token_id, **values)
        return self.attempt

    def charge_and_keep_webhooks(self):
        """Charge a new invoice over 100.

        :return: The provider's webhooks about it, which are still on their way.
        """
        self.charge()
        return list(self.api.build_webhooks(self.operation))

    def authorize(self):
        """Let a new invoice be authorized, with the right to capture it later."""
        self.capture_manually()
        self.charge()
        self.expect("authorized")

    def capture(self, **arguments):
        """Capture the authorization, and let the capture succeed."""
        self.act("capture", **arguments)
        if self.is_later("capture"):
            self.expect("pending", self.children[-1])
            self.learn(self.get_last("capture"))
        self.expect("succeeded", self.children[-1])

    def retry(self):
        self.attempt_id = self.shop.act(self.attempt_id, "retry")
        self.expect("succeeded")

    def resolve(self, charged, attempt=None, **arguments):
        """Let a person say what became of an attempt, that of the charge by default."""
        attempt_id = attempt["id"] if attempt else self.attempt_id
        self.shop.act(
            attempt_id,
            "resolve",
            charged=charged,
            reason="The provider's pages say so",
            **arguments,
        )

    def refund_and_expect(self, amount):
        """Refund, and let the refund succeed.

        :return: The attempt to refund.
        """
        refund = self.refund(amount)
        if self.is_later("refund"):
            self.expect("pending", refund)
            self.learn(self.get_last("refund"))
        self.expect("succeeded", refund)
        assert self.get_last("refund").amount == amount * self.api.minor_units
        return refund

    def act(self, method, **arguments):
        """Call a door of the attempt, such as capture or void."""
        self.shop.act(self.attempt_id, method, **arguments)

    def refund(self, amount, **arguments):
        """Refund the payment of the attempt.

        :return: The attempt to refund, as the database has it.
        """
        before = {row["id"] for row in self.refunds}
        self.shop.refund(self.payment_id, amount=amount, **arguments)
        [refund] = [row for row in self.refunds if row["id"] not in before]
        return refund

    # === RECORDS === #

    @property
    def attempt(self):
        return self.shop.get_attempt(self.attempt_id)

    @property
    def children(self):
        """The captures and voids of the attempt, oldest first."""
        return self.shop.query(
            "SELECT * FROM payment_transaction WHERE source_transaction_id = %s "
            "AND operation != 'refund' ORDER BY id",
            self.attempt_id,
        )

    @property
    def payment_id(self):
        """The payment that a charge or its capture was booked as."""
        rows = [self.attempt, *self.children]
        [payment_id] = [row["payment_id"] for row in rows if row["payment_id"]]
        return payment_id

    @property
    def refunds(self):
        """The attempts to refund a charge and its captures, oldest first."""
        sources = (self.attempt_id, *(row["id"] for row in self.children))
        return self.shop.query(
            "SELECT * FROM payment_transaction WHERE operation = 'refund' "
            "AND source_transaction_id IN %s ORDER BY id",
            sources,
        )

    @property
    def unresolved(self):
        """The attempts of the cell whose outcome is not known."""
        return [row for row in self.rows if row["outcome"] in UNRESOLVED]

    @property
    def rows(self):
        """The attempt with its captures, voids and refunds; none if it was refused."""
        if not self.attempt_id:
            return []
        return [self.attempt, *self.children, *self.refunds]

    @property
    def operation(self):
        """The charge at the provider."""
        [operation] = self.get_operations("charge")
        return operation

    def get_operations(self, kind):
        """Return the operations of the cell at the provider, oldest first."""
        return [
            row
            for key, row in self.api.operations.items()
            if row.kind == kind and key not in self.mark["operations"]
        ]

    def wait_for_operation(self, kind):
        """Wait until the provider has carried a late request out."""
        wait_until(lambda: self.get_operations(kind), f"a {kind} at the provider")

    def get_last(self, kind):
        return self.get_operations(kind)[-1]

    # === LATER MESSAGES OF THE PROVIDER === #

    def learn(self, operation, status="succeeded"):
        """Let an operation get its status, and the shop hear of it as it can.

        The provider tells, or it is asked. Where it can do neither, a person resolves.
        """
        if operation.status != status:
            self.api.settle(operation, status)
        self.tell(operation)
        for row in self.unresolved:
            self.resolve(status == "succeeded", row)

    def tell(self, operation, times=1):
        """Send the webhooks of an operation; each must be accepted."""
        self.send(list(self.api.build_webhooks(operation)) * times)

    def send(self, webhooks):
        """Send webhooks, which may be old ones; each must be accepted."""
        answers = [self.api.send(webhook) for webhook in webhooks]
        assert set(answers) <= {200}, f"the webhooks were answered with {answers}"
        self.run_resolver()

    def tell_if_offered(self, operation):
        """Send the webhooks of an operation, and then all of the cell again."""
        if "webhooks" not in self.api.not_offered:
            self.tell(operation)
            self.tell_all_again()

    def tell_all_again(self):
        """Send every webhook of the cell again, and once more in reversed order.

        Neither costs an entry, an outcome or a word to anybody.
        """
        self.expect_agreement()
        told = self.api.sent[self.first_told :]
        assert told, "the provider told nothing"
        before = self.shop.referee.read_all(self.mark)
        for webhooks in (told, told[::-1]):
            self.send(webhooks)
            after = self.shop.referee.read_all(self.mark)
            assert after == before, f"after {len(webhooks)} webhooks that came again"

    def run_resolver(self):
        """Run the scheduled action, if the cell has left something for it."""
        is_due = any(
            row["outcome"] in UNRESOLVED or not row["is_post_processed"]
            for row in self.rows
        )
        if is_due:
            self.shop.run_resolver()

    def is_later(self, kind):
        """Tell whether the answer to a request says no more than: received."""
        return kind in self.api.answers_later

    # === EXPECTATIONS === #

    def expect(self, outcome, attempt=None):
        """Check the outcome of an attempt, that of the charge if none is given."""
        row = self.shop.get_attempt((attempt or self.attempt)["id"])
        assert row["outcome"] == outcome, (
            f"{row['reference']} is {row['outcome']} and not {outcome}: "
            f"{row['state_message']}"
        )
        return row

    def expect_one_of(self, *outcomes):
        """Check that the attempt has one of some outcomes."""
        row = self.attempt
        assert row["outcome"] in outcomes, (
            f"{row['reference']} is {row['outcome']}: {row['state_message']}"
        )

    def expect_reason(self, reason):
        """Check the reason that people read: the provider's words, and no machine's."""
        message = self.attempt["state_message"] or ""
        assert "Expecting value" not in message, message
        if reason:
            assert reason in message, f"the reason is: {message}"

    def expect_told(self, kind):
        """Check which mail the customer gets of the attempt, none if empty."""
        found = self.attempt["customer_mail"] or ""
        assert found == kind, f"the customer's mail is {found or 'none'}, not {kind}"

    def expect_paid(self, amount):
        """Check the paid amount of the invoice."""
        invoice = self.shop.get_invoice(self.invoice_id)
        paid = invoice["amount_total"] - invoice["amount_residual"]
        assert paid == amount, f"{paid} of the invoice are paid, not {amount}"

    def expect_moved(self, kind, *amounts):
        """Check the amounts that the provider moved, in major units."""
        moved = [
            row.amount / self.api.minor_units
            for row in self.get_operations(kind)
            if row.status == "succeeded"
        ]
        assert moved == list(amounts), f"the provider moved {moved}, not {amounts}"

    def expect_reversals(self, *expected):
        """Check the records of money taken back: their states and amounts, in order."""
        rows = self.shop.query(
            """
            SELECT reversal.state, reversal.amount, reversal.fee_amount
              FROM account_payment_reversal AS reversal
              JOIN account_payment AS payment ON payment.id = reversal.payment_id
             WHERE payment.payment_transaction_id IN %s ORDER BY reversal.id
            """,
            (self.attempt_id, *(row["id"] for row in self.children)),
        )
        found = [(row["state"], row["amount"]) for row in rows]
        assert found == list(expected), f"{found} was taken back, not {expected}"
        fee = self.api.dispute_fee / self.api.minor_units
        assert {row["fee_amount"] or 0 for row in rows} <= {fee}

    def expect_agreement(self):
        """Check that record, transactions, payments, ledger and tie-out agree."""
        self.run_resolver()
        differences = self.shop.referee.compare(self.api, self.mark, self.invoice_ids)
        assert not differences, "\n".join(differences)
        left = self.api.clear_wishes()
        assert not left, f"these wishes of the test were not met: {left}"
