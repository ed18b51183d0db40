"""Where a serialization failure strikes in the tests of replayed requests."""

# Where it strikes, and what the attempt has become when the caller has its answer.
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
# What the resolver then makes of what was not known.
NEVER_RECEIVED = ("after-sent", "during-send")
