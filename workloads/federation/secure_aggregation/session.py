"""What all sides of a round agree on before it begins."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final

import numpy as np
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from workloads.federation.errors import ProtocolError, UpdateError
from workloads.federation.secure_aggregation.masks import Words

_FEWEST: Final = 2


@dataclass(frozen=True, slots=True)
class Session:
    """One round of secure aggregation.

    Every signature, derived key and sealed share is bound to its digest, so nothing from another round, run or roster is accepted.

    Attributes:
        run: identifies the training run; no two runs share it.
        number: the round's number in it.
        roster: Ed25519 public keys, 32 bytes each, by the names of the clients. It reaches clients by a way that the server does not
            control: with a roster of its own a server could take the place of clients.
        threshold: how many clients must stay to the end; more than half of them.
        length: entries of an update.

    Raises:
        ProtocolError: the threshold could let a split-view server unmask, or the session is empty.
    """

    run: str
    number: int
    roster: Mapping[str, bytes]
    threshold: int
    length: int
    digest: bytes = field(init=False, repr=False, compare=False)
    points: Mapping[str, int] = field(init=False, repr=False, compare=False)
    """The point at which each client holds its shares, from 1 on by the order of names."""

    def __post_init__(self) -> None:
        count = len(self.roster)
        if count < _FEWEST or self.length < 1:
            raise ProtocolError(f"round {self.number}: secure aggregation needs at least two clients and one entry")
        if not count / 2 < self.threshold <= count:
            raise ProtocolError(
                f"round {self.number}: the threshold must be more than half of {count} clients and at most {count}, not {self.threshold}"
            )
        if len(set(self.roster.values())) < count:
            raise ProtocolError(f"round {self.number}: two clients of the roster have the same signing key")
        terms = [self.run, self.number, {name: key.hex() for name, key in self.roster.items()}, self.threshold, self.length]
        content = json.dumps(terms, sort_keys=True, separators=(",", ":"))
        object.__setattr__(self, "digest", sha256(b"sandtable secure aggregation 1\n" + content.encode()).digest())
        object.__setattr__(self, "points", {name: point for point, name in enumerate(sorted(self.roster), 1)})

    def check_words(self, client: str, words: Words) -> None:
        """Check type and shape of a client's update.

        Raises:
            UpdateError: they are not those of this round.
        """
        if words.dtype != np.uint32 or words.shape != (self.length,):
            given = f"{words.dtype} of shape {words.shape}"
            raise UpdateError(f"round {self.number}, client {client!r}: an update is {self.length} integers of type uint32, not {given}")

    def check_signature(self, sender: str, signature: bytes, content: bytes, what: str) -> None:
        """Check that a client of the roster has signed ``content``.

        Raises:
            ProtocolError: it is not of the roster, or the signature is not its own.
        """
        key = self.roster.get(sender)
        if key is None:
            raise ProtocolError(f"round {self.number}: client {sender!r} is not in the roster")
        try:
            Ed25519PublicKey.from_public_bytes(key).verify(signature, content)
        except (InvalidSignature, ValueError) as error:
            raise ProtocolError(f"round {self.number}: client {sender!r} has not signed {what} of this round") from error
