"""One replica. With the calibration ``plain`` a step takes one second for each token in it, and nothing else takes time."""

import math
from collections.abc import Callable
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from foundation.measures import RequestRecord, Status
from simulations.calibration import Calibration
from simulations.kernel import Loop, Order
from simulations.serving import EngineRequest, SlotEngine, StepTimes
from workloads.engine.spec import EngineSpec

Build = Callable[..., Calibration]


class Bench:
    """An engine and the records that it has given."""

    def __init__(self, calibration: Calibration, *, slots: int = 2, context: int = 1024, timeout_s: float = math.inf) -> None:
        self.records: dict[int, RequestRecord] = {}
        spec = EngineSpec(slots=slots, context_tokens=context)
        self.loop = Loop()
        self.engine = SlotEngine("r", spec, StepTimes(calibration), self.loop, on_end=self._keep, timeout_s=timeout_s)

    def _keep(self, request: EngineRequest, record: RequestRecord) -> None:
        assert request.index not in self.records
        self.records[request.index] = record

    def offer(self, request: EngineRequest) -> None:
        self.loop.at(request.at_s, lambda: self.engine.offer(request), Order.ARRIVAL)

    def play(self, *requests: tuple[float, int, int], until: float = float("inf")) -> list[RequestRecord]:
        for index, request in enumerate(requests):
            self.offer(EngineRequest(index, *request))
        self.loop.run(until)
        return [self.records[index] for index in sorted(self.records)]


def times(records: list[RequestRecord]) -> list[tuple[float | None, float]]:
    return [(r.first_token_s, r.finished_s) for r in records]


def test_one_request_computes_its_prompt_and_then_a_token_a_step(plain: Build) -> None:
    assert times(Bench(plain()).play((5.0, 10, 3))) == [(15.0, 17.0)]


def test_what_a_request_costs_beside_its_steps_comes_on_top(plain: Build) -> None:
    assert times(Bench(plain(request_s=0.5, request_token_s=0.1)).play((0.0, 10, 1))) == [(11.5, 11.5)]


def test_who_comes_during_a_step_joins_the_next_and_makes_the_others_wait(plain: Build) -> None:
    # Steps: [0, 4) prompt of 0; [4, 5) its second token; request 1 comes at 4.5, its prompt shares the step [5, 16) with a token of 0.
    records = Bench(plain()).play((0.0, 4, 4), (4.5, 10, 1))
    assert times(records) == [(4.0, 17.0), (16.0, 16.0)]


def test_without_a_free_slot_requests_wait_in_order(plain: Build) -> None:
    records = Bench(plain(), slots=1).play((0.0, 2, 2), (0.1, 2, 1), (0.2, 2, 1))
    assert times(records) == [(2.0, 3.0), (5.0, 5.0), (7.0, 7.0)]


def test_slots_are_taken_from_the_last_and_then_by_the_longest_rest(plain: Build) -> None:
    """As the log of llama.cpp shows them to be."""
    bench = Bench(plain(), slots=3)
    taken = []
    for index, at in enumerate((0.0, 10.0, 20.0, 30.0, 30.2)):
        bench.offer(EngineRequest(index, at, 3, 3))
        bench.loop.run(at + 0.1)
        taken += [slot.number for slot in bench.engine._active if slot.request.index == index]
    assert taken == [2, 1, 0, 2]  # the last one still waits for the end of a step
    bench.loop.run(33.0)
    assert [slot.number for slot in bench.engine._active] == [1, 2]


def test_a_gap_between_busy_slots_costs_a_graph_each(plain: Build) -> None:
    def finish(*lengths: int) -> float:
        bench = Bench(plain(split_s=100.0), slots=4)
        return bench.play(*((0.0, 1, length) for length in lengths))[-1].finished_s

    # They take slots 3, 2 and 1. Whoever ends first leaves two neighbours behind, or slots 3 and 1.
    assert finish(9, 9, 2) < 100
    assert finish(2, 9, 9) < 100
    assert finish(9, 2, 9) > 100


def test_a_prompt_longer_than_a_batch_is_computed_in_several_steps(plain: Build) -> None:
    calibration = plain(batch_tokens=8)
    # 20 tokens: steps of 8, 8 and 4; the other one generates in each of them and takes one token of the room.
    records = Bench(calibration).play((0.0, 1, 5), (0.5, 20, 1))
    assert records[0].finished_s == pytest.approx(1 + 8 + 8 + 7 + 1)
    assert records[1].first_token_s == pytest.approx(1 + 8 + 8 + 7)


def test_a_prompt_that_fills_the_context_is_refused(plain: Build) -> None:
    records = Bench(plain(), context=16).play((0.0, 16, 4), (0.0, 15, 4))
    assert [r.status for r in records] == [Status.REJECTED, Status.OK]
    assert records[0].error == "the prompt of 16 tokens exceeds the context of 16 tokens"
    assert records[0].output_tokens == 0


