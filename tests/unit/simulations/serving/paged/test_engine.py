"""An engine of whole seconds: a step takes one second and a millisecond for each prompt token, whatever generates."""

from functools import partial
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foundation.measures.outcome import RequestRecord, Status
from simulations.errors import TwinError
from simulations.hardware import gpu, model
from simulations.kernel import Loop, Order
from simulations.serving import EngineRequest
from simulations.serving.paged import Limits, PagedEngine
from simulations.serving.paged.limits import blocks_in


class Seconds:
    request_s = 0.0

    def step_s(self, tokens: int, generating: int, context: float, pairs: float) -> float:
        return 1 + (tokens - generating) / 1000

    def generation(self, sequences: int, context: float) -> tuple[float, float]:
        return 1.0, 0.0


class Growing(Seconds):
    """Steps take longer the more context there is, and more sequences."""

    request_s = 0.003

    def step_s(self, tokens: int, generating: int, context: float, pairs: float) -> float:
        return 0.01 + 1e-4 * tokens + 1e-7 * context + 1e-9 * pairs

    def generation(self, sequences: int, context: float) -> tuple[float, float]:
        return 0.01 + 1e-4 * sequences + 1e-7 * context, 1e-7 * sequences


class Bench:
    def __init__(self, limits: Limits, times: Seconds | None = None, *, timeout_s: float = float("inf")) -> None:
        self.loop = Loop()
        self.ended: dict[int, RequestRecord] = {}
        self.engine = PagedEngine("e", limits, times or Seconds(), self.loop, on_end=self._keep, timeout_s=timeout_s)  # type: ignore[arg-type]

    def _keep(self, request: EngineRequest, record: RequestRecord) -> None:
        assert request.index not in self.ended
        self.ended[request.index] = record

    def serve(self, *requests: EngineRequest) -> list[RequestRecord]:
        for request in requests:
            self.loop.at(request.at_s, partial(self.engine.offer, request), Order.ARRIVAL)
        self.loop.run()
        self.engine.audit()
        assert self.engine.scheduler.pool.held == 0
        assert self.engine.outstanding() == 0
        return [self.ended[request.index] for request in requests]


def test_a_prompt_is_cut_into_chunks_and_the_last_one_gives_the_first_token() -> None:
    (record,) = Bench(Limits(1000, 4, 8192, batched_tokens=1000)).serve(EngineRequest(0, 0.0, 2500, 3))
    assert record.first_token_s == pytest.approx(2 + 2 + 1.5)
    assert record.finished_s == pytest.approx(5.5 + 2)


def test_sequences_that_generate_come_before_prompts_and_share_their_step() -> None:
    first, second = Bench(Limits(1000, 4, 8192, batched_tokens=1000)).serve(EngineRequest(0, 0.0, 100, 10), EngineRequest(1, 0.5, 1998, 2))
    # At 1.1 s the first has a token; two steps of 999 prompt tokens follow, each with one of its tokens.
    assert second.first_token_s == pytest.approx(1.1 + 2 * 1.999)
    assert first.finished_s == pytest.approx(1.1 + 2 * 1.999 + 7)


def test_requests_wait_for_a_place_in_the_order_of_their_arrival() -> None:
    records = Bench(Limits(1000, 1, 8192)).serve(*(EngineRequest(index, 0.1 * index, 100, 2) for index in range(3)))
    assert [record.finished_s for record in records] == pytest.approx([2.1, 4.2, 6.3])


def test_without_blocks_the_one_admitted_last_computes_its_tokens_again() -> None:
    bench = Bench(Limits(8, 4, 128, prefix_caching=False))
    first, second = bench.serve(EngineRequest(0, 0.0, 60, 40), EngineRequest(1, 0.0, 60, 40))
    assert bench.engine.scheduler.preemptions == 1
    assert first.finished_s < second.finished_s
    assert (first.output_tokens, second.output_tokens) == (40, 40)
    assert first.first_token_s == second.first_token_s  # it had begun before it was preempted


def test_a_preempted_sequence_finds_what_nobody_needed_meanwhile() -> None:
    limits = Limits(8, 4, 128)
    kept, lost = Bench(limits), Bench(Limits(8, 4, 128, prefix_caching=False))
    load = (EngineRequest(0, 0.0, 60, 20), EngineRequest(1, 0.0, 60, 40))
    assert kept.serve(*load)[1].finished_s < lost.serve(*load)[1].finished_s
    assert kept.engine.scheduler.cached_tokens > 0


