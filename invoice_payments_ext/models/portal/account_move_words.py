from odoo import models


class AccountMove(models.Model):
    """The words for the rows of the Payments section of the portal."""

    _inherit = "account.move"

    # === WORDS === #

    def _get_portal_title(self, row):
        """Return the customer's word for a row.

        :rtype: str
        """
        if self.move_type == "out_refund" and row["kind"] in (
            "attempt",
            "external",
            "bank",
        ):
            return self.env._("Paid back to you")
        return {
            "attempt": self.env._("Payment"),
            "external": self.env._("Payment"),
            "bank": self.env._("Payment"),
            "credit": self.env._("Kept as your credit")
            if self.move_type == "out_refund"
            else self.env._("Credit applied"),
            "credit_note": self.env._("Credit note"),
            "write_off": self.env._("Amount waived"),
            "invoice": self.env._("Invoice"),
            "entry": self.env._("Adjustment"),
        }[row["kind"]]

    def _get_portal_method(self, row):
        """Return how the money came or went, in words for the customer.

        :rtype: str
        """
        if row["kind"] == "attempt":
            # Whoever has only the link learns nothing of a saved method.
            is_own = self.env.user._is_internal() or self._filter_of_customer(
                self.env.user.partner_id
            )
            return row["method"] if is_own else row["method"].partition(" ••••")[0]
        if row["kind"] == "credit":
            return self.env._("Your credit")
        if row["kind"] == "bank":
            return self.env._("Bank transfer")
        if row["kind"] != "external":
            return ""
        kind = row.get("external_kind")
        if kind and kind != "other":
            return self._get_external_kind_label(kind)
        if row["own_method_name"]:
            return row["own_method_name"]
        return {
            "cash": self.env._("Cash"),
            "credit": self.env._("Card"),
        }.get(row["journal_type"]) or self.env._("Bank payment")

    def _get_portal_reference(self, row):
        """Return the number by which the customer knows a row, if there is one.

        :rtype: str
        """
        is_known = row["kind"] in ("attempt", "external", "credit_note", "invoice")
        return row["reference"] if is_known else ""

    def _get_portal_state_messages(self, row, state, may_pay):
        """Say the meaning of a row's state for the customer, and the next step.

        :rtype: list[str]
        """
        if row["finish_url"] and row["state"] != "pending":
            return [
                self.env._(
                    "It was not paid: your bank asks you to confirm this payment."
                )
            ]
        if row["finish_url"]:
            return [self.env._("If you did not finish it at the provider, do so now.")]
        if state == "processing":
            return [
                self.env._(
                    "This payment is being processed. There is nothing for you to do."
                )
            ]
        if state == "awaiting_transfer":
            return [
                self.env._(
                    "We are waiting for your bank transfer. Give %s as its reference.",
                    # The one that Odoo's own page names.
                    self.payment_reference or row["reference"],
                )
            ]
        if state != "declined":
            return []
        messages = [
            self.env._("This payment did not go through.")
            if row["state"] == "rejected"
            else self.env._("Nothing was charged.")
        ]
        if may_pay:
            messages.append(
                self.env._(
                    "Please pay again with another payment method, or ask your bank."
                )
                if row["state"] == "declined"
                else self.env._("Please pay again.")
            )
        return messages

    def _get_portal_amount_messages(self, row, state, currency):
        """Explain where another amount than that of the row counts here.

        :rtype: list[str]
        """
        if state != "succeeded" or currency != self.currency_id:
            return []
        left = row["amount"] - row["amount_refunded"]
        discount = row["amount_discount"]
        more = row["amount_applied"] - left
        values = {
            "applied": currency.format(row["amount_applied"]),
            "amount": currency.format(row["amount"]),
            "more": currency.format(more),
            "discount": currency.format(discount),
        }
        if discount and not currency.compare_amounts(more, discount):
            return [
                self.env._(
                    "It includes an early-payment discount of %(discount)s.", **values
                )
            ]
        if currency.compare_amounts(more, 0) > 0:
            return [self.env._("It includes a reduction of %(more)s.", **values)]
        messages = []
        if currency.compare_amounts(more, 0) < 0:
            messages.append(
                self.env._("%(applied)s of %(amount)s are deducted here.", **values)
            )
        if discount:
            messages.append(
                self.env._(
                    "The whole payment has an early-payment discount of %(discount)s.",
                    **values,
                )
            )
        return messages
