"""The answer of a gateway to one request, collected while a provider's code runs."""

import sys

from odoo.exceptions import UserError


class GatewayAnswer:
    """The facts that a gateway told, in their order, or a refusal and its message.

    While it stands in the context, the provider's code only adds to it: payment data
    that it processes, states that it sets, and fields that it writes. They are applied
    in a step of their own, which can be replayed without asking the gateway again.

    :ivar list facts: `["data", provider code, payment data]` or `["state", state,
                      message, allowed states]`. All of it can be stored as JSON.
    :ivar dict values: The fields of the transaction that the code wrote.
    :ivar int exchanges: The number of requests that the gateway answered.
    """

    def __init__(self, transaction, facts=(), is_probe=False):
        self.transaction = transaction
        self.facts = list(facts)
        self.values = {}
        self.exchanges = 0
        self.refusal = None
        self.message = ""
        self.error = None  # The one that was raised while sending.
        # A probe only tries an answer: nothing is written at all.
        self.is_probe = is_probe
        # The caller may be handling an error that has nothing to do with the request.
        self.earlier_error = sys.exc_info()[1]

    def add_data(self, provider_code, payment_data):
        """Collect payment data that the provider's code processes."""
        self.facts.append(["data", provider_code, payment_data])

    def add_state(self, state, message, allowed_states):
        """Collect a state that the provider's code sets."""
        self.facts.append(["state", state, str(message or ""), list(allowed_states)])

    def get_state(self):
        """Return the last state that was set, and its message; None if none was.

        :rtype: tuple[str, str]
        """
        states = [fact for fact in self.facts if fact[0] == "state"]
        return tuple(states[-1][1:3]) if states else (None, "")

    def is_acknowledged(self):
        """Tell if the gateway only took the request, and gave it an id of its own.

        :rtype: bool
        """
        return bool(
            self.exchanges
            and not self.facts
            and not self.refusal
            and self.values.get("provider_reference")
        )

    def get_new_error(self):
        """Return the error that is being handled now, if it is of this request.

        :rtype: Exception
        """
        error = sys.exc_info()[1]
        is_new = isinstance(error, Exception) and error is not self.earlier_error
        return error if is_new else None


class AnswerNotAppliedError(Exception):
    """A request that a provider's code sent while it applied an answer failed.

    It says nothing about the money: the answer is kept, and applied again.
    """


class AnswerContradictedError(Exception):
    """A payment that a provider's code read while it applied an answer contradicts it.

    :param str message: The sentence of Odoo.
    :param float named: The amount that the gateway named.
    """

    def __init__(self, message, named):
        super().__init__(message)
        self.message = message
        self.named = named


class NotSentError(UserError):
    """A request was refused here, before it was sent: nothing was carried out."""
