"""A pytest plugin that prints the table of providers and scenarios after a run."""

from .apis import APIS
from .scenarios import SCENARIOS, get_gap

# How a cell is named in the table.
PASSED, FAILED, DEFECT, NOT_OFFERED, NOT_RUN = "works", "FAILED", "defect", "-", ""


def pytest_terminal_summary(terminalreporter):
    cells = {}
    for outcome, word in (
        ("passed", PASSED),
        ("xfailed", DEFECT),
        ("failed", FAILED),
        ("error", FAILED),
    ):
        for report in terminalreporter.getreports(outcome):
            # A test that fails as such may have passed its set-up.
            if cell := dict(report.user_properties).get("cell"):
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
