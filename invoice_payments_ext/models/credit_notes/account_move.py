from odoo import models
from odoo.exceptions import UserError
from odoo.tools import float_compare

from ...tools import is_number, prepare_dialog
from ..bills.credit import DOCUMENT
from ..core.door import Door

ISSUE_CREDIT_NOTE = Door(
    "account.move.issue_credit_note",
    rights="_check_refund_rights",
    lock="_lock_to_credit",
    amount="_get_amount_to_credit",
    check="_check_credit_note",
    work="_carry_out_credit_note",
    complete="_complete_credit_note",
    approval="credit_note",
    optional=("notify",),
)


class AccountMove(models.Model):
    """The door that issues a credit note."""

    _inherit = "account.move"

    # === CHECK METHODS === #

    def _check_creditable(self):
        """Check that a credit note may be issued for this invoice.

        :raise UserError: If it is not a posted customer invoice, or is another
                          company's.
        """
        self.ensure_one()
        name = self.display_name
        if self.move_type == "out_refund":
            raise UserError(
                self.env._(
                    "%s is a credit note itself: credit its invoice instead.", name
                )
            )
        if self.move_type != "out_invoice":
            raise UserError(
                self.env._(
                    "%s is not a customer invoice: credit notes for an amount are "
                    "issued on customer invoices only.",
                    name,
                )
            )
        self._check_company_selected()
        if self.state == "draft":
            raise UserError(
                self.env._("%s is a draft: change it instead of crediting it.", name)
            )
        if self.state == "cancel":
            raise UserError(self.env._("%s is cancelled.", name))

    def _check_credit_note(
        self, amount, lines, reason, date, destinations, note, notify=None
    ):
        """Check a credit note, on a locked invoice; see :meth:`issue_credit_note`.

        :return: Its total, in the invoice's currency.
        :rtype: float
        """
        self.ensure_one()
        self._check_creditable()
        self.env["account.payment"]._check_reason(reason)
        date = self._get_credit_note_date(date)
        self._check_no_blocking_attempt()
        total = self._get_credit_total(amount, lines, date)
        excess = total - self._get_chargeable_amount()
        if reason := self._get_credit_in_flight_reason(excess):
            raise UserError(reason)
        self._plan_destinations(excess, total, destinations)
        return total

    def _get_credit_total(self, amount, lines, date):
        """Check the amounts to credit and return their total.

        :return: The amount in the invoice's currency, tax included.
        :rtype: float
        """
        creditable = self._get_creditable_amount(), self.currency_id
        label = self.env._("creditable amount")
        if not lines:
            if amount is None:
                if reason := self._get_all_in_flight_reason():
                    raise UserError(reason)
                raise UserError(
                    self.env._(
                        "Nothing remains to be paid on %s: give the amount to credit.",
                        self.display_name,
                    )
                )
            self._check_amount_offered("credit_note", amount, *creditable, label)
            return amount
        if amount is not None:
            raise UserError(self.env._("Give an amount or lines to credit, not both."))
        self._check_credit_lines(lines, date)
        credit = self._plan_credit(date, lines=lines)
        total = self._get_amount(sum(credit.taken[DOCUMENT].values()))
        self._check_amount_offered("credit_note", total, *creditable, label)
        return total

    def _get_credit_offered(self):
        """Return the creditable amount without the one that waits for approval.

        :return: The amount in the invoice's currency.
        :rtype: float
        """
        return self._get_amount_offered(
            "credit_note", self._get_creditable_amount(), self.currency_id
        )

    def _check_credit_lines(self, lines, date):
        """Check the lines to credit, each with an amount or a quantity."""
        if self.line_ids.filtered(lambda line: line.display_type == "epd"):
            raise UserError(
                self.env._(
                    "The tax of %s is reduced by an early-payment discount, which "
                    "belongs to no line: credit an amount instead of lines.",
                    self.display_name,
                )
            )
        credit = self._get_credit(date)
        seen = set()
        for values in lines:
            if set(values) not in ({"line_id", "amount"}, {"line_id", "quantity"}):
                raise UserError(
                    self.env._(
                        "A line to credit has a line_id and either an amount or a "
                        "quantity, not %(keys)s.",
                        keys=", ".join(map(str, values)),
                    )
                )
            line = self._get_creditable_lines().filtered(
                lambda line, values=values: line.id == values["line_id"]
            )
            if not line:
                raise UserError(
                    self.env._(
                        "%(name)s has no line %(line)s that can be credited.",
                        name=self.display_name,
                        line=values["line_id"],
                    )
                )
            if line in seen:
                raise UserError(self.env._("The line %s is given twice.", line.name))
            seen.add(line)
            if "amount" in values:
                self._check_credit_line_amount(line, values["amount"], credit)
            else:
                self._check_credit_line_quantity(line, values["quantity"], credit)

    def _check_credit_line_amount(self, line, amount, credit):
        """Check the amount to credit on a line; negative on a line that is."""
        left = self._get_amount(credit.get_line_total(line.id, credit.left[DOCUMENT]))
        is_negative = self.currency_id.compare_amounts(left, 0) < 0
        self._check_amount(
            -amount if is_negative and is_number(amount) else amount,
            self.currency_id,
            abs(left),
            self.env._("creditable amount of the line %s", line.name),
        )

    def _check_credit_line_quantity(self, line, quantity, credit):
        """Check the quantity to credit on a line."""
        digits = self.env["decimal.precision"].precision_get("Product Unit")
        # Below half of the last decimal it is none, and credits 0.00.
        if (
            not is_number(quantity)
            or float_compare(quantity, 0, precision_digits=digits) <= 0
        ):
            raise UserError(
                self.env._(
                    "The quantity to credit must be a number above zero, not "
                    "%(value)r.",
                    value=quantity,
                )
            )
        if float_compare(quantity, round(quantity, digits), precision_digits=9):
            raise UserError(
                self.env._(
                    "The quantity %(quantity)s has more than %(digits)s decimals.",
                    quantity=quantity,
                    digits=digits,
                )
            )
        left = credit.get_quantity_left(line)
        if float_compare(quantity, left, precision_digits=digits) > 0:
            raise UserError(
                self.env._(
                    "The quantity %(quantity)s is above the quantity that is left to "
                    "credit of the line %(line)s, %(left)s.",
                    quantity=quantity,
                    line=line.name,
                    left=round(left, digits),
                )
            )

    # === ACTION METHODS === #

    def action_create_credit_note(self):
        """Return the dialog that issues a credit note for a part of this invoice.

        :rtype: dict
        """
        self.ensure_one()
        return prepare_dialog(
            "account.credit.note.create",
            self.env._("Credit note for %s", self.name),
            move_id=self.id,
        )

    # === BUSINESS METHODS - DOORS === #

    def issue_credit_note(
        self,
        amount=None,
        lines=None,
        reason=None,
        date=None,
        destinations=None,
        note=None,
        idempotency_key=None,
        notify=False,
    ):
        """Issue a credit note for a part of this invoice: an amount, or lines.

        The tax is reduced in proportion, to the smallest unit. The amount that remains
        to be paid is reduced first. The rest was paid, and goes where the destinations
        say. Refunds to the original method go through the gateway, in the same steps as
        a charge: then it commits, and must not be called in the middle of other work.
        The credit note stands, with any outcome of them.

        :param float amount: The amount, tax included, in the invoice's currency; the
                             amount that remains to be paid if not given.
        :param list[dict] lines: Instead of an amount: the lines, each with a `line_id`
                                 and either an `amount`, tax included, or a `quantity`.
        :param str reason: Why. Required; printed on the credit note.
        :param date|str date: The date of the credit note, from that of the invoice to
                              today; today if not given.
        :param list[dict] destinations: The destinations of the amount that was paid
            already, each with `to` and `amount`, in the invoice's currency. `original`:
            through the gateway, of the payment `payment_id` or of the newest ones.
            `outside`: by cash, cheque or transfer, with `journal_id`, `date` and
            `reference`. `refund`: it was given back before, by the refund `payment_id`.
            `credit`: it is kept on the customer's credit balance, where the amount that
            was paid from there goes automatically.
        :param str note: An internal note, which is not printed.
        :param str idempotency_key: See :meth:`charge`.
        :param bool notify: Whether the credit note is mailed to the customer, by Odoo's
                            own template for it. The mail of a refund to the original
                            method brings it already.
        :return: The posted credit note; a request where a second person is needed.
        :rtype: account.move or account.payment.approval
        :raise UserError: If the invoice or the amount cannot be credited, the
                          destinations do not add up, or a value does not fit.
        :raise AccessError: If the user has no right to issue credit notes.
        """
        return self._pass(
            ISSUE_CREDIT_NOTE,
            idempotency_key,
            amount=amount,
            lines=lines,
            reason=reason,
            date=date,
            destinations=destinations,
            note=note,
            notify=notify,
        )

    # === BUSINESS METHODS - STEPS === #

    def _carry_out_credit_note(
        self, amount, lines, reason, date, destinations, note, notify=None
    ):
        """Issue a credit note that was checked, on a locked invoice.

        Refunds through a gateway are only prepared; see :meth:`_complete_credit_note`.
        """
        self.ensure_one()
        chargeable = self._get_chargeable_amount()
        credit_note = self._create_credit_note(
            amount=amount,
            lines=lines,
            reason=reason,
            date=date,
            note=note,
            reconcile=False,
        )
        total = credit_note.amount_total
        planned = self._plan_destinations(total - chargeable, total, destinations)
        kinds = self._get_destination_kinds()
        given_back = sum(destination.amount for destination in planned)
        # First what the invoice still asks for: an amount that goes back in another
        # currency takes a cent more or less, of which nobody could pay the invoice.
        self._reconcile_part(
            self._get_open_receivable_lines(),
            credit_note._get_open_receivable_lines(),
            total - given_back,
        )
        for destination in planned:
            carry_out = getattr(self, kinds[destination.kind].carry_out)
            carry_out(credit_note, destination, reason.strip())
        self._match_tax_never_due()
        self._notify_payments_changed()
        if notify and not any(each.kind == "original" for each in planned):
            credit_note._send_by_odoo()
        return credit_note

    def _send_by_odoo(self):
        """Let Odoo's schedule mail this document, with the template of its kind."""
        self.ensure_one()
        if not self.partner_id.email:
            return
        self.sudo().sending_data = {
            "author_user_id": self.env.user.id,
            "author_partner_id": self.env.user.partner_id.id,
            "sending_methods": ["email"],
        }
        self.env.ref("account.ir_cron_account_move_send").sudo()._trigger()

    def _complete_credit_note(self, credit_note):
        """Run the refunds that were prepared with a credit note, and return it."""
        # In superuser mode: providers and the work on attempts are not the staff's.
        attempts_sudo = (
            self.env["payment.transaction"]
            .sudo()
            .search([("refund_credit_note_id", "in", credit_note.ids)], order="id")
        )
        for attempt_sudo in attempts_sudo:
            attempt_sudo._run_attempt()
        return credit_note.with_env(self.env)
