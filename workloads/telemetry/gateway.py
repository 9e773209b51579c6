"""Names of what the gateway shows: series for Prometheus, attributes of spans, headers of answers. Imports nothing.

The ``gen_ai`` names are those of the OpenTelemetry GenAI semantic conventions v0.1, as Prometheus writes them; the ``llm`` names beside
them are this platform's own.
"""

from __future__ import annotations

from typing import Final

REQUESTS: Final = "llm_requests_total"
ERRORS: Final = "llm_errors_total"
LATENCY: Final = "llm_latency_seconds"
CLAUDE_REQUESTS: Final = "claude_requests_total"
GEMINI_REQUESTS: Final = "gemini_requests_total"
DURATION: Final = "gen_ai_client_operation_duration_seconds"
FIRST_CHUNK: Final = "gen_ai_client_operation_time_to_first_chunk_seconds"
INPUT_TOKENS: Final = "gen_ai_client_inference_usage_input_tokens_total"
OUTPUT_TOKENS: Final = "gen_ai_client_inference_usage_output_tokens_total"
CACHE_READ_TOKENS: Final = "gen_ai_client_inference_usage_cache_read_input_tokens_total"
CACHE_WRITE_TOKENS: Final = "gen_ai_client_inference_usage_cache_write_input_tokens_total"
REASONING_TOKENS: Final = "gen_ai_client_inference_usage_reasoning_output_tokens_total"
COST_USD: Final = "llm_gateway_cost_usd_total"
OVERHEAD: Final = "llm_gateway_overhead_seconds"
ATTEMPTS: Final = "llm_gateway_attempts_total"
FALLBACKS: Final = "llm_gateway_fallbacks_total"
CACHE: Final = "llm_gateway_cache_total"
CACHE_OUT: Final = "llm_gateway_cache_out"
DOUBTS: Final = "llm_gateway_cost_doubts_total"
REFUSED: Final = "llm_gateway_refused_total"
BREAKER_OPEN: Final = "llm_gateway_breaker_open"
IN_FLIGHT: Final = "llm_gateway_in_flight"
SPANS_DROPPED: Final = "llm_gateway_spans_dropped_total"
SCREENED: Final = "llm_gateway_screened_total"

#: Series → its labels.
GATEWAY_SERIES: Final[dict[str, tuple[str, ...]]] = {
    REQUESTS: ("provider", "model", "type"),
    ERRORS: ("provider", "model", "kind"),
    LATENCY: ("provider", "model"),
    CLAUDE_REQUESTS: ("model",),
    GEMINI_REQUESTS: ("model",),
    DURATION: ("gen_ai_operation_name", "gen_ai_provider_name", "gen_ai_request_model"),
    FIRST_CHUNK: ("gen_ai_operation_name", "gen_ai_provider_name", "gen_ai_request_model"),
    INPUT_TOKENS: ("gen_ai_provider_name", "gen_ai_request_model"),
    OUTPUT_TOKENS: ("gen_ai_provider_name", "gen_ai_request_model"),
    CACHE_READ_TOKENS: ("gen_ai_provider_name", "gen_ai_request_model"),
    CACHE_WRITE_TOKENS: ("gen_ai_provider_name", "gen_ai_request_model"),
    REASONING_TOKENS: ("gen_ai_provider_name", "gen_ai_request_model"),
    COST_USD: ("provider", "model", "tenant", "price_version"),
    OVERHEAD: (),
    ATTEMPTS: ("target", "outcome"),
    FALLBACKS: ("route",),
    CACHE: ("result",),
    CACHE_OUT: (),
    DOUBTS: ("provider", "model", "doubt"),
    REFUSED: ("reason",),
    BREAKER_OPEN: ("target",),
    IN_FLIGHT: (),
    SPANS_DROPPED: (),
    SCREENED: ("stage", "verdict"),
}

#: Bounds of histograms of whole operations, in seconds (GenAI conventions v0.1).
DURATION_BOUNDS_S: Final = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
#: Bounds of the gateway's own time, in seconds.
OVERHEAD_BOUNDS_S: Final = (0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5)

#: Headers of every answer, and the keys of the comment that ends a stream.
HEADER_REQUEST_ID: Final = "x-gateway-request-id"
HEADER_PROVIDER: Final = "x-gateway-provider"
HEADER_MODEL: Final = "x-gateway-model"
HEADER_ATTEMPTS: Final = "x-gateway-attempts"
HEADER_OVERHEAD: Final = "x-gateway-overhead-ms"
HEADER_COST: Final = "x-gateway-cost-usd"
HEADER_CACHE: Final = "x-gateway-cache"
HEADER_LIMIT: Final = "x-gateway-limit"
HEADER_LOST: Final = "x-gateway-lost"
HEADER_DROPPED: Final = "x-gateway-dropped-turns"
