"""Users of the Point of Sale alone give nobody credit."""

import pytest
from lib import other_addons


@pytest.fixture
def told():
    """Return how each way to give credit by a till ended."""
    with other_addons.install("point_of_sale") as name:
        [told] = other_addons.run_scripts(name, "point_of_sale.py")
    return told


def test_no_till_gives_credit(told):
    assert told.pop("ordinary till") == "done"
    assert "Choose another journal" in told.pop("created")
    assert "Choose another journal" in told.pop("changed")
    for name in ("journal of a till in the settings", "journal of an archived till"):
        assert "Shop's Cash" in told.pop(name)
    assert told.pop("journal of no till") == "done"
    assert "no bank or cash transaction" in told.pop("till on the credit journal")
    assert "no right to record" in told.pop("credit on the other side")
    assert not told
