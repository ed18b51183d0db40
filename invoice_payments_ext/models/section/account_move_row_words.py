from odoo import models


class AccountMove(models.Model):
    """The words of a row for how its money came."""

    _inherit = "account.move"

    def _name_external_kinds(self, payments):
        """Put the kind before the journal, and leave out a method without a name.

        :param list[dict] payments: The payments, as they were read.
        :return: The same.
        :rtype: list[dict]
        """
        for payment in payments:
            if kind := payment["external_kind"]:
                words = [self._get_external_kind_label(kind), payment["journal"]]
                payment["journal"] = " · ".join(dict.fromkeys(words))
                payment["method"] = payment["own_method_name"]
        return payments
