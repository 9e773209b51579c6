"""What a trace says of its prompts' blocks reaches the prefix caches of the twin."""

import pytest

from simulations.calibration import published
from simulations.twin import Twin
from stacks.traffic import PlannedRequest
from workloads.engine.spec import EngineSpec

CHAT = (1, 2, 3)  # 1,536 tokens that every second request begins with


def requests(*, blocks: bool) -> list[PlannedRequest]:
    plan = []
    for index in range(40):
        own = tuple(range(100 * index + 10, 100 * index + 13))
        names = (CHAT if index % 2 else own) + (100 * index + 50,)
        plan.append(PlannedRequest(index, 2.0 * index, 2048, 8, blocks=names if blocks else (), block_tokens=512 if blocks else 0))
    return plan


@pytest.mark.parametrize("replicas", [1, 3])
def test_shared_beginnings_are_found_once_they_were_computed_by_the_same_replica(replicas: int) -> None:
    twin = Twin(tuple(f"e{n}" for n in range(replicas)), EngineSpec(slots=8, context_tokens=4096), published("H100"))
    known, unknown = twin.run(requests(blocks=True), seed=1), twin.run(requests(blocks=False), seed=1)
    # Of 20 requests that begin alike, each replica computes the first one's 1,536 tokens itself.
    assert known.reused_share == pytest.approx((20 - replicas) * 1536 / (40 * 2048))
    assert unknown.reused_share is None
    assert known.outcome.ttft_ms.p50 < unknown.outcome.ttft_ms.p50 * 1.001
    assert sum(record.first_token_s or 0 for record in known.records) < sum(record.first_token_s or 0 for record in unknown.records)
