"""Names of the metrics that rules and dashboards read, each with where it comes from; a test holds every expression to this list.

OpenTelemetry names appear as Prometheus writes them (underscores, unit and type as suffixes).
"""

from __future__ import annotations

from typing import Final

REQUEST_DURATION: Final = "gen_ai_server_request_duration_seconds"
TIME_TO_FIRST_TOKEN: Final = "gen_ai_server_time_to_first_token_seconds"  # noqa: S105  # a token of text
TIME_PER_OUTPUT_TOKEN: Final = "gen_ai_server_time_per_output_token_seconds"  # noqa: S105

#: Bucket bounds of the time to first token in seconds (OpenTelemetry semantic conventions for generative AI, metrics).
FIRST_TOKEN_BUCKETS_S: Final = (0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)

#: Every other series, and who exposes it.
SERIES: Final[dict[str, str]] = {
    **{
        f"{histogram}_{suffix}": "engine"
        for histogram in (REQUEST_DURATION, TIME_TO_FIRST_TOKEN, TIME_PER_OUTPUT_TOKEN)
        for suffix in ("bucket", "count", "sum")
    },
    "llamacpp:requests_processing": "engine",
    "llamacpp:requests_deferred": "engine",
    "llamacpp:tokens_predicted_total": "engine",
    "llamacpp:prompt_tokens_total": "engine",
    "DCGM_FI_DEV_GPU_UTIL": "dcgm-exporter",
    "DCGM_FI_DEV_FB_USED": "dcgm-exporter",
    "DCGM_FI_DEV_FB_FREE": "dcgm-exporter",
    "DCGM_FI_DEV_POWER_USAGE": "dcgm-exporter",
    "DCGM_FI_DEV_XID_ERRORS": "dcgm-exporter",
    "k8s_container_memory_working_set_bytes": "kubeletstats receiver",
    "k8s_pod_cpu_usage": "kubeletstats receiver",
    "otelcol_receiver_refused_spans_total": "collector",
    "otelcol_exporter_send_failed_metric_points_total": "collector",
    "otelcol_processor_tail_sampling_sampling_trace_dropped_too_early_total": "collector",
    "vault_core_unsealed": "vault",
    "vault_core_active": "vault",
    "spire_server_ca_manager_x509_ca_rotate_ttl_seconds": "spire-server",
    "falcosecurity_falco_rules_matches_total": "falco",
    "up": "prometheus",
}
