from odoo import models
from odoo.exceptions import UserError


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
