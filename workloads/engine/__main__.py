"""``python -m workloads.engine``: one engine, serving until it is stopped.

Exit codes: 0 stopped by SIGTERM or SIGINT; 1 llama.cpp did not start; 2 bad arguments or model; 3 the port is taken.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
from pathlib import Path

from workloads.engine.errors import EngineError
from workloads.engine.server import start
from workloads.engine.spec import EngineSpec, add_arguments


def main() -> None:
    """Serve until the end."""
    parser = argparse.ArgumentParser(prog="python -m workloads.engine", description="A llama.cpp server.", allow_abbrev=False)
    add_arguments(parser)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument(
        "--cache",
        type=Path,
        default=Path(tempfile.gettempdir()),
        help="folder for the models that it is not given a path of (default: %(default)s)",
    )
    known = parser.parse_args()
    spec = EngineSpec(known.model, known.slots, known.context_tokens, known.threads, known.port)
    # Blocked before llama.cpp starts its threads, which inherit the mask: the signals wait for `sigwait`.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
    try:
        server = start(spec, host=known.host, cache=known.cache)
    except EngineError as error:
        sys.stderr.write(f"engine: {error}\n")
        # Not sys.exit: threads of a failed start of llama.cpp would be waited for.
        os._exit(error.exit_code)
    sys.stdout.write(f"engine: {server.listening_address} serves {spec.model} with {spec.slots} slots of {spec.context_tokens} tokens\n")
    sys.stdout.flush()
    signal.sigwait({signal.SIGTERM, signal.SIGINT})
    # Requests in flight are aborted: to let them finish, wait before sending the signal.
    os._exit(0)


if __name__ == "__main__":
    main()
