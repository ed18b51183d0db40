import os
from datetime import datetime, timedelta
from urllib.parse import urljoin

from odoo import fields, models
from odoo.exceptions import ValidationError

from odoo.addons.payment import utils as payment_utils

from ..fault_points import pass_point
from ..patience import set_patience

DEFAULT_PAYMENT_METHOD_CODES = {"card", "visa", "mastercard"}


class PaymentProvider(models.Model):
    _inherit = "payment.provider"

    code = fields.Selection(
        selection_add=[("test_gateway", "Test Gateway")],
        ondelete={"test_gateway": "set default"},
    )
    test_gateway_url = fields.Char(
        string="Gateway Address",
        help="Empty: the system parameter payment_test_gateway.url.",
    )

    # === COMPUTE METHODS === #

    def _compute_feature_support_fields(self):
        """Override of `payment` to enable additional features."""
        result = super()._compute_feature_support_fields()
        self.filtered(lambda p: p.code == "test_gateway").update(
            {
                "support_manual_capture": "partial",
                "support_refund": "partial",
                "support_tokenization": True,
            }
        )
        return result

    def _get_decline_details(self, transaction, payment_data=None, error=None):
        """Override of `invoice_payments_ext` to read the code of an answer."""
        details = super()._get_decline_details(transaction, payment_data, error)
        if self.code == "test_gateway" and (payment_data or {}).get("code"):
            details = {**details, "code": payment_data["code"]}
        return details

    # === CRUD METHODS === #

    def _get_default_payment_method_codes(self):
        """Override of `payment` to return the default payment method codes."""
        self.ensure_one()
        if self.code != "test_gateway":
            return super()._get_default_payment_method_codes()
        return DEFAULT_PAYMENT_METHOD_CODES

    # === REQUEST HELPERS === #

    def _build_request_url(self, endpoint, **kwargs):
        """Override of `payment` to build the request URL."""
        if self.code != "test_gateway":
            return super()._build_request_url(endpoint, **kwargs)
        set_patience(self.env, "payment_test_gateway.timeout")
        # In superuser mode: system parameters are readable by administrators only.
        parameters_sudo = self.env["ir.config_parameter"].sudo()
        address = self.test_gateway_url or parameters_sudo.get_param(
            "payment_test_gateway.url", "http://127.0.0.1:9"
        )
        return urljoin(f"{address.rstrip('/')}/v1/", endpoint)

    def _build_request_headers(
        self, method, endpoint, payload, idempotency_key=None, **kwargs
    ):
        """Override of `payment` to send the idempotency key."""
        if self.code != "test_gateway":
            return super()._build_request_headers(
                method, endpoint, payload, idempotency_key=idempotency_key, **kwargs
            )
        return {"Idempotency-Key": idempotency_key} if idempotency_key else {}

    def _parse_response_error(self, response):
        """Override of `payment` to extract the message of a refusal."""
        if self.code != "test_gateway":
            return super()._parse_response_error(response)
        return response.json().get("error", {}).get("message", "")

    # === OUTCOME OF A REQUEST === #

    def _fetch_outcome(self, transaction):
        """Ask the gateway for the outcome of a request, by its reference.

        Part of `invoice_payments_ext`, which this addon does not depend on.

        :param payment.transaction transaction: The one whose outcome is unknown.
        :return: The payment data, {} if the gateway never received the request, None if
                 it cannot tell.
        :rtype: dict or None
        """
        if self.code != "test_gateway":
            fetch_outcome = getattr(super(), "_fetch_outcome", None)
            return fetch_outcome(transaction) if fetch_outcome else None
        try:
            answer = self._send_api_request(
                "GET",
                "charges",
                params={"reference": transaction.reference},
                reference=transaction.reference,
            )
        except ValidationError:
            return None
        operations = answer["data"]
        if not operations:
            return {}
        # More than one would be a request that was sent twice: a person must look.
        if len(operations) > 1 or operations[0]["status"] == "processing":
            return None
        return operations[0]

    def _get_arrival_delay(self):
        """Override of `invoice_payments_ext`, if there: requests arrive at once.

        The tests that let one come late say how late.
        """
        if self.code != "test_gateway":
            return super()._get_arrival_delay()
        return timedelta(seconds=float(os.environ.get("IPX_ARRIVAL_DELAY", "0")))

    def _list_movements(self, since, until, cursor=None):
        """Override of `invoice_payments_ext`, if there, to list all operations."""
        if self.code != "test_gateway":
            return super()._list_movements(since, until, cursor)
        cr = self.env.cr
        pass_point(cr, "during-list")
        cr.precommit.add(lambda: pass_point(cr, "before-page"))
        cr.postcommit.add(lambda: pass_point(cr, "after-page"))
        answer = self._send_api_request(
            "GET",
            "operations",
            params={"since": since.timestamp(), **(cursor or {})},
        )
        rows = answer["data"]
        following = {"after": rows[-1]["id"]} if answer["has_more"] else None
        return [
            self._prepare_movement(row)
            for row in rows
            if row["status"] not in ("processing", "pending")
            and row["created"] <= until.timestamp()
        ], following

    def _prepare_movement(self, row):
        """Return an operation of the gateway as a movement."""
        currency = self.env["res.currency"].search([("name", "=", row["currency"])])
        moved = row["amount"] if row["status"] == "succeeded" else 0
        amount = payment_utils.to_major_currency_units(moved, currency)
        return {
            "reference": row["id"],
            "own_reference": row["reference"],
            "amount": -amount if row["object"] == "refund" else amount,
            "currency": row["currency"],
            "state": row["status"],
            "date": datetime.fromtimestamp(int(row["created"])),
        }
