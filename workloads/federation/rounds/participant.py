"""A client's side of the rounds: messages in, messages out.

An error in a step ends the round for this client, never the client: it declines and says why. Only a state that cannot be written down
stops it for good, because nothing may leave before it is.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from workloads.federation.errors import DefinitionError, PrivacyError, ProtocolError, UpdateError
from workloads.federation.rounds.messages import (
    VERSION,
    ClientBody,
    Consents,
    Declined,
    Finished,
    Join,
    PeerKeys,
    PeerShares,
    PlainUpdate,
    Refused,
    ServerBody,
    Survivors,
    ToClient,
    ToServer,
    Train,
    Trained,
)
from workloads.federation.rounds.site import Site, Update
from workloads.federation.secure_aggregation.client import Client
from workloads.federation.secure_aggregation.masks import Words
from workloads.federation.secure_aggregation.quantisation import to_words
from workloads.federation.tracing import SpanSink, ignore, part_span
from workloads.telemetry import federation as names


class Participant:
    """One client.

    Args:
        site: its records and its durable state.
        signing_key: its long-lived Ed25519 key.
        clock: seconds, for the time that training takes.
        on_span: gets the spans of training.

    Raises:
        DefinitionError: the roster has no such client, or another number of records or another key for it.
    """

    def __init__(
        self, site: Site, signing_key: Ed25519PrivateKey, *, clock: Callable[[], float] = time.perf_counter, on_span: SpanSink = ignore
    ) -> None:
        self.site, self.name, self.terms = site, site.name, site.terms
        self.finished: str | None = None
        self.refusals: list[str] = []
        self._key, self._clock, self._on_span = signing_key, clock, on_span
        self._place = ("", 0, 0)
        self._train: Train | None = None
        self._secure: Client | None = None
        member = self.terms.roster.members.get(self.name)
        if member is None:
            raise DefinitionError(f"the roster has no client {self.name!r}; it has {', '.join(self.terms.roster.names)}")
        if member.records != len(site.records):
            raise DefinitionError(f"client {self.name!r} has {len(site.records)} records and is enrolled with {member.records}")
        if member.public_key != signing_key.public_key().public_bytes_raw():
            raise DefinitionError(f"client {self.name!r} is enrolled with another signing key")
        self._join = Join(
            VERSION,
            self.terms.definition.digest,
            member.records,
            bytes.fromhex(member.consent),
            self.terms.definition.compliance.purpose,
            member.residency,
        )

    def join(self) -> ToServer:
        """Return the first message, also after a reconnection; a round that was under way is left."""
        self._place, self._train, self._secure = ("", 0, 0), None, None
        return ToServer("", 0, 0, self.name, self._join)

    def receive(self, message: ToClient) -> list[ToServer]:
        """Take a message of the server and return the answers.

        Raises:
            StateError, LedgerError: the client's state cannot be read or written; it must stop.
        """
        match message.body:
            case Finished(reason):
                self.finished = reason
                return []
            case Refused(reason):
                self.refusals.append(reason)
                return []
        place = (message.run, message.number, message.attempt)
        # A second copy of the model, or a message of a round that this client has left.
        if isinstance(message.body, Train) == (place == self._place):
            return []
        try:
            return [ToServer(*place, self.name, body) for body in self._answers(place, message.body)]
        except (ProtocolError, UpdateError, PrivacyError) as error:
            self._train = self._secure = None
            return [ToServer(*place, self.name, Declined(str(error)))]

    def _answers(self, place: tuple[str, int, int], body: ServerBody) -> list[ClientBody]:
        if isinstance(body, Train):
            self._place, self._train, self._secure = place, body, None
            return self._begin(body)
        if self._train is None or self._secure is None:
            return []  # declined before
        match body:
            case PeerKeys(advertisements):
                return [self._secure.share(advertisements)]
            case PeerShares(sealed):
                words, trained = self._words(self._train)
                return [trained, self._secure.mask(sealed, words)]
            case Survivors(names):
                return [self._secure.consent(frozenset(names))]
            case Consents(signatures):
                return [self._secure.unmask(signatures)]
        raise AssertionError(body)

    def _begin(self, message: Train) -> list[ClientBody]:
        if message.parameters.shape != (self.terms.parameters,) or message.control.size not in (
            0,
            self.terms.length - self.terms.parameters,
        ):
            raise UpdateError(
                f"client {self.name!r} has a model of {self.terms.parameters} parameters, and was sent {message.parameters.size}"
            )
        if not (np.isfinite(message.parameters).all() and np.isfinite(message.control).all()):
            raise UpdateError(f"client {self.name!r} was sent a model with parameters that are not finite numbers")
        if message.threshold != self.terms.threshold:
            raise ProtocolError(
                f"client {self.name!r} was told a threshold of {message.threshold}; the definition gives {self.terms.threshold}"
            )
        if not message.threshold:
            update, trained = self._update(message)
            return [trained, PlainUpdate(update.values, len(self.site.records))]
        self._secure = Client(self.terms.session(*self._place, message.participants), self.name, self._key)
        return [self._secure.advertise()]

    def _words(self, message: Train) -> tuple[Words, Trained]:
        update, trained = self._update(message)
        steps = self.terms.quantisation.quantise(update.values * self.terms.roster.weight(self.name, self.terms.definition), self.name)
        if update.noise.size:
            steps += update.noise.astype(np.int64)
        return to_words(steps), trained

    def _update(self, message: Train) -> tuple[Update, Trained]:
        run, number, _ = self._place
        begun = self._clock()
        update = self.site.update(run, number, message)
        took_s, ended_s = self._clock() - begun, time.time()
        told = {names.CLIENT: self.name, names.REPEATED: update.repeated}
        self._on_span(part_span(names.TRAIN_SPAN, self._place, ended_s - took_s, ended_s, told))
        return update, Trained(1000 * took_s, self.site.epsilon, update.repeated)
