"""Puts the command line together: one command a file under ``commands/``, options that all share, and how errors end it.

Nothing heavy is imported here, so that ``sandtable --help`` answers at once.
"""

from __future__ import annotations

import json
import signal
import sys
import traceback
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from typer.exceptions import TyperException

from sandtable.commands import check, cluster, deploy, doctor, graph, loadtest, rehearse, report, schema, whatif
from sandtable.exit_codes import ExitCode, for_error
from sandtable.workspace import Workspace

app = typer.Typer(
    name="sandtable",
    help="Rehearse a release of an AI platform before it ships.",
    epilog="Exit codes: " + " · ".join(f"{code.value} {code.name.lower()}" for code in ExitCode),
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
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")] = False,
) -> None:
    context.obj = Workspace(root)


for module in (rehearse, graph, check, deploy, whatif, loadtest, report, doctor, cluster, schema):
    module.register(app)


def main() -> NoReturn:
    """Run the command line and end the process with a code of the catalogue."""
    signal.signal(signal.SIGTERM, _interrupt)
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run one command and return its exit code; an error is shown, never raised."""
    try:
        result = app(args=arguments, standalone_mode=False)
    except (KeyboardInterrupt, typer.Abort):
        return _fail(ExitCode.INTERRUPTED, "interrupted", arguments)
    except BrokenPipeError:
        return int(ExitCode.OK)  # the reader of our output has seen enough
    except Exception as error:  # noqa: BLE001  # the last line of defence: every error ends in the catalogue
        if isinstance(error, TyperException) and hasattr(error, "format_message"):
            return _fail(ExitCode.CONFIGURATION, f"{error.format_message()}\nTry `sandtable --help`.", arguments)
        code = for_error(error)
        if code is ExitCode.INTERNAL:
            traceback.print_exc()
            return _fail(code, f"this is a fault of sandtable: {error!r}. Please report it with the lines above.", arguments)
        return _fail(code, str(error), arguments)
    return int(result) if isinstance(result, int) else int(ExitCode.OK)


def _fail(code: ExitCode, message: str, arguments: list[str]) -> int:
    if "--json" in arguments:
        typer.echo(json.dumps({"error": {"exit_code": int(code), "name": code.name.lower(), "message": message}}))
    typer.secho(f"error: {message}", err=True, fg=typer.colors.RED)
    return int(code)


def _interrupt(_number: int, _frame: Any) -> NoReturn:
    raise KeyboardInterrupt
