"""``python -m workloads.gateway --config FILE``: the gateway, serving until it is stopped.

``python -m workloads.gateway key`` creates a virtual key and prints it with the digest for the configuration; ``check FILE`` validates a
configuration; ``ledger FILE`` sums up a ledger.

Exit codes: 0 stopped by SIGTERM or SIGINT after finishing its requests, or because its parent has died; 2 bad arguments or configuration;
3 the port is taken.
"""

from __future__ import annotations

import argparse
import logging
import sys
from pathlib import Path

from foundation.processes.serving import end_with_stdin, listen
from workloads.gateway.errors import GatewayError
from workloads.gateway.spec import add_arguments


def main() -> None:
    """Serve, or run one of the small commands."""
    command = sys.argv[1] if len(sys.argv) > 1 else ""
    try:
        if command == "key":
            _print_key()
        elif command in ("check", "ledger") and len(sys.argv) == 3:
            (_check if command == "check" else _sum)(Path(sys.argv[2]))
        else:
            _serve()
    except GatewayError as error:
        sys.stderr.write("".join(f"gateway: {line}\n" for line in str(error).splitlines()))
        sys.exit(2)


def _print_key() -> None:
    from workloads.gateway.configuration.keys import new_key
    from workloads.gateway.configuration.loading import digest_of

    key = new_key()
    sys.stdout.write(f"key (shown once): {key}\nsha256 (for the configuration): {digest_of(key)}\n")


def _check(path: Path) -> None:
    from workloads.gateway.configuration.loading import load

    configuration = load(path)
    sys.stdout.write(f"{path}: {len(configuration.routes)} routes to {len(configuration.providers)} providers\n")


def _sum(path: Path) -> None:
    from workloads.gateway.money.ledger import reconcile

    total = reconcile(path)
    sys.stdout.write(f"{total.requests} requests, {total.nano_usd / 1e9:.9f} USD, {total.torn} torn lines\n")
    for tenant, nano_usd in sorted(total.by_tenant.items()):
        sys.stdout.write(f"  {tenant}: {nano_usd / 1e9:.9f} USD\n")


def _serve() -> None:
    parser = argparse.ArgumentParser(prog="python -m workloads.gateway", description="One door to LLM providers.", allow_abbrev=False)
    add_arguments(parser)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--until-stdin-ends", action="store_true", help="stop when standard input is closed, as it is when its parent dies")
    known = parser.parse_args()
    from workloads.gateway.http.server import Server

    logging.basicConfig(level=logging.WARNING, format="gateway: %(message)s", stream=sys.stderr)
    path = Path(known.config)
    server = Server(path)
    listener = listen(known.host, known.port, "gateway")
    if known.until_stdin_ends:
        end_with_stdin()
    routes = ", ".join(server.gateway.runtime.routes)
    sys.stdout.write(f"gateway: http://{known.host}:{known.port} serves {routes}\n")
    sys.stdout.flush()
    server.run(listener)


if __name__ == "__main__":
    main()
