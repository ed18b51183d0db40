from . import (
    test_charge,
)
