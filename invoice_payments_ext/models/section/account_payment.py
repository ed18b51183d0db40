from odoo import api, fields, models
from odoo.fields import Domain

from ..states import PAYMENT_STATES, POSTED_STATES, STATE_BY_PAYMENT


class AccountPayment(models.Model):
    """The state of a payment in the words of the Payments section.

    Odoo's own states stay as they are, with their labels.
    """

    _inherit = "account.payment"

    section_state = fields.Selection(
        selection="_get_section_states",
        string="Outcome",
        compute="_compute_section_state",
        search="_search_section_state",
        help="What became of the money, in the words of the Payments section of the "
        "invoice.",
    )

    # === COMPUTE METHODS === #

    @api.depends("state", "mistake_reason", "is_taken_back")
    def _compute_section_state(self):
        for payment in self:
            if payment.mistake_reason:
                state = "mistaken"
            elif payment.is_taken_back and payment.state in POSTED_STATES:
                state = "lost"
            else:
                state = STATE_BY_PAYMENT.get(payment.state, False)
            payment.section_state = state

    # === SEARCH METHODS === #

    @api.model
    def _search_section_state(self, operator, value):
        if operator != "in":
            return NotImplemented
        mistaken = Domain("mistake_reason", "!=", False)
        lost = Domain("is_taken_back", "=", True) & Domain("state", "in", POSTED_STATES)
        wanted = [name for name, state in STATE_BY_PAYMENT.items() if state in value]
        domain = Domain("state", "in", wanted) & ~mistaken & ~lost
        if "mistaken" in value:
            domain |= mistaken
        if "lost" in value:
            domain |= lost & ~mistaken
        if False in value:
            domain |= Domain("state", "not in", list(STATE_BY_PAYMENT)) & ~mistaken
        return domain

    # === GETTERS === #

    @api.model
    def _get_section_states(self):
        """Return the states that a payment can have, with the words of the section.

        :rtype: list[tuple[str, str]]
        """
        labels = self.env["account.move"]._get_state_labels()
        return [(name, labels[name]) for name in PAYMENT_STATES]
