import logging
import re

import psycopg2

from odoo import api, fields, models
from odoo.exceptions import UserError

from ..attempts.gateway_answer import NotSentError
from .payment_decline_rule import DECLINE_CLASSES

_logger = logging.getLogger(__name__)

# The providers whose reasons are for the staff only, as they ask for.
# https://docs.adyen.com/development-resources/refusal-reasons/
STAFF_REASONS = ("adyen",)
# Words of banks, from gateways that tell no code: who pays may be a thief.
SECRET_WORDS = re.compile(r"\b(lost|stolen|pick[ -]?up|fraud\w*)\b", re.IGNORECASE)


class PaymentTransaction(models.Model):
    """Why an attempt was declined, and the consequences."""

    _inherit = "payment.transaction"

    decline_code = fields.Char(
        readonly=True, copy=False, help="The code of the gateway."
    )
    decline_network_code = fields.Char(
        string="Network Code",
        readonly=True,
        copy=False,
        help="The code of the card's network, by ISO 8583.",
    )
    decline_advice_code = fields.Char(
        string="Network Advice",
        readonly=True,
        copy=False,
        help="The advice of the card's network on trying again.",
    )
    decline_return_code = fields.Char(
        string="Reason of the Return",
        readonly=True,
        copy=False,
        help="The code with which the customer's bank sent the debit back later.",
    )
    decline_reason = fields.Char(
        readonly=True,
        copy=False,
        help="The gateway's own words. They may be for the staff only.",
    )
    decline_class = fields.Selection(
        selection=DECLINE_CLASSES,
        readonly=True,
        copy=False,
        index="btree_not_null",
        help="What the codes mean by the decline rules.",
    )
    decline_not_before = fields.Datetime(
        string="Not Before",
        readonly=True,
        copy=False,
        help="Before that time the same method is not to be charged again.",
    )

    # === CHECK METHODS === #

    @api.model
    def _check_method_not_refused(self, vals):
        """Check that the saved method of a new attempt may be charged at all.

        :param dict vals: The values of the attempt.
        :raise UserError: If the bank said that it must not be charged again.
        """
        # In superuser mode: customers cannot read attempts and methods.
        token_sudo = self.env["payment.token"].sudo().browse(vals["token_id"])
        if reason := token_sudo._get_refused_reason():
            raise UserError(
                self.env._(
                    "%(method)s cannot be charged. %(reason)s",
                    method=token_sudo._get_method_label(),
                    reason=reason,
                )
            )

    def _check_not_refused_meanwhile(self):
        """Check that no other attempt was told never to charge the method again.

        :raise NotSentError: If one was.
        """
        if self._get_request_kind() == "charge" and (
            reason := self.token_id._get_refused_reason()
        ):
            raise NotSentError(reason)

    # === BUSINESS METHODS === #

    def _keep_decline_facts(self, payment_data=None, error=None):
        """Keep why this attempt was declined, and stop charges that must not be.

        No answer of the gateway undoes that the attempt was declined.

        :param dict payment_data: The answer that said so, if it was one.
        :param Exception error: The error that said so, if it was one.
        """
        try:
            with self.env.cr.savepoint():
                details = self.provider_id._get_decline_details(
                    self, payment_data, error
                )
                self._write_decline_facts(details)
        except psycopg2.Error:
            raise
        except Exception:  # noqa: BLE001, pylint: disable=broad-except
            _logger.exception("No reason was found why %s was declined", self.reference)

    def _write_decline_facts(self, details):
        """Write why this attempt was declined.

        :param dict details: See `payment.provider._get_decline_details`.
        """
        facts = {
            "decline_code": details.get("code"),
            "decline_network_code": details.get("network_code"),
            "decline_advice_code": details.get("advice_code"),
            "decline_reason": details.get("reason"),
        }
        self.write({name: value and str(value) for name, value in facts.items()})
        reference = details.get("provider_reference")
        if reference and not self.provider_reference:
            self.provider_reference = reference
        if self.outcome == "declined":
            self._classify_decline()
        if self.decline_class == "never":
            self.state_message = self.env._(
                "The bank does not allow this payment method to be charged again."
            )
            if self._get_request_kind() == "charge" and self.token_id:
                self.token_id.refused_transaction_id = self
        elif self.decline_reason and (
            self.operation == "offline" or self.provider_code not in STAFF_REASONS
        ):
            self.state_message = self.decline_reason
        if self.operation != "offline" and SECRET_WORDS.search(
            self.state_message or ""
        ):
            self.state_message = self.env._("The bank declined this payment.")

    def _keep_return_code(self, code):
        """Keep why this debit came back, and stop charges that must not be.

        :param str code: The code of the bank; empty if the money is here after all.
        """
        self.ensure_one()
        if code == self.decline_return_code or not (code or self.decline_return_code):
            return
        self.decline_return_code = code
        self._classify_decline()
        token = self.token_id
        if self.decline_class == "never":
            token.refused_transaction_id = self
        elif token.refused_transaction_id == self:
            token.refused_transaction_id = False

    def _classify_decline(self):
        """Find the class of this decline, by the rules of now."""
        # In superuser mode: the rules are the staff's, and attempts also of others.
        rules_sudo = self.env["payment.decline.rule"].sudo()
        self.decline_class, wait = rules_sudo._classify(
            self.provider_code,
            self.payment_method_code,
            {
                "gateway": self.decline_code,
                "network": self.decline_network_code,
                "advice": self.decline_advice_code,
                "return": self.decline_return_code,
            },
        )
        self.decline_not_before = self.last_state_change + wait if wait else False

    # === GETTERS === #

    def _get_decline_codes(self):
        """Return the codes of this decline in one line, for the staff.

        :rtype: str
        """
        words = [
            self.decline_code,
            self.decline_network_code
            and self.env._("network %s", self.decline_network_code),
            self.decline_advice_code
            and self.env._("advice %s", self.decline_advice_code),
            self.decline_return_code
            and self.env._("returned %s", self.decline_return_code),
        ]
        return ", ".join(filter(None, words)) or self.env._("no code")
