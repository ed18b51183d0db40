"""Each provider goes through each scenario, and all books agree afterwards."""

import pytest
from lib import settings

from .apis import APIS
from .scenarios import FEATURES, SCENARIOS, get_gap
from .table import format_extract, format_reasons

pytest_plugins = ["providers.fixtures"]


def _list_cells():
    for title in SCENARIOS:
        for api in APIS:
            if get_gap(api, title):
                continue
            marks = ()
            if title in api.defects:
                # It is run, and must fail: the table then says why.
                reason = f"defect of the module: {api.defects[title]}"
                marks = pytest.mark.xfail(strict=True, reason=reason)
            yield pytest.param(title, api.code, id=f"{title}-{api.code}", marks=marks)


@pytest.mark.parametrize("title, code", _list_cells())
def test_cell(make_cell, record_property, title, code):
    """A scenario with a provider: record, transactions, payments and ledger agree."""
    record_property("cell", [title, code])
    cell = make_cell(code)
    try:
        SCENARIOS[title](cell)
        cell.expect_agreement()
    except BaseException:
        # Its remains are not laid at the door of the next one.
        cell.shop.referee.note_findings()
        raise


@pytest.mark.parametrize("api", APIS)
def test_named_scenarios_exist(api):
    """The cells that a provider is excused from are in the table."""
    assert not api.not_offered.keys() - {*FEATURES, *SCENARIOS}
    assert not api.defects.keys() - SCENARIOS.keys()


def test_extract_for_people():
    """The README and CONFIGURE say the same of each provider as the table."""
    extract = "\n".join(format_extract())
    readme = (settings.PROJECT / "README.md").read_text()
    configure = settings.PROJECT / settings.ADDON / "readme/CONFIGURE.md"
    assert extract in readme
    assert "\n".join([extract, "", *format_reasons()]) in configure.read_text()
