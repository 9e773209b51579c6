"""Retries, waits, budgets and breakers, on a clock that the test holds."""

from __future__ import annotations

from random import Random
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foundation.dialects.model.errors import ErrorKind, ProviderError
from workloads.gateway.configuration.document import Retries
from workloads.gateway.resilience.backoff import Backoff, RetryBudget
from workloads.gateway.resilience.balancer import Load, choose
from workloads.gateway.resilience.breaker import Breaker, BreakerRules, State
from workloads.gateway.resilience.course import Course, Step
from workloads.gateway.resilience.retry_table import BY_KIND, Action, action_for

BUSY = ProviderError(ErrorKind.OVERLOADED, "busy", 503)


def target(name: str, dialect: str = "openai", rules: BreakerRules | None = None) -> Any:
    return SimpleNamespace(
        name=name, settings=SimpleNamespace(dialect=dialect), breaker=Breaker(rules or BreakerRules()), load=Load(), weight=1.0
    )


def course(*targets: Any, budget: RetryBudget | None = None, deadline_s: float = 1e9, **rules: Any) -> Course:
    return Course(list(targets), Retries(**rules), Backoff(), budget or RetryBudget(), Random(1), deadline_s)


def test_every_kind_of_error_has_an_action() -> None:
    assert set(BY_KIND) == set(ErrorKind)


@pytest.mark.parametrize(
    ("dialect", "error", "action"),
    [
        ("anthropic", ProviderError(ErrorKind.RATE_LIMIT, "", 429), Action.RETRY),
        ("anthropic", ProviderError(ErrorKind.QUOTA, "", 429, "rate_limit_error", "enforced_spend_limit_reached"), Action.FALL_BACK),
        ("anthropic", ProviderError(ErrorKind.QUOTA, "", 429, should_retry=True), Action.FALL_BACK),
        ("openai", ProviderError(ErrorKind.CONTENT_FILTER, "", 400), Action.NEVER),
        ("openai", ProviderError(ErrorKind.CONTENT_FILTER, "", 400, should_retry=True), Action.NEVER),
        ("openai", ProviderError(ErrorKind.INVALID_REQUEST, "", 400), Action.FAIL),
        ("openai", ProviderError(ErrorKind.CONTEXT_LENGTH, "", 400), Action.FAIL),
        ("gemini", ProviderError(ErrorKind.PERMISSION, "", 400, "FAILED_PRECONDITION"), Action.FALL_BACK),
        ("gemini", ProviderError(ErrorKind.OVERLOADED, "", 503), Action.RETRY),
        ("openai", ProviderError(ErrorKind.OVERLOADED, "", 503, should_retry=False), Action.FALL_BACK),
        ("openai", ProviderError(ErrorKind.INTERNAL, "", 501), Action.FALL_BACK),
    ],
)
def test_the_table(dialect: str, error: ProviderError, action: Action) -> None:
    assert action_for(dialect, error) is action


@given(failures=st.integers(1, 60), seed=st.integers())
def test_backoff_is_full_jitter_between_nothing_and_the_bound(failures: int, seed: int) -> None:
    assert 0.0 <= Backoff().wait_s(failures, None, Random(seed)) <= min(30.0, 0.1 * 2 ** (failures - 1))


@given(st.floats(0, 1e6))
def test_what_the_provider_asks_for_is_kept_as_it_is(asked: float) -> None:
    assert Backoff().wait_s(7, asked, Random(0)) == asked


@given(st.lists(st.booleans(), max_size=400))
def test_tries_again_are_at_most_a_share_of_the_traffic(failing: list[bool]) -> None:
    budget, retries = RetryBudget(share=0.1, reserve=3.0), 0
    for fails in failing:
        budget.earn()
        if fails and budget.spend():
            retries += 1
    assert retries <= 3.0 + 0.1 * len(failing) + 1e-6


def test_it_waits_as_long_as_asked_on_every_attempt() -> None:
    limited = ProviderError(ErrorKind.RATE_LIMIT, "", 429, retry_after_s=7.0)
    again = ProviderError(ErrorKind.RATE_LIMIT, "", 429, retry_after_s=2.5)
    path = course(target("a"))
    path.first()
    waits = [step.wait_s for error in (limited, again) if isinstance(step := path.after(error, 0.0), Step)]
    assert waits == [7.0, 2.5]


def test_a_wait_beyond_the_deadline_is_never_shortened() -> None:
    limited = ProviderError(ErrorKind.RATE_LIMIT, "", 429, retry_after_s=60.0)
    path = course(target("a"), deadline_s=30.0)
    path.first()
    assert path.after(limited, 0.0) == limited


def test_a_long_wait_is_not_waited_for_while_another_target_is_there() -> None:
    one, two = target("a"), target("b")
    path = course(one, two)
    path.first()
    assert path.after(ProviderError(ErrorKind.RATE_LIMIT, "", 429, retry_after_s=20.0), 0.0) == Step(two)
    assert path.fell_back


