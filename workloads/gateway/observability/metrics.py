"""Prometheus metrics. Children of a metric are looked up once and kept, because a lookup is expensive on the hot path."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics, generate_latest
from prometheus_client.gc_collector import GCCollector
from prometheus_client.process_collector import ProcessCollector

from workloads.telemetry import gateway as names

_KEPT: Final = 4096
_HELP: Final = {
    names.REQUESTS: "Requests that a provider answered, by kind of operation.",
    names.ERRORS: "Requests that ended in an error, by kind.",
    names.LATENCY: "Time from the request to the end of its answer.",
    names.CLAUDE_REQUESTS: "Requests that Claude answered.",
    names.GEMINI_REQUESTS: "Requests that Gemini answered.",
    names.COST_USD: "Dollars spent, exactly as the ledger says.",
    names.DOUBTS: "Answers whose cost is an estimate, and why.",
    names.OVERHEAD: "The gateway's own time in a request.",
    names.ATTEMPTS: "Calls to targets, and how they ended.",
    names.BREAKER_OPEN: "1 while a target is left alone.",
    names.CACHE_OUT: "1 while the shared cache is left alone, because it did not answer.",
}
_HISTOGRAMS: Final = {
    names.LATENCY: names.DURATION_BOUNDS_S,
    names.DURATION: names.DURATION_BOUNDS_S,
    names.FIRST_CHUNK: names.DURATION_BOUNDS_S,
    names.OVERHEAD: names.OVERHEAD_BOUNDS_S,
}
_GAUGES: Final = frozenset({names.BREAKER_OPEN, names.CACHE_OUT, names.IN_FLIGHT})


@dataclass(slots=True)
class ModelSeries:
    """The children of one provider and model."""

    requests: Any
    by_family: Any
    latency: Any
    duration: Any
    first_chunk: Any
    input_tokens: Any
    output_tokens: Any
    cache_read: Any
    cache_write: Any
    reasoning: Any


class Metrics:
    """All series of one gateway."""

    def __init__(self) -> None:
        disable_created_metrics()  # one more series for each, which nobody reads
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        GCCollector(registry=self.registry)
        self._series: dict[str, Any] = {}
        for name, labels in names.GATEWAY_SERIES.items():
            text = _HELP.get(name, name.replace("_", " "))
            if name in _HISTOGRAMS:
                self._series[name] = Histogram(name, text, labels, buckets=_HISTOGRAMS[name], registry=self.registry)
            elif name in _GAUGES:
                self._series[name] = Gauge(name, text, labels, registry=self.registry)
            else:
                self._series[name] = Counter(name.removesuffix("_total"), text, labels, registry=self.registry)
        self.of_model = lru_cache(maxsize=_KEPT)(self._of_model)
        self.child = lru_cache(maxsize=_KEPT)(self._child)

    def _child(self, name: str, *values: str) -> Any:
        """Return the child of a series."""
        series = self._series[name]
        return series.labels(*values) if values else series

    def _of_model(self, provider: str, model: str, kind: str) -> ModelSeries:
        family = {"anthropic": names.CLAUDE_REQUESTS, "gemini": names.GEMINI_REQUESTS}.get(provider)
        return ModelSeries(
            self._child(names.REQUESTS, provider, model, kind),
            self._child(family, model) if family else None,
            self._child(names.LATENCY, provider, model),
            self._child(names.DURATION, kind, provider, model),
            self._child(names.FIRST_CHUNK, kind, provider, model),
            self._child(names.INPUT_TOKENS, provider, model),
            self._child(names.OUTPUT_TOKENS, provider, model),
            self._child(names.CACHE_READ_TOKENS, provider, model),
            self._child(names.CACHE_WRITE_TOKENS, provider, model),
            self._child(names.REASONING_TOKENS, provider, model),
        )

    def text(self) -> bytes:
        """Return the exposition."""
        return bytes(generate_latest(self.registry))
