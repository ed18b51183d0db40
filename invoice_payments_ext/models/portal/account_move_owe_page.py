from odoo import api, models


class AccountMove(models.Model):
    """The page *What you owe* of a member."""

    _inherit = "account.move"

    # === BUSINESS METHODS === #

    @api.model
    def _prepare_owe_rows(self, owed):
        """Return the rows of the page: an instalment each, the first due first.

        :param dict owed: The debts to one company in one currency; see
                          :meth:`_get_owed`.
        :return: For each its `line_id`, `invoice`, `label`, `due`, `amount` to be paid
                 now, what is `in_flight` beside it, the `discount` that is taken off
                 already, `is_overdue`, or `is_processing` where all of it is,
                 `is_chosen` (all that is due is, at first), the day for which it is
                 `promised`, whether the invoice `holds_credit_back`, and `reason` why
                 it cannot be chosen, with a `pay_alone` where the invoice is paid on
                 its own page.
        :rtype: list[dict]
        """
        account = self.browse()._get_receivable_account()
        rows = []
        reasons = {}
        held_back = owed["invoices"].filtered(lambda move: move._is_credit_held_back())
        for invoice in owed["invoices"]:
            account = account or invoice.sudo()._get_receivable_account()
            reasons[invoice.id] = invoice._get_owe_reason(account)
        promises = owed["invoices"]._get_open_promises()
        for owed_line in owed["lines"]:
            invoice = owed_line.line.move_id.with_env(self.env)
            reason, pay_alone = reasons[invoice.id]
            is_open = not invoice.currency_id.is_zero(owed_line.amount)
            if not reason and not is_open:
                reason = self.env._("Being processed")
            is_part = owed_line.count > 1
            rows.append(
                {
                    "line_id": owed_line.line.id,
                    "invoice": invoice,
                    "label": self.env._(
                        "Instalment %(number)s of %(count)s",
                        number=owed_line.number,
                        count=owed_line.count,
                    )
                    if is_part
                    else "",
                    "due": owed_line.line.date_maturity,
                    "amount": owed_line.settling,
                    "in_flight": owed_line.in_flight,
                    "discount": owed_line.discount,
                    "is_overdue": owed_line.is_overdue and is_open,
                    "is_processing": not is_open,
                    "promised": promises[invoice].date if invoice in promises else None,
                    "is_chosen": owed_line.is_due and not reason,
                    "holds_credit_back": invoice in held_back,
                    "reason": reason,
                    "pay_alone": pay_alone,
                }
            )
        return rows

    def _get_owe_reason(self, account):
        """Say why this invoice is not paid together with others; empty if it is.

        :param account.account account: The account of the others, in superuser mode.
        :return: The reason, and whether it can be paid on its own page.
        :rtype: tuple[str, bool]
        """
        self.ensure_one()
        invoice_sudo = self.sudo()
        if not invoice_sudo._has_to_be_paid():
            if invoice_sudo._is_being_paid():
                return self.env._("Being processed"), False
            return self.env._("Not to be paid online"), False
        if invoice_sudo._get_receivable_account() != account:
            return self.env._("Paid on its own"), True
        return "", False
