"""``python -m loadtests.testing``: a stub engine in a separate process; its URL is the first line of the output."""

from __future__ import annotations

import argparse
import asyncio
import contextlib

from loadtests.testing.stub_engine import StubEngine


async def _serve(gap_s: float, seconds: float) -> None:
    engine = StubEngine(gap_s=gap_s)
    async with await engine.serve():
        print(engine.url, flush=True)  # noqa: T201  # whoever started it reads this line
        await asyncio.sleep(seconds)


def main() -> None:
    """Serve for ``--seconds``, so that it does not outlive a killed parent for long."""
    parser = argparse.ArgumentParser(prog="python -m loadtests.testing", description="Stream tokens without a model.")
    parser.add_argument("--gap-ms", type=float, default=0.0, help="milliseconds between frames (default: %(default)s)")
    parser.add_argument("--seconds", type=float, default=60.0, help="end after this time (default: %(default)s)")
    options = parser.parse_args()
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_serve(options.gap_ms / 1e3, options.seconds))


main()
