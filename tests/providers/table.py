"""A pytest plugin that prints the table of providers and scenarios after a run.

The README and CONFIGURE have an extract of it, which :func:`format_extract` writes, and
CONFIGURE the reasons, by :func:`format_reasons`. A test compares.
"""

import textwrap

from . import (  # noqa: F401  They add scenarios.
    scenarios_taken_back,
    scenarios_told_again,
)
from .apis import APIS
from .scenarios import SCENARIOS, get_gap

# How a cell is named in the table.
PASSED, FAILED, DEFECT, NOT_OFFERED, NOT_RUN = "works", "FAILED", "defect", "-", ""


# The scenarios that stand for what people want to know, in their words.
EXTRACT = {
    "charge a part": "charge a saved method, all or a part",
    "charge, webhook after the answer and twice": "the provider's notifications count",
    "charge pending, then succeeded": "a charge may be pending",
    "charge needs the customer": "a charge may need the customer",
    "capture in full": "capture an authorization",
    "capture a part": "capture a part of it",
    "void an authorization": "void it",
    "refund in full": "refund",
    "refund a part": "refund a part",
    "refund done, then failed": "a refund that fails later is undone",
    "charge disputed, and lost": "disputes are noted",
    "refund made at the provider": "refunds made in the provider's pages are booked",
}
LISTED = "its own list is compared with the books each night"


def format_extract():
    """Return the extract for people, as the lines of a Markdown table."""
    lines = [
        " | ".join(["| ", *(api.title for api in APIS)]) + " |",
        "|---" * (len(APIS) + 1) + "|",
    ]
    for title, words in EXTRACT.items():
        cells = ("no" if _get_reason(api, title) else "yes" for api in APIS)
        lines.append(" | ".join([f"| {words}", *cells]) + " |")
    # The tests of questions ask all of them.
    cells = ("yes" if api.gives_list else "no" for api in APIS)
    lines.append(" | ".join([f"| {LISTED}", *cells]) + " |")
    return lines


def format_reasons():
    """Return why the extract says *no*, as the lines of a Markdown list."""
    lines = []
    for api in APIS:
        # Each once, in the order of the extract.
        reasons = dict.fromkeys(_get_reason(api, title) for title in EXTRACT)
        reasons.pop(None, None)
        if reasons:
            text = f"- {api.title}: {'; '.join(reasons)}."
            lines += textwrap.wrap(text, 120, subsequent_indent="  ")
    return lines


def _get_reason(api, title):
    return get_gap(api, title) or api.defects.get(title)


def pytest_terminal_summary(terminalreporter):
    cells = {}
    for outcome, word in (
        ("passed", PASSED),
        ("xfailed", DEFECT),
        ("failed", FAILED),
        ("error", FAILED),
    ):
        for report in terminalreporter.getreports(outcome):
            # A test that fails as such may have passed its set-up. A file that cannot
            # be imported has no properties.
            if cell := dict(getattr(report, "user_properties", ())).get("cell"):
                cells[tuple(cell)] = word
    if cells:
        terminalreporter.section("providers and scenarios")
        for line in format_table(cells):
            terminalreporter.write_line(line)


def format_table(cells):
    """Return the lines of the table, and below it the reasons.

    :param dict cells: The word for each pair of scenario and code of a provider.
    """
    run = {title for title, _code in cells}
    titles = [title for title in SCENARIOS if title in run]
    width = max(map(len, titles))
    yield " ".join([" " * width, *(f"{api.title:>13}" for api in APIS)])
    for title in titles:
        words = (
            cells.get(
                (title, api.code), NOT_OFFERED if get_gap(api, title) else NOT_RUN
            )
            for api in APIS
        )
        yield " ".join([f"{title:{width}}", *(f"{word:>13}" for word in words)])
    for heading, name in (
        ("not offered", "not_offered"),
        ("defect of the module", "defects"),
    ):
        for api in APIS:
            for title, reason in getattr(api, name).items():
                yield f"{heading}: {api.title}: {title}: {reason}"
