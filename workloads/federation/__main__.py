"""``python -m workloads.federation``: the programs of a federation.

``server``, ``client``   take part until they are stopped; how is in their arguments (``spec``)
``run``                  a whole federation in this process
``enrol``                keys, certificates and the roster of a rehearsal
``entry``                one client's part of a roster; draws its key
``report``               the report of a run, as a table
``erase``                discards a run in which a client took part, so that the next one has never seen it
``verify``               the audit log of a server: nothing changed, and it agrees with the privacy ledger

Exit codes: 0 done, or stopped by SIGTERM or SIGINT, or because its parent has died; 2 bad arguments or an error that the text explains;
3 the port is taken; 4 the audit log was altered.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

from foundation.errors import FoundationError
from foundation.processes.serving import end_with_stdin
from workloads.federation.errors import AlteredError, FederationError
from workloads.federation.spec import ClientSpec, ServerSpec, add_client_arguments, add_server_arguments, definition

_FAILED: Final = 2
_ALTERED: Final = 4


def main() -> None:
    """Run one command."""
    known = _parser().parse_args()
    command: Callable[[argparse.Namespace], None] = known.run_command
    del known.run_command
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        command(known)
    except KeyboardInterrupt:
        sys.exit(0)
    except AlteredError as error:
        sys.stderr.write(f"federation: {error}\n")
        sys.exit(_ALTERED)
    except (FederationError, FoundationError) as error:
        sys.stderr.write(f"federation: {error}\n")
        sys.exit(_FAILED)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m workloads.federation", description="Federated learning.", allow_abbrev=False)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, text: str, run: Callable[[argparse.Namespace], None]) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=text, description=text, allow_abbrev=False)
        added.set_defaults(run_command=run)
        return added

    for name, add, run in (("server", add_server_arguments, _server), ("client", add_client_arguments, _client)):
        program = command(name, f"the {name}, until it is stopped", run)
        add(program)
        program.add_argument("--until-stdin-ends", action="store_true", help="stop when standard input is closed")
    whole = command("run", "a whole federation in this process", _run)
    whole.add_argument("--definition", type=definition, default="{}", metavar="JSON", help="what is learned (default: digits)")
    whole.add_argument("--clients", type=int, default=3, help="how many (default: %(default)s)")
    whole.add_argument("--state", default="", help="new folder for keys, state and report (default: a temporary one)")
    whole.add_argument("--json", action="store_true", help="print the report as JSON; progress goes to standard error")
    enrol = command("enrol", "keys, certificates and the roster of a rehearsal", _enrol)
    enrol.add_argument("--definition", type=definition, required=True, metavar="JSON")
    enrol.add_argument("--names", required=True, help="names of the clients, with commas between them")
    enrol.add_argument("--folder", required=True, help="where everything goes")
    enrol.add_argument("--server-identity", required=True, help="SPIFFE ID of the server")
    enrol.add_argument("--client-identity", required=True, help="SPIFFE ID of a client, with {name} for its name")
    entry = command("entry", "one client's part of a roster; its signing key is drawn if it has none", _entry)
    entry.add_argument("--definition", type=definition, required=True, metavar="JSON", help="the client's")
    entry.add_argument("--state", required=True, help="folder of the client's state")
    entry.add_argument("--name", required=True, help="of the client")
    entry.add_argument("--names", required=True, help="names of all clients, with commas between them")
    entry.add_argument("--identity", required=True, help="SPIFFE ID of the client")
    erase = command("erase", "discard the run of a server in which a client took part; stop the server first", _erase)
    erase.add_argument("--definition", type=definition, required=True, metavar="JSON", help="the server's")
    erase.add_argument("--roster", required=True, help="the server's, with the client")
    erase.add_argument("--state", required=True, help="folder of the server's state")
    erase.add_argument("--name", required=True, help="of the client")
    command("report", "the report of a run, as a table", _report).add_argument("state", help="folder of the server's state")
    command("verify", "check the audit log of a server", _verify).add_argument("state", help="folder of the server's state")
    return parser


def _server(known: argparse.Namespace) -> None:
    from workloads.federation.serving.server import run_server

    _end_with_parent(known)
    run_server(ServerSpec(**vars(known)), _say)


def _client(known: argparse.Namespace) -> None:
    from workloads.federation.serving.client import run_client

    _end_with_parent(known)
    run_client(ClientSpec(**vars(known)), _say)


def _run(known: argparse.Namespace) -> None:
    from workloads.federation.serving.rehearsing import rehearse
    from workloads.federation.serving.report import table

    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(known.state or temporary)
        report = rehearse(known.definition, known.clients, folder, _note if known.json else _say)
    sys.stdout.write(json.dumps(report) + "\n" if known.json else "".join(f"{line}\n" for line in table(report)))


def _enrol(known: argparse.Namespace) -> None:
    from workloads.federation.serving.enrolment import ROSTER, enrol
    from workloads.federation.tasks.task import load

    task = load(known.definition.task, known.definition.seed)
    roster = enrol(
        Path(known.folder),
        known.definition,
        task,
        known.names.split(","),
        server_identity=known.server_identity,
        client_identity=known.client_identity,
    )
    _say(f"{len(roster.members)} clients in {Path(known.folder) / ROSTER}")


def _entry(known: argparse.Namespace) -> None:
    from workloads.federation.serving.enrolment import own_entry
    from workloads.federation.tasks.task import load

    task = load(known.definition.task, known.definition.seed)
    part = own_entry(Path(known.state), known.definition, task, known.name, names=known.names.split(","), identity=known.identity)
    sys.stdout.write(f"{part.to_json()}\n")


def _erase(known: argparse.Namespace) -> None:
    from workloads.federation.compliance.erasure import erase
    from workloads.federation.rounds.roster import Roster
    from workloads.federation.rounds.terms import Terms
    from workloads.federation.serving.ownership import owned
    from workloads.federation.tasks.task import load

    task = load(known.definition.task, known.definition.seed)
    terms = Terms(known.definition, Roster.read(Path(known.roster)), task.model.length)
    with owned(Path(known.state)):
        left = erase(Path(known.state), terms, known.name)
    _say(f"the run is discarded; take {known.name} out of the roster and start the server: {len(left.roster.members)} clients train again")


def _report(known: argparse.Namespace) -> None:
    from workloads.federation.serving.report import shown

    for line in shown(Path(known.state)):
        sys.stdout.write(f"{line}\n")


def _verify(known: argparse.Namespace) -> None:
    from workloads.federation.compliance.journal import check_journal

    for line in check_journal(Path(known.state)):
        sys.stdout.write(f"{line}\n")


def _end_with_parent(known: argparse.Namespace) -> None:
    """Take the one argument that is no part of a program's definition out of the others."""
    if known.until_stdin_ends:
        end_with_stdin()
    del known.until_stdin_ends


def _say(line: str) -> None:
    sys.stdout.write(f"federation: {line}\n")
    sys.stdout.flush()


def _note(line: str) -> None:
    sys.stderr.write(f"federation: {line}\n")


if __name__ == "__main__":
    main()
