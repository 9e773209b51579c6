"""Prio3 (draft-irtf-cfrg-vdaf-20, section 7): a measurement in shares for several aggregators, with a proof that they check together.

For each report the aggregators exchange one message: each sends a verifier share, and all of them decide on their sum. What they add up
afterwards are their own shares; only the sums of a batch are put together.

Aggregator 0 is the leader and holds a whole share; the others hold seeds of theirs.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from workloads.federation.errors import ProofError
from workloads.federation.proofs.circuits import Circuit
from workloads.federation.proofs.field import ELEMENT_BYTES, MODULUS, Vector, decode, encode, zeros
from workloads.federation.proofs.flp import Flp
from workloads.federation.proofs.xof import SEED_BYTES, Xof

#: Of draft-18, since which no draft has changed what is computed.
_VERSION: Final = 18
_MEASUREMENT, _PROOF, _JOINT, _PROVE, _QUERY, _JOINT_SEED, _JOINT_PART = range(1, 8)
NONCE_BYTES: Final = 16


@dataclass(frozen=True, slots=True)
class Pending:
    """What an aggregator keeps of a report until all have agreed."""

    output: Vector
    joint_seed: bytes


class Prio3:
    """The protocol for one circuit.

    Args:
        circuit: what is proved.
        context: names the application and the batch; all sides must have the same.
        shares: number of aggregators, from 2 to 255.

    Raises:
        ProofError: there are too few or too many aggregators.
    """

    def __init__(self, circuit: Circuit[Any], context: bytes, shares: int = 2) -> None:
        if not 2 <= shares <= 255:
            raise ProofError(f"a report is shared by 2 to 255 aggregators, not {shares}")
        self.circuit = circuit
        self.shares = shares
        self._context = context
        self._flp = Flp(circuit)

    def shard(self, measurement: Any, nonce: bytes, rand: bytes | None = None) -> tuple[bytes, list[bytes]]:
        """Return the public share of a report, and an input share for each aggregator.

        Args:
            measurement: what the circuit encodes.
            nonce: 16 random bytes that name the report, and are public.
            rand: 64 random bytes for each aggregator; tests fix them.

        Raises:
            ProofError: the measurement is out of range, or ``nonce`` or ``rand`` have the wrong length.
        """
        rand = os.urandom(2 * SEED_BYTES * self.shares) if rand is None else rand
        if len(nonce) != NONCE_BYTES or len(rand) != 2 * SEED_BYTES * self.shares:
            raise ProofError("the nonce or the randomness has the wrong length")
        seeds = [rand[at : at + SEED_BYTES] for at in range(0, len(rand), SEED_BYTES)]
        (*helpers, leader_blind, prove_seed) = seeds
        encoded = self.circuit.encode(measurement)
        leader = encoded
        parts = [b""]
        for place in range(1, self.shares):
            share = self._measurement_share(place, helpers[2 * place - 2])
            leader = (leader - share) % MODULUS
            parts.append(self._joint_part(place, helpers[2 * place - 1], share, nonce))
        parts[0] = self._joint_part(0, leader_blind, leader, nonce)
        prover = self._xof(prove_seed, _PROVE, b"\1").vector(self._flp.prover_length)
        proof = self._flp.prove(encoded, prover, self._joint(self._joint_seed(parts)))
        for place in range(1, self.shares):
            proof = (proof - self._proof_share(place, helpers[2 * place - 2])) % MODULUS
        return b"".join(parts), [encode(leader) + encode(proof) + leader_blind, *map(bytes.__add__, helpers[0::2], helpers[1::2])]

    def begin(self, key: bytes, aggregator: int, nonce: bytes, public_share: bytes, input_share: bytes) -> tuple[Pending, bytes]:
        """Return an aggregator's verifier share of a report.

        Args:
            key: 32 secret bytes that only the aggregators know, chosen before reports come in.
            aggregator: its number, from 0 on.
            nonce: of the report.
            public_share: of the report.
            input_share: this aggregator's share of the report.

        Raises:
            ProofError: a share has the wrong length, or an element that is none.
        """
        measurement, proof, blind = self._expanded(aggregator, input_share)
        parts = [public_share[at : at + SEED_BYTES] for at in range(0, len(public_share), SEED_BYTES)]
        if len(public_share) != SEED_BYTES * self.shares:
            raise ProofError("the public share of a report has the wrong length")
        parts[aggregator] = self._joint_part(aggregator, blind, measurement, nonce)
        joint_seed = self._joint_seed(parts)
        query = self._xof(key, _QUERY, b"\1" + nonce).vector(self._flp.query_length)
        verifier = self._flp.query(measurement, proof, query, self._joint(joint_seed), self.shares)
        return Pending(self.circuit.truncate(measurement), joint_seed), encode(verifier) + parts[aggregator]

    def decide(self, verifier_shares: Sequence[bytes]) -> bytes:
        """Return the message that ends the verification of a report.

        Raises:
            ProofError: the report is not valid, or a share is malformed.
        """
        if len(verifier_shares) != self.shares:
            raise ProofError(f"{len(verifier_shares)} of {self.shares} verifier shares are there")
        total = zeros(self._flp.verifier_length)
        parts = []
        for share in verifier_shares:
            if len(share) != ELEMENT_BYTES * len(total) + SEED_BYTES:
                raise ProofError("a verifier share has the wrong length")
            total = (total + decode(share[:-SEED_BYTES])) % MODULUS
            parts.append(share[-SEED_BYTES:])
        if not self._flp.decide(total):
            raise ProofError("the proof is wrong: the measurement is out of range, or a share was changed")
        return self._joint_seed(parts)

    def finish(self, pending: Pending, message: bytes) -> Vector:
        """Return an aggregator's share of the measurement, which it may add up now.

        Raises:
            ProofError: the client chose the randomness of its proof itself, or the message was changed.
        """
        if message != pending.joint_seed:
            raise ProofError("the randomness of the proof is not that of the shares")
        return pending.output

    def add(self, outputs: Iterable[Vector]) -> bytes:
        """Return an aggregator's share of the sum of a batch."""
        total = zeros(self.circuit.length)
        for output in outputs:
            total = (total + output) % MODULUS
        return encode(total)

    def result(self, sums: Sequence[bytes]) -> list[int]:
        """Return the sum of a batch from all aggregators' shares of it.

        Raises:
            ProofError: a share is missing or malformed.
        """
        if len(sums) != self.shares or any(len(each) != ELEMENT_BYTES * self.circuit.length for each in sums):
            raise ProofError("a share of the sum is missing, or has the wrong length")
        total = sum(map(decode, sums), zeros(self.circuit.length)) % MODULUS
        return [int(entry) for entry in total]

    def _expanded(self, aggregator: int, share: bytes) -> tuple[Vector, Vector, bytes]:
        rest, blind = share[:-SEED_BYTES], share[-SEED_BYTES:]
        length = ELEMENT_BYTES * (self.circuit.encoded_length + self._flp.proof_length) if aggregator == 0 else SEED_BYTES
        if len(rest) != length or not 0 <= aggregator < self.shares:
            raise ProofError(f"the input share of aggregator {aggregator} has the wrong length")
        if aggregator:
            return self._measurement_share(aggregator, rest), self._proof_share(aggregator, rest), blind
        both = decode(rest)
        return both[: self.circuit.encoded_length], both[self.circuit.encoded_length :], blind

    def _measurement_share(self, aggregator: int, seed: bytes) -> Vector:
        return self._xof(seed, _MEASUREMENT, bytes([aggregator])).vector(self.circuit.encoded_length)

    def _proof_share(self, aggregator: int, seed: bytes) -> Vector:
        return self._xof(seed, _PROOF, bytes([1, aggregator])).vector(self._flp.proof_length)

    def _joint_part(self, aggregator: int, blind: bytes, share: Vector, nonce: bytes) -> bytes:
        return self._xof(blind, _JOINT_PART, bytes([aggregator]) + nonce + encode(share)).seed()

    def _joint_seed(self, parts: list[bytes]) -> bytes:
        return self._xof(bytes(SEED_BYTES), _JOINT_SEED, b"".join(parts)).seed()

    def _joint(self, seed: bytes) -> Vector:
        return self._xof(seed, _JOINT, b"\1").vector(self.circuit.calls)

    def _xof(self, seed: bytes, usage: int, binder: bytes) -> Xof:
        tag = bytes([_VERSION, 0]) + self.circuit.algorithm.to_bytes(4) + usage.to_bytes(2) + self._context
        return Xof(seed, tag, binder)
