from . import test_charge_run, test_lanes
