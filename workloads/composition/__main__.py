"""``python -m workloads.composition``: serve Crossplane's composition function until SIGTERM.

Exit codes: 0 stopped; 2 bad arguments, or the certificates cannot be read.
"""

from __future__ import annotations

import argparse
import os
import sys


def main() -> None:
    """Serve until stopped."""
    parser = argparse.ArgumentParser(
        prog="python -m workloads.composition", description="Crossplane's composition function.", allow_abbrev=False
    )
    parser.add_argument("--address", default="127.0.0.1:9443", help="address to listen on (default: %(default)s)")
    parser.add_argument(
        "--certificates",
        default=os.environ.get("TLS_SERVER_CERTS_DIR"),
        help="folder with tls.crt, tls.key and the callers' ca.crt (default: $TLS_SERVER_CERTS_DIR)",
    )
    parser.add_argument("--insecure", action="store_true", help="without TLS, for trying it out")
    known = parser.parse_args()
    if not known.insecure and not known.certificates:
        parser.error("--certificates is missing; Crossplane sets TLS_SERVER_CERTS_DIR")

    from crossplane.function import runtime

    from workloads.composition.server import Composer

    try:
        credentials = None if known.insecure else runtime.load_credentials(known.certificates)
    except OSError as error:
        sys.stderr.write(f"composition: {error.filename}: {error.strerror}\n")
        sys.exit(2)
    runtime.serve(Composer(), known.address, creds=credentials, insecure=known.insecure)


if __name__ == "__main__":
    main()
