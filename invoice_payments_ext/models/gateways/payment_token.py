from odoo import fields, models


class PaymentToken(models.Model):
    """Saved methods that must not be charged again."""

    _inherit = "payment.token"

    refused_transaction_id = fields.Many2one(
        string="Never Again Since",
        comodel_name="payment.transaction",
        readonly=True,
        copy=False,
        index="btree_not_null",
        help="The attempt with which the bank said that this method must not be "
        "charged again. The customer saves it again, or another one.",
    )

    def _get_refused_reason(self):
        """Say it of methods whose bank said so with an attempt.

        The code is for the staff: it may say that a card was reported as stolen.
        """
        reason = super()._get_refused_reason()
        attempt = self.refused_transaction_id
        if reason or not attempt:
            return reason
        if not self.env.user._is_internal():
            return self.env._(
                "The bank does not allow it to be charged again. Save it again, or "
                "another payment method."
            )
        return self.env._(
            "The bank said with %(reference)s (%(codes)s) that it must not be charged "
            "again. The customer has to save it again, or another payment method.",
            reference=attempt.reference,
            codes=attempt._get_decline_codes(),
        )

    def _release_after_correction(self):
        """Release the methods whose decline is of another class by the rules of now."""
        for token in self.search([("refused_transaction_id", "!=", False)]):
            attempt = token.refused_transaction_id
            attempt._classify_decline()
            if attempt.decline_class != "never":
                token.refused_transaction_id = False
