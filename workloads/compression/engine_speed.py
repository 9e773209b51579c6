"""Speed of a model where it will run: in the engine, which reports the time of every completion itself.

Rule 1: the engine is another workload and another dependency world: a child process, started by the Python that is named.
Rule 2: all models are served at once and asked in turn, so that a busy machine slows them alike; ratios count, not seconds.
"""

from __future__ import annotations

import http.client
import json
import statistics
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from foundation.errors import NotReadyError
from foundation.processes.child import Child
from foundation.processes.free_port import LOOPBACK, free_port
from foundation.processes.python import python_environment
from foundation.processes.readiness import wait_until_ready
from workloads.compression.errors import CompressionError

_PROMPT: Final = "The twin predicts what the load test will measure. "
_TOKENS: Final = 256
_READY_S: Final = 30


@dataclass(frozen=True)
class Speed:
    """Tokens a second of generation, one request at a time on one thread: one value a round."""

    rounds: tuple[float, ...]

    @property
    def tokens_per_s(self) -> float:
        """The median round."""
        return statistics.median(self.rounds)

    def over(self, other: Speed) -> float:
        """Return how many times as fast as ``other``: the median of the ratios round by round."""
        return statistics.median(mine / theirs for mine, theirs in zip(self.rounds, other.rounds, strict=True))


def measure(models: Mapping[str, Path], python: Path, *, rounds: int = 7, log: Path) -> dict[str, Speed]:
    """Serve ``models`` and return the speed of each by name.

    Args:
        models: GGUF files by name.
        python: of an environment with the engine's packages.
        rounds: completions of 256 tokens a model; one more warms up.
        log: the engines' output is appended to it.

    Raises:
        CompressionError: an engine did not start, or refused.
    """
    with ExitStack() as engines:
        ports = {name: _start(path, python, log, engines) for name, path in models.items()}
        seen: dict[str, list[float]] = {name: [] for name in models}
        for _ in range(rounds + 1):
            for name, port in ports.items():
                answer = complete(port, _PROMPT, _TOKENS)
                seen[name].append(float(answer["timings"]["predicted_per_second"]))
    return {name: Speed(tuple(values[1:])) for name, values in seen.items()}


def served_continuation(model: Path, python: Path, prompt: str, length: int, *, log: Path) -> str:
    """Return the engine's most likely continuation of ``prompt`` by ``model``; raises like :func:`measure`."""
    with ExitStack() as engines:
        return str(complete(_start(model, python, log, engines), prompt, length)["content"])


def complete(port: int, prompt: str, length: int) -> dict[str, Any]:
    """Return the engine's answer to one greedy completion.

    Raises:
        CompressionError: it refused.
    """
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=120)
    try:
        body = json.dumps({"prompt": prompt, "n_predict": length, "temperature": 0, "ignore_eos": True, "cache_prompt": False})
        connection.request("POST", "/completion", body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        content = answer.read()
    except OSError as error:
        raise CompressionError(f"the engine on port {port} does not answer: {error}") from error
    finally:
        connection.close()
    if answer.status != http.HTTPStatus.OK:
        raise CompressionError(f"the engine on port {port} answered {answer.status}: {content[:200]!r}")
    document: dict[str, Any] = json.loads(content)
    return document


def _start(path: Path, python: Path, log: Path, engines: ExitStack) -> int:
    port = free_port()
    arguments = [f"--model={path.absolute()}", "--slots=1", "--context-tokens=1024", "--threads=1", f"--port={port}"]
    child = Child([python, "-m", "workloads.engine", *arguments], env=python_environment(own=True), log=log)
    engines.enter_context(child)
    try:
        wait_until_ready(child, lambda: _healthy(port), within_s=_READY_S)
    except NotReadyError as error:
        raise CompressionError(f"the engine for {path.name} {error}: {' '.join(child.last_lines(3))}") from error
    return port


def _healthy(port: int) -> bool:
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=2)
    try:
        connection.request("GET", "/health")
        return connection.getresponse().status == http.HTTPStatus.OK
    except OSError:
        return False
    finally:
        connection.close()
