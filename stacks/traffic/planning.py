"""Turns the environment's traffic into the list of requests.

Rule 1: deterministic: the same traffic and seed give the same plan on every machine.
Rule 2: arrivals, prompts, answers and the mix of wires each have their own random stream; changing one does not affect the others.
Rule 3: a trace is replayed as recorded; only an explicit rate rescales its time, and lengths are clipped to the bounds of the environment
so that an engine with a small context can replay the traffic of a large one. A note reports each change.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Final

from stacks.traffic.arrivals import arrival_times
from stacks.traffic.errors import PlanTooLongError, UnreadableTraceError
from stacks.traffic.lengths import clip, draw
from stacks.traffic.repeats import Repeats
from stacks.traffic.request import PlannedRequest, Way
from stacks.traffic.traces import Trace, TraceRow, read_trace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from stacks.environment import Traffic

_SHORT_S: Final = 1.0
_FAST_PER_S: Final = 20.0
"""A trace that is shorter and faster than these limits may have seconds where milliseconds belong."""
MAX_REQUESTS: Final = 2_000_000
"""Longest plan: at 100 bytes per request still a small part of a laptop's memory."""


def plan(
    traffic: Traffic,
    *,
    seed: int | None = None,
    root: Path = Path(),
    skip_bad_rows: bool = False,
    duration_s: float | None = None,
    rate_per_s: float | None = None,
    on_note: Callable[[str], None] | None = None,
) -> list[PlannedRequest]:
    """Return the requests of a run, in order of time.

    Args:
        traffic: The environment's traffic.
        seed: Default: the traffic's own.
        root: Folder against which a relative path of a trace is resolved.
        skip_bad_rows: Continue without the bad rows of a trace instead of rejecting it.
        duration_s: Seconds; default: the traffic's own. A trace is cut there.
        rate_per_s: Requests per second; default: the traffic's own, and for a trace the recorded times. If given, the whole trace is
            stretched in time until its mean rate over all rows is this one.
        on_note: Called with each note that a reader of the results needs: rows skipped or cut off, lengths clipped, time stretched.

    Raises:
        TraceError: the trace cannot be replayed; see ``stacks.traffic.errors``.
        PlanTooLongError: more than ``MAX_REQUESTS`` requests.
    """
    seed = traffic.seed if seed is None else seed
    duration = traffic.duration_s if duration_s is None else duration_s
    note = on_note or (lambda _text: None)
    if traffic.trace is not None:
        return _replay(traffic, _trace(traffic, root, skip_bad_rows, note), duration, rate_per_s, note, seed=seed)
    return list(drawn_plan(traffic, seed=seed, duration_s=duration, rate_per_s=traffic.rate_per_s if rate_per_s is None else rate_per_s))


def drawn_plan(traffic: Traffic, *, seed: int, duration_s: float, rate_per_s: float) -> Iterator[PlannedRequest]:
    """Return the requests of a run that replays no trace, as :func:`plan` does, each drawn when it is asked for.

    Raises:
        PlanTooLongError: more than ``MAX_REQUESTS`` requests.
    """
    if (expected := rate_per_s * duration_s) > MAX_REQUESTS:
        raise PlanTooLongError(expected, MAX_REQUESTS)
    times = arrival_times(traffic, rate_per_s=rate_per_s, duration_s=duration_s, random=_stream(seed, "arrivals"))
    drawn = enumerate(zip(times, _drawn_lengths(traffic, seed), mixed_ways(traffic, seed), strict=False))
    repeats = repeats_of(traffic, seed)
    return (repeats.of(PlannedRequest(index, at_s, prompt, output, **way)) for index, (at_s, (prompt, output), way) in drawn)


def request_lengths(
    traffic: Traffic, *, seed: int | None = None, root: Path = Path(), skip_bad_rows: bool = False
) -> Iterator[tuple[int, int]]:
    """Yield (prompt, output) tokens forever, for closed-loop users, who decide when to send; a trace starts over at its end.

    Raises:
        TraceError: the trace cannot be replayed.
    """
    if traffic.trace is None:
        return _drawn_lengths(traffic, traffic.seed if seed is None else seed)
    rows = _trace(traffic, root, skip_bad_rows, lambda _text: None).rows
    return itertools.cycle([_clipped(traffic, row) for row in rows])


def trace_path(named: str, root: Path) -> Path:
    """Return the path of a trace; a relative one is resolved against ``root``, one with ``~`` against a home directory.

    Raises:
        UnreadableTraceError: there is no such home directory.
    """
    try:
        return root / Path(named).expanduser()
    except RuntimeError as error:
        raise UnreadableTraceError(Path(named), "there is no such home folder") from error


