def migrate(cr, version):
    """Let one line of each saved method be at work, as an index wants it from now on.

    The others were left by lanes that ended. A line that is ready goes on in the same
    way as one that was left, under the same key.
    """
    cr.execute(
        """
        UPDATE account_charge_run_line line
           SET state = 'ready'
         WHERE state = 'working' AND token_id IS NOT NULL
           AND EXISTS (SELECT FROM account_charge_run_line other
                        WHERE other.token_id = line.token_id
                          AND other.state = 'working' AND other.id < line.id)
        """
    )
