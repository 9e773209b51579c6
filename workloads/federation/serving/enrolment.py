"""Enrols the clients: signing keys, the roster and, for a rehearsal, certificates.

In production each client draws its own key and brings it to the roster (``own_entry``). For a rehearsal one process draws all of them
(``enrol``), which is why its certificates hold for a day only.
"""

from __future__ import annotations

import re
import secrets
import shutil
from collections import Counter
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from foundation.processes.atomic_file import write_bytes, write_text
from workloads.federation.definition import Definition
from workloads.federation.errors import DefinitionError, StateError
from workloads.federation.rounds.roster import Member, Roster, check_name
from workloads.federation.tasks.partitions import spread
from workloads.federation.tasks.task import Task
from workloads.federation.transport import Credentials
from workloads.federation.transport.authority import Authority

ROSTER: Final = "roster.json"
_KEY: Final = "signing.key"
_TAKEN: Final = ("server", "authority", ROSTER)
#: RFC 5280, appendix A.1; SPIFFE-ID, section 2.3.
_LONGEST_COMMON_NAME: Final = 64
_LONGEST_URI: Final = 2048
_FILES: Final = ("svid.pem", "svid_key.pem", "bundle.pem")


def enrol(folder: Path, definition: Definition, task: Task, names: Sequence[str], *, server_identity: str, client_identity: str) -> Roster:
    """Write ``roster.json``, and for each client and for ``server`` a folder with ``signing.key`` and ``tls``.

    Args:
        folder: made if it is missing; it must have no roster yet.
        definition: says how the task's records are spread.
        task: what is learned.
        names: of the clients.
        server_identity: SPIFFE ID of the server.
        client_identity: SPIFFE ID of a client, with ``{name}`` for its name.

    Raises:
        DefinitionError, TaskError: the names or identities cannot be used, or the clients do not fit the definition.
        StateError: a file cannot be written, or the folder has a roster already.
    """
    _check(names, server_identity, client_identity)
    if (folder / ROSTER).exists():
        raise StateError(f"{folder / ROSTER} exists: clients whose keys are drawn anew lose what they have; take another folder")
    parts = spread(task.training.y, len(names), definition.partition, definition.seed)
    members = {}
    try:
        (folder / "authority").mkdir(parents=True, exist_ok=True)
        authority = Authority(folder / "authority")
        _install(authority.issue("server", server_identity), folder / "server" / "tls")
        for name, part in zip(sorted(names), parts, strict=True):
            identity = client_identity.replace("{name}", name)
            _install(authority.issue(name, identity), folder / name / "tls")
            members[name] = _member(new_key(folder / name), name, len(part), identity, definition)
        roster = Roster(members)
        write_text(folder / ROSTER, roster.to_json())
    except OSError as error:
        raise StateError(f"{error.filename or folder} cannot be written: {error.strerror}") from error
    return roster


def own_entry(state: Path, definition: Definition, task: Task, name: str, *, names: Sequence[str], identity: str) -> Roster:
    """Return the part of the roster that is about one client; its signing key is drawn if it has none yet.

    Args:
        state: folder of its state.
        definition: says how the task's records are spread.
        task: what is learned.
        name: of the client.
        names: of all clients.
        identity: SPIFFE ID of the client.

    Raises:
        DefinitionError, TaskError: the name is not among the names, two of them are the same, one cannot be used, or the clients do not fit
            the definition.
        StateError: the key cannot be written.
    """
    _check_names(names)
    if name not in names:
        raise DefinitionError(f"{name!r} is not among the clients: {', '.join(names)}")
    parts = spread(task.training.y, len(names), definition.partition, definition.seed)
    try:
        state.mkdir(parents=True, exist_ok=True)
        key = read_key(state) if (state / _KEY).exists() else new_key(state)
    except OSError as error:
        raise StateError(f"{error.filename or state} cannot be written: {error.strerror}") from error
    return Roster({name: _member(key, name, len(parts[sorted(names).index(name)]), identity, definition)})


def _member(key: Ed25519PrivateKey, name: str, records: int, identity: str, definition: Definition) -> Member:
    return Member(
        key=key.public_key().public_bytes_raw().hex(),
        records=records,
        consent=sha256(f"all of {name}".encode()).hexdigest(),
        residency=definition.compliance.residencies[0],
        identity=identity,
    )


def _check(names: Sequence[str], server_identity: str, client_identity: str) -> None:
    _check_names(names)
    if "{name}" not in client_identity:
        raise DefinitionError(f"the identity {client_identity!r} has no {{name}} in it, so all clients would have the same")
    for identity in (server_identity, *(client_identity.replace("{name}", name) for name in names)):
        most = _LONGEST_URI if "://" in identity else _LONGEST_COMMON_NAME
        if not re.fullmatch(rf"[!-~]{{1,{most}}}", identity):
            raise DefinitionError(f"{identity!r} cannot be an identity: printable ASCII without blanks, {most} characters at most")


def _check_names(names: Sequence[str]) -> None:
    if twice := [name for name, count in Counter(names).items() if count > 1]:
        raise DefinitionError(f"two clients are called {twice[0]!r}")
    for name in names:
        check_name(name)
        if name in _TAKEN:
            raise DefinitionError(f"no client can be called {name!r}: the folder of that name is not a client's")


def new_key(folder: Path) -> Ed25519PrivateKey:
    """Draw the signing key of a client and write it to its state folder. Raises ``OSError``."""
    secret = secrets.token_bytes(32)
    write_bytes(folder / _KEY, secret, mode=0o600)
    return Ed25519PrivateKey.from_private_bytes(secret)


def read_key(folder: Path) -> Ed25519PrivateKey:
    """Return a client's signing key.

    Raises:
        DefinitionError: it is missing, or is none.
    """
    path = folder / _KEY
    try:
        return Ed25519PrivateKey.from_private_bytes(path.read_bytes())
    except OSError as error:
        raise DefinitionError(f"the signing key {path} cannot be read: {error.strerror}; enrol the client first") from error
    except ValueError as error:
        raise DefinitionError(f"{path} is no Ed25519 key of 32 bytes") from error


def credentials(folder: str) -> Credentials:
    """Return the files of a folder, named as SPIRE's helper writes them."""
    return Credentials(*(Path(folder) / name for name in _FILES))


def _install(issued: Credentials, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for source, name in zip((issued.certificate, issued.key, issued.authority), _FILES, strict=True):
        shutil.copy(source, folder / name)
