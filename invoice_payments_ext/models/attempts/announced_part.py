class AnnouncedPart:
    """The announced payment of which a part is recorded: the rest is still expected.

    It is passed in the context key `announced_part`; no client can send one.

    :param int attempt_id: The attempt, which stays announced.
    """

    def __init__(self, attempt_id):
        self.attempt_id = attempt_id
