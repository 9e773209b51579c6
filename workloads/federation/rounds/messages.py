"""What the server and the clients of a federation send each other. The transport carries the two envelopes and nothing else.

The bodies, in the order of a round::

    client                                server
    Join                        ->
                                <-        Train          the model; for the clients that take part
    -- without secure aggregation
    PlainUpdate                 ->
    -- with it (Bonawitz and others 2017)
    Advertisement               ->
                                <-        PeerKeys
    SealedShares                ->
                                <-        PeerShares
    MaskedUpdate                ->
                                <-        Survivors
    Consent                     ->
                                <-        Consents
    Unmasking                   ->
    -- in both
    Trained                     ->                       what the update cost; beside it
                                <-        Finished

A client that cannot take part sends ``Declined``. The server answers a message that breaks the rules with ``Refused``.

Rule 1: an envelope names run, round and attempt. A round that is interrupted is repeated as its next attempt, with new keys. What belongs
to another round or attempt is refused, and changes nothing.
Rule 2: a message may arrive twice. The second copy is refused, and changes nothing.
Rule 3: no message has a measure of private data, such as a training loss: each would be a release without an epsilon.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from workloads.federation.secure_aggregation.messages import Advertisement, Consent, MaskedUpdate, SealedShares, Unmasking

Vector: TypeAlias = NDArray[np.float64]

#: Raised with every change of a message; a client with another version is refused.
VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class Join:
    """A client is there, under the terms it was started with. Also sent after every reconnection; in envelopes with round and attempt 0.

    Attributes:
        version: version of these messages.
        definition: SHA-256 of the definition of the federation.
        records: how many training records it has; must be the number that it is enrolled with.
        consent: SHA-256 of its snapshot of who consented.
        purpose: purpose for which its records may be used.
        residency: where the records are, such as ``eu``.
    """

    version: int
    definition: bytes
    records: int
    consent: bytes
    purpose: str
    residency: str


@dataclass(frozen=True, slots=True)
class PlainUpdate:
    """An update that the server may see; its last part is the change of the control variate where the strategy has one.

    Attributes:
        values: parameters after training minus those sent, then the control part; float64.
        records: on how many records it was trained.
    """

    values: Vector
    records: int


@dataclass(frozen=True, slots=True)
class Trained:
    """What an update cost its client. None of it depends on the values of records.

    Attributes:
        train_ms: time to train and to add noise, in milliseconds.
        epsilon: record-level epsilon that the client has spent in all; 0 without record-level privacy.
        repeated: whether the update was kept from an earlier attempt of this round.
    """

    train_ms: float
    epsilon: float
    repeated: bool


@dataclass(frozen=True, slots=True)
class Declined:
    """A client does not take part in this round, and why: its budget is spent, a check failed, the server broke the protocol."""

    reason: str


@dataclass(frozen=True, slots=True)
class Train:
    """Train this model. In secure aggregation the session follows from it, from the envelope and from the client's own roster.

    Attributes:
        parameters: the model, flat.
        control: the server's control variate (SCAFFOLD); empty for other strategies.
        participants: names of the clients of this round, sorted.
        threshold: how many must stay to the end; 0 without secure aggregation.
    """

    parameters: Vector
    control: Vector
    participants: tuple[str, ...]
    threshold: int


@dataclass(frozen=True, slots=True)
class PeerKeys:
    """The signed keys of all clients that advertised theirs, by name."""

    advertisements: Mapping[str, Advertisement]


@dataclass(frozen=True, slots=True)
class PeerShares:
    """The sealed shares that others dealt to this client, by sender."""

    sealed: Mapping[str, bytes]


@dataclass(frozen=True, slots=True)
class Survivors:
    """The clients whose masked updates the server has, sorted."""

    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Consents:
    """Signatures below the survivors, by client."""

    signatures: Mapping[str, bytes]


@dataclass(frozen=True, slots=True)
class Refused:
    """The server has refused a message of this client; it names the reason. The round goes on."""

    reason: str


@dataclass(frozen=True, slots=True)
class Finished:
    """The training is over, and why; a client that has read it may exit."""

    reason: str


ClientBody: TypeAlias = Join | Declined | PlainUpdate | Trained | Advertisement | SealedShares | MaskedUpdate | Consent | Unmasking
ServerBody: TypeAlias = Train | PeerKeys | PeerShares | Survivors | Consents | Refused | Finished


@dataclass(frozen=True, slots=True)
class ToServer:
    """Envelope of a client's message. The transport checks that ``sender`` is who the connection belongs to.

    Attributes:
        run: identifies the training run.
        number: the round, from 1 on.
        attempt: which attempt of the round, from 1 on.
        sender: name of the client.
        body: the message.
    """

    run: str
    number: int
    attempt: int
    sender: str
    body: ClientBody


@dataclass(frozen=True, slots=True)
class ToClient:
    """Envelope of the server's message; fields as in :class:`ToServer`, with the client that it is for."""

    run: str
    number: int
    attempt: int
    receiver: str
    body: ServerBody
