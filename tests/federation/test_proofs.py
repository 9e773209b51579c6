"""Proofs of range: honest reports are accepted, and nothing else, a thousand times each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

pytest.importorskip("Crypto", reason="needs the dependency group `federation-proofs`: run `nox -s federation`")

from workloads.federation.errors import ProofError, UpdateError
from workloads.federation.proofs.circuits import Circuit, Histogram, SumVec
from workloads.federation.proofs.field import MODULUS, Vector, decode, doubled, evaluated, root, transform, zeros
from workloads.federation.proofs.flp import Flp
from workloads.federation.proofs.prio3 import Prio3
from workloads.federation.proofs.updates import BoundedUpdates

TRIALS = 1_000
KEY = bytes(range(32))
CIRCUIT = SumVec(4, 3, 5)


def verified(prio3: Prio3, nonce: bytes, public_share: bytes, input_shares: list[bytes]) -> list[Vector]:
    """Return the shares of the output that the aggregators hold after they have verified a report."""
    pending = [prio3.begin(KEY, each, nonce, public_share, share) for each, share in enumerate(input_shares)]
    message = prio3.decide([verifier for _, verifier in pending])
    return [prio3.finish(each, message) for each, _ in pending]


def flipped(data: bytes, random: np.random.Generator) -> bytes:
    changed = bytearray(data)
    changed[random.integers(len(data))] ^= 1 << int(random.integers(8))
    return bytes(changed)


def test_honest_reports_are_accepted_and_their_sum_is_exact() -> None:
    random = np.random.default_rng(1)
    prio3 = Prio3(CIRCUIT, b"test")
    measurements = random.integers(0, 6, (TRIALS, 4))
    outputs = []
    for measurement in measurements:
        nonce = random.bytes(16)
        outputs.append(verified(prio3, nonce, *prio3.shard(measurement, nonce)))
    assert prio3.result([prio3.add(each[place] for each in outputs) for place in range(2)]) == measurements.sum(axis=0).tolist()


def test_a_share_or_proof_that_was_tampered_with_is_refused() -> None:
    random = np.random.default_rng(2)
    prio3 = Prio3(CIRCUIT, b"test")
    nonce = random.bytes(16)
    public_share, input_shares = prio3.shard([0, 5, 2, 3], nonce)
    for trial in range(TRIALS):
        place = trial % 3
        changed = list(input_shares)
        if place < 2:
            changed[place] = flipped(changed[place], random)
        with pytest.raises(ProofError):
            verified(prio3, nonce, flipped(public_share, random) if place == 2 else public_share, changed)


def test_a_verifier_share_that_was_tampered_with_is_refused() -> None:
    random = np.random.default_rng(3)
    prio3 = Prio3(CIRCUIT, b"test")
    nonce = random.bytes(16)
    public_share, input_shares = prio3.shard([0, 5, 2, 3], nonce)
    pending = [prio3.begin(KEY, each, nonce, public_share, share) for each, share in enumerate(input_shares)]
    for trial in range(TRIALS):
        shares = [verifier for _, verifier in pending]
        shares[trial % 2] = flipped(shares[trial % 2], random)
        with pytest.raises(ProofError):
            prio3.finish(pending[0][0], prio3.decide(shares))


@dataclass(frozen=True, slots=True)
class Lying(SumVec):
    """A client's circuit that encodes whatever it is given."""

    def encode(self, measurement: Any) -> Vector:
        return np.array([int(entry) % MODULUS for entry in measurement], object)


def test_an_entry_out_of_range_is_refused() -> None:
    random = np.random.default_rng(4)
    client, aggregators = Prio3(Lying(4, 3, 5), b"test"), Prio3(CIRCUIT, b"test")
    for _ in range(TRIALS):
        bits = random.integers(0, 2, 12).astype(object)
        bits[random.integers(12)] = int(random.choice([-1, 2, 3, 2**40]))
        nonce = random.bytes(16)
        with pytest.raises(ProofError, match="the measurement is out of range"):
            verified(aggregators, nonce, *client.shard(bits, nonce))


@pytest.mark.parametrize(
    ("nonce", "context"), [(bytes(16), b"test"), (b"n" * 16, b"another batch")], ids=["another nonce", "another context"]
)
def test_a_report_counts_only_for_its_nonce_and_its_context(nonce: bytes, context: bytes) -> None:
    report = Prio3(CIRCUIT, b"test").shard([1, 2, 3, 4], b"n" * 16)
    with pytest.raises(ProofError):
        verified(Prio3(CIRCUIT, context), nonce, *report)


def test_a_histogram_of_three_aggregators() -> None:
    prio3 = Prio3(Histogram(7, 3), b"test", 3)
    reports = [verified(prio3, bytes([each] * 16), *prio3.shard(each % 7, bytes([each] * 16))) for each in range(10)]
    assert prio3.result([prio3.add(each[place] for each in reports) for place in range(3)]) == [2, 2, 2, 1, 1, 1, 1]


