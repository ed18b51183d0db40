import hashlib
import math
from contextlib import suppress
from datetime import timedelta
from ipaddress import ip_address, ip_network

from odoo import api, fields, models
from odoo.http import request
from odoo.tools import SQL, hmac

from ...tools import TooManyAttemptsError
from ..attempts.payment_transaction import ONLINE_OPERATIONS

# How long an attempt counts, and how long the address that it came from is kept.
PACE_PERIOD = timedelta(hours=24)


class PaymentTransaction(models.Model):
    """The pace of attempts from outside: who tries one card after another is slowed.

    The attempts themselves are counted, so that no counter can be lost: those of the
    last day that brought nothing, by invoice, saved method, person and address.
    """

    _inherit = "payment.transaction"

    portal_address = fields.Char(
        readonly=True,
        copy=False,
        index="btree_not_null",
        groups="base.group_system",
        help="A fingerprint of the address from which it was started, for a day.",
    )

    _started_online_idx = models.Index(
        "(create_date) WHERE operation IN ('online_direct', 'online_redirect', "
        "'online_token', 'validation')"
    )

    # === CHECK METHODS === #

    @api.model
    def _prepare_paced_vals(self, vals):
        """Check that the next attempt from outside may be started now.

        :param dict vals: The values of the attempt.
        :return: The values to be added.
        :rtype: dict
        :raise TooManyAttemptsError: If too many came to nothing; with the time to wait.
        """
        provider_sudo = self.env["payment.provider"].sudo().browse(vals["provider_id"])
        company_sudo = provider_sudo.company_id
        address = self._get_hashed_address()
        counted = self._get_counted_conditions(vals, address)
        seconds = 0
        for kind, (count, last) in self._count_attempts(counted).items():
            free = company_sudo[
                "portal_address_attempts" if kind == "address" else "portal_attempts"
            ]
            if not free or count < free:
                continue
            doubled = 2 ** min(count - free, 20)
            wait = timedelta(minutes=company_sudo.portal_attempt_wait) * doubled
            wait = min(wait, PACE_PERIOD)
            # Another request may have stored its attempt after this one began.
            left = min(last + wait - self.env.cr.now(), wait)
            seconds = max(seconds, math.ceil(left.total_seconds()))
        if seconds > 0:
            raise TooManyAttemptsError(
                self.env._(
                    "Too many payments were tried that did not succeed. Try again in "
                    "%(minutes)s min, or contact us.",
                    minutes=math.ceil(seconds / 60),
                ),
                seconds,
            )
        return {"portal_address": address}

    # === BUSINESS METHODS === #

    @api.autovacuum
    def _gc_portal_addresses(self):
        """Forget from where attempts came that do not count any more."""
        old = self.search(
            [
                ("portal_address", "!=", False),
                ("create_date", "<", fields.Datetime.now() - PACE_PERIOD),
            ],
            limit=1000,
        )
        old.portal_address = False
        return len(old), len(old) == 1000

    @api.model
    def _get_hashed_address(self):
        """Return a fingerprint of the visitor's address; none without a request.

        Whoever has an IPv6 address has all of its network.

        :rtype: str or bool
        """
        address = request and request.httprequest.remote_addr
        if not address:
            return False
        with suppress(ValueError):  # A proxy may tell something else.
            if ip_address(address).version == 6:
                address = ip_network((address, 64), strict=False)
        return hmac(
            self.env(su=True), "invoice_payments_ext.portal_address", str(address)
        )

    @api.model
    def _get_counted_conditions(self, vals, address):
        """Return which attempts count towards the pace of a new one.

        Those of people with a link never slow the customer's own people, who would be
        locked out by them.

        :return: For each kind, its identity, and the condition.
        :rtype: dict[str, tuple[str, odoo.tools.SQL]]
        """
        user = self.env.user
        public_id = self.env.ref("base.public_user").id
        own_side = SQL("create_uid = %s", public_id)
        conditions = {}
        if user.id != public_id:
            conditions["person"] = (f"u{user.id}", SQL("create_uid = %s", user.id))
            own_side = SQL(
                """create_uid != %s AND partner_id IN (
                       SELECT id FROM res_partner WHERE commercial_partner_id = %s
                   )""",
                public_id,
                user.partner_id.commercial_partner_id.id,
            )
        if address:
            conditions["address"] = (address, SQL("portal_address = %s", address))
        if token_id := vals.get("token_id"):
            conditions["token"] = (f"t{token_id}", SQL("token_id = %s", token_id))
        invoices = self.new({"invoice_ids": vals.get("invoice_ids", [])}).invoice_ids
        if invoice_ids := tuple(invoices._origin.ids):
            conditions["invoice"] = (
                f"i{invoice_ids}",
                SQL(
                    """%s AND id IN (
                           SELECT transaction_id FROM account_invoice_transaction_rel
                            WHERE invoice_id IN %s
                       )""",
                    own_side,
                    invoice_ids,
                ),
            )
        return conditions

    @api.model
    def _count_attempts(self, conditions):
        """Count the attempts of the last day that brought nothing.

        Requests with the same card, person or address count one after the other, each
        on the attempts that the one before has stored: in a database transaction of its
        own, because this one does not see attempts that were stored after it began.

        :param dict conditions: See :meth:`_get_counted_conditions`.
        :return: For each kind how many there are, and when the last one was started.
        :rtype: dict[str, tuple[int, datetime.datetime]]
        """
        locks = [
            int.from_bytes(hashlib.sha256(identity.encode()).digest()[:8], signed=True)
            for identity, _condition in conditions.values()
        ]
        self.env.execute_query(
            SQL(
                "SELECT pg_advisory_xact_lock(lock) FROM unnest(%s) lock",
                sorted(locks),
            )
        )
        columns = SQL(", ").join(
            SQL("count(*) FILTER (WHERE %s), max(create_date) FILTER (WHERE %s)", *both)
            for both in ((condition,) * 2 for _id, condition in conditions.values())
        )
        with self.env.registry.cursor() as cursor:
            cursor.execute(
                SQL(
                    """
                    SELECT %s FROM payment_transaction
                     WHERE create_date > %s AND operation IN %s
                       AND state IN ('draft', 'error', 'cancel')
                       AND source_transaction_id IS NULL
                    """,
                    columns,
                    fields.Datetime.now() - PACE_PERIOD,
                    ONLINE_OPERATIONS,
                )
            )
            row = cursor.fetchone()
        return {
            kind: (row[2 * index], row[2 * index + 1])
            for index, kind in enumerate(conditions)
        }
