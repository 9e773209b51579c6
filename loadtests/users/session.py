"""The state shared by all users of one Locust process: request lengths, targets, the record file. Does not import Locust."""

from __future__ import annotations

import itertools
import json
import ssl
import time
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any, Final

import yaml
from pydantic import ValidationError

from foundation.chat import WireRequests
from foundation.measures.outcome import REQUEST_TIMEOUT_S
from foundation.wire import Target
from loadtests.records import ProcessCost, RecordFile
from stacks.environment import Traffic
from stacks.errors import ConfigurationError
from stacks.traffic import PlannedRequest, mixed_ways, repeats_of, request_lengths, trace_path

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from foundation.chat import Answer
    from stacks.traffic.request import Way

#: Has the keys of a gateway's tenants as a JSON object.
TENANT_KEYS_VARIABLE: Final = "SANDTABLE_TENANT_KEYS"
_WORKERS: Final = 997
"""Stride of the request numbers of each worker; prime, so that the first characters of prompts still vary."""


@dataclass(frozen=True, slots=True)
class Options:
    """Options of the users; ``loadtests/locustfile.py`` has them as flags. Times in seconds.

    ``interval_s`` is the mean time between the starts of one user's requests, 0 for users without pauses. ``tenant_keys`` are the keys of a
    gateway's tenants.
    """

    targets: Sequence[str]
    traffic: Traffic
    model: str = "synthetic"
    api_key: str | None = None
    tenant_keys: Mapping[str, str] = field(default_factory=dict)
    request_timeout_s: float = REQUEST_TIMEOUT_S
    think_time_s: float = 0.0
    interval_s: float = 0.0
    seed: int | None = None
    engine_options: bool = True
    skip_bad_rows: bool = False
    records: Path | None = None


class Session:
    """One test in one process; ``worker`` is the index of this worker process."""

    def __init__(self, options: Options, worker: int = 0) -> None:
        seed = options.traffic.seed if options.seed is None else options.seed
        self.options = options
        self.targets = [Target.parse(url) for url in options.targets]
        self.frames = 0
        self._requests = WireRequests(
            model=options.model,
            api_key=options.api_key,
            tenant_keys=options.tenant_keys,
            seed=seed,
            engine_options=options.engine_options,
        )
        self._numbers = itertools.count(worker, _WORKERS)
        # Each worker draws its own lengths; those of a trace start one row later in each worker.
        drawn = request_lengths(options.traffic, seed=seed * _WORKERS + worker, skip_bad_rows=options.skip_bad_rows)
        self._lengths = itertools.islice(drawn, worker, None)
        self._mix_seed = seed * _WORKERS + worker
        self._repeats = repeats_of(options.traffic, self._mix_seed)
        self._ways: dict[str, Iterator[Way]] = {}
        self._tls = ssl.create_default_context() if any(target.tls for target in self.targets) else None
        # A text seed, so that neighbouring workers share no random numbers.
        self._intervals = Random(f"{seed}/{worker}/intervals")  # noqa: S311  # a load test wants repeatable numbers
        self._users = itertools.count(worker)
        self._file = RecordFile(options.records)
        self._began = (time.process_time(), time.monotonic())

    def join(self) -> Target:
        """Return the target of a new user, round robin."""
        return self.targets[next(self._users) % len(self.targets)]

    def next_request(self, wire: str = "") -> PlannedRequest:
        """Return the next request, on ``wire`` (empty: on any, as they are mixed); its time is now."""
        prompt, output = next(self._lengths)
        return self._repeats.of(PlannedRequest(next(self._numbers), time.monotonic(), prompt, output, **next(self._mixed(wire))))

    def _mixed(self, wire: str) -> Iterator[Way]:
        if wire not in self._ways:
            self._ways[wire] = mixed_ways(self.options.traffic, self._mix_seed, wire)
        return self._ways[wire]

    def next_interval(self) -> float:
        """Return the seconds between a user's consecutive requests: exponential, so that all users together form a Poisson process."""
        mean = self.options.interval_s
        return self._intervals.expovariate(1 / mean) if mean > 0 else 0.0

    def encode(self, request: PlannedRequest, target: Target) -> bytes:
        """Return the bytes of ``request``."""
        return self._requests.encode(request, target)

    def answer(self, request: PlannedRequest) -> Answer:
        """Return a reader for the response to ``request``."""
        return self._requests.answer(request)

    def tls_for(self, target: Target) -> ssl.SSLContext | None:
        """Return the TLS context for ``target``; None for plain HTTP."""
        return self._tls if target.tls else None

    def keep(self, request: PlannedRequest, target: Target, sent: float, answer: Answer) -> None:
        """Write the record. A user sends when it is ready, so the intended time is the actual one."""
        self.frames += answer.stream.frames
        self._file.write(answer.record(start=0.0, intended_s=sent, sent_s=sent, prompt_tokens=request.prompt_tokens, replica=target.name))

    def close(self) -> None:
        """Write the cost of this process and close the file."""
        cpu, wall = self._began
        self._file.close(ProcessCost(cpu_s=time.process_time() - cpu, wall_s=time.monotonic() - wall, frames=self.frames))


def read_tenant_keys(text: str) -> dict[str, str]:
    """Read the keys of tenants from a JSON object; empty for an empty text.

    Raises:
        ConfigurationError: it is not an object of strings.
    """
    try:
        found = json.loads(text or "{}")
    except ValueError as error:
        raise ConfigurationError(f"{TENANT_KEYS_VARIABLE}: is not JSON: {error}") from error
    if not isinstance(found, dict) or not all(isinstance(key, str) and key for key in found.values()):
        raise ConfigurationError(f'{TENANT_KEYS_VARIABLE}: expected {{"<tenant>": "<key>"}}')
    return found


def read_traffic(path: Path | None) -> Traffic:
    """Read the traffic from a YAML or JSON file: a ``Pulumi.<name>.yaml``, or its ``sandtable:traffic`` alone. None: the defaults.

    Raises:
        ConfigurationError: the file cannot be read or its traffic is invalid.
    """
    if path is None:
        return Traffic()
    try:
        document: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"--traffic {path}: cannot be read: {getattr(error, 'strerror', None) or error}") from error
    except yaml.YAMLError as error:
        raise ConfigurationError(f"--traffic {path}: not YAML: {error}") from error
    if isinstance(document, dict) and isinstance(document.get("config"), dict):
        document = document["config"].get("sandtable:traffic", {})
    try:
        traffic = Traffic.model_validate(document)
    except ValidationError as error:
        lines = [f"{'.'.join(map(str, e['loc'])) or 'traffic'}: {e['msg']} (found {e['input']!r})" for e in error.errors()]
        raise ConfigurationError(f"--traffic {path}: " + "; ".join(lines)) from error
    if traffic.trace is None:
        return traffic
    # The path of a trace is relative to the file that contains it.
    return traffic.model_copy(update={"trace": str(trace_path(traffic.trace, path.parent))})
