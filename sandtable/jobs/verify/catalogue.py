"""Every check, in the order in which they run: what needs no pod comes first."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches

from sandtable.errors import UsageError
from sandtable.jobs.verify import network, rolling
from sandtable.jobs.verify.check import Check
from sandtable.jobs.verify.control_plane import admission, composing, compositions, objects
from sandtable.jobs.verify.data import kills, stores
from sandtable.jobs.verify.security import audit_disk, identity, openbao, rotation, svid_logins, takeover, workload_api
from sandtable.jobs.verify.telemetry import alerts, metrics, rules, traces


def all_checks() -> list[Check]:
    """Return every check, drills last."""
    read_only = objects, admission, rules, metrics, traces, network, stores, identity, workload_api, openbao, compositions, composing
    drills = kills, takeover, alerts, audit_disk, svid_logins, rotation, rolling
    found = [check for part in (*read_only, *drills) for check in part.checks()]
    return sorted(found, key=lambda check: check.drill)


def chosen(names: Sequence[str], *, drills: bool) -> list[Check]:
    """Return the checks called ``names``; without names all, the drills only with ``drills``.

    Raises:
        UsageError: a name is unknown, or that of a drill without ``drills``.
    """
    known = {check.name: check for check in all_checks()}
    for name in names:
        if name not in known:
            near = get_close_matches(name, known, n=1)
            raise UsageError(f"no check is named {name!r}; " + (f"did you mean {near[0]!r}?" if near else "see --list"))
        if known[name].drill and not drills:
            raise UsageError(f"{name} is a drill: it kills, fills or revokes something; add --drills")
    if names:
        return [check for check in known.values() if check.name in names]
    return [check for check in known.values() if drills or not check.drill]
