from markupsafe import Markup

from odoo import api, models
from odoo.exceptions import AccessError, LockError, UserError

from ...tools import OURS
from ..states import IN_FLIGHT_OUTCOMES


class PaymentToken(models.Model):
    """The saved method that is charged, and the effects of removing one."""

    _inherit = "payment.token"

    # === CHECK METHODS === #

    def _check_own(self):
        """Check that the user may choose and remove these methods, as Odoo's page does.

        :raise AccessError: If one is neither the user's own nor the commercial
                            partner's; the same if there is none.
        """
        owners = self._get_own_partners()
        # In superuser mode: members cannot read the methods of their company.
        tokens_sudo = self.sudo().exists()
        is_there = self and len(tokens_sudo) == len(self)
        if not is_there or tokens_sudo.partner_id - owners:
            raise AccessError(
                self.env._("You do not have access to this payment method.")
            )

    def _check_no_charge_in_flight(self):
        """Check that no attempt to charge these methods may still bring money.

        :raise UserError: Naming the attempt.
        """
        try:
            # Waits for no attempt that is being prepared, and lets none in.
            self.lock_for_update()
        except LockError as error:
            raise UserError(
                self.env._(
                    "A payment by this method is being started right now. Try again "
                    "in a moment."
                )
            ) from error
        if attempt := self._get_attempts_in_flight(limit=1):
            raise UserError(
                self.env._(
                    "%(method)s cannot be removed yet: a payment of %(amount)s by it "
                    "(%(reference)s) is being processed. Try again when its outcome "
                    "is known.",
                    method=attempt.token_id._get_method_label(),
                    amount=attempt.currency_id.format(attempt.amount),
                    reference=attempt.reference,
                )
            )

    # === CRUD METHODS === #

    def unlink(self):
        self.sudo()._leave_charges()
        return super().unlink()

    def _handle_archiving(self):
        """Keep methods in use, and tell the staff about removed ones.

        Who switches off a provider is not kept from it: attempts in flight end anyhow.

        :raise UserError: If an attempt by one of these methods is in flight.
        """
        if self.env.context.get("tokens_switched_off") is not OURS:
            self._check_no_charge_in_flight()
        self._leave_charges()
        return super()._handle_archiving()

    # === BUSINESS METHODS - DOORS === #

    def use_for_charges(self):
        """Let the invoices of the member who is logged in be charged to this method.

        A method of the member's company is taken for the company's invoices too; one of
        the member's own cannot be charged for them. The staff see it on the contact.

        :raise UserError: If the present company cannot charge it.
        :raise AccessError: If it is neither the member's own nor the company's.
        """
        self._check_own()
        self.ensure_one()
        # In superuser mode: it was checked that the member may choose this method.
        token_sudo = self.sudo()
        if reason := token_sudo._get_company_unusable_reason(self.env.company):
            raise UserError(
                self.env._(
                    "%(method)s cannot be used for charges. %(reason)s",
                    method=token_sudo._get_method_label(),
                    reason=reason,
                )
            )
        contacts_sudo = token_sudo._get_contacts_to_serve().filtered(
            lambda contact: contact.default_payment_token_id != token_sudo
        )
        if not contacts_sudo:
            return
        # It is told in words.
        told_sudo = contacts_sudo.with_context(tracking_disable=True)
        told_sudo.default_payment_token_id = token_sudo
        body = self.env._(
            "%(method)s was chosen in the portal: %(company)s charges it from now on.",
            method=token_sudo._get_method_label(),
            company=self.env.company.name,
        )
        contacts_sudo._message_log_batch(dict.fromkeys(contacts_sudo.ids, body))

    def get_linked_records_info(self):
        """Name the records that depend on this method, before it is removed.

        :raise AccessError: If the user may neither remove nor read the method.
        """
        info = super().get_linked_records_info()
        states = ["posted"]
        if self.env.su or self.env.user.has_group("account.group_account_invoice"):
            self.check_access("read")
            states.append("draft")  # Which are for nobody else's eyes.
        else:
            self._check_own()
        # In superuser mode, after the check: members cannot read the staff's records.
        token_sudo = self.sudo()
        return [
            *info,
            *token_sudo._prepare_charges_info(),
            *token_sudo._prepare_attempts_info(),
            *token_sudo._prepare_invoices_info(states),
        ]

    # === BUSINESS METHODS - CHARGES THAT DEPEND ON A METHOD === #

    def _get_attempts_in_flight(self, limit=None):
        """Return the attempts to charge these methods that may still bring money.

        :rtype: payment.transaction
        """
        return self.env["payment.transaction"].search(
            [
                ("token_id", "in", self.ids),
                ("outcome", "in", IN_FLIGHT_OUTCOMES),
                ("operation", "not in", ("validation", "refund")),
            ],
            limit=limit,
        )

    def _get_charged_contacts(self):
        """Return the contacts whose invoices are charged to these methods.

        Those are the contacts that have one of them as default, and its owner if it is
        charged because it is the newest.

        :return: The contacts for each company that charges, in its environment.
        :rtype: dict[res.company, res.partner]
        """
        companies = self.env["res.company"].search(
            [("id", "child_of", self.company_id.ids)]
        )
        partners = self.env["res.partner"].with_context(active_test=False)
        charged = {}
        for company in companies:
            contacts = partners.with_company(company)
            chosen = contacts.search(
                [
                    (
                        "commercial_partner_id",
                        "in",
                        self.partner_id.commercial_partner_id.ids,
                    ),
                    ("default_payment_token_id", "in", self.ids),
                ]
            )
            tokens = self.filtered(lambda token, own=company: token.company_id == own)
            owners = tokens.partner_id.with_env(contacts.env)
            by_newest = owners._get_tokens_for_charges(company)
            charged[company] = chosen | owners.filtered(
                lambda owner, by_newest=by_newest: by_newest[owner] in self
            )
        return charged

    def _leave_charges(self):
        """Take these methods, which are about to go, off the defaults for charges.

        The staff see on the contact which method was removed, and its successor.
        """
        notes = {}
        for company, contacts in self._get_charged_contacts().items():
            before = contacts._get_tokens_for_charges(company)
            after = contacts._get_tokens_for_charges(company, removed=self)
            for contact in contacts:
                default = contact.default_payment_token_id
                removed = default if default in self else before[contact]
                notes.setdefault(contact, []).append(
                    self.env._(
                        "%(method)s, which %(company)s charged for this contact, was "
                        "removed. %(instead)s",
                        method=removed._get_method_label(),
                        company=company.name,
                        instead=self._describe_replacement(after[contact]),
                    )
                )
            contacts.with_context(tracking_disable=True).filtered(
                lambda contact: contact.default_payment_token_id in self
            ).default_payment_token_id = False
        for token in self:
            if token.partner_id not in notes:
                method = token._get_method_label()
                notes.setdefault(token.partner_id, []).append(
                    self.env._("%s was removed.", method)
                )
        contacts = self.env["res.partner"].union(*notes)
        contacts._message_log_batch(
            {
                contact.id: Markup("<br/>").join(lines)
                for contact, lines in notes.items()
            }
        )

    def _describe_replacement(self, token):
        """Name the method that is charged instead of a removed one."""
        if token:
            return self.env._(
                "%(method)s is charged instead.", method=token._get_method_label()
            )
        return self.env._("No saved method is left: nothing can be charged any more.")

    def _describe_successor(self, token):
        """Name the method that is the default in the place of a removed one."""
        if token:
            return self.env._(
                "%(method)s takes its place.", method=token._get_method_label()
            )
        return self.env._("No saved method is left.")

    def _prepare_charges_info(self):
        """Return for whom this is the method to be charged, and its successor.

        :rtype: list[dict]
        """
        return [
            {
                "description": self.env._("Default"),
                "id": contact.id,
                "name": self.env._(
                    "Default of %(contact)s for %(company)s. %(instead)s",
                    contact=contact.display_name,
                    company=company.name,
                    instead=self._describe_successor(instead),
                ),
                "url": f"/my/payment_method?company_id={company.id}",
            }
            for company, contacts in self._get_charged_contacts().items()
            for contact, instead in contacts._get_tokens_for_charges(
                company, removed=self
            ).items()
        ]

    def _prepare_attempts_info(self):
        """Return the attempts by this method that keep it from being removed.

        :rtype: list[dict]
        """
        return [
            {
                "description": self.env._("Payment"),
                "id": attempt.id,
                "name": self.env._(
                    "%(reference)s (%(amount)s) is being processed: the method cannot "
                    "be removed before its outcome is known.",
                    reference=attempt.reference,
                    amount=attempt.currency_id.format(attempt.amount),
                ),
                "url": attempt.charge_invoice_id.access_url or "/my/payment_method",
            }
            for attempt in self._get_attempts_in_flight()
        ]

    def _prepare_invoices_info(self, states):
        """Return how many invoices are charged to this method automatically.

        :param list[str] states: The states of the invoices to count.
        :rtype: list[dict]
        """
        groups = self.env["account.move"]._read_group(
            [
                ("move_type", "=", "out_invoice"),
                ("state", "in", states),
                ("payment_state", "in", ("not_paid", "partial")),
                (
                    "commercial_partner_id",
                    "=",
                    self.partner_id.commercial_partner_id.id,
                ),
                ("company_id", "child_of", self.company_id.id),
            ],
            ["company_id", "state"],
            ["partner_id:recordset", "id:array_agg"],
        )
        counts = dict.fromkeys(states, 0)
        for company, state, contacts, invoice_ids in groups:
            tokens = contacts._get_tokens_for_charges(company)
            invoices = self.env["account.move"].browse(invoice_ids)
            invoices = self._filter_charged_automatically(invoices, company)
            counts[state] += sum(
                tokens[invoice.partner_id] == self for invoice in invoices
            )
        labels = {
            "posted": self.env._("Open invoices that auto-pay charges to it: %s"),
            "draft": self.env._("Drafts that auto-pay charges to it later: %s"),
        }
        return [
            {
                "description": self.env._("Invoices"),
                "id": self.id,
                "name": labels[state] % count,
                "url": "/my/invoices",
            }
            for state, count in counts.items()
            if count
        ]

    # === GETTERS === #

    @api.model
    def _filter_charged_automatically(self, invoices, company):
        """Return those of these invoices that are charged without anybody's doing.

        A hook of the rooms that do so.

        :param res.company company: The company of the invoices.
        :rtype: account.move
        """
        return invoices.browse()

    def _get_own_partners(self):
        """Return the contacts whose methods the user who is logged in may manage.

        :rtype: res.partner
        """
        partner_sudo = self.env.user.partner_id.sudo()
        return partner_sudo | partner_sudo.commercial_partner_id

    def _get_contacts_to_serve(self):
        """Return the user's contacts whose invoices can be charged to this method.

        Note: `self.ensure_one()`; to be called in superuser mode.

        :rtype: res.partner
        """
        self.ensure_one()
        contacts = self._get_own_partners().with_env(self.env)
        return contacts.filtered(
            lambda contact: self.partner_id in contact | contact.commercial_partner_id
        )

    def _prepare_charges_values(self):
        """Return the charges that the page of saved methods shows for each.

        To be called in superuser mode.

        :return: For each id, whether it is charged (`is_used`) and for which contacts
                 where the user may have several (`contact_names`), whether it was
                 chosen or is only the newest (`is_chosen`), whether it `can_be_used`
                 for more, the `reason` why it cannot be charged, and the
                 `company_name` of the company that it can be given to.
        :rtype: dict[int, dict]
        """
        company = self.env.company
        own_partners = self._get_own_partners()
        charged = own_partners._get_tokens_for_charges(company)
        values = {}
        for token in self:
            reason = token._get_company_unusable_reason(company)
            served = token._get_contacts_to_serve()
            chosen = served.filtered(
                lambda contact, own=token: contact.default_payment_token_id == own
            )
            contacts = served.filtered(
                lambda contact, own=token: charged[contact] == own
            )
            values[token.id] = {
                "is_used": bool(contacts),
                "contact_names": ", ".join(contacts.mapped("name"))
                if len(own_partners) > 1
                else "",
                "is_chosen": not contacts - chosen,
                "can_be_used": not reason and bool(served - chosen),
                "reason": reason,
                "company_name": token._get_company_to_give_to().name,
            }
        return values
