"""A door as data: the steps that each request passes, in one declaration."""

from dataclasses import dataclass

# The key of a record among the arguments of an idempotency key, and the field with
# it in a request for approval.
SUBJECTS = {
    "account.charge.run": "run_id",
    "account.charge.run.line": "line_id",
    "account.credit.balance": "balance_id",
    "account.move": "move_id",
    "account.move.line": "line_id",
    "account.payment": "payment_id",
    "account.payment.approval": "approval_id",
    "account.payment.promise": "promise_id",
    "account.payment.reversal": "reversal_id",
    "payment.transaction": "transaction_id",
    "res.partner": "partner_id",
}
# All doors, by their name.
DOORS = {}


@dataclass(frozen=True)
class Door:
    """A public method that moves money or credit, and the steps of a request for it.

    Each step is the name of a method of the door's model. All but the rights get the
    arguments of the request, which were read by the table `ARGUMENTS`.

    :param str name: The model and the method: `account.payment.refund`.
    :param str rights: Checks that the user may ask for it.
    :param str lock: Locks the records until the end of the database transaction; not
                     given where nothing of them decides.
    :param str check: Checks the request on locked records. Returns the amount that
                      counts towards the approval limit, where the door has one.
    :param str work: Carries it out, and returns the records that it led to.
    :param str amount: Returns the amount of a request that gives none.
    :param str adapt: Returns the arguments that follow from the record: the key
                      remembers them.
    :param str complete: Runs the work's attempts, given the result of the work, and may
                         commit. A request that is repeated is completed again.
    :param str approval: The kind of request for approval that it may become.
    :param bool is_batch: Whether one request may be about several records.
    :param tuple optional: Arguments that a key remembers only where they are given.
    """

    name: str
    rights: str
    check: str
    work: str
    lock: str | None = None
    amount: str | None = None
    adapt: str | None = None
    complete: str | None = None
    approval: str | None = None
    is_batch: bool = False
    optional: tuple = ()

    def __post_init__(self):
        DOORS[self.name] = self

    @property
    def model(self):
        """Return the name of the model that has this door."""
        return self.name.rpartition(".")[0]

    def get_key_arguments(self, records, arguments):
        """Return the request that an idempotency key remembers, as JSON can hold it.

        :param recordset records: The subject of the request.
        :param dict arguments: The arguments of the request.
        :rtype: dict
        """
        subject = SUBJECTS[self.model]
        asked = {f"{subject}s": records.ids} if self.is_batch else {subject: records.id}
        for name, value in arguments.items():
            if value or name not in self.optional:
                asked[name] = value
        return asked


def get_door_of(approval):
    """Return the door of a kind of request for approval.

    :rtype: Door
    """
    return next(door for door in DOORS.values() if door.approval == approval)
