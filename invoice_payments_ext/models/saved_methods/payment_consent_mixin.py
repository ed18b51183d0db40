from hashlib import sha256

from odoo import api, fields, models
from odoo.exceptions import UserError

from ...tools import OURS

CONSENT_FIELDS = ("consent_text", "consent_date", "consent_user_id")


def prepare_consent(text):
    """Return a text to agree to, with the version by which a form names it.

    The version tells the text that was shown from a later one; it proves nothing.

    :param str text: The text in the language of the reader.
    :return: The `text` and its `version`.
    :rtype: dict
    """
    return {"text": text, "version": sha256(text.encode()).hexdigest()}


def find_consent(records, method, version):
    """Return the text that a form showed: always one of ours.

    The page may have another language than the request that it sends.

    :param recordset records: The records whose text it is.
    :param str method: Their method that returns the text; see `prepare_consent`.
    :param str version: The version that the form showed; none if it showed none.
    :return: An empty text if it is another one by now.
    :rtype: str
    """
    languages = dict(records.env["res.lang"].get_installed())
    for language in (records.env.lang, *languages) if version else ():
        consent = getattr(records.with_context(lang=language), method)()
        if consent["version"] == version:
            return consent["text"]
    return ""


class PaymentConsentMixin(models.AbstractModel):
    """The consent of a customer who saved a payment method, as evidence."""

    _name = "payment.consent.mixin"
    _description = "Consent to Charges"

    consent_text = fields.Text(
        string="Agreed To",
        readonly=True,
        copy=False,
        help="The text that the customer agreed to when the payment method was saved, "
        "as it was shown.",
    )
    consent_date = fields.Datetime(string="Agreed On", readonly=True, copy=False)
    consent_user_id = fields.Many2one(
        string="Agreed By",
        comodel_name="res.users",
        readonly=True,
        copy=False,
        help="The user who was logged in. The public user means a visitor who used a "
        "payment link.",
    )

    # === CHECK METHODS === #

    def _check_consent_kept_by_us(self, vals_list):
        """Check that nobody makes up or changes a consent.

        :raise UserError: If consent is given in another way than by its own form.
        """
        if any(set(CONSENT_FIELDS) & vals.keys() for vals in vals_list):
            raise UserError(
                self.env._(
                    "The consent of a customer is kept when a payment method is saved. "
                    "It cannot be entered or changed."
                )
            )

    # === CRUD METHODS === #

    @api.model_create_multi
    def create(self, vals_list):
        self._check_consent_kept_by_us(vals_list)
        # Given, so that none comes from the context's defaults.
        none = dict.fromkeys(CONSENT_FIELDS, False)
        return super().create([{**vals, **none} for vals in vals_list])

    def write(self, vals):
        if self.env.context.get("keeps_consent") is not OURS:
            self._check_consent_kept_by_us([vals])
        return super().write(vals)

    # === BUSINESS METHODS === #

    def _keep_consent(self, text, date=None, user=None):
        """Keep the text that a customer agreed to.

        :param str text: The text as it was shown.
        :param datetime.datetime date: When; now if not given.
        :param res.users user: Who; the present user if not given.
        """
        self.with_context(keeps_consent=OURS).write(
            {
                "consent_text": text,
                "consent_date": date or fields.Datetime.now(),
                "consent_user_id": (user or self.env.user).id,
            }
        )