def _stream(seed: int, name: str) -> Random:
    # A string seed is hashed with SHA-512, so neighbouring seeds and streams are unrelated.
    return Random(f"{seed}/{name}")  # noqa: S311  # a simulation needs repeatable numbers


def _drawn_lengths(traffic: Traffic, seed: int) -> Iterator[tuple[int, int]]:
    return zip(draw(traffic.prompt_tokens, _stream(seed, "prompt")), draw(traffic.output_tokens, _stream(seed, "output")), strict=False)


def mixed_ways(traffic: Traffic, seed: int, wire: str = "") -> Iterator[Way]:
    """Yield wire, route, kind and tenant of each request forever; empty where the traffic has no mix.

    ``wire`` takes only the parts of the mix on that wire.
    """
    parts = [part for part in traffic.mix if wire in ("", part.wire)]
    if not parts:
        return itertools.repeat(Way())
    ways = [Way(wire=part.wire, route=part.route, asks=part.asks, tenant=part.tenant) for part in parts]
    random, weights = _stream(seed, f"mix/{wire}" if wire else "mix"), [part.share for part in parts]
    return (random.choices(ways, weights)[0] for _ in itertools.count())


def repeats_of(traffic: Traffic, seed: int) -> Repeats:
    """Return what makes requests of a run with ``seed`` repeat earlier ones."""
    return Repeats(traffic, _stream(seed, "repeats"))


def _trace(traffic: Traffic, root: Path, skip_bad_rows: bool, note: Callable[[str], None]) -> Trace:
    assert traffic.trace is not None, "only called where a trace is given"
    path = trace_path(traffic.trace, root)
    try:
        trace = read_trace(path, skip_bad_rows=skip_bad_rows)
    except UnreadableTraceError as error:
        if Path(traffic.trace).expanduser().is_absolute():  # as from an option, which is relative to the working directory
            raise
        raise UnreadableTraceError(error.path, error.why, "`traffic.trace` is taken relative to the project's root") from error
    if trace.bad:
        skipped = "1 bad row of the trace was" if trace.bad == 1 else f"{trace.bad} bad rows of the trace were"
        note(f"{skipped} skipped; the first is {trace.first_bad}")
    return trace


def _clipped(traffic: Traffic, row: TraceRow) -> tuple[int, int]:
    return clip(traffic.prompt_tokens, row.prompt_tokens), clip(traffic.output_tokens, row.output_tokens)


def _replay(
    traffic: Traffic,
    trace: Trace,
    duration_s: float,
    rate_per_s: float | None,
    note: Callable[[str], None],
    *,
    seed: int,
) -> list[PlannedRequest]:
    stretch = 1.0
    if 0 < (span_s := trace.rows[-1].at_s) < _SHORT_S and len(trace.rows) > 2 and trace.rate_per_s > _FAST_PER_S:
        note(f"the whole trace takes {span_s:.3g} s, {trace.rate_per_s:,.3g} requests/s: are its times in the unit of its format?")
    if rate_per_s is not None and math.isinf(trace.rate_per_s):
        note(f"all rows of the trace have the same time, so no rate applies: they are sent at once, not at {rate_per_s:g} requests/s")
    elif rate_per_s is not None:
        stretch = trace.rate_per_s / rate_per_s
        note(f"the trace's time is stretched by {stretch:.3g}: {trace.rate_per_s:.3g} requests/s as recorded, {rate_per_s:g} as asked")
    rows = list(itertools.takewhile(lambda row: row.at_s * stretch < duration_s, trace.rows))
    if len(rows) > MAX_REQUESTS:
        raise PlanTooLongError(len(rows), MAX_REQUESTS)
    if len(rows) < len(trace.rows):
        note(f"the trace was cut at {duration_s:g} s, the duration of the traffic: {len(rows):,} of {len(trace.rows):,} rows are sent")
    lengths = [_clipped(traffic, row) for row in rows]
    changed = sum(pair != (row.prompt_tokens, row.output_tokens) for row, pair in zip(rows, lengths, strict=True))
    if changed:
        note(f"the lengths of {changed} of {len(rows)} requests of the trace were clipped to the bounds of the environment's traffic")
    repeats, ways = repeats_of(traffic, seed), mixed_ways(traffic, seed)
    return [
        repeats.of(_with_blocks(PlannedRequest(index, row.at_s * stretch, prompt, output, **way), row, trace.block_tokens))
        for index, (row, (prompt, output), way) in enumerate(zip(rows, lengths, ways, strict=False))
    ]


def _with_blocks(request: PlannedRequest, row: TraceRow, block_tokens: int) -> PlannedRequest:
    """Return ``request`` with the blocks of its row; a prompt that was clipped keeps those that it still has."""
    if not row.blocks:
        return request
    return replace(request, blocks=row.blocks[: -(-request.prompt_tokens // block_tokens)], block_tokens=block_tokens)
