"""Common parts of the tests of replayed requests."""

EDITS = 8

# The points of a serialization failure, and the outcome of the attempt when the
# caller has its answer.
POINTS = {
    "before-prepared": "succeeded",
    "after-prepared": "succeeded",
    "before-sent": "succeeded",
    # It was marked, and who works on it now cannot know whether it left.
    "after-sent": "sent",
    "during-send": "unknown",
    "after-answer": "unknown",
    "before-recorded": "succeeded",
    "after-recorded": "succeeded",
    "before-settled": "succeeded",
    "after-settled": "succeeded",
}
# All doors go through the same steps. One of them is tried at every point, the others
# where another step begins.
ONE_OF_EACH_STEP = ("after-prepared", "during-send", "after-answer", "before-settled")
# The points after which the resolver finds that the gateway received nothing.
NEVER_RECEIVED = ("after-sent", "during-send")


def edit_repeatedly(world, invoice_id):
    """Let another accountant edit an invoice, again and again."""
    other = world.log_in("accountant2")
    for number in range(EDITS):
        other.call(
            "account.move", "write", [invoice_id], vals={"narration": f"edit {number}"}
        )


def assert_edited(world, invoice_id):
    """Check that the last of the edits was kept."""
    narration = world.get_invoice(invoice_id)["narration"]
    assert f"edit {EDITS - 1}" in narration
