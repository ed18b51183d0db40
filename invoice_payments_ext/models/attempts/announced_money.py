class AnnouncedMoney:
    """The announced payment of which the money is recorded: no other one ends by it.

    It is passed in the context key `announced_money`; no client can send one.

    :param int attempt_id: The attempt, which stays announced if this is a part only.
    """

    def __init__(self, attempt_id):
        self.attempt_id = attempt_id
