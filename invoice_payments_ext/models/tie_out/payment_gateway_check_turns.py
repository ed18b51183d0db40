from contextlib import contextmanager
from datetime import timedelta

from odoo import api, fields, models
from odoo.sql_db import db_connect
from odoo.tools import SQL

# Of PostgreSQL's advisory locks: one run at a time holds it, in the whole database.
TURN = "payment.gateway.check"
NEXT_TURN = timedelta(minutes=1)


class PaymentGatewayCheck(models.Model):
    """Runs of the schedule: one at a time, and none that a provider does not want."""

    _inherit = "payment.gateway.check"

    @api.model
    @contextmanager
    def _take_turn(self):
        """Run alone; Odoo locks a schedule, and a copy of it would run beside it.

        The lock is of a database transaction of its own, as a run commits each page.

        :return: Whether this run may go on. If not, another one follows soon.
        """
        with db_connect(self.env.cr.dbname).cursor() as cursor:
            cursor.execute(
                SQL("SELECT pg_try_advisory_xact_lock(hashtextextended(%s, 0))", TURN)
            )
            [is_free] = cursor.fetchone()
            if is_free:
                # The last run may have committed after this transaction began.
                self.env["ir.cron"]._commit_progress()
            else:
                self._come_again(NEXT_TURN)
            yield is_free

    @api.model
    def _come_again(self, delay):
        """Let the schedule run again after a delay.

        :param datetime.timedelta delay: How long it waits at least.
        """
        cron = self.env.ref("invoice_payments_ext.ir_cron_check_gateways")
        cron._trigger(at=fields.Datetime.now() + delay)
