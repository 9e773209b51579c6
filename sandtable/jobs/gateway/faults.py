"""Faults in a load of their own: predicted by the twin, injected for real, compared; where nothing can be started, predicted alone."""

from __future__ import annotations

import math
import urllib.request
from typing import TYPE_CHECKING, Final, NamedTuple

from sandtable.jobs.gateway.outcome import faults_outcome
from sandtable.jobs.gateway.seen import with_costs
from sandtable.jobs.remarks import Remarks

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from foundation.formats.changes import Change
    from foundation.measures import JobOutcome
    from sandtable.jobs.engines.serving import ServingEngine
    from sandtable.jobs.engines.trial import Setting
    from sandtable.jobs.gateway.running import RunningGateway
    from simulations.gateway import DeployedGateway
    from simulations.twin import Prediction, Twin
    from simulations.world import Participant
    from stacks.traffic import PlannedRequest

#: The load goes on for so long after the last fault has ended, so that recovery is seen.
_AFTERWARDS_S: Final = 20.0
_CONTROL_LIMIT_S: Final = 5.0
#: A dead pod leaves its Service once the kubelet has seen it; it looks every second (its PLEG's relist period).
_NOTICED_S: Final = 1.0
ENGINE: Final = "engine"

Action = tuple[float, "Callable[[], None]"]


class Comeback(NamedTuple):
    """How long a killed engine takes to serve again once it is started, and whether somebody else starts it, at once."""

    takes_s: float
    by_itself: bool


AT_ONCE: Final = Comeback(0.0, by_itself=False)


def rehearse_faults(
    twin: Twin, gateway: RunningGateway, engines: Sequence[ServingEngine], faults: Sequence[Change], setting: Setting
) -> tuple[JobOutcome, Remarks]:
    """Send a load of its own with ``faults`` in it, and return what was predicted and what was seen.

    Raises:
        LoadTestError: the generator cannot work.
    """
    from loadtests import open_loop

    with setting.steps.step("faults") as step:
        comeback = Comeback(engines[0].started_in_s, engines[0].comes_back)
        seed, requests, predicted = _predicted(twin, faults, setting, comeback)
        actions = sorted((action for fault in faults for action in _injected(fault, gateway, engines[0])), key=lambda action: action[0])
        seen = open_loop.run(
            requests,
            [gateway.url],
            api_key=gateway.key,
            tenant_keys=gateway.keys,
            seed=seed,
            texts_seed=setting.texts_seed + 1,
            actions=actions,
            on_progress=lambda done, total: step.update(done, total, "requests"),
        )
        measured = with_costs(seen, gateway.ledger, engines[0].url)
        windows, said = [_window(fault, comeback) for fault in faults], [_said(fault, comeback) for fault in faults]
        outcome = faults_outcome(predicted.records, measured.records, gateway.deployed.first_choices, windows, said)
        failed = outcome.figures[0]
        step.note(f"{_percent(failed.measured)} of {failed.n} requests failed while they lasted, predicted {_percent(failed.predicted)}")
    missing = tuple(f"the faults do not count: {reason}" for reason in seen.invalid)
    return outcome, Remarks(missing=missing, real=(_REAL,))


def predict_faults(twin: Twin, gateway: DeployedGateway, faults: Sequence[Change], setting: Setting) -> tuple[JobOutcome, Remarks]:
    """Return what the twin expects of a load with ``faults`` in it; nothing is started. A killed engine is back when the fault ends."""
    with setting.steps.step("faults") as step:
        _, _, predicted = _predicted(twin, faults, setting)
        windows = [_window(fault) for fault in faults]
        outcome = faults_outcome(predicted.records, (), gateway.first_choices, windows, [f"`{fault}`: predicted alone" for fault in faults])
        step.note(f"{_percent(outcome.figures[0].predicted)} of the requests fail while they last, predicted; nothing is injected")
    return outcome, Remarks(
        missing=("no fault was injected, because no engine can be started here; the twin alone says what one would do",)
    )


