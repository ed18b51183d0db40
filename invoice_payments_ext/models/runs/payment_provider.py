from odoo import api, fields, models
from odoo.exceptions import ValidationError
from odoo.tools import SQL

# The seconds for which a provider rests after the first sign of overload; each further
# sign doubles them.
FIRST_REST = 2
LONGEST_REST = 300
# The time of the database, which all workers share.
NOW = SQL("(clock_timestamp() AT TIME ZONE 'UTC')")
# No rest and no wait is set so far ahead. One that is was set by a clock that went
# wrong, and would keep the lanes waiting until that day.
FURTHEST = SQL("interval '2 hours'")
NO_TIME = SQL("interval '0'")
# A turn may be farther ahead, where the turns are far from each other.
FURTHEST_TURNS = 100


def is_ahead(moment, least=NO_TIME, furthest=FURTHEST):
    """Return the condition that a moment is still to come, by a clock that is right.

    :param odoo.tools.SQL moment: The moment; it may be empty.
    :param odoo.tools.SQL least: How far ahead it is at least.
    :param odoo.tools.SQL furthest: How far ahead it can be.
    :rtype: odoo.tools.SQL
    """
    return SQL(
        "coalesce(%(moment)s > %(now)s + %(least)s"
        " AND %(moment)s < %(now)s + %(furthest)s, FALSE)",
        moment=moment,
        now=NOW,
        least=least,
        furthest=furthest,
    )


def get_furthest_turn(step):
    """Return how far ahead a turn can be.

    :param odoo.tools.SQL step: The time between two turns; NULL if it is not limited.
    :rtype: odoo.tools.SQL
    """
    return SQL(
        "greatest(%s, least(%s * %s, interval '100 years'))",
        FURTHEST,
        FURTHEST_TURNS,
        step,
    )


class PaymentProvider(models.Model):
    """How fast all lanes of charge runs together send requests to a provider."""

    _inherit = "payment.provider"

    charges_per_second = fields.Float(
        string="Charges a Second",
        help="Charge runs send at most so many requests a second to this provider, "
        "over all workers. Zero: as many as the lanes make.",
    )
    slowed_until = fields.Datetime(
        compute="_compute_slowed_until",
        help="The provider asked for a pause, or its server failed: charge runs send "
        "nothing before.",
    )

    @api.constrains("charges_per_second")
    def _check_charges_per_second(self):
        for provider in self:
            if provider.charges_per_second < 0:
                raise ValidationError(
                    self.env._("The charges a second cannot be below zero.")
                )

    def _compute_slowed_until(self):
        paces = self.env["payment.provider.pace"].sudo()
        slowed = {
            pace.provider_id: pace.slowed_until
            for pace in paces.search([("provider_id", "in", self.ids)])
        }
        for provider in self:
            provider.slowed_until = slowed.get(provider)

    # === BUSINESS METHODS === #

    def _take_turn(self):
        """Take the next turn to send a request to this provider. Commits.

        All workers share one row, in a database transaction that only does this.

        :return: The seconds until the turn.
        :rtype: float
        """
        self.ensure_one()
        if self.charges_per_second <= 0:
            return 0.0
        step = SQL("%s * interval '1 second'", 1 / self.charges_per_second)
        return self._write_pace(
            SQL(
                """
                INSERT INTO payment_provider_pace AS pace (provider_id, next_at, level)
                     VALUES (%(provider)s, %(now)s + %(step)s, 0)
                ON CONFLICT (provider_id) DO UPDATE
                        SET next_at = CASE WHEN %(is_ahead)s
                                THEN pace.next_at ELSE %(now)s END + %(step)s
                  RETURNING extract(epoch FROM next_at - %(step)s - %(now)s)
                """,
                provider=self.id,
                now=NOW,
                step=step,
                is_ahead=is_ahead(
                    SQL("pace.next_at"), furthest=get_furthest_turn(step)
                ),
            )
        )

    def _slow_down(self, seconds):
        """Let no lane send requests to this provider for a while. Commits.

        Several lanes may see the same overload: it counts once.

        :param float seconds: The pause that the provider asked for; zero if none.
        :return: The end of the pause.
        :rtype: datetime.datetime
        """
        self.ensure_one()
        rest = SQL(
            "greatest(%s, least(%s, %s * 2 ^ least(pace.level, 20)))"
            " * interval '1 second'",
            seconds,
            LONGEST_REST,
            FIRST_REST,
        )
        return self._write_pace(
            SQL(
                """
                INSERT INTO payment_provider_pace AS pace
                            (provider_id, slowed_until, level)
                     VALUES (%(provider)s,
                             %(now)s + greatest(%(seconds)s, %(first)s)
                             * interval '1 second', 1)
                ON CONFLICT (provider_id) DO UPDATE
                        SET slowed_until = CASE WHEN %(is_slow)s
                                THEN pace.slowed_until ELSE %(now)s + %(rest)s END,
                            level = CASE WHEN %(is_slow)s
                                THEN pace.level ELSE pace.level + 1 END
                  RETURNING date_trunc('second', slowed_until) + interval '1 second'
                """,
                provider=self.id,
                now=NOW,
                seconds=seconds,
                first=FIRST_REST,
                rest=rest,
                is_slow=is_ahead(SQL("pace.slowed_until")),
            )
        )

    def _speed_up(self):
        """Forget the signs of overload of this provider: it carried out a charge."""
        self._write_pace(
            SQL(
                "UPDATE payment_provider_pace SET level = 0 WHERE provider_id = %s"
                " RETURNING 0",
                self.id,
            )
        )

    def _write_pace(self, statement):
        """Write the pace of this provider, and commit it; again if another was faster.

        :return: The value that the statement returns.
        """

        def write():
            self.env.cr.execute(statement, log_exceptions=False)
            return self.env.cr.fetchone()[0]

        return self.env["account.charge.run.line"]._in_short_step(write)


class PaymentProviderPace(models.Model):
    """The pace of requests to one provider: one row, which all workers share."""

    _name = "payment.provider.pace"
    _description = "Pace of Requests to a Provider"
    _rec_name = "provider_id"

    provider_id = fields.Many2one(
        comodel_name="payment.provider",
        required=True,
        readonly=True,
        ondelete="cascade",
    )
    next_at = fields.Datetime(readonly=True, help="The next free turn.")
    slowed_until = fields.Datetime(readonly=True)
    level = fields.Integer(
        readonly=True,
        help="The signs of overload since the last charge that went well.",
    )

    _provider_uniq = models.Constraint(
        "unique(provider_id)", "A provider has one pace."
    )
