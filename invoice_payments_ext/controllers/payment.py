from collections import defaultdict

from werkzeug.exceptions import BadRequest

from odoo import Command
from odoo.exceptions import UserError
from odoo.http import request, route

from odoo.addons.account_payment.controllers import payment
from odoo.addons.payment import utils as payment_utils
from odoo.addons.payment.controllers.post_processing import PaymentPostProcessing

# The values that make a request another one; see `account.idempotency.key`.
REQUEST_KEYS = ("provider_id", "payment_method_id", "token_id", "amount", "flow")


class PaymentPortal(payment.PaymentPortal):
    """Payments of members: checked under the lock, sent in the four steps."""

    @staticmethod
    def _validate_transaction_kwargs(kwargs, additional_allowed_keys=()):
        """Accept the additional values that the payment form of this addon sends."""
        payment.PaymentPortal._validate_transaction_kwargs(
            kwargs,
            {
                *additional_allowed_keys,
                "credit_shown",
                "idempotency_key",
                "link_amount",
                "link_token",
                "tab",
                "use_credit",
            },
        )

    @route(
        [
            "/invoice/transaction/overdue",
            "/invoice/transaction/overdue/<int:company_id>/<int:currency_id>",
        ]
    )
    def overdue_invoices_transaction(
        self, payment_reference, company_id=None, currency_id=None, **kwargs
    ):
        """Pay the overdue amount of one company and currency, or of the first ones.

        Stock refuses as soon as there are several.
        """
        if request.env.user._is_public():
            return super().overdue_invoices_transaction(payment_reference, **kwargs)
        groups = self._get_overdue_groups()
        group = self._choose_owed_group(groups, company_id, currency_id)
        if not group:
            raise UserError(request.env._("Nothing is overdue: it was paid already."))
        self._validate_transaction_kwargs(kwargs)
        return self._process_transaction(
            request.env.user.partner_id.id,
            group[1].id,
            groups[group].ids,
            payment_reference,
            **kwargs,
        )

    @staticmethod
    def _get_member_owed():
        """Return the debts of the visitor; see `account.move._get_owed`."""
        moves = request.env["account.move"]
        return moves._get_owed(request.env.user.partner_id)

    def _get_overdue_groups(self):
        """Return the overdue invoices of the member that can be paid online.

        :return: The invoices by their company and currency, the first invoice's first.
        :rtype: dict[tuple[res.company, res.currency], account.move]
        """
        groups = {
            key: owed["overdue_invoices"].filtered(
                lambda invoice: invoice.sudo()._has_to_be_paid()
            )
            for key, owed in self._get_member_owed().items()
        }
        return {key: invoices for key, invoices in groups.items() if invoices}

    @staticmethod
    def _choose_owed_group(groups, company_id, currency_id):
        """Return the company and the currency that are paid; none if nothing is due."""
        if not company_id:
            return next(iter(groups), None)
        chosen = (company_id, currency_id)
        return next((key for key in groups if (key[0].id, key[1].id) == chosen), None)

    def _process_transaction(
        self,
        partner_id,
        currency_id,
        invoice_ids,
        payment_reference,
        idempotency_key=None,
        link_amount=None,
        link_token=None,
        tab=None,
        use_credit=False,
        credit_shown=None,
        is_validation=False,
        owed_line_ids=None,
        **kwargs,
    ):
        """Check the browser's request, and keep it from being done twice.

        :param str idempotency_key: Made by the form for each submission.
        :param str link_amount: The amount of the payment link that was followed.
        :param str link_token: The token that proves it.
        :param str tab: The id of the browser tab, for as long as it is open.
        :param bool use_credit: Whether the credit balance pays first, as far as it
                                goes, and the chosen method the rest.
        :param float credit_shown: How much credit the form said would be used.
        :param list[int] owed_line_ids: The instalments that were chosen among those of
                                        these invoices.
        :param bool is_validation: Whether a method is to be saved without a payment,
                                   which is nothing that an invoice is paid with.
        :raise BadRequest: If it is.
        """
        if is_validation:
            raise BadRequest(request.env._("This pays invoices."))
        # In superuser mode: the route checked that the visitor may pay these invoices.
        invoices_sudo = request.env["account.move"].sudo().browse(invoice_ids)
        use_credit, tab, kwargs = self._read_values(
            invoices_sudo, use_credit, tab, kwargs
        )
        keys = request.env["account.idempotency.key"].sudo()
        company = invoices_sudo.company_id[:1]
        door = "/invoice/transaction"
        arguments = {
            "invoice_ids": invoice_ids,
            "partner_id": partner_id,
            "use_credit": use_credit,
            "credit_shown": credit_shown,
            **{name: kwargs.get(name) for name in REQUEST_KEYS},
            **({"owed_line_ids": owed_line_ids} if owed_line_ids else {}),
        }
        if tx_sudo := keys._find_result(idempotency_key, company, door, arguments):
            PaymentPostProcessing.monitor_transaction(tx_sudo)
        else:
            request.env["payment.transaction"]._end_earlier_on(invoices_sudo)
            wishes = {
                "use_credit": use_credit,
                "credit_shown": credit_shown,
                "link_amount": self._get_link_amount(
                    invoice_ids, link_amount, link_token
                ),
                "tab": tab,
                "owed_line_ids": owed_line_ids,
            }
            tx_sudo = self._create_member_transaction(
                invoices_sudo,
                wishes,
                currency_id=currency_id,
                partner_id=partner_id,
                reference_prefix=payment_reference,
                **kwargs,
            )
            keys._remember(idempotency_key, company, door, arguments, tx_sudo)
            if tx_sudo.operation == "online_token":
                tx_sudo._log_sent_message()
        if tx_sudo.operation == "online_token":
            # A known one goes on from where the first request ended: it is sent once.
            tx_sudo._run_attempt()
        return tx_sudo._get_member_processing_values()

    @staticmethod
    def _read_values(invoices, use_credit, tab, kwargs):
        """Read the values of the browser as the arguments of doors are read.

        :param account.move invoices: The invoices to be paid.
        :return: Whether credit pays first, the browser tab, and the other values.
        :rtype: tuple[bool, str, dict]
        :raise UserError: If a value is of another kind.
        """
        read = invoices._read_argument
        values = {
            name: read(name, kwargs[name])
            for name in ("provider_id", "payment_method_id", "token_id", "amount")
            if name in kwargs
        }
        return (
            read("use_credit", use_credit or False),
            read("tab", tab),
            {**kwargs, **values},
        )

    def _create_member_transaction(self, invoices_sudo, wishes, **kwargs):
        """Create the transaction that a member asked for, on locked invoices.

        :param account.move invoices_sudo: The invoices to be paid.
        :param dict wishes: See `account.move._prepare_member_transaction_vals`.
        :param dict kwargs: The arguments of Odoo's own method.
        :rtype: payment.transaction
        """
        is_token_flow = kwargs.get("flow") == "token"
        if is_token_flow:
            request.env["payment.token"].browse(kwargs["token_id"])._check_own()
        provider_sudo = (
            request.env["payment.token"].sudo().browse(kwargs["token_id"]).provider_id
            if is_token_flow
            else request.env["payment.provider"].sudo().browse(kwargs["provider_id"])
        )
        custom_values = invoices_sudo._prepare_member_transaction_vals(
            kwargs.get("amount"),
            request.env["res.partner"].sudo().browse(kwargs["partner_id"]),
            provider_sudo,
            is_sent_at_once=is_token_flow,
            **wishes,
        )
        request.update_context(delay_token_charge=True)
        return self._create_transaction(
            custom_create_values={
                "invoice_ids": [Command.set(invoices_sudo.ids)],
                **custom_values,
            },
            **{
                **kwargs,
                "amount": custom_values["amount"],
                # The saved method, not the browser, decides the provider.
                "provider_id": provider_sudo.id,
            },
        )

    def _create_transaction(self, *args, **kwargs):
        """Take credit that pays at once, for every kind of document."""
        tx_sudo = super()._create_transaction(*args, **kwargs)
        if tx_sudo.provider_code == "credit_balance":
            tx_sudo._spend_credit_balance()
        return tx_sudo

    def _get_extra_payment_form_values(
        self, providers_sudo=None, partner_id=None, currency_id=None, **kwargs
    ):
        """Say how much credit there is, for any document that it is offered for."""
        values = super()._get_extra_payment_form_values(
            providers_sudo=providers_sudo,
            partner_id=partner_id,
            currency_id=currency_id,
            **kwargs,
        )
        if request.env.user._is_public():
            # Whoever has only the link cannot save a method for the customer.
            values["show_tokenize_input_mapping"] = defaultdict(bool)
        by_credit = (providers_sudo or request.env["payment.provider"]).filtered(
            lambda provider: provider.code == "credit_balance"
        )
        if by_credit:
            balance = by_credit._get_member_credit_balance(
                by_credit.company_id.id, partner_id, currency_id
            )
            values["member_credit"] = balance.amount
        return values

    @staticmethod
    def _get_link_amount(invoice_ids, link_amount, link_token):
        """Return the amount of a payment link; none if it was made up."""
        if len(invoice_ids) == 1 and payment_utils.check_access_token(
            link_token, invoice_ids[0], link_amount
        ):
            return float(link_amount)
        return None


class PaymentStatus(PaymentPostProcessing):
    """The page that waits for the outcome of a payment, and books it."""

    @route()
    def poll_status(self, **kwargs):
        """Book in a step of its own; while another one is at it, the page asks again.

        Stock books without a lock, and two at once end with an error.
        """
        tx_sudo = self._get_monitored_transaction()
        if tx_sudo:
            tx_sudo._try_to_book()
        if not tx_sudo or tx_sudo.is_post_processed:
            return super().poll_status(**kwargs)
        # There is nothing to book in a draft, which the provider may change now.
        if tx_sudo.state != "draft" and not tx_sudo._try_to_lock_quietly():
            # The word that Odoo's page waits for, not one for people.
            raise UserError("retry")  # pylint: disable=translation-required
        # Where it could not be booked, a person was told. The money has moved.
        return {
            "provider_code": tx_sudo.provider_code,
            "state": tx_sudo.state,
            "landing_route": tx_sudo.landing_route,
        }
