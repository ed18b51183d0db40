def migrate(cr, version):
    """Mark the contacts that have a credit balance already."""
    cr.execute(
        """
        UPDATE res_partner SET has_credit_balance = true
         WHERE id IN (SELECT partner_id FROM account_credit_balance)
        """
    )
