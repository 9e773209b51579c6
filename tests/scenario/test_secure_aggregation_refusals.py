"""A thousand trials each: what an attacker hands in is refused every time."""

from __future__ import annotations

import copy
import secrets
from dataclasses import replace

import numpy as np
import pytest

from tests.unit.workloads.federation.rounds import Sides, session_of, signing_key, updates_of
from workloads.federation.errors import ProtocolError
from workloads.federation.secure_aggregation.client import Client
from workloads.federation.secure_aggregation.keys import KeyPair
from workloads.federation.secure_aggregation.server import Server
from workloads.federation.secure_aggregation.shamir import combine, split

TRIALS = 1_000


def test_one_share_too_few_never_gives_the_secret() -> None:
    random = np.random.default_rng(1)
    for _ in range(TRIALS):
        secret = secrets.token_bytes(32)
        shares = split(secret, 6, 10)
        points = random.permutation(10)[:6] + 1
        chosen = {int(point): shares[point - 1] for point in points}
        assert combine(chosen) == secret
        chosen.popitem()
        assert combine(chosen) is None


def test_a_share_that_was_tampered_with_is_refused_by_its_receiver_and_by_the_server() -> None:
    random = np.random.default_rng(2)
    session = session_of(3, 2)
    sides = Sides(session)
    sides.advertise()
    sides.share()
    sealed = sides.server.sealed_shares()
    update = updates_of(session)["c0"]
    for _ in range(TRIALS):
        changed = bytearray(sealed["c0"]["c1"])
        changed[random.integers(len(changed))] ^= 1 << int(random.integers(8))
        with pytest.raises(ProtocolError, match="client 'c1' for client 'c0' were changed"):
            copy.copy(sides.clients["c0"]).mask({"c1": bytes(changed)}, update)
    for name, client in sides.clients.items():
        sides.server.receive(client.mask(sealed[name], update))
    sides.consent()
    answer = sides.clients["c0"].unmask(sides.server.consents())
    for _ in range(TRIALS):
        changed = bytearray(answer.seed_shares["c1"])
        changed[random.integers(len(changed))] ^= 1 << int(random.integers(8))
        with pytest.raises(ProtocolError, match="client 'c0' has handed in a share of client 'c1' that was never dealt"):
            sides.server.receive(replace(answer, seed_shares={**answer.seed_shares, "c1": bytes(changed)}))


def test_a_key_that_was_swapped_is_refused() -> None:
    session = session_of(3, 2)
    sides = Sides(session)
    advertisements = {name: client.advertise() for name, client in sides.clients.items()}
    for trial in range(TRIALS):
        field = ("sealing_key", "masking_key")[trial % 2]
        swapped = replace(advertisements["c1"], **{field: KeyPair.generate().public})
        with pytest.raises(ProtocolError, match="client 'c1' has not signed the keys"):
            copy.copy(sides.clients["c0"]).share({**advertisements, "c1": swapped})


def test_a_message_of_another_round_is_refused() -> None:
    old = Client(session_of(3, 2, number=0), "c0", signing_key("c0")).advertise()
    for number in range(1, TRIALS + 1):
        server = Server(session_of(3, 2, number=number))
        with pytest.raises(ProtocolError, match=f"round {number}: client 'c0' has not signed the keys"):
            server.receive(old)
