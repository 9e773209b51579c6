"""Names of the series that rules and dashboards read, each with who exposes it; a test holds every expression to this list.

The engine is llama.cpp: it counts tokens and seconds and shows its queue, and knows no latency of a single request. The series of the
gateway, which knows them, are in ``gateway.py``.

OpenTelemetry names appear as Prometheus writes them (underscores, unit and type as suffixes).
"""

from __future__ import annotations

from typing import Final

#: Seconds per output token of every engine, a mean over the requests in hand: recorded by ``rules.py``.
TOKEN_SECONDS: Final = "sandtable:token_seconds"  # noqa: S105  # a token of text

#: Series → who exposes it.
SERIES: Final[dict[str, str]] = {
    "llamacpp:requests_processing": "engine",
    "llamacpp:requests_deferred": "engine",
    "llamacpp:n_busy_slots_per_decode": "engine",
    "llamacpp:tokens_predicted_total": "engine",
    "llamacpp:tokens_predicted_seconds_total": "engine",
    "llamacpp:prompt_tokens_total": "engine",
    "llamacpp:prompt_tokens_cached_total": "engine",
    "llamacpp:prompt_seconds_total": "engine",
    "DCGM_FI_DEV_GPU_UTIL": "dcgm-exporter",
    "DCGM_FI_DEV_FB_USED": "dcgm-exporter",
    "DCGM_FI_DEV_FB_FREE": "dcgm-exporter",
    "DCGM_FI_DEV_POWER_USAGE": "dcgm-exporter",
    "DCGM_FI_DEV_XID_ERRORS": "dcgm-exporter",
    "k8s_pod_memory_working_set_bytes": "kubeletstats receiver",
    "k8s_pod_cpu_usage": "kubeletstats receiver",
    "otelcol_receiver_refused_spans_total": "collector",
    "otelcol_exporter_send_failed_metric_points_total": "collector",
    "otelcol_processor_tail_sampling_sampling_trace_dropped_too_early_total": "collector",
    "vault_core_unsealed": "vault",
    "vault_core_active": "vault",
    "spire_server_manager_x509_ca_rotate_expiration": "spire-server",
    "falcosecurity_falco_rules_matches_total": "falco",
    "up": "prometheus",
}
