"""``sandtable doctor``: every server and tool, where it came from, and the command that provides a missing one."""

from __future__ import annotations

import shlex
from typing import Annotated

import typer

from sandtable.commands.options import Json, print_json, workspace
from sandtable.exit_codes import ExitCode

#: Jobs that a rehearsal needs. Tools that only other jobs need are shown, but the command does not fail without them.
NEEDED = frozenset({"cluster", "deploy"})

EXAMPLES = """
Examples:

  sandtable doctor                what is installed and what is not

  sandtable doctor --install      install everything: about 15 minutes, once

  sandtable doctor --install --node       and what a real node needs

  eval "$(sandtable doctor --env)" && pulumi up -s dev        Pulumi yourself
"""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("doctor", rich_help_panel="Look", epilog=EXAMPLES)(doctor)


def doctor(
    context: typer.Context,
    install: Annotated[bool, typer.Option("--install", help="Find, download or build everything that is missing.")] = False,
    node: Annotated[bool, typer.Option("--node", help="With --install: also what a real node needs.")] = False,
    env: Annotated[bool, typer.Option("--env", help="Print the shell variables for running Pulumi yourself, and nothing else.")] = False,
    json: Json = False,
) -> None:
    """Show every server and command-line tool: version, origin, licence, checksum, and how to get what is missing."""
    import toolchain
    import toolchain.environments
    from sandtable.document.answers.machine import Tools, Variables
    from sandtable.jobs.stack.tools import ensure, ensure_environment
    from sandtable.terminal import Steps, out, show_tools

    if install:
        steps = Steps(quiet=json or env)
        only_a_node_needs = set(toolchain.tools_for("node")) - set(toolchain.tools_for("cluster"))
        left_out = {*toolchain.tools_for("platform"), *(() if node else only_a_node_needs)}  # images bring what they are made of
        wanted = [name for name in toolchain.tools_for("all") if name not in left_out]
        ensure(toolchain.obtainable(wanted), steps, verify=True)
        for name, group in toolchain.environments.read_groups().items():
            if not group.on_demand:
                ensure_environment(name, steps)
    if env:
        from sandtable.jobs.stack.pulumi_cli import make_stacks, variables

        found_variables = variables(workspace(context))
        make_stacks(workspace(context))
        if json:
            print_json(Variables(variables=found_variables))
        else:
            for name, value in found_variables.items():
                typer.echo(f"export {name}={shlex.quote(value)}")
        return
    found = Tools.model_validate({"tools": [*toolchain.status(), *toolchain.environments.status()]})
    if json:
        print_json(found)
    else:
        show_tools(found, out())
    if any(tool.problem and set(tool.needed_for) & NEEDED for tool in found.tools):
        raise typer.Exit(ExitCode.MISSING)