def test_an_answer_ends_where_the_context_does(plain: Build) -> None:
    (record,) = Bench(plain(), context=16).play((0.0, 10, 100))
    assert record.output_tokens == 6


def test_what_an_engine_holds_is_lost_with_it(plain: Build) -> None:
    bench = Bench(plain(), slots=1)
    bench.play((0.0, 2, 8), (0.1, 2, 1), (4.9, 3, 1), until=5.0)
    bench.engine.fail_all("gone")
    assert [(r.status, r.finished_s, r.output_tokens, r.error) for r in bench.records.values()] == [
        (Status.FAILED, 5.0, 4, "gone"),
        (Status.FAILED, 5.0, 0, "gone"),
        (Status.FAILED, 5.0, 0, "gone"),
    ]
    bench.offer(EngineRequest(9, 6.0, 2, 1))
    bench.loop.run()
    assert bench.records[9].finished_s == 8.0


def test_who_waits_too_long_for_an_answer_fails_at_that_moment_and_frees_the_slot_after_the_step(plain: Build) -> None:
    # The prompt of 0 is the step [0, 8), then it generates. Its client leaves at 10.5, and the step under way ends at 11; the prompt of 1
    # is the step [11, 14), during which its client leaves, too.
    records = Bench(plain(), slots=1, timeout_s=10.5).play((0.0, 8, 99), (2.0, 3, 2))
    assert [(r.status, r.finished_s, r.output_tokens, r.error) for r in records] == [
        (Status.FAILED, 10.5, 3, "no end after 10.5 s"),
        (Status.FAILED, 12.5, 0, "no end after 10.5 s"),
    ]
    assert records[0].first_token_s == 8.0
    assert records[1].first_token_s is None


def test_an_answer_that_ends_when_its_client_would_leave_is_in_time(plain: Build) -> None:
    assert Bench(plain(), timeout_s=12.0).play((0.0, 10, 3))[0].status is Status.OK
    assert Bench(plain(), timeout_s=11.9).play((0.0, 10, 3))[0].status is Status.FAILED


def test_who_waits_too_long_leaves_the_queue(plain: Build) -> None:
    records = Bench(plain(), slots=1, timeout_s=9.0).play((0.0, 2, 6), (0.1, 2, 9), (0.2, 2, 1), (9.0, 2, 1))
    # 0 ends at 7; 1 would need until 17 and leaves at 9.1, the step ends at 10; 2 has left the queue at 9.2; then it is 3's turn.
    assert [(r.status, r.finished_s) for r in records] == [
        (Status.OK, 7.0),
        (Status.FAILED, pytest.approx(9.1)),
        (Status.FAILED, pytest.approx(9.2)),
        (Status.OK, 12.0),
    ]


def test_a_loss_finds_those_gone_who_have_left_before(plain: Build) -> None:
    bench = Bench(plain(), slots=1, timeout_s=3.0)
    bench.play((0.0, 90, 8), (0.1, 2, 1), (4.9, 3, 1), until=5.0)
    bench.engine.fail_all("gone")
    assert [(r.finished_s, r.error) for r in bench.records.values()] == [
        (3.0, "no end after 3 s"),
        (3.1, "no end after 3 s"),
        (5.0, "gone"),
    ]


requests = st.lists(st.tuples(st.floats(0, 3), st.integers(1, 900), st.integers(1, 60)), min_size=1, max_size=12)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None)
@given(
    plan=requests,
    slots=st.integers(1, 5),
    looks=st.lists(st.floats(0, 5), max_size=10),
    timeout_s=st.sampled_from([math.inf, 0.05, 0.3, 1.0]),
)
def test_steps_may_be_cut_anywhere(
    calibration: Build, plan: list[tuple[float, int, int]], slots: int, looks: list[float], timeout_s: float
) -> None:
    """Steps taken in one go end as steps taken one by one do, wherever they are cut."""
    plan = sorted(plan)
    whole = Bench(calibration(), slots=slots, timeout_s=timeout_s).play(*plan)
    cut = Bench(calibration(), slots=slots, timeout_s=timeout_s)
    for at in looks:
        cut.loop.at(at, lambda at=at: cut.engine._cut(at), Order.NOTICED)
    cut.play(*plan)
    assert all(r.finished_s <= r.intended_s + timeout_s for r in whole)
    assert [r.finished_s for r in whole] == pytest.approx([cut.records[n].finished_s for n in range(len(plan))], abs=1e-9)


def test_a_single_slot_with_constant_service_waits_as_pollaczek_and_khinchine_say(plain: Build) -> None:
    """M/D/1 at load 0.5: the mean wait is half a service time. 8,000 customers of one draw: standard error about 0.02."""
    dice = Random(5)
    now, plan = 0.0, []
    for _ in range(8000):
        now += dice.expovariate(0.5)
        plan.append((now, 1, 1))
    records = Bench(plain(), slots=1).play(*plan)
    mean_wait = sum(r.finished_s - r.intended_s - 1.0 for r in records) / len(records)
    assert mean_wait == pytest.approx(0.5, abs=0.06)
