"""Faults in a load of their own: predicted by the twin, injected for real, compared."""

from __future__ import annotations

import math
import urllib.request
from typing import TYPE_CHECKING, Final

from sandtable.jobs.gateway.outcome import faults_outcome
from sandtable.jobs.gateway.seen import with_costs
from sandtable.jobs.remarks import Remarks

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from foundation.formats.changes import Change
    from foundation.measures import JobOutcome
    from sandtable.jobs.engines.trial import Setting
    from sandtable.jobs.gateway.running import RunningGateway
    from sandtable.local.engine import EngineProcess
    from simulations.twin import Twin
    from simulations.world import Participant

#: The load goes on for so long after the last fault has ended, so that recovery is seen.
_AFTERWARDS_S: Final = 20.0
_CONTROL_LIMIT_S: Final = 5.0
ENGINE: Final = "engine"

Action = tuple[float, "Callable[[], None]"]


def rehearse_faults(
    twin: Twin, gateway: RunningGateway, engines: Sequence[EngineProcess], faults: Sequence[Change], setting: Setting
) -> tuple[JobOutcome, Remarks]:
    """Send a load of its own with ``faults`` in it, and return what was predicted and what was seen.

    Raises:
        LoadTestError: the generator cannot work.
    """
    from loadtests import open_loop
    from stacks.traffic import plan

    steps, traffic = setting.steps, setting.environment.traffic
    seed = setting.seed + 1
    requests = plan(traffic, seed=seed, root=setting.space.root, duration_s=_lasts_s(faults, traffic.duration_s))
    with steps.step("faults") as step:
        restart_s = engines[0].started_in_s
        participants = [_simulated(fault, twin.replicas[0], restart_s) for fault in faults]
        predicted = twin.run(requests, seed=seed, participants=participants)
        actions = sorted((action for fault in faults for action in _injected(fault, gateway, engines[0])), key=lambda action: action[0])
        seen = open_loop.run(
            requests,
            [gateway.url],
            api_key=gateway.key,
            seed=seed,
            actions=actions,
            on_progress=lambda done, total: step.update(done, total, "requests"),
        )
        measured = with_costs(seen, gateway.ledger, engines[0].url)
        windows = [_window(fault, restart_s) for fault in faults]
        outcome = faults_outcome(
            predicted.records, measured.records, gateway.deployed.first_choices, windows, [_said(fault, restart_s) for fault in faults]
        )
        failed = outcome.figures[0]
        step.note(f"{_percent(failed.measured)} of {failed.n} requests failed while they lasted, predicted {_percent(failed.predicted)}")
    missing = tuple(f"the faults do not count: {reason}" for reason in seen.invalid)
    return outcome, Remarks(missing=missing, real=(_REAL,))


_REAL: Final = "The faults: an engine was killed by its process id, a provider failed by the emulator's own control."


def _simulated(fault: Change, replica: str, restart_s: float) -> Participant:
    from simulations.failures.outage import Outage
    from simulations.gateway import ProviderFault

    start_s, end_s = _window(fault, restart_s)
    if fault.kind == ENGINE:
        return Outage(replica, start_s, end_s, notice_s=math.inf)  # the gateway has no other address, and keeps trying
    return ProviderFault(fault.kind, fault.value, start_s, end_s)


def _injected(fault: Change, gateway: RunningGateway, engine: EngineProcess) -> list[Action]:
    """Return the calls that begin and end a fault."""
    assert fault.start_s is not None, "the environment checks it"
    if fault.kind == ENGINE:
        again: list[Action] = [] if fault.end_s is None else [(fault.end_s, engine.start)]
        return [(fault.start_s, engine.kill), *again]
    url = f"{gateway.emulator_url}/_emulator/faults/{gateway.emulated_name(fault.kind)}"
    end: list[Action] = [] if fault.end_s is None else [(fault.end_s, lambda: _control("DELETE", url))]
    return [(fault.start_s, lambda: _control("PUT", url, fault.value)), *end]


def _control(method: str, url: str, body: str = "") -> None:
    request = urllib.request.Request(url, data=body.encode() or None, method=method)  # noqa: S310  # our own emulator
    with urllib.request.urlopen(request, timeout=_CONTROL_LIMIT_S):  # noqa: S310
        pass


def _window(fault: Change, restart_s: float) -> tuple[float, float]:
    """Return when a fault lasts; a killed engine is away until it has started again."""
    start_s = fault.start_s or 0.0
    if fault.end_s is None:
        return start_s, math.inf
    return start_s, fault.end_s + (restart_s if fault.kind == ENGINE else 0.0)


def _lasts_s(faults: Sequence[Change], usual_s: float) -> float:
    return max(usual_s, *((fault.end_s or fault.start_s or 0.0) + _AFTERWARDS_S for fault in faults))


def _said(fault: Change, restart_s: float) -> str:
    if fault.kind == ENGINE and fault.end_s is not None:
        return f"`{fault}`: it was started again after that, which took {restart_s:.1f} s the first time"
    return f"`{fault}`"


def _percent(share: float | None) -> str:
    return "—" if share is None else f"{share:.1%}"


def of_the_load(faults: Sequence[Change], gateway: RunningGateway) -> tuple[Change, ...]:
    """Return the faults that strike the load: those of the engine and of providers; the others belong to their jobs."""
    providers = gateway.deployed.configuration.providers
    return tuple(fault for fault in faults if fault.kind == ENGINE or fault.kind in providers)
