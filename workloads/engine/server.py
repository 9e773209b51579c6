"""llama.cpp's HTTP server with the options of an :class:`EngineSpec`.

Rule 1: what the twin's model of the scheduler assumes is fixed here: continuous batching, one key-value stream a slot, the least
recently used idle slot first, no prompt cache and no context shift.
Rule 2: an unusable model and a taken port are detected before llama.cpp starts, so that the error message is clear.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from foundation.processes.free_port import check_port
from workloads.engine.errors import EngineStartError, ModelFileError, PortTakenError
from workloads.engine.model import SYNTHETIC, TINY, ensure_model, trained_model

if TYPE_CHECKING:
    from workloads.engine.spec import EngineSpec

_HTTP_THREADS_BESIDE_SLOTS = 60
"""Each waiting request holds a thread of the HTTP server; the queue should be llama.cpp's own, and /health should still answer."""

_WARNINGS = 2
"""llama.cpp's log level; above it every request writes six lines."""


def start(spec: EngineSpec, *, host: str, cache: Path) -> Any:
    """Start the server of ``spec`` and return it once it listens; it serves until the process ends.

    Args:
        spec: What to serve.
        host: Address to listen on.
        cache: Folder for the synthetic model and the trained one.

    Raises:
        ModelFileError: there is no such model, or it is not a GGUF file.
        PortTakenError: another program listens there.
        EngineStartError: llama.cpp refused for another reason, which it has written to standard error.
    """
    own = {SYNTHETIC: ensure_model, TINY: trained_model}
    path = own[spec.model](cache) if spec.model in own else _checked(Path(spec.model))
    _check_port(host, spec.port)
    import xllamacpp

    options = xllamacpp.CommonParams()
    options.model.path = str(path)
    options.hostnames = [host]
    options.port = spec.port
    options.n_parallel = spec.slots
    options.n_ctx = spec.slots * spec.context_tokens
    options.cont_batching = True
    options.kv_unified = False
    options.slot_prompt_similarity = 0.0
    options.cache_prompt = False
    options.cache_idle_slots = False
    options.cache_ram_mib = 0
    options.ctx_shift = False
    options.fit_params = False  # it would change the context that the spec asks for
    options.cpuparams.n_threads = spec.threads
    options.cpuparams_batch.n_threads = spec.threads
    options.n_threads_http = spec.slots + _HTTP_THREADS_BESIDE_SLOTS
    options.endpoint_metrics = True
    options.ui = False
    options.cors_origins = f"http://{host}:{spec.port}"  # llama.cpp's default lets every web page that is open here ask the engine
    # What a model thinks aloud is text like any other: each token is one visible piece of the stream.
    options.reasoning_format = xllamacpp.common_reasoning_format.COMMON_REASONING_FORMAT_NONE
    options.verbosity = _WARNINGS
    try:
        return xllamacpp.Server(options)
    except RuntimeError as error:
        raise EngineStartError(
            f"llama.cpp did not start with model {spec.model!r}, {spec.slots} slots of {spec.context_tokens} tokens; its reason is above"
        ) from error


def _checked(path: Path) -> Path:
    wanted = f"give the path of a GGUF file, {SYNTHETIC!r} or {TINY!r}"
    try:
        with path.open("rb") as file:
            magic = file.read(4)
    except OSError as error:
        raise ModelFileError(f"--model={path}: {error.strerror}; {wanted}") from error
    if magic != b"GGUF":
        raise ModelFileError(f"--model={path}: not a GGUF file (it begins with {magic!r}); {wanted}")
    return path


def _check_port(host: str, port: int) -> None:
    try:
        check_port(port, host)
    except OSError as error:
        raise PortTakenError(f"port {port} of {host}: {error.strerror}; give another one with --port") from error
