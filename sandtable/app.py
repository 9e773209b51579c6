"""Puts the command line together: one command a file under ``commands/``, the shared options, and how errors end it.

Nothing heavy is imported here, so that ``sandtable --help`` answers at once.
"""

from __future__ import annotations

import errno
import os
import signal
import sys
import threading
import traceback
from pathlib import Path
from typing import Annotated, Any, Final, NoReturn

import typer
from typer.exceptions import TyperException

from sandtable import streams
from sandtable.commands import (
    calibrate,
    capacity,
    check,
    cluster,
    cost,
    deploy,
    doctor,
    emulate,
    graph,
    history,
    images,
    loadtest,
    rehearse,
    report,
    schema,
    validate,
    verify,
    whatif,
)
from sandtable.errors import UsageError
from sandtable.exit_codes import ExitCode, for_error
from sandtable.terminal_escapes import seen_lines
from sandtable.workspace import Workspace

EXAMPLES = """
Examples:

  sandtable rehearse dev                       the whole loop and its verdict

  sandtable whatif prod --scenario traffic=2x  a question to the model

  sandtable doctor                             what is missing here

"""

app = typer.Typer(
    name="sandtable",
    help="Rehearse a release of an AI platform before it ships.",
    epilog=EXAMPLES + "Exit codes: " + ", ".join(f"{code.value} {code.name.lower()}" for code in ExitCode),
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(value: bool) -> None:
    if value:
        from importlib.metadata import version

        typer.echo(f"sandtable {version('sandtable')}")
        raise typer.Exit


@app.callback()
def _options(
    context: typer.Context,
    root: Annotated[
        Path,
        typer.Option(
            "--root", "-C", help="Folder with the Pulumi.<name>.yaml files.", exists=True, file_okay=False, envvar="SANDTABLE_ROOT"
        ),
    ] = Path(),
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")] = False,  # noqa: ARG001  # its callback has done it
) -> None:
    if not root.is_absolute():
        try:
            Path.cwd()
        except FileNotFoundError:
            raise UsageError("the working directory has been removed: change to another, or name the project's folder with -C") from None
    context.obj = Workspace(root)


for module in (
    rehearse,
    graph,
    check,
    deploy,
    verify,
    whatif,
    capacity,
    calibrate,
    cost,
    loadtest,
    emulate,
    report,
    history,
    doctor,
    images,
    cluster,
    validate,
    schema,
):
    module.register(app)


#: Errors of the machine rather than of the user or of Sandtable: a full disk, a folder without write permission, a file in place of a
#: folder.
_DENIED: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOTDIR, errno.EISDIR})

_MAKE_ROOM: Final = "free some space or make the folder writable, or choose other folders with --root and SANDTABLE_CACHE"
_NOT_AGREED: Final = "not confirmed, so nothing was changed; pass --yes where nobody can answer"


def main() -> NoReturn:
    """Run the command line and exit with a code of the catalogue."""
    # SIGTERM and SIGHUP take the same orderly way out as Ctrl-C, so that no child is orphaned.
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # under `nohup` the terminal may go
            signal.signal(number, _interrupt)
    streams.prepare()
    _keep_loopback_direct()
    sys.unraisablehook = interrupt_again
    code = int(ExitCode.INTERRUPTED)
    try:
        code = run(sys.argv[1:])
    except KeyboardInterrupt:
        pass  # a second interrupt, while the first one was being reported
    finally:
        # Only the interpreter's shutdown is left, and an interrupt there would hide the exit code.
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
    # CPython remembers an interrupt of generated code (a dataclass that is being imported), though it was caught, and would end by a
    # signal instead of the code; running any other generated code makes it forget.
    exec("")  # noqa: S102
    sys.exit(code)


def run(arguments: list[str]) -> int:
    """Run one command and return its exit code; an error is shown, never raised."""
    try:
        result = app(args=arguments, prog_name="sandtable", standalone_mode=False)
    except typer.Abort as refused:
        # End the line of the question: only a terminal echoes the answer and its Enter.
        if isinstance(refused.__context__, EOFError | KeyboardInterrupt) or not sys.stdin.isatty():
            streams.tell("", err=True)
        return _fail(ExitCode.INTERRUPTED, _NOT_AGREED, arguments)
    except SystemExit as end:
        # Typer exits like this after printing a completion. It does so on a broken pipe, too, but `streams` handles those before.
        return _failed(end.__context__, arguments) if isinstance(end.__context__, OSError) else int(end.code or 0)
    except Exception as error:  # noqa: BLE001  # the last line of defence: every error ends in the catalogue
        return _failed(error, arguments)
    if result == ExitCode.INTERRUPTED:
        return _fail(ExitCode.INTERRUPTED, "interrupted", arguments)
    return int(result) if isinstance(result, int) else int(ExitCode.OK)


def _keep_loopback_direct() -> None:
    """Use no proxy for the servers we start: neither urllib nor the Kubernetes client exempts loopback by itself."""
    for name in ("no_proxy", "NO_PROXY"):
        os.environ[name] = ",".join(filter(None, (os.environ.get(name), "127.0.0.1", "localhost")))


def interrupt_again(dropped: sys.UnraisableHookArgs) -> None:
    """Raise an interrupt again that arrived inside a destructor: Python drops it there."""
    if not issubclass(dropped.exc_type, KeyboardInterrupt):
        sys.__unraisablehook__(dropped)
    elif main_thread := threading.main_thread().ident:
        threading.Timer(0.02, signal.pthread_kill, (main_thread, signal.SIGINT)).start()


def _fail(code: ExitCode, message: str, arguments: list[str]) -> int:
    message = seen_lines(message)  # it may quote text that others wrote
    if "--json" in arguments:
        from sandtable.document.answers.machine import Failure
        from sandtable.document.writing import to_text

        fault = {"exit_code": int(code), "name": code.name.lower(), "message": message}
        streams.tell(to_text(Failure.model_validate({"error": fault})))
    streams.tell(f"error: {message}", err=True, colour=typer.colors.RED)
    return int(code)


def _failed(error: Exception, arguments: list[str]) -> int:
    if isinstance(error, TyperException) and hasattr(error, "format_message"):
        return _misused(error, arguments)
    if isinstance(error, OSError) and error.errno in _DENIED:
        place = f"{error.filename}: " if error.filename else ""
        return _fail(ExitCode.CONFIGURATION, f"{place}{error.strerror}; {_MAKE_ROOM}", arguments)
    code = for_error(error)
    if code is ExitCode.INTERNAL:
        traceback.print_exc()
        return _fail(code, f"this is a bug in sandtable: {error!r}. Please report it with the traceback above.", arguments)
    return _fail(code, str(error), arguments)


def _misused(error: Any, arguments: list[str]) -> int:
    """Report an invalid command line; show the help if only the command is missing."""
    message, context = error.format_message(), getattr(error, "ctx", None)
    if not message:  # typer has printed the help while it made this error
        return int(ExitCode.CONFIGURATION)
    command = context.command_path if context is not None else "sandtable"
    return _fail(ExitCode.CONFIGURATION, f"{message}\nTry `{command} --help`.", arguments)


def _interrupt(_number: int, _frame: Any) -> NoReturn:
    raise KeyboardInterrupt
