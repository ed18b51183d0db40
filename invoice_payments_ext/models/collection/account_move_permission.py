from odoo import fields, models

from .decision import Verdict


class AccountMove(models.Model):
    """Why an invoice is not charged automatically: the permission."""

    _inherit = "account.move"

    auto_pay_excluded = fields.Boolean(
        string="Not Charged Automatically",
        copy=False,
        tracking=True,
        help="This invoice is not charged automatically, though its customer permits "
        "it for others.",
    )

    # === BUSINESS METHODS - QUESTIONS === #

    def _judge_collection(self, question):
        """Charge nothing automatically whose collection was paused or stopped.

        :param Question question: What is asked.
        :rtype: dict[account.move, Verdict]
        """
        if not question.is_automatic:
            return {}
        return {
            row.move_id.with_env(self.env): Verdict(row.state, row._describe_halt())
            for row in self._get_collections(self)
            if row.state in ("paused", "stopped")
        }

    def _judge_permission(self, question):
        """Charge nothing automatically that the customer does not permit.

        Of the permission, the largest amount counts also where a person charges many
        at once: nobody looks at each of them. One invoice is charged by a person who
        knows it, and may have asked.

        :param Question question: What is asked, with its amounts.
        :rtype: dict[account.move, Verdict]
        """
        is_for_one = not (question.is_automatic or question.is_run)
        if is_for_one or question.kind == "external":
            return {}
        get_refusal = "_get_refusal_of" if question.is_automatic else "_get_excess_of"
        verdicts = {}
        for company, moves in self.grouped("company_id").items():
            permissions = self.env["account.auto.pay"]._get_permissions(
                moves.commercial_partner_id, company
            )
            for move in moves:
                permission = permissions[move.commercial_partner_id.sudo()]
                if question.as_permitted:
                    permission = permission._replace(is_on=True, limit=None)
                # In superuser mode: the words name the customer.
                code, words = getattr(move.sudo(), get_refusal)(
                    permission, question.get_rest(move)
                )
                if code:
                    verdicts[move] = Verdict(code, words)
        return verdicts

    def _judge_distance(self, question):
        """Keep the distance to the attempt before, on each invoice in collection.

        A charge by a person moves the plan by the wait that the plan has after its
        first charge. A new method need not wait, nor does a new permission.

        :param Question question: What is asked, with its methods.
        :rtype: dict[account.move, Verdict]
        """
        if not question.is_automatic or question.as_permitted:
            return {}
        verdicts = {}
        rows = self._get_collections(self)
        for row in rows.filtered(lambda row: row.charge_due != "event"):
            move = row.move_id.with_env(self.env)
            free_from = row._get_charge_from(question.methods.get(move))
            if free_from and free_from > fields.Datetime.now():
                verdicts[move] = Verdict(
                    "not_before",
                    self.env._("The plan waits after the last try."),
                    free_from,
                )
        return verdicts

    def _judge_notice(self, question):
        """Let a debit wait until its notice was sent in time.

        :param Question question: What is asked, with its amounts and methods.
        :rtype: dict[account.move, Verdict]
        """
        if not question.is_automatic:
            return {}
        verdicts = {}
        for company, rows in self._get_collections(self).grouped("company_id").items():
            methods = {row: question.methods.get(row.move_id) for row in rows}
            rows = rows.filtered(
                lambda row, methods=methods: (
                    methods[row] and methods[row].sudo().payment_method_id.notice_days
                )
            )
            customers = rows.move_id.commercial_partner_id
            permissions = self.env["account.auto.pay"]._get_permissions(
                customers, company
            )
            for row in rows:
                move, token = row.move_id.with_env(self.env), methods[row]
                permission = permissions[row.move_id.commercial_partner_id]
                days = row._get_notice_days(token, permission)
                if verdict := row._get_notice_verdict(
                    token, question.get_rest(move), days
                ):
                    verdicts[move] = verdict
        return verdicts

    # === GETTERS === #

    def _get_last_charges(self):
        """Return the last attempt to charge for each of these, by whomever.

        To be called in superuser mode.

        :rtype: dict[account.move, payment.transaction]
        """
        return {
            move: move.transaction_ids.filtered(
                lambda tx: not tx.source_transaction_id and not tx._is_refund()
            ).sorted("id")[-1:]
            for move in self
        }

    def _get_auto_pay_refusal(self, amount):
        """Say why an amount of this invoice must not be charged automatically.

        Note: `self.ensure_one()`; to be called in superuser mode.

        :param float amount: The amount, in the currency of the invoice.
        :return: The code of the reason and the sentence; empty texts if it may be.
        :rtype: tuple[str, str]
        """
        self.ensure_one()
        permissions = self.env["account.auto.pay"]._get_permissions(
            self.partner_id, self.company_id
        )
        return self._get_refusal_of(permissions[self.commercial_partner_id], amount)

    def _get_refusal_of(self, permission, amount):
        """Say why a permission does not allow a charge; see `_get_auto_pay_refusal`.

        :rtype: tuple[str, str]
        """
        if self.auto_pay_excluded:
            return "excluded", self.env._("It is not to be charged automatically.")
        if not permission.is_on:
            return "permission_off", self.env._(
                "%s does not permit automatic charges.",
                self.commercial_partner_id.display_name,
            )
        return self._get_excess_of(permission, amount)

    def _get_excess_of(self, permission, amount):
        """Say that an amount is above the permitted one; see `_get_auto_pay_refusal`.

        :rtype: tuple[str, str]
        """
        currency = self.company_id.currency_id
        asked = self._from_own_currency(currency, amount)
        if permission.limit and currency.compare_amounts(asked, permission.limit) > 0:
            return "above_permitted", self.env._(
                "The largest automatic charge that %(customer)s permits is %(limit)s.",
                customer=self.commercial_partner_id.display_name,
                limit=currency.format(permission.limit),
            )
        return "", ""

    def _describe_charge_above_limit(self, amount):
        """Say that a person charges more than the customer permits automatically.

        Note: `self.ensure_one()`; to be called in superuser mode.

        :param float amount: The amount, in the currency of the invoice.
        :return: An empty text if it is not more, or nothing is charged automatically.
        :rtype: str
        """
        self.ensure_one()
        permission = self.env["account.auto.pay"]._get_permissions(
            self.partner_id, self.company_id
        )[self.commercial_partner_id]
        if not (permission.is_on and permission.limit):
            return ""
        if not self._get_excess_of(permission, amount)[0]:
            return ""
        return self.env._(
            "The customer permits automatic charges up to %(limit)s. This charge of "
            "%(amount)s is made by you.",
            limit=self.company_id.currency_id.format(permission.limit),
            amount=self.currency_id.format(amount),
        )
