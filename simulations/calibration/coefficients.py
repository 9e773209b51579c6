"""The coefficients of an engine's speed, each with its provenance.

Rule 1: a coefficient is never negative and always states its origin: ``measured``, ``published``, ``derived`` or ``assumed``.
Rule 2: there is one coefficient per cause (compute, context, cold caches, request overhead), so that they also hold for loads that were not
measured; ``simulations/serving/step_times.py`` combines them.
Rule 3: a calibration says nothing about the machine's name or its owner.

Time of a step = sum over its micro-batches of load x [compute(tokens) + context terms + cold term, and ``split_s`` if there are several].
The load is ``prefill_under_load`` for a micro-batch with prompt tokens and ``decode_under_load`` for one that only generates: the ratio of
times under mixed load to those of the isolated experiments. A request costs ``request_s`` + ``request_token_s`` x prompt tokens in addition
to its steps, at any load.

The cold term: a long prompt evicts weights from the processor's cache, so the next generating micro-batches wait for memory. ``coldness``
goes up to 1 with exp(-t / ``cold_after_s``) over t seconds of prompt computing; a generating micro-batch takes ``cold_s`` x coldness longer
and leaves the share ``cold_left`` of it. If everything fits into the cache, or nothing does, ``cold_s`` is 0.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from foundation.measures.validity import calibration_doubt, slower
from foundation.processes.atomic_file import write_text
from simulations.errors import CalibrationError
from simulations.provenance import Coefficient, NamedCoefficient
from simulations.serving.engine import SlotEngine
from simulations.serving.port import HASH_TOKENS
from simulations.serving.step_times import StepTimes
from workloads.engine.spec import EngineSpec

if TYPE_CHECKING:
    from collections.abc import Callable

    from foundation.measures.outcome import RequestRecord
    from simulations.kernel import Loop
    from simulations.serving.port import EngineMaker, EngineRequest

SCHEMA_VERSION: Final = 3

_SINGLE: Final = (
    "split_s",
    "decode_context_s",
    "prefill_context_s",
    "cold_s",
    "cold_left",
    "cold_after_s",
    "prefill_under_load",
    "decode_under_load",
    "request_s",
    "request_token_s",
)


@dataclass(frozen=True, slots=True)
class Machine:
    """The hardware that the coefficients are valid for."""

    processor: str
    cores: int


@dataclass(frozen=True, slots=True)
class Fit:
    """How well the coefficients reproduce their data: median and largest relative error over ``n`` observations."""

    median_error: float
    largest_error: float
    n: int


@dataclass(frozen=True, slots=True)
class Calibration:
    """What the twin needs to know about an engine that the graph does not say.

    ``compute_s`` are pairs (tokens of a micro-batch, seconds), rising in tokens; linear between them and beyond the last two.
    ``decode_context_s`` is per token of context and generated token, ``prefill_context_s`` per pair of a prompt token and a token before
    it. ``split_s`` is what llama.cpp takes to rebuild the compute graph of a micro-batch. ``batch_tokens`` and ``micro_batch_tokens`` bound
    a step and its parts. ``fit`` is over the experiments, ``load_fit`` over the requests of the mixed load; both are in-sample.
    ``drift`` is how much slower the engine was after a load test than before, as a share of its time before; None if it was measured
    only once. ``yardstick_s`` is the mean time in seconds of the machine's yardstick during the mixed load, and ``pace`` is the ratio
    of its time during the load test to that; both are None if no yardstick ran.
    """

    name: str
    date: str
    spec: EngineSpec
    machine: Machine
    split_s: Coefficient
    compute_s: tuple[tuple[int, Coefficient], ...]
    decode_context_s: Coefficient
    prefill_context_s: Coefficient
    cold_s: Coefficient
    cold_left: Coefficient
    cold_after_s: Coefficient
    prefill_under_load: Coefficient
    decode_under_load: Coefficient
    request_s: Coefficient
    request_token_s: Coefficient
    batch_tokens: int = 2048
    micro_batch_tokens: int = 512
    fit: Fit | None = None
    load_fit: Fit | None = None
    drift: float | None = None
    yardstick_s: float | None = None
    pace: float | None = None

    def __post_init__(self) -> None:
        tokens = [count for count, _ in self.compute_s]
        if len(tokens) < 2 or tokens != sorted(set(tokens)) or tokens[0] < 1:
            raise CalibrationError(f"compute_s has the token counts {tokens}; at least two are needed, rising, from 1 up")
        if self.cold_left.value >= 1 or self.cold_after_s.value <= 0:
            raise CalibrationError(f"cold_left is {self.cold_left.value}, cold_after_s {self.cold_after_s.value}; expected < 1 and > 0")

    def provenance(self) -> list[NamedCoefficient]:
        """Return every coefficient with its name, as reports list them."""
        table = [NamedCoefficient(f"compute_s[{tokens} tokens]", coefficient) for tokens, coefficient in self.compute_s]
        return [*table, *(NamedCoefficient(name, getattr(self, name)) for name in _SINGLE)]

    def summary(self) -> str:
        """Return a short summary of the engine's speed, for a line on a terminal."""
        (one, first), *_, (some, many) = self.compute_s
        token_ms = first.value * self.decode_under_load.value * 1e3 / one
        prompt_ms = (many.value + self.prefill_context_s.value * some * some / 2) * self.prefill_under_load.value * 1e3 / some
        fitted = f", fit within {self.fit.median_error:.1%} in the median (n={self.fit.n})" if self.fit else ""
        prefill, decode = self.prefill_under_load, self.decode_under_load
        loaded = f", {prefill.value:.2f} and {decode.value:.2f} times that under load (n={decode.n})" if decode.n else ""
        return f"{token_ms:.2f} ms a token alone, {prompt_ms:.2f} ms a prompt token{fitted}{loaded}"

    @property
    def measured(self) -> bool:
        """Whether the coefficients were measured on this machine, so that they hold for ``spec`` only."""
        return self.request_s.provenance == "measured"

    def engines(self, spec: EngineSpec, *, hash_tokens: int = HASH_TOKENS, group: int = 1) -> EngineMaker:  # noqa: ARG002
        """Return how to make engines that are started with ``spec``; their slots know no prefixes, and they span no GPUs."""
        times = StepTimes(self)

        def make(name: str, loop: Loop, *, on_end: Callable[[EngineRequest, RequestRecord], None], timeout_s: float) -> SlotEngine:
            return SlotEngine(name, spec, times, loop, on_end=on_end, timeout_s=timeout_s)

        return make

    def bounds(self, spec: EngineSpec, *, group: int = 1) -> None:
        """Return None: a processor's caches make no roofline."""

    def origin(self) -> str:
        """Return a sentence on the source of a prediction's speeds."""
        return f"The engine's speed was measured on a {self.machine.processor} on {self.date}: {self.summary()}."

    def change(self) -> str:
        """Return how the engine's speed changed between the measurements before and after a load, such as ``3% slower than before``."""
        drift = round(self.drift or 0.0, 2)
        return f"{slower(drift)} than before" if drift else "as fast as before"

    def at(self, yardstick_s: float | None) -> Calibration:
        """Return these coefficients for a load during which the yardstick took ``yardstick_s``; unchanged if that is unknown.

        The engine's times scale with the yardstick's, so the ratios under load are multiplied by how much longer the yardstick took than
        during the mixed load. The load's own results are not used.
        """
        if self.yardstick_s is None or yardstick_s is None:
            return self
        pace = yardstick_s / self.yardstick_s
        source = f"at the machine's speed during the load test, by the yardstick {pace:.3f} times as slow as during the mixed load"
        return replace(self.paced(pace, source), pace=pace)

    def paced(self, factor: float, source: str) -> Calibration:
        """Return these coefficients for steps that take ``factor`` times as long; ``source`` says why."""
        prefill, decode = (
            replace(ratio, value=ratio.value * factor, source=f"{ratio.source}; {source}")
            for ratio in (self.prefill_under_load, self.decode_under_load)
        )
        return replace(self, prefill_under_load=prefill, decode_under_load=decode)

    def doubt(self) -> str | None:
        """Return why a prediction from these coefficients is not valid; None if it is."""
        return calibration_doubt(self.fit, self.load_fit, self.drift, self.pace)

    def to_json(self) -> dict[str, Any]:
        """Return JSON-compatible values."""
        return {"schema_version": SCHEMA_VERSION, **asdict(self)}

    @classmethod
    def from_json(cls, document: dict[str, Any], place: str = "calibration") -> Calibration:
        """Read what :meth:`to_json` returned.

        Raises:
            CalibrationError: ``value`` is not a calibration; the message names ``place``.
        """
        if (version := document.get("schema_version")) != SCHEMA_VERSION:
            raise CalibrationError(f"{place}: schema_version is {version!r}, this release reads {SCHEMA_VERSION}; calibrate again")
        try:
            values = {key: value for key, value in document.items() if key != "schema_version"}
            values["spec"] = EngineSpec(**values["spec"])
            values["machine"] = Machine(**values["machine"])
            for key in ("fit", "load_fit"):
                values[key] = Fit(**values[key]) if values.get(key) else None
            values["compute_s"] = tuple((int(tokens), Coefficient(**c)) for tokens, c in values["compute_s"])
            for key in _SINGLE:
                values[key] = Coefficient(**values[key])
            return cls(**values)
        except (KeyError, TypeError, ValueError) as error:
            raise CalibrationError(f"{place}: not a calibration ({error}); calibrate again") from error

    def save(self, path: Path) -> None:
        """Write the calibration as JSON, atomically.

        Raises:
            CalibrationError: the file cannot be written.
        """
        try:
            write_text(path, json.dumps(self.to_json(), indent=2) + "\n")
        except OSError as error:
            raise CalibrationError(f"{path} cannot be written: {error.strerror}") from error

    @classmethod
    def load(cls, path: Path) -> Calibration:
        """Read a file that :meth:`save` wrote.

        Raises:
            CalibrationError: the file does not exist or is not a calibration.
        """
        try:
            document = json.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise CalibrationError(f"{path}: {error.strerror}; calibrate first") from error
        except ValueError as error:
            raise CalibrationError(f"{path}: not JSON ({error}); calibrate again") from error
        if not isinstance(document, dict):
            raise CalibrationError(f"{path}: a JSON {type(document).__name__} where an object is expected; calibrate again")
        return cls.from_json(document, str(path))
