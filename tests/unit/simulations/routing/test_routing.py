"""Doors in front of engines that are played: a request ends when the test says so."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foundation.measures.outcome import RequestRecord, Status
from simulations.errors import TwinError
from simulations.kernel import Loop, Order
from simulations.routing import (
    AdmissionDoor,
    LeastOutstanding,
    Policy,
    PowerOfTwo,
    PrefixAffinity,
    RetryDoor,
    RoundRobin,
    RouterDoor,
    ServiceClass,
)
from simulations.routing.prefix_index import PrefixIndex
from simulations.serving import EngineRequest
from simulations.world import Replica
from workloads.gateway.resilience.backoff import RetryBudget
from workloads.gateway.resilience.breaker import BreakerRules


class Played:
    """An engine that takes ``seconds`` for each request, however many there are; it fails those of which ``fails`` says so."""

    steps = 0

    def __init__(self, name: str, loop: Loop, *, seconds: float = 1.0, fails: Callable[[EngineRequest], bool] = lambda _: False) -> None:
        self.name, self.loop, self.seconds, self.fails = name, loop, seconds, fails
        self.seen: list[EngineRequest] = []
        self.open = 0
        self.on_end: Any = None

    def offer(self, request: EngineRequest) -> None:
        self.seen.append(request)
        self.open += 1
        self.loop.at(self.loop.now_s + self.seconds, lambda: self._end(request), Order.STEPS)

    def _end(self, request: EngineRequest) -> None:
        self.open -= 1
        now_s, failed = self.loop.now_s, self.fails(request)
        status, tokens, first = (Status.FAILED, 0, None) if failed else (Status.OK, request.output_tokens, now_s)
        self.on_end(request, RequestRecord(request.at_s, request.at_s, first, now_s, request.prompt_tokens, tokens, self.name, status))

    def fail_all(self, why: str) -> None:
        raise NotImplementedError

    def outstanding(self) -> int:
        return self.open

    def audit(self) -> None:
        raise NotImplementedError


class Site:
    """Engines behind a router; ``ended`` are the records by index."""

    def __init__(self, policy: Policy, count: int = 3, *, breakers: BreakerRules | None = None, **played: Any) -> None:
        self.loop = Loop()
        self.engines = [Played(f"e{number}", self.loop, **played) for number in range(count)]
        self.replicas = {engine.name: Replica(engine.name, engine) for engine in self.engines}
        self.router = RouterDoor(self.replicas, policy, self.loop, breakers=breakers)
        for engine in self.engines:
            engine.on_end = self.router.on_end
        self.ended: dict[int, RequestRecord] = {}

    def keep(self, request: EngineRequest, record: RequestRecord) -> None:
        assert request.index not in self.ended
        self.ended[request.index] = record

    def play(self, door: Any, *requests: EngineRequest) -> list[RequestRecord]:
        for request in requests:
            self.loop.at(request.at_s, lambda request=request: door.submit(request, self.keep), Order.ARRIVAL)
        self.loop.run()
        return [self.ended[request.index] for request in requests]


def at(index: int, at_s: float, prompt: int = 10, prefix: tuple[int, ...] = ()) -> EngineRequest:
    return EngineRequest(index, at_s, prompt, 5, prefix)


def test_replicas_take_turns_and_those_away_are_left_out() -> None:
    site = Site(RoundRobin())
    records = site.play(site.router, *(at(index, 0.1 * index) for index in range(4)))
    assert [record.replica for record in records] == ["e0", "e1", "e2", "e0"]
    site.replicas["e2"].unlisted = 1
    more = site.play(site.router, *(at(10 + index, 5 + 0.1 * index) for index in range(3)))
    assert [record.replica for record in more] == ["e1", "e0", "e1"]
    for replica in site.replicas.values():
        replica.unlisted = 1
    (nobody,) = site.play(site.router, at(20, 9.0))
    assert (nobody.status, nobody.error, nobody.finished_s) == (Status.FAILED, "no replica was there to take it", 9.0)


def test_the_least_busy_replica_takes_the_next() -> None:
    site = Site(LeastOutstanding())
    site.engines[0].seconds = 10.0
    records = site.play(site.router, at(0, 0.0), at(1, 0.1), at(2, 0.2), at(3, 2.0), at(4, 2.1), at(5, 2.2))
    assert [record.replica for record in records] == ["e0", "e1", "e2", "e1", "e2", "e0"]


def spread(policy: Policy, seed: int) -> int:
    """The most requests that any of ten replicas ever has, under 400 requests that take 8 to 12 s."""
    dice, site = Random(seed), Site(policy, 10)
    for engine in site.engines:
        engine.seconds = dice.uniform(8, 12)
    most = 0

    def look() -> None:
        nonlocal most
        most = max(most, *(engine.open for engine in site.engines))

    for index in range(400):
        site.loop.at(0.25 * index, look, Order.ARRIVAL)
    site.play(site.router, *(at(index, 0.25 * index) for index in range(400)))
    return most


class AtRandom:
    def __init__(self, random: Random) -> None:
        self.random = random

    def choose(self, request: EngineRequest, replicas: Any, now_s: float) -> Replica:
        found: Replica = self.random.choice(replicas)
        return found


def test_two_choices_are_much_better_than_one() -> None:
    one, two, all_ = spread(AtRandom(Random(1)), 1), spread(PowerOfTwo(Random(1)), 1), spread(LeastOutstanding(), 1)
    assert all_ <= two < one


def test_a_known_prefix_goes_where_it_is_unless_that_replica_is_busy() -> None:
    chat, other = tuple(range(8)), tuple(range(100, 108))
    site = Site(PrefixAffinity(1000), 2, seconds=100.0)
    requests = [at(0, 0.0, prefix=chat), at(1, 1.0, prefix=other), at(2, 2.0, prefix=(*chat, 50)), at(3, 3.0, prefix=(*other, 60))]
    assert [record.replica for record in site.play(site.router, *requests)] == ["e0", "e1", "e0", "e1"]
    light = Site(PrefixAffinity(1000, prefix_weight=0.5), 2, seconds=100.0)
    records = light.play(light.router, *(at(index, index, prefix=chat) for index in range(4)))
    assert [record.replica for record in records] == ["e0", "e1", "e0", "e1"]


def test_metrics_are_as_old_as_the_last_scrape() -> None:
    site = Site(PrefixAffinity(10, scrape_s=1.0), 2, seconds=100.0)
    records = site.play(site.router, *(at(index, 0.1 * index) for index in range(5)), at(5, 1.5))
    assert [record.replica for record in records] == ["e0"] * 5 + ["e1"]


def test_a_replica_that_fails_is_left_alone_for_a_while() -> None:
    rules = BreakerRules(window_s=30, least_calls=3, failed_share=0.5, open_s=10)
    site = Site(RoundRobin(), 2, breakers=rules, seconds=0.1)
    site.engines[0].fails = lambda request: request.at_s < 8
    records = site.play(site.router, *(at(index, float(index)) for index in range(30)))
    to_first = [record.intended_s for record in records if record.replica == "e0"]
    assert to_first[:3] == [0.0, 2.0, 4.0]
    assert min(later for later in to_first if later > 4) >= 14
    assert [record.status for record in records if record.intended_s > 4] == [Status.OK] * 25


def test_urgent_requests_go_first_and_others_are_shed_when_their_queue_is_full_or_too_slow() -> None:
    site = Site(RoundRobin(), 1)
    classes = (ServiceClass("interactive"), ServiceClass("batch", queue=2, patience_s=3.5))
    door = AdmissionDoor(site.router, site.loop, classes, lambda request: int(request.index >= 10), most_requests=1)
    batch = [at(10 + index, 0.1 * index) for index in range(4)]
    urgent = [at(index, 0.5 + 0.01 * index) for index in range(3)]
    ended = {record.prompt_tokens: record for record in site.play(door, *batch, *urgent)}
    assert ended
    ends = {index: (record.status, round(record.finished_s, 2)) for index, record in site.ended.items()}
    assert ends[10] == (Status.OK, 1.0)
    assert [ends[index] for index in range(3)] == [(Status.OK, 2.0), (Status.OK, 3.0), (Status.OK, 4.0)]
    assert ends[13] == (Status.REJECTED, 0.3)
    assert ends[11] == (Status.REJECTED, 3.6)
    assert ends[12] == (Status.REJECTED, 3.7)
    assert door.shed == {"interactive": 0, "batch": 3}


def test_prompt_tokens_are_limited_and_one_that_is_larger_than_all_goes_alone() -> None:
    site = Site(RoundRobin(), 1)
    door = AdmissionDoor(site.router, site.loop, (ServiceClass("all"),), lambda _: 0, most_requests=9, most_tokens=100)
    records = site.play(door, at(0, 0.0, 60), at(1, 0.1, 60), at(2, 0.2, 500), at(3, 0.3, 10))
    assert [round(record.finished_s, 2) for record in records] == [1.0, 2.0, 3.0, 4.0]


def test_an_admission_that_lets_nobody_in_is_an_error() -> None:
    site = Site(RoundRobin(), 1)
    with pytest.raises(TwinError, match="lets nobody in"):
        AdmissionDoor(site.router, site.loop, (), lambda _: 0, most_requests=1)


def retrying(site: Site, **settings_: Any) -> RetryDoor:
    return RetryDoor(site.router, site.loop, itertools.count(1000), **settings_)


def test_what_fails_is_tried_again_elsewhere_with_growing_pauses() -> None:
    site = Site(RoundRobin(), 3, fails=lambda _: True)
    site.engines[2].fails = lambda _: False
    door = retrying(site, pause_s=0.5)
    (record,) = site.play(door, at(0, 0.0))
    assert (record.status, record.replica, record.finished_s) == (Status.OK, "e2", 1 + 0.5 + 1 + 1.0 + 1)
    assert (door.sent, door.repeated) == (3, 2)


def test_retries_are_a_share_of_the_traffic() -> None:
    site = Site(RoundRobin(), 1, fails=lambda _: True)
    door = retrying(site, budget=RetryBudget(share=0.1, reserve=5))
    records = site.play(door, *(at(index, 0.01 * index) for index in range(200)))
    assert all(record.status is Status.FAILED for record in records)
    assert door.repeated <= 5 + 0.1 * 200


def test_a_slow_request_is_hedged_and_the_first_good_end_counts() -> None:
    site = Site(RoundRobin(), 2)
    site.engines[0].seconds = 60.0
    door = retrying(site, hedge_after_s=2.0)
    slow, quick = site.play(door, at(0, 0.0), at(1, 0.1))
    assert (slow.finished_s, quick.finished_s) == (3.0 if site.engines[1].seen[-1].index >= 1000 else 60.0, 1.1)
    assert door.repeated == 1


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 20), st.integers(1, 60), st.booleans()), min_size=1, max_size=40), st.integers(0, 99))
def test_every_request_ends_once_behind_all_doors(load: list[tuple[float, int, bool]], seed: int) -> None:
    dice = Random(seed)
    site = Site(PowerOfTwo(dice), 3, breakers=BreakerRules(open_s=2.0), fails=lambda _: dice.random() < 0.3)
    retries = retrying(site, hedge_after_s=1.5)
    classes = (ServiceClass("a", queue=3), ServiceClass("b", queue=5, patience_s=2.0))
    urgent = {index: flag for index, (_, _, flag) in enumerate(load)}
    door = AdmissionDoor(retries, site.loop, classes, lambda r: int(urgent[r.index]), most_requests=4, most_tokens=150)
    records = site.play(door, *(at(index, at_s, prompt) for index, (at_s, prompt, _) in enumerate(load)))
    assert len(records) == len(load)
    assert all(record.finished_s >= record.intended_s for record in records)
    assert all(engine.open == 0 for engine in site.engines)


def test_an_index_forgets_what_was_used_longest_ago() -> None:
    index = PrefixIndex(3)
    assert [index.use((1, 2)), index.use((3,)), index.use((1, 2)), index.use((4,))] == [0, 0, 2, 0]
    assert (index.known((1, 2)), index.known((3,)), index.known((1, 2, 4)), len(index)) == (2, 0, 3, 3)
