"""The roster: who takes part, with which signing key and how many records.

It reaches the server and every client by a way that the server does not control. A server that could change it could take the place of
clients in secure aggregation.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from workloads.federation.definition import Definition, Part
from workloads.federation.errors import DefinitionError

_KEY_HEX: Final = 64
_NAME: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?")


class Member(Part):
    """A client as it was enrolled. Its name is its key in the roster."""

    key: str
    """Ed25519 public key, 64 hexadecimal digits."""
    records: int
    """How many training records it has: its weight. A client cannot claim another number later."""
    consent: str
    """SHA-256 of its snapshot of who consented, 64 hexadecimal digits."""
    residency: str
    """Where the records are."""
    identity: str = ""
    """SPIFFE ID, or common name, in its certificate. Empty: it cannot connect, as in one process."""

    @property
    def public_key(self) -> bytes:
        """The key's 32 bytes."""
        return bytes.fromhex(self.key)


@dataclass(frozen=True, slots=True)
class Roster:
    """All clients by name.

    Raises:
        DefinitionError: a name, a key or a consent is malformed, or a client has no records; the message names the client.
    """

    members: Mapping[str, Member]

    def __post_init__(self) -> None:
        for name, member in self.members.items():
            check_name(name)
            for what, text in (("key", member.key), ("consent", member.consent)):
                if len(text) != _KEY_HEX or not set(text) <= set("0123456789abcdef"):
                    raise DefinitionError(f"roster, client {name!r}: {what} is not {_KEY_HEX} lower-case hexadecimal digits")
            if member.records < 1:
                raise DefinitionError(f"roster, client {name!r} has no records; an empty client cannot train, so leave it out")

    @property
    def names(self) -> tuple[str, ...]:
        """Sorted names; a client's place among them is its part of the partition."""
        return tuple(sorted(self.members))

    def keys(self, names: tuple[str, ...]) -> dict[str, bytes]:
        """Return the public keys of some clients."""
        return {name: self.members[name].public_key for name in names}

    def weight(self, name: str, definition: Definition) -> float:
        """Return the factor of a client's update in the sum, at most 1: by records, and equal with client-level privacy."""
        if definition.privacy.unit == "client":
            return 1.0
        return self.members[name].records / max(member.records for member in self.members.values())

    def identities(self) -> dict[str, str]:
        """Return the names of the clients by the identities in their certificates.

        Raises:
            DefinitionError: a client has no identity, or two have the same.
        """
        found: dict[str, str] = {}
        for name, member in self.members.items():
            if not member.identity or member.identity in found:
                other = f"that of client {found[member.identity]!r}" if member.identity else "missing"
                raise DefinitionError(f"roster, client {name!r}: its identity is {other}")
            found[member.identity] = name
        return found

    def without(self, name: str) -> Roster:
        """Return the roster after a client was erased."""
        return Roster({other: member for other, member in self.members.items() if other != name})

    def to_json(self) -> str:
        """Return the roster's file."""
        return json.dumps({name: self.members[name].model_dump() for name in self.names}, indent=1)

    @classmethod
    def read(cls, path: Path) -> Roster:
        """Read a roster's file.

        Raises:
            DefinitionError: it cannot be read, or is no roster.
        """
        try:
            content = json.loads(path.read_bytes())
        except OSError as error:
            raise DefinitionError(f"the roster {path} cannot be read: {error.strerror}") from error
        except ValueError as error:
            raise DefinitionError(f"{path} is no JSON file: {error}") from error
        if not isinstance(content, dict):
            raise DefinitionError(f"{path} is no roster: it has to be an object with a key for each client")
        members = {}
        for name, member in content.items():
            try:
                members[name] = Member.model_validate(member)
            except ValidationError as error:
                first = error.errors()[0]
                place = ".".join([name, *map(str, first["loc"])])
                raise DefinitionError(f"{path} is no roster: {place}: {first['msg']}") from error
        return cls(members)


def check_name(name: str) -> None:
    """Check the name of a client.

    Raises:
        DefinitionError: it is not one that files, certificates and metrics can have.
    """
    if not _NAME.fullmatch(name):
        raise DefinitionError(f"{name!r} cannot be the name of a client: letters, digits and `-._` between them, 63 at most")