def test_two_buckets_are_refused() -> None:
    @dataclass(frozen=True, slots=True)
    class Two(Histogram):
        def encode(self, measurement: int) -> Vector:
            encoded = zeros(self.length)
            encoded[measurement : measurement + 2] = 1
            return encoded

    with pytest.raises(ProofError, match="out of range"):
        verified(Prio3(Histogram(7, 3), b"test"), bytes(16), *Prio3(Two(7, 3), b"test").shard(2, bytes(16)))


def test_updates_of_a_small_model_add_up_and_large_entries_are_clipped() -> None:
    random = np.random.default_rng(5)
    updates = BoundedUpdates(62, 0.5)
    prio3 = Prio3(updates.circuit, b"round 1")
    values = random.normal(0, 0.3, (3, 62))
    values[0, 0] = 0.0
    outputs = []
    for place, update in enumerate(values):
        nonce = random.bytes(16)
        outputs.append(verified(prio3, nonce, *prio3.shard(updates.measurement(update, f"c{place}"), nonce)))
    total = updates.sum(prio3.result([prio3.add(each[place] for each in outputs) for place in range(2)]), 3)
    assert np.abs(total - np.clip(values, -0.5, 0.5).sum(axis=0)).max() <= 3 * 0.5 / (2**16 - 2)


@pytest.mark.parametrize(
    ("attempt", "problem"),
    [
        (lambda: Prio3(CIRCUIT, b"", 1), "2 to 255 aggregators"),
        (lambda: Prio3(CIRCUIT, b"").shard([0, 0, 0, 6], bytes(16)), "4 integers between 0 and 5"),
        (lambda: Prio3(CIRCUIT, b"").shard([0, 0, 0], bytes(16)), "4 integers"),
        (lambda: Prio3(CIRCUIT, b"").shard([0, 0, 0, 0], bytes(15)), "the nonce or the randomness has the wrong length"),
        (lambda: Prio3(Histogram(4, 2), b"").shard(4, bytes(16)), "between 0 and 3, not 4"),
        (lambda: Prio3(CIRCUIT, b"").begin(KEY, 1, bytes(16), bytes(64), bytes(63)), "aggregator 1 has the wrong length"),
        (lambda: Prio3(CIRCUIT, b"").begin(KEY, 1, bytes(16), bytes(63), bytes(64)), "public share"),
        (lambda: Prio3(CIRCUIT, b"").decide([bytes(160)]), "1 of 2 verifier shares"),
        (lambda: Prio3(CIRCUIT, b"").decide([bytes(159)] * 2), "verifier share has the wrong length"),
        (lambda: Prio3(CIRCUIT, b"").result([bytes(64), bytes(63)]), "share of the sum"),
        (lambda: decode(b"\xff" * 16), "not below the modulus"),
        (lambda: decode(bytes(15)), "15 bytes are no vector"),
        (lambda: SumVec(0, 1, 1), "must be positive"),
        (lambda: Histogram(1, 0), "must be positive"),
        (lambda: BoundedUpdates(1, 0.0), "must be positive"),
        (lambda: BoundedUpdates(2, 1.0).measurement(np.array([0.0, np.nan]), "c0"), "client 'c0': an update is 2 finite numbers"),
    ],
)
def test_what_is_malformed_is_refused(attempt: Callable[[], object], problem: str) -> None:
    with pytest.raises((ProofError, UpdateError), match=problem):
        attempt()


@pytest.mark.parametrize("circuit", [SumVec(3, 2, 1), SumVec(1, 1, 1), SumVec(5, 20, 8), Histogram(1, 1)])
def test_chunks_of_every_size(circuit: Circuit[Any]) -> None:
    prio3 = Prio3(circuit, b"test")
    measurement: Any = 0 if isinstance(circuit, Histogram) else [1] * circuit.length
    assert (
        prio3.result([prio3.add([each]) for each in verified(prio3, bytes(16), *prio3.shard(measurement, bytes(16)))])
        == [1] * circuit.length
    )


def test_a_random_point_that_would_reveal_an_output_is_refused() -> None:
    flp = Flp(CIRCUIT)
    joint = np.array([7] * CIRCUIT.calls, object)
    encoded, prover = CIRCUIT.encode([0, 1, 2, 3]), np.array([5] * flp.prover_length, object)
    with pytest.raises(ProofError, match="root of unity"):
        flp.query(encoded, flp.prove(encoded, prover, joint), np.array([root(8)], object), joint, 1)


def test_polynomials_by_their_values() -> None:
    coefficients = np.array([3, 1, 4, 1], object)
    point = 12345
    expected = sum(int(each) * point**power for power, each in enumerate(coefficients)) % MODULUS
    values = transform(coefficients, root(4))
    assert evaluated(values[np.newaxis], point).tolist() == [expected]
    assert evaluated(doubled(values)[np.newaxis], point).tolist() == [expected]
