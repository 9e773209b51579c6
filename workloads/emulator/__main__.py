"""``python -m workloads.emulator``: emulated providers, serving until they are stopped.

Exit codes: 0 stopped by SIGTERM or SIGINT, or because its parent has died; 2 bad arguments or profile; 3 the port is taken.
"""

from __future__ import annotations

import argparse
import socket
import sys

from foundation.processes.serving import end_with_stdin, listen
from workloads.emulator.behaviour.profile import Profile, load_profile
from workloads.emulator.errors import EmulatorError
from workloads.emulator.spec import add_arguments


def main() -> None:
    """Serve until stopped."""
    parser = argparse.ArgumentParser(prog="python -m workloads.emulator", description="Emulated LLM providers.", allow_abbrev=False)
    add_arguments(parser)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--until-stdin-ends", action="store_true", help="stop when standard input is closed, as it is when its parent dies")
    known = parser.parse_args()
    try:
        profile = load_profile(known.profile)
    except EmulatorError as error:
        sys.stderr.write(f"emulator: {error}\n")
        sys.exit(2)
    listener = listen(known.host, known.port, "emulator")
    if known.until_stdin_ends:
        end_with_stdin()
    sys.stdout.write(f"emulator: http://{known.host}:{known.port} emulates anthropic, openai, gemini and ollama with {known.profile}\n")
    sys.stdout.flush()
    serve(profile, known.seed, listener)


def serve(profile: Profile, seed: int, listener: socket.socket) -> None:
    """Serve on a socket until SIGTERM or SIGINT."""
    import uvicorn

    from workloads.emulator.serving.application import Emulator
    from workloads.emulator.serving.connection import BreakableProtocol

    config = uvicorn.Config(
        Emulator(profile, seed=seed),
        http=BreakableProtocol,
        lifespan="off",
        log_level="critical",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=1,
    )
    uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    main()
