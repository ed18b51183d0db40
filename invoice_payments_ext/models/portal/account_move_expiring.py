from dateutil.relativedelta import relativedelta

from odoo import fields, models

# A method that expires later than this is replaced in good time by its own mails.
LOOKED_AHEAD = relativedelta(months=3)
# Where no day of a charge is known yet, because the next invoice is still to come.
SOON = relativedelta(days=30)


class AccountMove(models.Model):
    """The saved methods that expire before they are charged for these invoices."""

    _inherit = "account.move"

    # === BUSINESS METHODS === #

    def _get_expiring_methods(self, company):
        """Return the saved methods that expire before the next automatic charge.

        Called in superuser mode, as the visitor. Only methods that the visitor sees
        anyway are named: own ones, and those of the own company.

        :param res.company company: The company that charges.
        :return: For each method the `token`, its last day (`expires_on`), whether that
                 is over (`is_expired`), and the next day on which it would be charged
                 (`charged_on`), none if that is not known yet.
        :rtype: list[dict]
        """
        today = company._get_own_today()
        partner = self.env.user.partner_id
        owners = partner | partner.commercial_partner_id
        tokens = self.env["payment.token"].search(
            [
                ("partner_id", "in", owners.ids),
                ("expires_on", "<", today + LOOKED_AHEAD),
            ],
            order="expires_on, id",
        )
        if not tokens:
            return []
        days = self._get_days_of_charges(tokens, company)
        found = []
        for token in tokens:
            charged_on = days.get(token)
            if token not in days or (charged_on or today + SOON) <= token.expires_on:
                continue
            found.append(
                {
                    "token": token,
                    "expires_on": token.expires_on,
                    "is_expired": token.expires_on < today,
                    "charged_on": charged_on,
                }
            )
        return found

    def _get_days_of_charges(self, tokens, company):
        """Return when some methods are charged next for these invoices.

        :param payment.token tokens: The methods that are asked for.
        :param res.company company: The company that charges.
        :return: The day for each method that is charged automatically; none where that
                 is sure, but no day is known.
        :rtype: dict[payment.token, datetime.date or None]
        """
        partner = self.env.user.partner_id
        contacts = self.partner_id | partner | partner.commercial_partner_id
        charged = contacts._get_tokens_for_charges(company)
        permissions = self.env["account.auto.pay"]._get_permissions(contacts, company)
        days = {}
        for contact in contacts:
            if permissions[contact.commercial_partner_id].is_on:
                days[charged[contact]] = None
        zone = company._get_own_zone().key
        dated = [
            (promise.token_id, promise.date)
            for promise in self.payment_promise_id
            if promise.state == "open"
        ]
        for row in self._get_collections(self):
            token = charged[row.move_id.partner_id]
            moment = token in tokens and row._get_next_charge(token)
            if moment:
                local = fields.Datetime.context_timestamp(
                    self.with_context(tz=zone), moment
                )
                dated.append((token, local.date()))
        for token, day in dated:
            days[token] = min(filter(None, (days.get(token), day)))
        return days
