def migrate(cr, version):
    """Tell announced payments from those whose money is on the way."""
    cr.execute(
        """
        UPDATE payment_transaction tx
           SET outcome = 'announced', holds_invoice = false
          FROM payment_provider provider
         WHERE provider.id = tx.provider_id AND provider.code = 'custom'
           AND tx.state = 'pending' AND tx.operation != 'refund'
        """
    )
