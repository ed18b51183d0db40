from collections import defaultdict
from dataclasses import replace

from odoo import models
from odoo.tools import SQL, Query

from ...read_joined import join_references, read_joined
from .payment_provider_ahead import ReadAhead, get_ahead

# What an invoice refers to, of which a decision asks.
REFERENCES = ("currency_id", "invoice_payment_term_id", "payment_promise_id")


class AccountMove(models.Model):
    """What a decision on many invoices reads, in as few statements as can be."""

    _inherit = "account.move"

    # === BUSINESS METHODS === #

    def _read_ahead(self):
        """Read what a decision on these invoices needs, however many they are.

        The same as the decision would read: it only takes fewer statements. Nothing is
        kept after the database transaction.

        :return: These invoices; the decision on them knows the providers.
        :rtype: account.move
        """
        moves = self._read_ahead_settings()
        moves._read_ahead_items()
        for company, of_company in moves.grouped("company_id").items():
            of_company._read_ahead_customers(company)
        moves._read_ahead_attempts()
        return moves

    def _decide_now(self, **question):
        """Decide after all that is asked for was read, in few statements.

        What was found ahead is forgotten with the decision: the charge reads again, on
        locked records.
        """
        decision = super(AccountMove, self._read_ahead())._decide_now(**question)
        token = decision.token
        return replace(decision, token=token and token.with_env(self.env))

    def _read_ahead_own(self):
        """Read the invoices where the cache lacks them."""
        unread = list(self._fields["state"]._cache_missing_ids(self))
        if not unread:
            return
        moves = self.sudo()
        query = Query(self.env, self._table, self._table_sql)
        query.add_where(
            SQL("%s IN %s", SQL.identifier(self._table, "id"), tuple(unread))
        )
        read_joined(query, (self._table, moves.browse()))

    def _read_ahead_customers(self, company):
        """Read the customers, what they permit a company, and their credit.

        :param res.company company: The company of these invoices.
        """
        # In superuser mode: accountants may have no right to read contacts.
        customers = self.sudo().commercial_partner_id | (
            self._get_payment_method_owners() | self._get_credit_partner()
        )
        # Their language is the one of amounts.
        staff = self.env.user.partner_id | self.env.user.company_id.partner_id
        partners = (customers | staff).sudo().with_company(company)
        permissions, balances = (
            self.env[name].sudo()
            for name in ("account.auto.pay", "account.credit.balance")
        )
        query = Query(self.env, partners._table, partners._table_sql)
        for model, condition in (
            (permissions, SQL("account_auto_pay.company_id = %s", company.id)),
            (balances, SQL("merged_into_id IS NULL AND amount > 0")),
        ):
            own = SQL("%s.partner_id = res_partner.id", SQL.identifier(model._table))
            condition = SQL("%s AND %s", own, condition)
            query.add_join("LEFT JOIN", model._table, None, condition)
        query.add_where(SQL("res_partner.id IN %s", tuple(partners.ids)))
        rows = read_joined(
            query,
            (partners._table, partners.browse(), "default_payment_token_id"),
            (permissions._table, permissions),
            (balances._table, balances),
        )
        ahead = self.env.context["read_ahead"]
        for partner, permission, balance in rows:
            ahead.partner_ids[company.id].add(partner)
            ahead.permission_ids.add(permission)
            ahead.balance_ids.add(balance)

    def _get_credit_balances(self):
        """Find the balances that were read ahead, where just these are asked for."""
        ahead = get_ahead(self.env)
        if not ahead or any(
            not ahead.knows(moves._get_credit_partner(), company)
            for company, moves in self.grouped("company_id").items()
        ):
            return super()._get_credit_balances()
        owners = {move._get_credit_owner() for move in self}
        balances = self.env["account.credit.balance"].sudo()
        return balances.browse(filter(None, ahead.balance_ids)).filtered(
            lambda balance: balance._get_owner() in owners
        )

    def _get_tokens_of_owners(self, question):
        """Remember the methods that a decision found; see :meth:`_get_saved_tokens`."""
        tokens = super()._get_tokens_of_owners(question)
        if ahead := get_ahead(self.env):
            of_owners = tokens.filtered("active").grouped("partner_id")
            for owner in self._get_payment_method_owners().sudo():
                own = of_owners.get(owner, tokens.browse())
                ahead.token_ids[owner.id] = own.ids
        return tokens

    def _get_saved_tokens(self):
        """Return the methods that a decision found."""
        ahead = get_ahead(self.env)
        owner_ids = self._get_payment_method_owners().ids
        if not ahead or not ahead.token_ids.keys() >= set(owner_ids):
            return super()._get_saved_tokens()
        found = [ahead.token_ids[each] for each in owner_ids]
        return self.env["payment.token"].sudo().browse(sum(found, []))

    def _read_ahead_items(self):
        """Read the journal items, and what these and the invoices refer to.

        That are accounts and matchings; currencies, payment terms and promises.
        """
        items = self.env["account.move.line"].sudo().with_context(active_test=False)
        query = items._search([("move_id", "in", self.ids)], order=items._order)
        account = query.left_join(
            items._table, "account_id", "account_account", "id", "account_id"
        )
        # An invoice has few of these items, so this repeats little.
        condition = SQL(
            "own_move.id = account_move_line.move_id"
            " AND account_move_line.display_type = 'payment_term'"
        )
        query.add_join("LEFT JOIN", "own_move", self._table, condition)
        rows = read_joined(
            query,
            (items._table, items, "matched_debit_ids", "matched_credit_ids"),
            (account, self.env["account.account"].sudo()),
            *join_references(query, "own_move", self, *REFERENCES),
        )
        by_move = items.browse(dict.fromkeys(row[0] for row in rows)).grouped("move_id")
        none = items.browse()
        self._fields["line_ids"]._insert_cache(
            self.sudo(), [by_move.get(move, none)._ids for move in self]
        )

    def _read_ahead_attempts(self):
        """Read the attempts to pay, with their methods, payments and shares."""
        field = self._fields["transaction_ids"]
        attempts = self.env["payment.transaction"].sudo()
        attempts = attempts.with_context(active_test=False)
        query = attempts._search([], order=attempts._order)
        invoice = SQL.identifier(field.relation, field.column1)
        other = SQL.identifier(field.relation, field.column2)
        condition = SQL("%s = %s", other, SQL.identifier(attempts._table, "id"))
        query.add_join("JOIN", field.relation, None, condition)
        query.add_where(SQL("%s IN %s", invoice, tuple(self.ids)))
        shares = self.env["payment.transaction.share"].sudo()
        condition = SQL("%s.transaction_id = payment_transaction.id", shares._table_sql)
        query.add_join("LEFT JOIN", shares._table, None, condition)
        lists = ("invoice_ids", "child_transaction_ids", "share_ids")
        rows = read_joined(
            query,
            (attempts._table, attempts, *lists),
            (shares._table, shares),
            *join_references(
                query, attempts._table, attempts, "payment_method_id", "payment_id"
            ),
            invoice,
        )
        of_moves = defaultdict(dict)  # Of each invoice its attempts, in their order.
        for attempt, *_others, move in rows:
            of_moves[move][attempt] = True
        field._insert_cache(self.sudo(), [tuple(of_moves[each]) for each in self.ids])

    def _get_amounts_in_flight(self):
        """Compute them from the attempts that were read ahead."""
        if not get_ahead(self.env):
            return super()._get_amounts_in_flight()
        return {move: move._get_amount_in_flight() for move in self}

    def _read_ahead_settings(self):
        """Read the companies, the user, and the providers with their journals.

        :return: These invoices; the decision on them knows the providers.
        :rtype: account.move
        """
        ahead = self.company_id._read_payment_settings()
        return self.with_context(read_ahead=ReadAhead(ahead))
