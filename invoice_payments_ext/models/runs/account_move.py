from odoo import models
from odoo.exceptions import UserError

from ...tools import prepare_dialog
from ..core.door import Door
from .results import KINDS

PROPOSE_CHARGE_RUN = Door(
    "account.move.propose_charge_run",
    rights="_check_proposal_rights",
    check="_check_proposal",
    work="_carry_out_proposal",
    is_batch=True,
    optional=(
        "journal_id",
        "payment_method_line_id",
        "date",
        "reference",
        "memo",
        "external_kind",
    ),
)
# The schedule alone makes runs of the other kind.
PERSONS_KINDS = [kind for kind, _label in KINDS if kind != "automatic"]


class AccountMove(models.Model):
    """Many invoices that are to be collected at once."""

    _inherit = "account.move"

    # === CHECK METHODS === #

    def _check_proposal_rights(self):
        """Check that the user may propose a run of these invoices.

        An invoice that the user may read and not change is skipped with its reason.
        """
        self.check_access("read")
        self.browse()._check_payment_rights()

    # === ACTION METHODS === #

    def action_charge_many(self):
        """Propose a run that charges these invoices, and open it.

        :rtype: dict
        """
        return self.propose_charge_run("charge")._open_form()

    def action_retry_many(self):
        """Propose a run that charges those of these invoices again that were declined.

        :rtype: dict
        """
        return self.propose_charge_run("retry")._open_form()

    def action_issue_and_charge_many(self):
        """Propose a run that issues these drafts and charges them, and open it.

        :rtype: dict
        """
        return self.propose_charge_run("issue")._open_form()

    def action_record_external_many(self):
        """Return the dialog for external payments of these invoices.

        :rtype: dict
        """
        return prepare_dialog(
            "account.charge.run.external",
            self.env._("Record external payments"),
            move_ids=self.ids,
        )

    # === BUSINESS METHODS - DOORS === #

    def propose_charge_run(
        self,
        kind="charge",
        journal_id=None,
        payment_method_line_id=None,
        date=None,
        reference=None,
        memo=None,
        idempotency_key=None,
        external_kind=None,
    ):
        """Propose what to do about each of these invoices, as a run.

        Nothing is written but the run, and no gateway is asked. Does not commit.

        :param str kind: `charge`, `retry` (those whose latest attempt came to nothing),
                         `issue` (drafts, which are issued and charged) or `external`
                         (payments that came outside any gateway).
        :param int journal_id: Of external payments; see `record_external_payment`, as
                               for the next ones.
        :param int payment_method_line_id: Of external payments.
        :param date|str date: Of external payments.
        :param str reference: Of external payments.
        :param str memo: Of external payments.
        :param str external_kind: Of external payments.
        :param str idempotency_key: See :meth:`charge`.
        :return: The run, a proposal; confirm it.
        :rtype: account.charge.run
        :raise UserError: If there are no invoices, or a value does not fit.
        :raise AccessError: If the user has no right to charge.
        """
        return self._pass(
            PROPOSE_CHARGE_RUN,
            idempotency_key,
            kind=kind,
            journal_id=journal_id,
            payment_method_line_id=payment_method_line_id,
            date=date,
            reference=reference,
            memo=memo,
            external_kind=external_kind,
        )

    # === BUSINESS METHODS - STEPS OF DOORS === #

    def _check_proposal(self, kind, **arguments):
        """Check the kind of a run, and the values of external payments."""
        if not self:
            raise UserError(self.env._("Select the invoices first."))
        if kind not in PERSONS_KINDS:
            raise UserError(
                self.env._(
                    "A run is one of %(kinds)s, not %(value)r.",
                    kinds=", ".join(PERSONS_KINDS),
                    value=kind,
                )
            )
        if kind == "external":
            self._filter_of_run_company()._get_external_values(**arguments)

    def _carry_out_proposal(self, kind, **arguments):
        """Propose the run of these invoices."""
        company = self._filter_of_run_company().company_id
        return self.env["account.charge.run"]._propose(
            kind, self, company, arguments=arguments if kind == "external" else False
        )

    # === GETTERS === #

    def _filter_of_run_company(self):
        """Return those of these invoices that one run can be about: of one company.

        That is the user's present company, or else that of the first invoice.

        :rtype: account.move
        """
        companies = self.company_id
        company = self.env.company if self.env.company in companies else companies[:1]
        return self.filtered(lambda move: move.company_id == company)
