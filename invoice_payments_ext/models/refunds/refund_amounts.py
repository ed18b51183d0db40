def get_given_back(amount, kept, paid_out):
    """Return how much of a payment is given back, in the payment's currency.

    An amount that was kept on a credit balance, and then paid out to where it came
    from, counts once.

    :param float amount: All that was given back, in any way.
    :param float kept: How much of it was kept as credit.
    :param float paid_out: How much of it paid out credit.
    :rtype: float
    """
    return amount - min(kept, paid_out)