def test_a_content_filter_is_not_routed_around() -> None:
    refused = ProviderError(ErrorKind.CONTENT_FILTER, "", 400)
    path = course(target("a"), target("b"))
    path.first()
    assert path.after(refused, 0.0) is refused


def test_an_empty_budget_goes_elsewhere_or_gives_up() -> None:
    one, two = target("a"), target("b")
    path = course(one, two, budget=RetryBudget(0.0, 0.0))
    path.first()
    assert path.after(BUSY, 0.0) == Step(two)
    assert path.after(BUSY, 0.0) == BUSY


def test_attempts_are_bounded() -> None:
    path = course(target("a"), target("b"), max_attempts_per_target=2, max_attempts=3)
    path.first()
    steps = 0
    while isinstance(path.after(BUSY, 0.0), Step):
        steps += 1
    assert steps == 2
    assert path.attempts == 3


def test_a_breaker_opens_probes_once_and_closes() -> None:
    breaker = Breaker(BreakerRules(least_calls=3, open_s=30.0))
    for second in range(3):
        assert breaker.enter(second)
        breaker.leave(second, failed=True)
    assert breaker.state is State.OPEN
    assert not breaker.enter(31.9)
    assert breaker.enter(32.0)
    assert not breaker.enter(32.0), "one probe at a time"
    breaker.leave(33.0, failed=False)
    assert breaker.state is State.CLOSED
    assert breaker.enter(33.0)


def test_a_failed_probe_opens_for_twice_as_long_and_an_abandoned_one_says_nothing() -> None:
    breaker = Breaker(BreakerRules(least_calls=1, open_s=10.0))
    breaker.enter(0.0)
    breaker.leave(0.0, failed=True)
    assert breaker.enter(10.0)
    breaker.abandon()
    assert breaker.enter(10.0)
    breaker.leave(10.0, failed=True)
    assert not breaker.allows(29.9)
    assert breaker.allows(30.0)


@settings(max_examples=40)
@given(st.lists(st.tuples(st.floats(0.0, 20.0), st.booleans(), st.booleans()), max_size=40))
def test_one_probe_at_a_time_decides_and_late_calls_do_not(steps: list[tuple[float, bool, bool]]) -> None:
    breaker, now_s = Breaker(BreakerRules(least_calls=1, open_s=10.0)), 0.0
    in_hand: list[float] = []
    probe: float | None = None
    for pause_s, begins, fails in steps:
        now_s += pause_s + 0.001
        if begins:
            closed = breaker.state is State.CLOSED
            if breaker.enter(now_s):
                assert probe is None or closed
                in_hand.append(now_s)
                probe = None if closed else now_s
        elif in_hand:
            began_s, before = in_hand.pop(0), breaker.state
            breaker.leave(now_s, began_s=began_s, failed=fails)
            if before is State.HALF_OPEN:
                assert (breaker.state is before) == (began_s != probe)
            if began_s == probe:
                probe = None


def test_retry_after_extends_the_time_that_it_is_open() -> None:
    breaker = Breaker(BreakerRules(least_calls=1, open_s=10.0))
    breaker.enter(0.0)
    breaker.leave(0.0, failed=True, retry_after_s=45.0)
    assert not breaker.allows(44.0)
    assert breaker.opens_in_s(44.0) == pytest.approx(1.0)


def test_old_calls_are_forgotten_and_slow_ones_count() -> None:
    breaker = Breaker(BreakerRules(window_s=10.0, least_calls=2, slow_s=1.0, slow_share=0.9))
    breaker.enter(0.0)
    breaker.leave(0.0, failed=True)
    breaker.enter(20.0)
    breaker.leave(20.0, failed=False, took_s=5.0)
    assert breaker.state is State.CLOSED
    breaker.enter(21.0)
    breaker.leave(21.0, failed=False, took_s=5.0)
    assert breaker.state is State.OPEN


def test_a_dead_target_gets_few_attempts_in_an_outage_of_a_minute() -> None:
    """15 requests over 60 s, one target and one fallback that works: the dead one sees at most 4 calls."""
    dead, alive = target("dead"), target("alive")
    attempts = 0
    for number in range(15):
        now_s = number * 4.0
        ready = [one for one in (dead, alive) if one.breaker.allows(now_s)]
        path = Course(ready, Retries(), Backoff(), RetryBudget(), Random(number), now_s + 60)
        step: Any = path.first()
        while isinstance(step, Step):
            assert step.upstream.breaker.enter(now_s)
            failed = step.upstream is dead
            attempts += failed
            step.upstream.breaker.leave(now_s, failed=failed)
            step = path.after(BUSY, now_s) if failed else None
        assert step is None, "every request was answered"
    assert attempts <= 4


def test_the_less_loaded_of_two_is_chosen() -> None:
    one, two = target("a"), target("b")
    one.load.in_flight = 50
    for load in (one.load, two.load):
        load.saw(0.1)
    random = Random(3)
    chosen = [choose([one, two], random) for _ in range(200)]
    assert chosen.count(two) > 130
