"""The exact cache of a replica and its single flight, in simulated time.

Rule 1: keys, what is repeatable, bounds and times to live are the gateway's own code (``workloads.gateway.caching``).
Rule 2: of an answer only its length is kept. Its size in bytes is assumed, and matters only where the cache is full.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from workloads.gateway.caching.exact import Kept
from workloads.gateway.caching.memory import MemoryStore

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from simulations.kernel import Loop
    from workloads.gateway.configuration.document import Cache

#: A token of a streamed answer is about one frame.
_BYTES_PER_TOKEN: Final = 200


class Stored(NamedTuple):
    """An answer: the name of the upstream that gave it, and its length."""

    target: str
    tokens: int


#: Called when the call in flight for the same request has ended, with None if it gave no answer.
Landing = Callable[[Stored | None], None]


class AnswerCache:
    """One cache; several replicas have the same one where it is shared."""

    def __init__(self, cache: Cache, loop: Loop) -> None:
        self.holds_anything = cache.max_bytes > 0
        self._store = MemoryStore(cache.max_bytes, cache.ttl_s, now_s=lambda: loop.now_s)

    def get(self, key: bytes) -> Stored | None:
        """Return the answer kept under ``key``."""
        found: bytes | None = _done(self._store.get(key))
        kept = None if found is None else Kept.from_bytes(found)
        return None if kept is None else Stored(kept.target, len(kept.body) // _BYTES_PER_TOKEN)

    def put(self, key: bytes, answer: Stored) -> None:
        """Keep an answer as long as there is room for it."""
        _done(self._store.put(key, Kept(b"text/event-stream", answer.target, bytes(answer.tokens * _BYTES_PER_TOKEN)).to_bytes()))


class Flights:
    """The calls in flight of one replica: who asks the same waits for the first."""

    def __init__(self) -> None:
        self._waiting: dict[bytes, list[Landing]] = {}

    def join(self, key: bytes, landing: Landing) -> bool:
        """Wait for the call in flight for ``key``; False if there is none and the caller has to make it."""
        if key in self._waiting:
            self._waiting[key].append(landing)
            return True
        self._waiting[key] = []
        return False

    def land(self, key: bytes, answer: Stored | None) -> None:
        """End the call for ``key``; with None those who waited make their own."""
        for landing in self._waiting.pop(key, ()):
            landing(answer)


def _done(step: Coroutine[Any, Any, Any]) -> Any:
    """Return the result of a coroutine that waits for nothing."""
    try:
        step.send(None)
    except StopIteration as ended:
        return ended.value
    raise AssertionError("a store in memory never waits")
