import json

from odoo import api, fields, models
from odoo.exceptions import UserError

from ...tools import is_text

# A longer text does not fit into the index.
MAX_KEY = 255


class AccountIdempotencyKey(models.Model):
    """The arguments and the result of a request with an idempotency key.

    Odoo replays a whole request on a serialization failure, browsers resend forms and
    API clients retry after a time-out. The key makes all of these one request: it is
    unique in the database and written in the same database transaction as the result.
    It is the caller's own: another user, or a request for another company, may use the
    same text.
    """

    _name = "account.idempotency.key"
    _description = "Idempotency Key"
    _rec_name = "key"

    key = fields.Char(required=True, readonly=True)
    user_id = fields.Many2one(
        string="By",
        comodel_name="res.users",
        required=True,
        readonly=True,
        ondelete="cascade",
        help="The person who asked.",
    )
    company_id = fields.Many2one(
        comodel_name="res.company",
        required=True,
        readonly=True,
        ondelete="cascade",
        help="The company that it was asked for.",
    )
    door = fields.Char(required=True, readonly=True, help="The method that was called.")
    arguments = fields.Json(readonly=True)
    res_model = fields.Char(readonly=True)
    res_ids = fields.Json(readonly=True)

    _key_uniq = models.Constraint(
        "unique(key, user_id, company_id)",
        "A request with this idempotency key is being processed already.",
    )

    @api.model
    def _find_result(self, key, company, door, arguments):
        """Return the records that an earlier request of this user led to.

        :param str key: The key; `None`, `False` or empty for a request without one.
        :param res.company company: The company that the request is for.
        :param str door: The name of the method that was called.
        :param dict arguments: The arguments of the request, as JSON can hold them.
        :return: The records of that request, or None when the key is new.
        :rtype: recordset or None
        :raise UserError: If the key was used with other values, or is not a text.
        """
        if key is None or key is False or key == "":
            return None
        if not is_text(key) or len(key) > MAX_KEY:
            raise UserError(
                self.env._(
                    "An idempotency key must be a text of at most %s characters.",
                    MAX_KEY,
                )
            )
        known = self.sudo().search(self._get_key_domain(key, company), limit=1)
        if not known:
            return None
        if known.door != door or known.arguments != json.loads(json.dumps(arguments)):
            raise UserError(
                self.env._(
                    "The idempotency key %(key)s was used already with other values. "
                    "Use a new key for a new request.",
                    key=key,
                )
            )
        return self.env[known.res_model].browse(known.res_ids)

    @api.model
    def _get_known_result(self, key, company):
        """Return the records of an earlier request of this user, of any values.

        :param str key: The key, which only the caller's own code makes.
        :param res.company company: The company that the request was for.
        :return: None when the key is new.
        :rtype: recordset or None
        """
        known = self.sudo().search(self._get_key_domain(key, company), limit=1)
        return self.env[known.res_model].browse(known.res_ids) if known else None

    def _get_key_domain(self, key, company):
        """Return the domain of the request of this user with a key."""
        return [
            ("key", "=", key),
            ("user_id", "=", self.env.uid),
            ("company_id", "=", company.id),
        ]

    @api.model
    def _remember(self, key, company, door, arguments, records):
        """Store the result of the request with this key; see :meth:`_find_result`."""
        if key:
            self.sudo().create(
                {
                    "key": key,
                    "user_id": self.env.uid,
                    "company_id": company.id,
                    "door": door,
                    "arguments": arguments,
                    "res_model": records._name,
                    "res_ids": records.ids,
                }
            )
