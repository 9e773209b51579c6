"""What is done to a training process from outside: killed, or evicted with the notice that Kubernetes and spot nodes give."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from foundation.formats.changes import Change

_FAULT: Final = "training"
_EVICTED: Final = "evict"


@dataclass(frozen=True, slots=True, order=True)
class Strike:
    """``at_s`` seconds after the first start; with ``notice`` it is SIGTERM, and SIGKILL only after the pod's grace period."""

    at_s: float
    notice: bool = False


def strikes_of(faults: Iterable[Change]) -> list[Strike]:
    """Return what ``training=kill@…`` and ``training=evict@…`` ask for, in the order of time."""
    return sorted(Strike(fault.start_s or 0.0, fault.value == _EVICTED) for fault in faults if fault.kind == _FAULT)
