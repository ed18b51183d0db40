from collections import defaultdict

from odoo import api, models

from ...tools import OURS


class AccountCreditBalanceEntry(models.Model):
    """The history of credit, made from the books that an earlier installation left."""

    _inherit = "account.credit.balance.entry"

    @api.model
    def _rebuild_history(self, company):
        """Enter the posted items of the credit account that the history does not have.

        The items say who holds how much. The rest of the history is lost: the
        words for the customer are those of the entry, not the staff's.

        :param res.company company: The company whose credit account it is.
        """
        lines = self.env["account.move.line"].sudo()
        lines = lines.search(
            [
                ("account_id", "=", company.credit_balance_account_id.id),
                ("company_id", "child_of", company.id),
                ("parent_state", "=", "posted"),
                # The tie-out names those of nobody.
                ("partner_id", "!=", False),
            ],
            order="create_date, id",
        )
        known = self._get_latest(lines)
        lines = lines.filtered(lambda line: line not in known)
        contacts = {
            line: (line.partner_id.id, line.company_id.id, line.currency_id.id)
            for line in lines
        }
        balances = self.env["account.credit.balance"]
        owners = balances._get_owners(contacts.values())
        locked = balances._lock_or_create(owners.values())
        by_balance = defaultdict(list)
        for line, contact in contacts.items():
            by_balance[locked[owners[contact]]].append(line)
        vals_list = []
        for balance, items in by_balance.items():
            currency, amount_after = balance.currency_id, balance.amount
            entries = []
            for line in items:
                amount_after = currency.round(amount_after - line.amount_currency)
                entries.append(
                    {
                        **self._prepare_rebuilt_vals(line),
                        "balance_id": balance.id,
                        "amount": -line.amount_currency,
                        "balance_after": amount_after,
                    }
                )
            # Below zero, something else was booked there: the tie-out names its items.
            if currency.compare_amounts(amount_after, 0) >= 0:
                balance.with_context(posting_credit=OURS).amount = amount_after
                vals_list += entries
        self.sudo().with_context(posting_credit=OURS).create(vals_list)

    @api.model
    def _prepare_rebuilt_vals(self, line):
        """Return the values that a journal item gives after its history was lost.

        :rtype: dict
        """
        move = line.move_id
        payment = move.origin_payment_id
        invoice = self._get_invoice(move)
        label = payment.name or move.name
        if invoice and payment.payment_type == "inbound":
            label = self._get_label(line, invoice)
        return self._write_down_label(
            {
                "entry_type": self._get_entry_type(move),
                "date": line.date,
                "move_line_id": line.id,
                "invoice_id": invoice.id,
                # The memo of a payment and the text of an item may be for the staff.
                "label": label,
                "note": self.env._("Entered again when Invoice Payments was installed"),
                "user_id": line.create_uid.id or self.env.uid,
                "made_at": line.create_date,
            }
        )
