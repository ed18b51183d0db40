from odoo import api, models
from odoo.exceptions import UserError

# The records that are kept for good, by the models that they are about: the model and
# the field of each. A record that one of them is about is cancelled and not deleted.
KEPT_BY = {
    "account.move": (
        ("account.payment.approval", "move_id"),
        ("account.payment.approval", "invoice_id"),
        ("account.move", "written_off_invoice_id"),
        ("account.credit.balance.entry", "invoice_id"),
    ),
    "account.payment": (
        ("account.payment.approval", "payment_id"),
        ("account.payment.reversal", "payment_id"),
    ),
}


class PaymentUndoMixin(models.AbstractModel):
    """Records that are undone only as long as no money or credit depends on them.

    One list decides whether a record may be undone: each room names its blockers, in
    a generator method that the record's `_undo_blockers` lists. The ways of undoing:

    * `reset`: to draft, by cancelling or by rejecting, on the record itself;
    * `reverse`: by another entry, now or later;
    * `unpost`: the entry is not posted any more, by any door.
    """

    _name = "payment.undo.mixin"
    _description = "Blockers of Undoing"

    # The methods that name blockers, in the order in which people are told.
    _undo_blockers = ()

    @api.ondelete(at_uninstall=False)
    def _unlink_except_kept(self):
        """Say which record is in the way, in the place of an error of the database."""
        for model, name in KEPT_BY[self._name]:
            kept_sudo = self.env[model].sudo().with_context(active_test=False)
            kept_sudo = kept_sudo.search([(name, "in", self.ids)], limit=1)
            if kept_sudo:
                raise UserError(
                    self.env._(
                        "%(record)s cannot be deleted: %(kept)s (%(kind)s) is about "
                        "it. Cancel it instead.",
                        record=kept_sudo[name].display_name,
                        kept=kept_sudo.display_name,
                        kind=kept_sudo._description,
                    )
                )

    def _check_can_be_undone(self, way):
        """Check that these records can be undone.

        :param str way: `reset`, `reverse` or `unpost`
        :raise UserError: With the first blocker.
        """
        for blocker in self._get_undo_blockers(way):
            raise UserError(blocker)

    def _get_undo_blockers(self, way):
        """Return why these records cannot be undone, a sentence for each reason.

        :param str way: `reset`, `reverse` or `unpost`
        :rtype: Iterator[str]
        """
        for name in self._undo_blockers:
            yield from getattr(self, name)(way)
