from odoo import SUPERUSER_ID, Command, api


def migrate(cr, version):
    """Match partial refunds again with their payments.

    Before, a payment that was given back in part counted as fully reconciled with its
    refund, though the rest of it still paid an open invoice. No amount was wrong.
    """
    env = api.Environment(cr, SUPERUSER_ID, {})
    cr.execute(
        """
        SELECT DISTINCT own.id
          FROM account_payment payment
          JOIN account_move_line own ON own.payment_id = payment.id
          JOIN account_partial_reconcile part
            ON own.id IN (part.debit_move_id, part.credit_move_id)
          JOIN account_move_line line
            ON line.id IN (part.debit_move_id, part.credit_move_id)
         WHERE payment.id IN (SELECT source_payment_id FROM account_payment)
           AND (line.matching_number IS NULL
                OR line.full_reconcile_id IS DISTINCT FROM part.full_reconcile_id)
        """
    )
    done = env["account.move.line"]
    for line in done.browse(line_id for (line_id,) in cr.fetchall()):
        if line not in done:
            done |= _match_again(line)


def _match_again(line):
    """Number all that is matched with a line, and return it."""
    lines = line
    while True:
        debits = lines.matched_debit_ids
        credits = lines.matched_credit_ids
        wider = lines | debits.debit_move_id | credits.credit_move_id
        if wider == lines:
            break
        lines = wider
    lines.full_reconcile_id.unlink()
    lines.invalidate_recordset(["full_reconcile_id", "matching_number"])
    partials = lines.matched_debit_ids | lines.matched_credit_ids
    partials._update_matching_number(lines)
    if all(lines.mapped("reconciled")):
        line.env["account.full.reconcile"].create(
            {
                "partial_reconcile_ids": [Command.link(part.id) for part in partials],
                "reconciled_line_ids": [Command.link(each.id) for each in lines],
            }
        )
    return lines
