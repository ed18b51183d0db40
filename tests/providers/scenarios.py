"""The scenarios of the table, each played with every provider."""

SCENARIOS = {}


def scenario(title):
    """Add a function to the table."""

    def add(function):
        SCENARIOS[title] = function
        return function

    return add


# === CHARGES === #


@scenario("charge in full")
def charge_in_full(cell):
    cell.charge()
    cell.expect("succeeded")
    cell.expect_paid(100)
    cell.expect_moved("charge", 100)


@scenario("charge a part")
def charge_a_part(cell):
    cell.charge(charged=60.0)
    cell.expect("succeeded")
    cell.expect_paid(60)
    cell.expect_moved("charge", 60)


@scenario("charge, declined")
def charge_declined(cell):
    cell.api.wish(outcome="declined")
    cell.charge()
    cell.expect("declined")
    cell.expect_paid(0)


@scenario("capture in full")
def capture_in_full(cell):
    cell.authorize()
    cell.act("capture")
    if cell.is_later("capture"):
        cell.learn(cell.get_last("capture"))
    cell.expect("succeeded", cell.children[-1])
    cell.expect_paid(100)
    cell.expect_moved("capture", 100)


@scenario("capture a part")
def capture_a_part(cell):
    cell.authorize()
    cell.act("capture", amount=60.0)
    if cell.is_later("capture"):
        cell.learn(cell.get_last("capture"))
    cell.expect_paid(60)
    cell.expect_moved("capture", 60)


@scenario("refund a part")
def refund_a_part(cell):
    cell.charge()
    refund = cell.refund(60.0)
    if cell.is_later("refund"):
        cell.expect("pending", refund)
        cell.learn(cell.get_last("refund"))
    cell.expect("succeeded", refund)
    cell.expect_paid(40)
    cell.expect_moved("refund", 60)
