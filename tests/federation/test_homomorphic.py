"""Sums of encrypted updates: right to a millionth, by a server that cannot read them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("tenseal", reason="needs the dependency group `federation-homomorphic`: run `nox -s federation`")

import tenseal

from workloads.federation.errors import ProtocolError, UpdateError
from workloads.federation.homomorphic.ckks import Adder, EncryptedUpdate, Encryptor, KeyHolder

LENGTH = 10_000


@pytest.fixture(scope="module")
def holder() -> KeyHolder:
    return KeyHolder(threshold=3)


@pytest.fixture(scope="module")
def public(holder: KeyHolder) -> bytes:
    return holder.public_context()


def test_the_sum_is_right_to_a_millionth_and_its_server_cannot_decrypt(holder: KeyHolder, public: bytes) -> None:
    random = np.random.default_rng(1)
    updates = random.normal(0, 1, (5, LENGTH))
    server = Adder(public, LENGTH)
    for place, update in enumerate(updates):
        server.add(Encryptor(public, f"c{place}").encrypt(update))
    total = server.total()
    assert total.contributors == {"c0", "c1", "c2", "c3", "c4"}
    assert np.abs(holder.decrypt(total) - updates.sum(axis=0)).max() <= 1e-6
    context = tenseal.context_from(public)
    assert not context.is_private()
    with pytest.raises(ValueError, match="secret_key"):
        tenseal.ckks_vector_from(context, total.pieces[0]).decrypt()


def test_one_update_has_another_ciphertext_each_time(public: bytes) -> None:
    client = Encryptor(public, "c0")
    assert client.encrypt(np.ones(3)).pieces != client.encrypt(np.ones(3)).pieces


def test_a_sum_of_too_few_is_not_decrypted(holder: KeyHolder, public: bytes) -> None:
    server = Adder(public, 3)
    for name in ("c0", "c1"):
        server.add(Encryptor(public, name).encrypt(np.ones(3)))
    with pytest.raises(ProtocolError, match="a sum of 2 updates is not decrypted: the threshold is 3"):
        holder.decrypt(server.total())


def test_the_secret_key_is_not_taken_by_a_server_or_a_client(holder: KeyHolder) -> None:
    whole = holder._context.serialize(save_secret_key=True)
    for attempt in (lambda: Adder(whole, 3), lambda: Encryptor(whole, "c0")):
        with pytest.raises(ProtocolError, match="has the secret key"):
            attempt()


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda update: replace(update, contributors=frozenset({"c0"})), "the update of c0 is in the sum already"),
        (lambda update: replace(update, contributors=frozenset()), "names no client"),
        (lambda update: replace(update, length=4), "has 4 entries in 1 pieces, not 3"),
        (lambda update: replace(update, pieces=()), "has 3 entries in 0 pieces, not 3"),
        (lambda update: replace(update, pieces=(b"",)), "the update of c1 is not what these keys have made"),
        (lambda update: replace(update, pieces=(update.pieces[0][:-99],)), "the update of c1 is not what these keys have made"),
    ],
)
def test_a_malformed_update_is_refused_and_changes_nothing(
    holder: KeyHolder, public: bytes, change: Callable[[EncryptedUpdate], EncryptedUpdate], problem: str
) -> None:
    server = Adder(public, 3)
    server.add(Encryptor(public, "c0").encrypt(np.ones(3)))
    with pytest.raises(ProtocolError, match=problem):
        server.add(change(Encryptor(public, "c1").encrypt(np.ones(3))))
    for name in ("c2", "c3"):
        server.add(Encryptor(public, name).encrypt(np.ones(3)))
    assert holder.decrypt(server.total()).tolist() == [3.0, 3.0, 3.0]


@pytest.mark.parametrize("update", [np.array([1.0, np.nan]), np.empty(0), np.ones((2, 2))])
def test_what_is_no_update_is_refused(public: bytes, update: np.ndarray) -> None:
    with pytest.raises(UpdateError, match="client 'c0': an update is a vector of finite numbers"):
        Encryptor(public, "c0").encrypt(update)


def test_another_scale_is_refused_even_of_the_first_update(public: bytes) -> None:
    foreign = tenseal.ckks_vector(tenseal.context_from(public), np.ones(3), 2.0**30).serialize()
    with pytest.raises(ProtocolError, match="the pieces have other sizes or another scale"):
        Adder(public, 3).add(EncryptedUpdate(frozenset({"c0"}), 3, (foreign,)))


def test_what_is_no_context_is_refused() -> None:
    with pytest.raises(ProtocolError, match="the context is not what these keys have made"):
        Adder(b"junk", 3)
    with pytest.raises(ProtocolError, match="it must be at least 2"):
        KeyHolder(1)
