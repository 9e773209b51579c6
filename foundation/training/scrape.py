"""Series of a training that runs: Prometheus scrapes them, and at the end they are written to a file."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from foundation.processes.health import health
from foundation.processes.serving import listen
from foundation.training.exposition import Sample, exposition


class Series:
    """The last value of each series; safe to read from another thread."""

    def __init__(self) -> None:
        self._samples: dict[tuple[object, ...], Sample] = {}

    def show(self, *samples: Sample) -> None:
        """Show ``samples`` from now on, in the place of those of the same name and labels."""
        self._samples |= {(name, *labels.items()): (name, labels, value) for name, labels, value in samples}

    def text(self) -> str:
        """Return them in Prometheus' text format."""
        return exposition(list(self._samples.values()))


@contextmanager
def scraped(series: Series, address: str | None, program: str, ready: Callable[[], bool] = lambda: True) -> Iterator[None]:
    """Answer ``GET /metrics`` with ``series``, and ``GET /ready``, on ``address`` (host:port) until the end of the block; None: nowhere.

    Exits the process with code 3 where the port is taken.
    """
    if address is None:
        yield
        return
    host, _, number = address.rpartition(":")
    with health(listen(host, int(number), program, option="metrics-address"), ready, series.text):
        yield
