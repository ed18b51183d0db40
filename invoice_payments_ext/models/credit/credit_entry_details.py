class CreditEntryDetails:
    """The details that a door gives for the credit entries of its posting.

    It is passed in the context key `credit_entry`; no client can send one.

    :param values: The `entry_type`, `invoice_id`, `label` and `note` of the entries.
    """

    def __init__(self, **values):
        self.values = values
