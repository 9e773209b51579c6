"""``sandtable images``: the container images of the stack, made on this machine without a registry."""

from __future__ import annotations

from typing import Annotated

import typer

from sandtable.commands.options import Json, print_json

EXAMPLES = {
    "build": """
Examples:

  sandtable images build                  all that can be made here

  sandtable images build engine gateway
""",
    "list": """
Examples:

  sandtable images list

  sandtable images list --json | jq '.images[] | select(.differs)'
""",
    "prune": """
Examples:

  sandtable images prune
""",
}

Names = Annotated[list[str] | None, typer.Argument(metavar="[NAME]...", help="Names as in stacks/images.toml; default: all.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    images = typer.Typer(no_args_is_help=True, help="Make the container images of the stack on this machine, list them, remove old ones.")
    for name, command in (("build", build), ("list", show), ("prune", prune)):
        images.command(name, epilog=EXAMPLES[name])(command)
    app.add_typer(images, name="images", rich_help_panel="Look")


def build(names: Names = None, json: Json = False) -> None:
    """Make images from Debian packages, wheels, built programs and our Containerfiles; what is up to date stays."""
    from sandtable.jobs.images import build
    from sandtable.terminal import Steps, out, show_images

    found = build(names or (), Steps(quiet=json))
    if json:
        print_json(found)
    else:
        show_images(found, out())


def show(names: Names = None, json: Json = False) -> None:
    """Show each image: whether it is here, its size, and the version that is made where it is not the pinned one."""
    from sandtable.jobs.images import listed
    from sandtable.terminal import out, show_images

    found = listed(names or ())
    if json:
        print_json(found)
    else:
        show_images(found, out())


def prune(json: Json = False) -> None:
    """Remove images and layers that the stack no longer names, or that were made from older sources."""
    from sandtable.jobs.images import prune
    from sandtable.report.words.quantities import count

    found = prune()
    if json:
        print_json(found)
    else:
        typer.echo(f"{found.freed_bytes / 1e6:,.0f} MB removed; {count(len(found.kept), 'image')} kept")
