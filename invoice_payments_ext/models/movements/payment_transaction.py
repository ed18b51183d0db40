from odoo import api, fields, models
from odoo.tools import SQL
from odoo.tools.sql import column_exists, create_column, table_exists


class PaymentTransaction(models.Model):
    """The channel of an attempt, and which try for its invoice it is."""

    _name = "payment.transaction"
    _inherit = ["payment.transaction", "payment.channel.mixin"]

    attempt_number = fields.Integer(
        string="Try",
        compute="_compute_attempt_number",
        store=True,
        copy=False,
        aggregator=None,
        help="Which attempt for the invoice it is. A form of payment that was only "
        "opened, a capture, a refund and credit that is spent are none.",
    )

    movement_date = fields.Date(
        string="Day",
        compute="_compute_movement_date",
        store=True,
        index=True,
        help="The day of its payment in the books, or else the day of this attempt.",
    )
    payment_id = fields.Many2one(index="btree_not_null")

    # Many attempts, and few that others take up: parts that were captured.
    _captured_idx = models.Index(
        "(source_transaction_id) WHERE source_transaction_id IS NOT NULL "
        "AND operation != 'refund'"
    )

    def _auto_init(self):
        """Number and date the attempts of earlier versions at once."""
        cr = self.env.cr
        is_new = not column_exists(cr, self._table, "attempt_number")
        if is_new:
            create_column(cr, self._table, "attempt_number", "int4")
            create_column(cr, self._table, "movement_date", "date")
        result = super()._auto_init()
        if is_new:
            self._fill_movement_dates()
            self._fill_attempt_numbers()
        return result

    def _fill_movement_dates(self):
        """Take the day of an attempt from its payment, in one statement."""
        self.env.cr.execute(
            """
            UPDATE payment_transaction tx
               SET movement_date = COALESCE(
                   (SELECT payment.date FROM account_payment payment
                     WHERE payment.id = tx.payment_id), tx.create_date::date)
            """
        )

    def _fill_attempt_numbers(self):
        """Number the attempts of each invoice, in one statement."""
        self.env.cr.execute(
            SQL(
                """
                UPDATE payment_transaction tx SET attempt_number = tried.number
                  FROM (
                    SELECT tx.id, row_number() OVER (
                               PARTITION BY rel.invoice_id ORDER BY tx.id
                           ) AS number
                      FROM payment_transaction tx
                      JOIN (SELECT transaction_id, min(invoice_id) AS invoice_id
                              FROM account_invoice_transaction_rel
                          GROUP BY transaction_id) rel
                        ON rel.transaction_id = tx.id
                     WHERE %s
                  ) tried
                 WHERE tried.id = tx.id
                """,
                self._get_try_condition("tx"),
            )
        )

    def _fill_known_channels(self):
        """Take the channel from the values that earlier versions kept."""
        cr = self.env.cr
        in_run = SQL("false")
        if table_exists(cr, "account_charge_run_line"):
            in_run = SQL(
                "id IN (SELECT transaction_id FROM account_charge_run_line "
                "WHERE transaction_id IS NOT NULL)"
            )
        cr.execute(
            SQL(
                """
                UPDATE payment_transaction
                   SET payment_channel = CASE
                       WHEN is_automatic THEN 'automatic'
                       WHEN %s THEN 'run'
                       WHEN operation IN ('offline', 'refund') THEN 'staff'
                       ELSE 'portal' END
                """,
                in_run,
            )
        )

    # === COMPUTE METHODS === #

    @api.depends("payment_id.date")
    def _compute_movement_date(self):
        for tx in self:
            day = fields.Date.to_date(tx.create_date) or fields.Date.today()
            # Those of all people: who may see the attempt may see its day.
            tx.movement_date = tx.sudo().payment_id.date or day

    @api.depends("outcome")
    def _compute_attempt_number(self):
        """Number the attempts of an invoice in the order in which they became real."""
        for tx in self:
            if not tx._is_try():
                tx.attempt_number = 0
            elif not tx.attempt_number:
                # Those of all people, also those that the user may not see.
                others_sudo = tx.sudo().invoice_ids.transaction_ids - tx.sudo()
                tx.attempt_number = 1 + max(
                    others_sudo.mapped("attempt_number"), default=0
                )
            else:
                tx.attempt_number = tx.attempt_number
