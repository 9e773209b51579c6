"""The server's side of one round.

Rule 1: a message is accepted once, in its phase, from a client of the previous phase; any other is rejected without effect.
Rule 2: the caller closes a phase, for instance at its deadline; below the threshold the round is aborted.
Rule 3: a secret that is reconstructed from shares is checked against its owner's signed commitment before it unmasks anything.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import IntEnum
from hashlib import sha256
from typing import TypeAlias

import numpy as np

from workloads.federation.errors import ProtocolError
from workloads.federation.secure_aggregation.keys import KeyPair, seed_key
from workloads.federation.secure_aggregation.masks import Words, add_masks
from workloads.federation.secure_aggregation.messages import Advertisement, Consent, MaskedUpdate, SealedShares, Unmasking, survivors_signed
from workloads.federation.secure_aggregation.session import Session
from workloads.federation.secure_aggregation.shamir import combine

Message: TypeAlias = Advertisement | SealedShares | MaskedUpdate | Consent | Unmasking


class Phase(IntEnum):
    """The message that the server waits for."""

    ADVERTISEMENTS, SHARES, UPDATES, CONSENTS, UNMASKINGS, CLOSED = range(6)


_PHASES: Mapping[type[Message], Phase] = {
    Advertisement: Phase.ADVERTISEMENTS,
    SealedShares: Phase.SHARES,
    MaskedUpdate: Phase.UPDATES,
    Consent: Phase.CONSENTS,
    Unmasking: Phase.UNMASKINGS,
}


@dataclass(frozen=True, slots=True)
class Sum:
    """The result of a round.

    Attributes:
        words: sum of the updates of the contributors, modulo 2^32.
        contributors: whose updates it has.
    """

    words: Words
    contributors: frozenset[str]


class Server:
    """Collects masked updates and removes the masks from their sum."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.phase = Phase.ADVERTISEMENTS
        self._expected = frozenset(session.roster)
        self._advertised: dict[str, Advertisement] = {}
        self._dealt: dict[str, SealedShares] = {}
        self._updated: set[str] = set()
        self._total: Words = np.zeros(session.length, np.uint32)
        self._consents: dict[str, bytes] = {}
        self._unmaskings: dict[str, Unmasking] = {}

    @property
    def awaited(self) -> frozenset[str]:
        """Clients whose message of this phase is missing."""
        return self._expected - self._present

    def receive(self, message: Message) -> None:
        """Take a message.

        Raises:
            ProtocolError: it is late, early, repeated, forged or from someone who does not take part.
            UpdateError: a masked update has the wrong type or shape.
        """
        phase = _PHASES[type(message)]
        if phase is not self.phase:
            lateness = "late" if phase < self.phase else "early"
            raise self._refusal(
                f"{type(message).__name__} of client {message.sender!r} is {lateness}: the phase is {self.phase.name.lower()}"
            )
        if message.sender not in self._expected:
            raise self._refusal(f"client {message.sender!r} does not take part in the phase {self.phase.name.lower()}")
        if message.sender in self._present:
            raise self._refusal(f"client {message.sender!r} has sent its {type(message).__name__} twice")
        match message:
            case Advertisement():
                self.session.check_signature(message.sender, message.signature, message.signed(self.session.digest), "the keys")
                self._advertised[message.sender] = message
            case SealedShares():
                self._receive_shares(message)
            case MaskedUpdate(sender, words):
                self.session.check_words(sender, words)
                self._total += words
                self._updated.add(sender)
            case Consent(sender, signature):
                content = survivors_signed(self.session.digest, frozenset(self._updated))
                self.session.check_signature(sender, signature, content, "the consent")
                self._consents[sender] = signature
            case Unmasking():
                self._check_unmasking(message)
                self._unmaskings[message.sender] = message

    def advertisements(self) -> Mapping[str, Advertisement]:
        """Close the first phase and return what goes to every client that advertised."""
        self._close(Phase.ADVERTISEMENTS)
        return dict(self._advertised)

    def sealed_shares(self) -> Mapping[str, Mapping[str, bytes]]:
        """Close the second phase and return, for each client that dealt, the ciphertexts for it by sender."""
        self._close(Phase.SHARES)
        return {
            receiver: {sender: message.sealed[receiver] for sender, message in self._dealt.items() if sender != receiver}
            for receiver in self._dealt
        }

    def survivors(self) -> frozenset[str]:
        """Close the third phase and return who goes into the sum; it goes to each of them."""
        self._close(Phase.UPDATES)
        return frozenset(self._updated)

    def consents(self) -> Mapping[str, bytes]:
        """Close the fourth phase and return the signatures; they go to each client that gave one."""
        self._close(Phase.CONSENTS)
        return dict(self._consents)

    def sum(self) -> Sum:
        """Close the round and return the sum.

        Raises:
            ProtocolError: too few have unmasked, or a client has dealt shares of something else than it had signed.
        """
        self._close(Phase.UNMASKINGS)
        digest = self.session.digest
        plus: list[bytes] = []
        minus: list[bytes] = []
        for name in sorted(self._updated):
            seed = self._secret(name, "seed")
            if seed is None or sha256(seed).digest() != self._advertised[name].seed_digest:
                raise self._refusal(f"client {name!r} has dealt shares that do not give its seed; leave it out and repeat the round")
            minus.append(seed_key(seed, digest))
        for gone in sorted(self._dealt.keys() - self._updated):
            secret = self._secret(gone, "masking key")
            pair = None if secret is None else KeyPair.from_secret(secret)
            if pair is None or pair.public != self._advertised[gone].masking_key:
                raise self._refusal(f"client {gone!r} has dealt shares that do not give its masking key; leave it out and repeat the round")
            for name in sorted(self._updated):
                key = pair.agree(self._advertised[name].masking_key, digest, "mask")
                (minus if name < gone else plus).append(key)
        add_masks(self._total, plus=plus, minus=minus)
        return Sum(self._total, frozenset(self._updated))

    @property
    def _present(self) -> frozenset[str]:
        present = (self._advertised, self._dealt, self._updated, self._consents, self._unmaskings, ())
        return frozenset(present[self.phase])

    def _close(self, phase: Phase) -> None:
        if self.phase is not phase:
            raise self._refusal(f"the phase {phase.name.lower()} cannot be closed: the phase is {self.phase.name.lower()}")
        present = self._present
        if len(present) < self.session.threshold:
            self.phase = Phase.CLOSED
            raise self._refusal(
                f"{len(present)} of {len(self._expected)} clients are left in the phase {phase.name.lower()}, fewer than the threshold of "
                f"{self.session.threshold}; missing: {', '.join(sorted(self._expected - present))}"
            )
        self._expected, self.phase = present, Phase(phase + 1)

    def _receive_shares(self, message: SealedShares) -> None:
        everyone = self._advertised.keys()
        if message.sealed.keys() != everyone - {message.sender} or message.digests.keys() != everyone:
            raise self._refusal(f"client {message.sender!r} has not dealt one share to each client that advertised")
        self._dealt[message.sender] = message

    def _check_unmasking(self, message: Unmasking) -> None:
        wanted = (message.masking_key_shares, self._dealt.keys() - self._updated), (message.seed_shares, self._updated)
        for place, (shares, owners) in enumerate(wanted):
            if shares.keys() != owners:
                raise self._refusal(f"client {message.sender!r} has not handed in one share for each client that needs one")
            for owner, share in shares.items():
                if sha256(share).digest() != self._dealt[owner].digests[message.sender][place]:
                    raise self._refusal(f"client {message.sender!r} has handed in a share of client {owner!r} that was never dealt")

    def _secret(self, owner: str, what: str) -> bytes | None:
        return combine(dict(list(self._shares_of(owner, what))[: self.session.threshold]))

    def _shares_of(self, owner: str, what: str) -> Iterator[tuple[int, bytes]]:
        for name, message in self._unmaskings.items():
            yield self.session.points[name], (message.seed_shares if what == "seed" else message.masking_key_shares)[owner]

    def _refusal(self, text: str) -> ProtocolError:
        return ProtocolError(f"round {self.session.number}: {text}")
