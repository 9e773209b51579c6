"""The standard streams as they may be: closed, full, left by their reader, or without Unicode.

Rule: a stream that fails must neither hide the exit code nor end in a traceback, whatever the command.
"""

from __future__ import annotations

import io
import os
import sys
from contextlib import suppress
from typing import IO, Any

import typer


def prepare() -> None:
    """Put an empty stream where one is closed, outlive the readers, and let stdout write ``?`` for a sign that its encoding lacks."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: PTH123, SIM115  # open as long as the process
        elif mode == "w" and isinstance(stream, io.TextIOWrapper):  # else one that a test put there
            setattr(sys, name, _outliving_its_reader(stream))
    with suppress(AttributeError):
        sys.stdout.reconfigure(errors="replace")  # type: ignore[union-attr]


def tell(text: str, *, err: bool = False, colour: str | None = None) -> None:
    """Write one line; a stream that takes no more is given up, so that Python's own last flush of it cannot fail either."""
    stream = sys.stderr if err else sys.stdout
    # As rich decides for everything else. Without a colour `style` would still end in an escape sequence, the reset.
    coloured = colour is not None and not os.environ.get("NO_COLOR") and os.environ.get("TERM") not in {"dumb", "unknown"}
    try:
        typer.echo(typer.style(text, fg=colour) if coloured else text, err=err)
    except OSError:
        _give_up(stream)


class _Raw(io.FileIO):
    """A file whose reader may leave (``| head``): what is written after that is lost, and the command goes on to its own end.

    At the lowest layer, because typer and rich each end the process in a way of their own when they meet a broken pipe.
    """

    def write(self, data: Any, /) -> int:
        """Write ``data``."""
        try:
            return super().write(data)
        except BrokenPipeError:
            _give_up(self)
            return memoryview(data).nbytes


def _outliving_its_reader(stream: io.TextIOWrapper) -> io.TextIOWrapper:
    """Return a writer to the same file, in the same encoding and as eager as ``stream``."""
    stream.flush()
    raw = _Raw(stream.fileno(), "w", closefd=False)
    return io.TextIOWrapper(
        raw if stream.write_through else io.BufferedWriter(raw),  # Python's own choice for `python -u`
        encoding=stream.encoding,
        errors=stream.errors,
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )


def _give_up(stream: IO[Any] | io.RawIOBase) -> None:
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
