class MostCredit:
    """How much of the customer's credit a draft gets when it is issued.

    It is passed in the context key `most_credit_at_issue`; no client can send one.

    :param float amount: The amount in the invoice's currency.
    """

    def __init__(self, amount):
        self.amount = amount
