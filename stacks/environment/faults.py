"""Faults that a rehearsal injects: ``kind=value@start+length``, the grammar of the what-if scenarios (``foundation/formats/changes.py``).

Rule 1: a kind is a provider of the gateway, for which an emulator stands in every rehearsal, or a workload of the stack that can be killed.
A training can be evicted, too: it gets SIGTERM and the grace period of its pod.
Rule 2: every fault says when it starts; without a length it lasts to the end of the load.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from foundation.formats.changes import Change, ChangeSyntaxError, parse_changes
from stacks.environment.gateway import TENANT
from stacks.environment.slips import Slip, missing
from workloads.emulator.behaviour.faults import parse_fault

if TYPE_CHECKING:
    from stacks.environment.definition import Definition

#: Kind → section of the environment that it needs.
KILLED: Final = {"engine": "ai_stack", "fl_client": "federation", "coordination": "coordination", "training": "training"}
_KILL: Final = "kill"
_EVICT: Final = "evict"


def read_faults(text: str) -> tuple[Change, ...]:
    """Return the faults of one line, several joined by ``+``.

    Raises:
        ValueError: it is not ``kind=value@start+length``; the message says what is wrong.
    """
    try:
        faults = parse_changes(text)
    except ChangeSyntaxError as error:
        raise ValueError(f"{error}; write a fault as `anthropic=503@20s+15s` or `engine=kill@30s`") from error
    for fault in faults:
        if fault.start_s is None:
            raise ValueError(f"{text!r} does not say when it starts; add `@20s`, or `@20s+15s` with its length")
    return faults


def fault_problem(fault: Change, environment: Definition) -> str | None:
    """Return why ``fault`` cannot be injected into ``environment``; None if it can."""
    return _of_killed(fault, environment) if fault.kind in KILLED else _of_provider(fault, environment)


def _of_killed(fault: Change, environment: Definition) -> str | None:
    if not getattr(environment, KILLED[fault.kind], None):
        return f"{fault.kind}: this environment has no `{KILLED[fault.kind]}`"
    if fault.kind == "engine" and not environment.traffic.mix:
        return "engine: needs `gateway` and `traffic.mix`, so that requests have somewhere else to go"
    if fault.value == _KILL or (fault.kind == "training" and fault.value == _EVICT):
        return None
    evict = f" or `training={_EVICT}@…`" if fault.kind == "training" else ""
    return f"{fault.kind}={fault.value}: there is no such fault; write `{fault.kind}={_KILL}@…`{evict}"


def _of_provider(fault: Change, environment: Definition) -> str | None:
    providers = environment.gateway.providers if environment.gateway else {}
    if fault.kind not in providers:
        kinds = ", ".join([*providers, *(kind for kind, section in KILLED.items() if getattr(environment, section, None))])
        return f"{fault.kind!r} is no provider of the gateway, and nothing that can be killed; there is {kinds}"
    if not environment.traffic.mix:
        return f"{fault.kind}: `traffic.mix` is empty, so no request goes through the gateway"
    if parse_fault(fault.value) is None:
        return f"{fault.kind}={fault.value}: no such fault; use a status such as 503, s01 to s16, or a name such as cut=0.4"
    return None


def fault_slips(environment: Definition) -> Iterator[Slip]:
    """Yield every fault of the environment that cannot be injected."""
    for index, text in enumerate(environment.faults):
        for fault in read_faults(text):
            if problem := fault_problem(fault, environment):
                yield Slip(("faults", index), text, problem)


def mix_slips(environment: Definition) -> Iterator[Slip]:
    """Yield every part of the traffic that asks for what the gateway does not have."""
    routes = environment.gateway.routes if environment.gateway else {}
    for index, part in enumerate(environment.traffic.mix):
        if environment.gateway is None:
            yield Slip(("traffic", "mix", index), None, "only a gateway has wires and routes; add the section `gateway`, or remove `mix`")
        elif part.route not in routes:
            known = ", ".join(routes)
            yield Slip(("traffic", "mix", index, "route"), part.route, f"the gateway has no such route; there is {known}", tuple(routes))
        elif part.tenant not in ("", TENANT, *environment.gateway.tenants):
            yield missing(("traffic", "mix", index, "tenant"), part.tenant, [TENANT, *environment.gateway.tenants])
        elif (tenant := environment.gateway.tenants.get(part.tenant)) and tenant.routes and part.route not in tenant.routes:
            yield missing(("traffic", "mix", index, "route"), part.route, tenant.routes)
