from odoo import fields, models
from odoo.exceptions import AccessError, UserError

from ...tools import prepare_dialog


class PaymentGatewayMovement(models.Model):
    """A charge or refund as the provider lists it, held against the books once."""

    _name = "payment.gateway.movement"
    _description = "Movement at a Provider"
    _order = "date, id"
    _rec_name = "reference"

    check_id = fields.Many2one(
        comodel_name="payment.gateway.check",
        required=True,
        ondelete="cascade",
        index=True,
    )
    company_id = fields.Many2one(related="check_id.company_id", store=True)
    kind = fields.Selection(
        selection=[("payment", "Payment or refund"), ("taken_back", "Taken back")],
        required=True,
        default="payment",
    )
    reference = fields.Char(string="Provider's Id", required=True)
    own_reference = fields.Char(string="Our Reference")
    payment_reference = fields.Char(
        string="Payment's Id",
        help="Of a capture with an id of its own: that of the payment.",
    )
    date = fields.Datetime()
    day = fields.Date(
        help="As the provider counts days, else in the time zone of the company."
    )
    is_open = fields.Boolean(help="Money may be captured yet.")
    currency_id = fields.Many2one(comodel_name="res.currency", required=True)
    amount = fields.Monetary(help="Below zero for a refund and for money taken back.")
    booked = fields.Monetary(string="In the books")
    state = fields.Char(help="In the words of the provider.")

    _once_per_check = models.UniqueIndex(
        "(check_id, reference)", "The movement is listed already."
    )

    # === BUSINESS METHODS === #

    def _hold_against(self, row, kind, transaction_id):
        """Keep the books' amount of these movements, and return the difference.

        They are one record of the books: a payment, or captures of it.

        :param dict row: The record of the books, with its `amount` and `currency_id`;
                         None if they know none.
        :param str kind: The kind of the difference, if there is one.
        :param int transaction_id: The attempt that it is about.
        :return: The values of a finding; None if both agree.
        :rtype: dict or None
        """
        amount = row["amount"] if row else 0.0
        currency = self.currency_id
        currency.ensure_one()
        moved = sum(self.mapped("amount"))
        first = self[0]
        if not row or row["currency_id"] == currency.id:
            first.booked = amount
            if not currency.compare_amounts(moved, amount):
                return None
        return {
            "kind": kind,
            "reference": first.reference,
            "transaction_id": transaction_id,
            "date": first.date,
            "currency_id": currency.id,
            "moved": moved,
            "booked": amount,
            "state": self[-1].state,
        }


class PaymentGatewayFinding(models.Model):
    """A difference between the movement at a provider and the books."""

    _name = "payment.gateway.finding"
    _description = "Difference to a Provider"
    _order = "date, id"
    _rec_name = "reference"

    kind = fields.Selection(
        selection=[
            ("missing_here", "Missing in the books"),
            ("missing_there", "Missing at the provider"),
            ("amount", "Another amount"),
            ("state", "Another state"),
            ("taken_back", "Taken back, not in the books"),
        ],
        required=True,
    )
    check_id = fields.Many2one(
        comodel_name="payment.gateway.check",
        required=True,
        ondelete="cascade",
        index=True,
    )
    company_id = fields.Many2one(related="check_id.company_id", store=True)
    reference = fields.Char(string="Provider's Id")
    transaction_id = fields.Many2one(
        string="Attempt",
        comodel_name="payment.transaction",
        ondelete="set null",
        index="btree_not_null",
    )
    date = fields.Datetime()
    currency_id = fields.Many2one(comodel_name="res.currency")
    moved = fields.Monetary(string="At the provider")
    booked = fields.Monetary(string="In the books")
    state = fields.Char(string="Provider's State")
    acceptance_id = fields.Many2one(
        string="Accepted",
        comodel_name="account.payment.tie.out.acceptance",
        readonly=True,
        help="Who accepted this difference, when and why. It does not count.",
    )
    accepted_reason = fields.Text(related="acceptance_id.reason")

    # === BUSINESS METHODS === #

    def accept(self, reason):
        """Accept these differences: they count no more, nor in the checks to come.

        A difference counts again when an amount or the kind changes. Each acceptance
        is kept, with the person, the time and the reason. Does not commit.

        :param str reason: Why this may stay as it is.
        :return: The acceptances, one for each difference.
        :rtype: account.payment.tie.out.acceptance
        :raise AccessError: If the user is not an accounting administrator, or may not
                            read these.
        :raise UserError: If there is no reason, or nothing to accept.
        """
        if not (
            self.env.su or self.env.user.has_group("account.group_account_manager")
        ):
            raise AccessError(
                self.env._("Only accounting administrators may accept differences.")
            )
        self.check_access("read")
        payments = self.env["account.payment"]
        payments._check_reason(reason := payments._read_argument("reason", reason))
        open_ones = self.filtered(lambda finding: not finding.acceptance_id)
        if not open_ones:
            raise UserError(self.env._("These differences are accepted already."))
        kinds = dict(self._fields["kind"]._description_selection(self.env))
        acceptances = self.env["account.payment.tie.out.acceptance"].sudo()
        created = acceptances.create(
            [
                {
                    "invariant": f"provider_{finding.kind}",
                    "label": kinds[finding.kind],
                    "name": finding.reference,
                    "res_model": "payment.provider",
                    # In superuser mode: providers are readable by administrators only.
                    "res_id": finding.check_id.sudo().provider_id.id,
                    "company_id": finding.company_id.id,
                    "expected": finding.moved,
                    "found": finding.booked,
                    "reason": reason.strip(),
                }
                for finding in open_ones
            ]
        )
        # The acceptances are new: those of other checks are found when they run.
        for check in open_ones.check_id.sudo():
            check._apply_acceptances()
        return created.sudo(self.env.su)

    def _is_accepted_by(self, acceptance):
        """Tell if somebody accepted this difference: its kind, its id and its amounts.

        :param account.payment.tie.out.acceptance acceptance: One of the provider.
        :rtype: bool
        """
        compare = self.currency_id.compare_amounts
        return (
            acceptance.invariant == f"provider_{self.kind}"
            and acceptance.name == self.reference
            and not compare(acceptance.expected, self.moved)
            and not compare(acceptance.found, self.booked)
        )

    # === ACTION METHODS === #

    def action_accept(self):
        """Return the dialog that asks for the reason.

        :rtype: dict
        """
        return prepare_dialog(
            "payment.gateway.finding.accept",
            self.env._("Accept the difference"),
            finding_ids=self.ids,
        )

    def action_open_attempt(self):
        """Return the form of the attempt, where a person puts it right.

        :rtype: dict
        """
        self.ensure_one()
        return self.transaction_id.action_open_transaction()
