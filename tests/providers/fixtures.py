"""Fixtures of the tests of the providers."""

import pytest

from .apis import APIS, ONLINE_APIS
from .cell import Cell
from .shop import Shop


@pytest.fixture(scope="session")
def shop():
    """Return a company that all cells share: starting its server takes seconds."""
    shop = Shop((*APIS, *ONLINE_APIS))
    try:
        yield shop.start()
    finally:
        shop.close()


@pytest.fixture
def make_cell(shop):
    """Return a method that begins a cell of the table; the cell is then ended."""
    cells = []

    def make(code, cls=Cell):
        shop.ensure_running()
        cells.append(cls(shop, shop.apis[code]))
        return cells[-1]

    yield make
    for cell in cells:
        cell.close()
        cell.api.clear_wishes()
    shop.clear_faults()
