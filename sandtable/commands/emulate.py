"""``sandtable emulate``: the providers, emulated on this machine, for any client or gateway."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

EXAMPLES = """
Examples:

  sandtable emulate                       four APIs on port 8090

  sandtable emulate --profile instant --port 9000      no latency

A model name may end in a fault to inject, such as any+cut=0.4 or any+s01.
"""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("emulate", rich_help_panel="Rehearse", epilog=EXAMPLES)(emulate)


def emulate(
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on.")] = 8090,
    profile: Annotated[str, typer.Option(help="instant, typical, or a JSON file with ttft_ms, tpot_ms and more.")] = "typical",
    seed: Annotated[int, typer.Option(help="Seed of latencies, lengths and texts.")] = 0,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
) -> None:
    """Emulate Anthropic, OpenAI, Gemini and Ollama with seeded latencies, rate limits and faults, until Ctrl-C."""
    from foundation.processes.python import python_environment
    from sandtable.jobs.stack.tools import ensure_environment
    from sandtable.terminal import Steps

    python = str(ensure_environment("gateway", Steps()))
    arguments = [f"--port={port}", f"--profile={profile}", f"--seed={seed}", f"--host={host}"]
    sys.stdout.flush()
    # The emulator takes this process's place, so signals and exit codes are its own.
    os.execve(python, [python, "-m", "workloads.emulator", *arguments], python_environment(own=True))  # noqa: S606
