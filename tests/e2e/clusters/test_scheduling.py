"""The twin puts pods where the real scheduler may put them; all 200 clusters are `sandtable validate scheduler`."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from simulations.validation.published.scheduling.kube_scheduler import agrees, placements
from stacks.clusters.embedded import EmbeddedCluster

pytestmark = pytest.mark.e2e


def test_the_schedulers_choice_is_among_our_best_nodes(new_cluster: Callable[[str], EmbeddedCluster]) -> None:
    cluster = new_cluster("placement")
    cluster.start()
    decisions = list(placements(cluster, range(1000, 1005)))
    apart = [decision for decision in decisions if not agrees(*decision)]
    assert len(apart) <= len(decisions) // 100, apart
    assert sum(real is not None for real, _ in decisions) >= len(decisions) / 3