def _predicted(
    twin: Twin, faults: Sequence[Change], setting: Setting, comeback: Comeback = AT_ONCE
) -> tuple[int, Sequence[PlannedRequest], Prediction]:
    """Return seed and requests of the load that has the faults in it, and its prediction."""
    from stacks.traffic import plan

    traffic, seed = setting.environment.traffic, setting.seed + 1
    requests = plan(traffic, seed=seed, root=setting.space.root, duration_s=_lasts_s(faults, traffic.duration_s))
    participants = [_simulated(fault, twin.replicas, comeback) for fault in faults]
    return seed, requests, twin.run(requests, seed=seed, participants=participants)


_REAL: Final = "The faults: an engine was killed by its process id, a provider failed by the emulator's own control."


def _simulated(fault: Change, replicas: Sequence[str], comeback: Comeback) -> Participant:
    from simulations.failures.outage import Outage
    from simulations.gateway import ProviderFault

    start_s, end_s = _window(fault, comeback)
    if fault.kind == ENGINE:
        # Where there is no other replica, the gateway has no other address and keeps trying.
        return Outage(replicas[0], start_s, end_s, notice_s=_NOTICED_S if len(replicas) > 1 else math.inf)
    return ProviderFault(fault.kind, fault.value, start_s, end_s)


def _injected(fault: Change, gateway: RunningGateway, engine: ServingEngine) -> list[Action]:
    """Return the calls that begin and end a fault."""
    assert fault.start_s is not None, "the environment checks it"
    if fault.kind == ENGINE:
        again: list[Action] = [] if fault.end_s is None or engine.comes_back else [(fault.end_s, engine.start)]
        return [(fault.start_s, engine.kill), *again]
    url = f"{gateway.emulator_url}/_emulator/faults/{gateway.emulated_name(fault.kind)}"
    end: list[Action] = [] if fault.end_s is None else [(fault.end_s, lambda: _control("DELETE", url))]
    return [(fault.start_s, lambda: _control("PUT", url, fault.value)), *end]


def _control(method: str, url: str, body: str = "") -> None:
    request = urllib.request.Request(url, data=body.encode() or None, method=method)  # noqa: S310  # our own emulator
    with urllib.request.urlopen(request, timeout=_CONTROL_LIMIT_S):  # noqa: S310
        pass


def _window(fault: Change, comeback: Comeback = AT_ONCE) -> tuple[float, float]:
    """Return when a fault lasts; a killed engine is away until it has started again."""
    start_s, end_s = fault.start_s or 0.0, fault.end_s
    if fault.kind == ENGINE and comeback.by_itself:
        end_s = start_s
    if end_s is None:
        return start_s, math.inf
    return start_s, end_s + (comeback.takes_s if fault.kind == ENGINE else 0.0)


def _lasts_s(faults: Sequence[Change], usual_s: float) -> float:
    return max(usual_s, *((fault.end_s or fault.start_s or 0.0) + _AFTERWARDS_S for fault in faults))


def _said(fault: Change, comeback: Comeback) -> str:
    if fault.kind == ENGINE and comeback.by_itself:
        return f"`{fault}`: the kubelet started its container again; a start took {comeback.takes_s:.1f} s before"
    if fault.kind == ENGINE and fault.end_s is not None:
        return f"`{fault}`: it was started again after that, which took {comeback.takes_s:.1f} s the first time"
    return f"`{fault}`"


def _percent(share: float | None) -> str:
    return "—" if share is None else f"{share:.1%}"


def of_the_load(faults: Sequence[Change], gateway: DeployedGateway) -> tuple[Change, ...]:
    """Return the faults that strike the load: those of the engine and of providers; the others belong to their jobs."""
    providers = gateway.configuration.providers
    return tuple(fault for fault in faults if fault.kind == ENGINE or fault.kind in providers)
