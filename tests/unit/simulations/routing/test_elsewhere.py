"""One request sent elsewhere."""

from __future__ import annotations

import pytest

from simulations.calibration import published
from simulations.routes import routed
from simulations.twin import Twin
from stacks.errors import ConfigurationError
from stacks.traffic import PlannedRequest
from workloads.engine.spec import EngineSpec

TWIN = Twin(("a", "b"), EngineSpec(slots=1, context_tokens=4096), published("H100"))
#: The first, long one goes to ``a``, the second to ``b``; the third, in turn, to ``a`` again, where it has to wait.
PLAN = [PlannedRequest(0, 0.0, 512, 900), PlannedRequest(1, 0.1, 64, 4), PlannedRequest(2, 1.0, 64, 4), PlannedRequest(3, 1.1, 64, 4)]


def test_a_request_behind_a_long_one_regrets_the_free_replica() -> None:
    found = routed(TWIN, PLAN, 2, seed=1)
    taken, free = found.routes
    assert [(route.replica, route.outstanding, route.chosen) for route in found.routes] == [("a", 1, True), ("b", 0, False)]
    assert taken.e2e_ms > 10 * free.e2e_ms
    assert found.regret_ms == pytest.approx(taken.e2e_ms - free.e2e_ms)
    assert found.at_s == 1.0


def test_a_good_decision_has_no_regret_and_a_request_that_never_comes_is_an_error() -> None:
    assert routed(TWIN, PLAN, 1, seed=1).regret_ms == 0
    with pytest.raises(ConfigurationError, match="fewer than 5 requests"):
        routed(TWIN, PLAN, 4, seed=1)
