"""Makes the standard streams safe to write to: they may be closed, full, abandoned by their reader, or without Unicode.

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
    """Replace a closed stream by an empty one, survive readers that leave, and write ``?`` for characters that stdout cannot encode."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: PTH123, SIM115  # open as long as the process
        elif mode == "w" and isinstance(stream, io.TextIOWrapper):  # otherwise a test has replaced it
            setattr(sys, name, _outliving_its_reader(stream))
    with suppress(AttributeError):
        sys.stdout.reconfigure(errors="replace")  # type: ignore[union-attr]


def tell(text: str, *, err: bool = False, colour: str | None = None) -> None:
    """Write one line; abandon a stream that fails, so that Python's own flush at exit cannot fail either."""
    stream = sys.stderr if err else sys.stdout
    # The same decision as rich's for everything else. Without colour, `style` would still end with a reset sequence.
    coloured = colour is not None and not os.environ.get("NO_COLOR") and os.environ.get("TERM") not in {"dumb", "unknown"}
    try:
        typer.echo(typer.style(text, fg=colour) if coloured else text, err=err)
    except OSError:
        _give_up(stream)


class _Raw(io.FileIO):
    """A file whose reader may leave (``| head``): what is written after that is lost, and the command runs to its end.

    It wraps the lowest layer, because typer and rich each end the process in their own way on a broken pipe.
    """

    def write(self, data: Any, /) -> int:
        """Write ``data``."""
        try:
            return super().write(data)
        except BrokenPipeError:
            _give_up(self)
            return memoryview(data).nbytes


def _outliving_its_reader(stream: io.TextIOWrapper) -> io.TextIOWrapper:
    """Return a writer to the same file, with the encoding and buffering of ``stream``."""
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