def test_a_known_prefix_is_not_computed_again() -> None:
    bench = Bench(Limits(1000, 4, 8192))
    first, second = bench.serve(EngineRequest(0, 0.0, 1600, 1, tuple(range(100))), EngineRequest(1, 10.0, 1601, 1, tuple(range(100))))
    assert first.first_token_s == pytest.approx(2.6)
    assert second.first_token_s == pytest.approx(11.001)
    assert bench.engine.scheduler.cached_tokens == 1600


def test_the_last_token_of_a_known_prompt_is_computed_all_the_same() -> None:
    _, second = Bench(Limits(1000, 4, 8192)).serve(*(EngineRequest(i, 10.0 * i, 1600, 1, tuple(range(100))) for i in range(2)))
    assert second.first_token_s == pytest.approx(10 + 1.016)


def test_a_client_that_leaves_frees_its_blocks_at_the_end_of_the_step() -> None:
    bench = Bench(Limits(64, 1, 1024), timeout_s=5.5)
    first, second = bench.serve(EngineRequest(0, 0.0, 100, 900), EngineRequest(1, 3.0, 100, 2))
    assert (first.status, first.finished_s, first.output_tokens) == (Status.FAILED, 5.5, 5)
    assert (second.status, second.finished_s) == (Status.OK, pytest.approx(6.1 + 2.1))


def test_a_lost_replica_fails_all_and_serves_again() -> None:
    bench = Bench(Limits(64, 2, 1024))
    bench.loop.at(2.5, partial(bench.engine.fail_all, "gone"))
    first, second = bench.serve(EngineRequest(0, 0.0, 100, 50), EngineRequest(1, 3.0, 100, 2))
    assert (first.status, first.output_tokens, first.error) == (Status.FAILED, 2, "gone")
    assert second.finished_s == pytest.approx(5.1)


def test_a_prompt_that_fills_the_context_is_rejected() -> None:
    (record,) = Bench(Limits(64, 2, 100)).serve(EngineRequest(0, 0.0, 100, 5))
    assert record.status is Status.REJECTED


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), blocks=st.integers(26, 120), caching=st.booleans())
def test_runs_of_steps_are_the_same_as_single_steps(seed: int, blocks: int, caching: bool) -> None:
    dice = Random(seed)
    load, now = [], 0.0
    for index in range(25):
        now += dice.expovariate(3.0)
        prefix = tuple(range(dice.randint(0, 6))) if caching else ()
        load.append(EngineRequest(index, now, 100 + dice.randint(0, 150), dice.randint(1, 120), prefix))
    limits = Limits(blocks, 6, 400, batched_tokens=200, prefix_caching=caching)
    runs, single = Bench(limits, Growing(), timeout_s=9.0), Bench(limits, Growing(), timeout_s=9.0)
    single.engine.scheduler.steps = lambda: 1  # type: ignore[method-assign]
    for one, other in zip(runs.serve(*load), single.serve(*load), strict=True):
        assert (one.status, one.output_tokens) == (other.status, other.output_tokens)
        assert one.finished_s == pytest.approx(other.finished_s, abs=1e-9)
        assert one.first_token_s == pytest.approx(other.first_token_s, abs=1e-9)
    assert runs.engine.steps == single.engine.steps
    assert runs.engine.busy_s == pytest.approx(single.engine.busy_s, rel=1e-9)


def test_settings_that_can_serve_nothing_are_refused() -> None:
    with pytest.raises(TwinError, match="needs 64 blocks and there are 63"):
        Limits(63, 4, 1024)
    with pytest.raises(TwinError, match="one token each is needed"):
        Limits(64, 512, 1024, batched_tokens=256)


def test_blocks_are_what_the_weights_leave_of_the_memory() -> None:
    # 80 GiB x 0.9 - 16.06 GB of weights - 2 GB, in blocks of 2 MiB.
    assert blocks_in(gpu("H100"), model("llama-3.1-8b")) == pytest.approx((80 * 2**30 * 0.9 - 18.06e9) / 2**21, abs=1)
    # Two share the weights of 141 GB; of a block of 5 MiB each has one half.
    assert blocks_in(gpu("H100"), model("llama-3.1-70b"), group=2) == pytest.approx((80 * 2**30 * 0.9 - 72.55e9) / (2.5 * 2**20), rel=0.01)
    with pytest.raises(TwinError, match="needs 141 GB of weights on each of 1 H100"):
        blocks_in(gpu("H100"), model("llama-3.1-70b"))
