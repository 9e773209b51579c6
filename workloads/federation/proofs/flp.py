"""Fully linear proofs (Boneh and others 2019, theorem 4.3; draft-irtf-cfrg-vdaf-20, section 7.3), for circuits with one gadget.

The prover interpolates each input of the gadget over its calls, and sends the polynomial that the gadget makes of them. Verifiers hold
shares of vector and proof. Each evaluates its shares at a random point; the sums must fit together.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from workloads.federation.errors import ProofError
from workloads.federation.proofs.circuits import Circuit
from workloads.federation.proofs.field import MODULUS, Vector, completed, doubled, evaluated, next_power_of_2, zeros


class Flp:
    """Proofs for a circuit.

    Attributes:
        proof_length: elements of a proof.
        prover_length: random elements that the prover needs.
        query_length: random elements that verifiers need, the same for all.
        verifier_length: elements that a verifier sends.
    """

    def __init__(self, circuit: Circuit[Any]) -> None:
        self.circuit = circuit
        self._points = next_power_of_2(1 + circuit.calls)
        self.prover_length = 2 * circuit.chunk
        self.proof_length = 2 * circuit.chunk + 2 * self._points - 1
        self.query_length = 1 + (circuit.outputs if circuit.outputs > 1 else 0)
        self.verifier_length = 2 + 2 * circuit.chunk

    def prove(self, encoded: Vector, prover: Vector, joint: Vector) -> Vector:
        """Return the proof for an encoded measurement.

        Args:
            encoded: the measurement.
            prover: ``prover_length`` random elements.
            joint: random elements that depend on all shares, one for each gadget call.
        """
        wires = doubled(self._polynomials(encoded, prover, joint, 1))
        product: Vector = (wires[0::2] * wires[1::2]).sum(axis=0) % MODULUS
        return np.concatenate([prover, product[:-1]])

    def query(self, encoded: Vector, proof: Vector, query: Vector, joint: Vector, shares: int) -> Vector:
        """Return what a verifier says, from its shares of measurement and proof.

        Raises:
            ProofError: the random point would reveal an output; draw another key.
        """
        seeds, product = proof[: self.prover_length], completed(proof[self.prover_length :])
        outputs = [int(product[2 : 2 * self.circuit.calls + 1 : 2].sum()) % MODULUS, *self.circuit.further(encoded, shares)]
        *weights, point = (int(element) for element in query)
        if pow(point, self._points, MODULUS) == 1:
            raise ProofError("the random point is a root of unity")
        reduced = outputs[0] if len(outputs) == 1 else sum(map(int.__mul__, weights, outputs)) % MODULUS
        wires = evaluated(self._polynomials(encoded, seeds, joint, shares), point)
        return np.concatenate([np.array([reduced], object), wires, evaluated(product[np.newaxis], point)])

    def decide(self, verifier: Vector) -> bool:
        """Return whether the sum of what all verifiers say is that of a valid measurement."""
        wires, check = verifier[1:-1], int(verifier[-1])
        return int(verifier[0]) == 0 and int((wires[0::2] * wires[1::2]).sum()) % MODULUS == check

    def _polynomials(self, encoded: Vector, seeds: Vector, joint: Vector, shares: int) -> Vector:
        wires = zeros(2 * self.circuit.chunk, self._points)
        wires[:, 0] = seeds
        wires[:, 1 : 1 + self.circuit.calls] = self.circuit.wires(encoded, joint, shares)
        return wires
