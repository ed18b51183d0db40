from datetime import timedelta

from odoo import api, models
from odoo.exceptions import AccessError
from odoo.fields import Domain
from odoo.tools import format_date

from .figures import Converter, Period

READERS = ("account.group_account_invoice", "account.group_account_readonly")


class AccountCollectionBoard(models.AbstractModel):
    """The collection board: figures and pictures, each with the list that it sums up.

    Nothing is stored, and no record is loaded: each figure is a sum that PostgreSQL
    computes under the rights of the user. The number of queries is the same however
    many records there are.
    """

    _name = "account.collection.board"
    _description = "Collection Board"

    # === CHECK METHODS === #

    @api.model
    def _check_board_rights(self):
        """Check that the user may see the board.

        :raise AccessError: If the user does not work with invoices.
        """
        if not any(self.env.user.has_group(group) for group in READERS):
            raise AccessError(
                self.env._("The collection board is for users who work with invoices.")
            )

    # === BUSINESS METHODS === #

    @api.model
    def get_board(self):
        """Return the figures of the companies that are selected.

        Amounts are in the currency of the present company. Months and days are those
        of its clock.

        :return: `figures`, each with `amount`, `count` and `action`; `rates`;
                 `pictures`; `months`, from the present one to the one before.
        :rtype: dict
        :raise AccessError: If the user does not work with invoices.
        """
        self._check_board_rights()
        self.env.companies.sudo().mapped("currency_id")  # Read all of them at once.
        today = self.env.company._get_own_today()
        months = self._get_months(today)
        converter = Converter(self.env.company, today)
        parts = [
            self._get_due(converter, months),
            self._get_money(converter, months[0]),
            self._get_attempts(converter, months[0]),
        ]
        board = {
            name: {
                key: value
                for part in parts
                for key, value in part.get(name, {}).items()
            }
            for name in ("figures", "rates", "pictures")
        }
        return {
            **board,
            "months": parts[0]["months"],
            "month": months[0].label,
            "today": format_date(self.env, today),
            "currency_id": converter.currency.id,
            "is_converted": converter.was_needed,
            "is_empty": self._is_board_empty(board),
        }

    def _is_board_empty(self, board):
        """Tell if there is nothing at all yet to make figures of.

        :param dict board: The figures. Where one is not zero, nothing is asked for.
        :rtype: bool
        """
        if any(figure["count"] for figure in board["figures"].values()):
            return False
        domain = self._get_selected_domain() & Domain(
            "move_type", "in", self.env["account.move"].get_sale_types(True)
        )
        return not self.env["account.move"].search_count(
            domain & Domain("state", "=", "posted"), limit=1
        )

    # === GETTERS === #

    def _get_months(self, today):
        """Return this month until today, and the month before.

        :rtype: list[Period]
        """
        first = today.replace(day=1)
        last = first - timedelta(days=1)
        return [
            Period(self._get_month_label(first), first, today),
            Period(self._get_month_label(last), last.replace(day=1), last),
        ]

    def _get_month_label(self, day):
        return format_date(self.env, day, date_format="LLLL y")

    def _get_selected_domain(self):
        """Return the domain of the companies that are selected.

        The rules say so too; this holds in superuser mode as well.

        :rtype: Domain
        """
        return Domain("company_id", "in", self.env.companies.ids)

    # === HELPERS === #

    def _prepare_figure(self, converter, name, source, wanted, total):
        """Return a figure, with the action that opens its list.

        :param Converter converter: Makes one amount of several currencies.
        :param str name: The title of the list.
        :param Source source: The records.
        :param Sum wanted: Which of them, and the field that is summed up.
        :param Total total: Their sum.
        :rtype: dict
        """
        view_id = source.view and self.env["ir.model.data"]._xmlid_to_res_id(
            source.view
        )
        return {
            "label": name,
            "amount": converter.convert(total.amounts),
            "count": total.count,
            "field": wanted.field,
            "action": {
                "type": "ir.actions.act_window",
                "name": name,
                "res_model": source.model,
                "views": [
                    [view_id or False, "list"],
                    [False, "kanban"],
                    [False, "form"],
                ],
                "domain": list(wanted.domain),
                "context": {"create": False},
            },
        }

    def _prepare_figures(self, converter, names, source, sums, totals):
        """Return figures by their names.

        :param dict[str, str] names: The titles of the lists, by the names of the sums.
        :rtype: dict[str, dict]
        """
        return {
            key: self._prepare_figure(converter, name, source, sums[key], totals[key])
            for key, name in names.items()
        }
