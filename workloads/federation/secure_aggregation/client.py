"""A client's side of one round.

Rule 1: each step runs once and in order. A client that has rejected anything leaves the round.
Rule 2: of another client it reveals the share of the masking key or that of the seed, never both: it signs one set of survivors, and
unmasks only a set that at least ``threshold`` clients have signed.
Rule 3: keys and seed are drawn for the round and forgotten with it.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from enum import IntEnum
from hashlib import sha256

import numpy as np
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from workloads.federation.errors import ProtocolError
from workloads.federation.secure_aggregation.keys import KeyPair, seed_key
from workloads.federation.secure_aggregation.masks import Words, add_masks
from workloads.federation.secure_aggregation.messages import (
    Advertisement,
    Consent,
    MaskedUpdate,
    SealedShares,
    Unmasking,
    survivors_signed,
)
from workloads.federation.secure_aggregation.session import Session
from workloads.federation.secure_aggregation.shamir import SHARE_BYTES, split

_NONCE_BYTES = 12


class _Step(IntEnum):
    ADVERTISE, SHARE, MASK, CONSENT, UNMASK, ENDED = range(6)


class Client:
    """Takes one update into the sum.

    Args:
        session: the round; the client must be in its roster.
        name: the client's own name.
        signing_key: its long-lived Ed25519 key.

    Raises:
        ProtocolError: the roster has another key for this name.
    """

    def __init__(self, session: Session, name: str, signing_key: Ed25519PrivateKey) -> None:
        if session.roster.get(name) != signing_key.public_key().public_bytes_raw():
            raise ProtocolError(f"round {session.number}: the roster does not have the signing key of client {name!r}")
        self.session = session
        self.name = name
        self._signing_key = signing_key
        self._sealing, self._masking = KeyPair.generate(), KeyPair.generate()
        self._seed = secrets.token_bytes(32)
        self._step = _Step.ADVERTISE
        self._peers: dict[str, Advertisement] = {}
        self._sealing_keys: dict[str, bytes] = {}
        self._shares: dict[str, tuple[bytes, bytes]] = {}
        self._survivors: frozenset[str] = frozenset()

    def advertise(self) -> Advertisement:
        """Step 0: return the signed keys of this round."""
        with self._doing(_Step.ADVERTISE):
            unsigned = Advertisement(self.name, self._sealing.public, self._masking.public, sha256(self._seed).digest(), b"")
            signature = self._signing_key.sign(unsigned.signed(self.session.digest))
            return Advertisement(unsigned.sender, unsigned.sealing_key, unsigned.masking_key, unsigned.seed_digest, signature)

    def share(self, advertisements: Mapping[str, Advertisement]) -> SealedShares:
        """Step 1: return sealed shares for the clients that advertised.

        Raises:
            ProtocolError: there are too few, a key is not signed by its client for this round, or this client's own are not among them.
        """
        with self._doing(_Step.SHARE):
            self._check_enough(len(advertisements), "advertised keys")
            for name, each in advertisements.items():
                if name != each.sender:
                    raise self._refusal(f"keys of client {each.sender!r} came under the name of {name!r}")
                self.session.check_signature(name, each.signature, each.signed(self.session.digest), "the keys")
            own = advertisements.get(self.name)
            if own is None or (own.sealing_key, own.masking_key) != (self._sealing.public, self._masking.public):
                raise self._refusal(f"the server has not passed on the keys of client {self.name!r}")
            self._peers = dict(advertisements)
            threshold, count = self.session.threshold, len(self.session.roster)
            dealt = list(zip(split(self._masking.secret, threshold, count), split(self._seed, threshold, count), strict=True))
            pairs = {name: dealt[self.session.points[name] - 1] for name in advertisements}
            self._shares[self.name] = pairs[self.name]
            return SealedShares(
                self.name,
                {name: self._seal(name, masking + seed) for name, (masking, seed) in pairs.items() if name != self.name},
                {name: (sha256(masking).digest(), sha256(seed).digest()) for name, (masking, seed) in pairs.items()},
            )

    def mask(self, sealed: Mapping[str, bytes], words: Words) -> MaskedUpdate:
        """Step 2: open the shares that others dealt to this client, and return its masked update.

        Args:
            sealed: ciphertexts for this client by sender, of all that take part from here on.
            words: the update in integers modulo 2^32, one-dimensional; it is not changed.

        Raises:
            ProtocolError: too few clients are left, or shares were changed on the way.
            UpdateError: the update has another type or shape than the session says.
        """
        with self._doing(_Step.MASK):
            self.session.check_words(self.name, words)
            self._check_enough(len(sealed) + 1, "sealed shares")
            for sender, content in sealed.items():
                self._shares[sender] = self._open(sender, content)
            masked = words.astype(np.uint32)
            # Of a pair the first by name adds the mask and the other subtracts it.
            keys = {name: self._masking.agree(self._peers[name].masking_key, self.session.digest, "mask") for name in sealed}
            add_masks(
                masked,
                plus=[seed_key(self._seed, self.session.digest), *(key for name, key in keys.items() if self.name < name)],
                minus=[key for name, key in keys.items() if self.name > name],
            )
            return MaskedUpdate(self.name, masked)

    def consent(self, survivors: frozenset[str]) -> Consent:
        """Step 3: sign who has survived.

        Raises:
            ProtocolError: these are too few, or not all of them took part, or this client is not among them.
        """
        with self._doing(_Step.CONSENT):
            self._check_enough(len(survivors), "survivors")
            if not survivors <= self._shares.keys() or self.name not in survivors:
                raise self._refusal(f"the survivors {sorted(survivors)} are not among those who took part with client {self.name!r}")
            self._survivors = survivors
            return Consent(self.name, self._signing_key.sign(survivors_signed(self.session.digest, survivors)))

    def unmask(self, consents: Mapping[str, bytes]) -> Unmasking:
        """Step 4: return the shares that the server needs for the sum.

        Args:
            consents: signatures by client.

        Raises:
            ProtocolError: too few have signed, or someone has signed another set of survivors than this client: the server is showing
                different views to different clients.
        """
        with self._doing(_Step.UNMASK):
            self._check_enough(len(consents), "consents")
            for name, signature in consents.items():
                if name not in self._survivors:
                    raise self._refusal(f"client {name!r} consented and has not survived")
                self.session.check_signature(name, signature, survivors_signed(self.session.digest, self._survivors), "the consent")
            return Unmasking(
                self.name,
                {name: masking for name, (masking, _) in self._shares.items() if name not in self._survivors},
                {name: seed for name, (_, seed) in self._shares.items() if name in self._survivors},
            )

    @contextmanager
    def _doing(self, step: _Step) -> Iterator[None]:
        """Enforce rule 1: an error in a step ends the round for this client."""
        if self._step is not step:
            was, self._step = self._step, _Step.ENDED
            raise self._refusal(f"client {self.name!r} was asked to {step.name.lower()}, and its next step is {was.name.lower()}")
        self._step = _Step.ENDED
        yield
        self._step = _Step(step + 1)

    def _check_enough(self, count: int, what: str) -> None:
        if count < self.session.threshold:
            raise self._refusal(f"client {self.name!r} was shown {count} {what}, fewer than the threshold of {self.session.threshold}")

    def _refusal(self, text: str) -> ProtocolError:
        return ProtocolError(f"round {self.session.number}: {text}")

    def _sealer(self, peer: str) -> ChaCha20Poly1305:
        if peer not in self._sealing_keys:
            try:
                self._sealing_keys[peer] = self._sealing.agree(self._peers[peer].sealing_key, self.session.digest, "shares")
            except ValueError as error:
                raise self._refusal(f"the sealing key of client {peer!r} is not an X25519 key") from error
        return ChaCha20Poly1305(self._sealing_keys[peer])

    def _direction(self, sender: str, receiver: str) -> bytes:
        return b"|".join((self.session.digest, sender.encode().hex().encode(), receiver.encode().hex().encode()))

    def _seal(self, receiver: str, content: bytes) -> bytes:
        # One key serves both directions, so the nonce is drawn.
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return nonce + self._sealer(receiver).encrypt(nonce, content, self._direction(self.name, receiver))

    def _open(self, sender: str, sealed: bytes) -> tuple[bytes, bytes]:
        if sender not in self._peers or sender == self.name:
            raise self._refusal(f"shares of {sender!r} came, who has not advertised keys")
        try:
            content = self._sealer(sender).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], self._direction(sender, self.name))
        except (InvalidTag, ValueError) as error:
            raise self._refusal(f"the shares of client {sender!r} for client {self.name!r} were changed on the way") from error
        if len(content) != 2 * SHARE_BYTES:
            raise self._refusal(f"the shares of client {sender!r} have the wrong length")
        return content[:SHARE_BYTES], content[SHARE_BYTES:]
