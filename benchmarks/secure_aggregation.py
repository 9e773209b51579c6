"""The cost of a round of secure aggregation: all sides in one process on one core, with and without dropouts.

Run with ``nox -s benchmark -- secure_aggregation [rounds]``. The sum is checked in every round. Printed are medians and ranges over the
rounds, the processor time beside the wall clock (they differ where others use the machine), the bytes that one client sends in proportion
to its plain update, and the time over that of the masks alone, which is the bound: AES and additions, with no protocol. The target is
0.10 s for 100,000 entries and 10 clients of which 3 drop out after they have dealt their shares.
"""

from __future__ import annotations

import secrets
import statistics
import sys
import time
from dataclasses import dataclass

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from workloads.federation.secure_aggregation.client import Client
from workloads.federation.secure_aggregation.masks import Words, add_masks
from workloads.federation.secure_aggregation.server import Server
from workloads.federation.secure_aggregation.session import Session

CLIENTS, THRESHOLD = 10, 7


@dataclass(frozen=True, slots=True)
class Round:
    """One measured round."""

    seconds: float
    processor_s: float
    sent_bytes: int
    """By one client, without the framing of a transport."""


def measured(number: int, keys: dict[str, Ed25519PrivateKey], updates: dict[str, Words], gone: frozenset[str]) -> Round:
    """Run a round and check its sum."""
    length = len(next(iter(updates.values())))
    roster = {name: key.public_key().public_bytes_raw() for name, key in keys.items()}
    begun, worked = time.perf_counter(), time.process_time()
    session = Session("benchmark", number, roster, THRESHOLD, length)
    server, clients = Server(session), {name: Client(session, name, key) for name, key in keys.items()}
    for client in clients.values():
        server.receive(client.advertise())
    advertisements = server.advertisements()
    dealt = [client.share(advertisements) for client in clients.values()]
    for message in dealt:
        server.receive(message)
    sealed = server.sealed_shares()
    staying = [client for name, client in clients.items() if name not in gone]
    for client in staying:
        server.receive(client.mask(sealed[client.name], updates[client.name]))
    survivors = server.survivors()
    for client in staying:
        server.receive(client.consent(survivors))
    consents = server.consents()
    answers = [client.unmask(consents) for client in staying]
    for answer in answers:
        server.receive(answer)
    result = server.sum()
    seconds, processor_s = time.perf_counter() - begun, time.process_time() - worked
    if not np.array_equal(result.words, np.sum([updates[client.name] for client in staying], axis=0, dtype=np.uint32)):
        raise SystemExit("the sum is wrong")
    first, answer = dealt[0], answers[0]
    shares = sum(map(len, first.sealed.values())) + sum(len(one) + len(two) for one, two in first.digests.values())
    returned = sum(map(len, (*answer.masking_key_shares.values(), *answer.seed_shares.values())))
    return Round(seconds, processor_s, 3 * 32 + 64 + shares + 4 * length + 64 + returned)


def masks_alone(updates: dict[str, Words]) -> float:
    """Return the seconds that all masks of a round without dropouts take, client side and server side."""
    key = secrets.token_bytes(32)
    begun = time.perf_counter()
    for words in updates.values():
        add_masks(words.copy(), plus=[key] * CLIENTS, minus=[])
    add_masks(next(iter(updates.values())).copy(), plus=[], minus=[key] * CLIENTS)
    return time.perf_counter() - begun


def main(rounds: int) -> None:
    """Print the table."""
    keys = {f"client-{number}": Ed25519PrivateKey.generate() for number in range(CLIENTS)}
    random = np.random.default_rng(1)
    print(f"{CLIENTS} clients, threshold {THRESHOLD}, n = {rounds} rounds; every sum was exact")
    print("  entries  dropping  s a round            range  processor s  x masks alone  bytes up / plain")
    for length in (4_810, 100_000, 1_000_000):
        updates = {name: random.integers(0, 2**32, length, dtype=np.uint32) for name in keys}
        for dropping in (0, CLIENTS - THRESHOLD):
            gone = frozenset(list(keys)[:dropping])
            results, ratios = [], []
            for number in range(rounds):
                bound = masks_alone(updates)
                results.append(measured(number, keys, updates, gone))
                ratios.append(results[-1].seconds / bound)
            seconds = [each.seconds for each in results]
            spread = f"{min(seconds):.3f} to {max(seconds):.3f}"
            expansion = results[-1].sent_bytes / (4 * length)
            processor = statistics.median(each.processor_s for each in results)
            middle = statistics.median(seconds)
            ratio = statistics.median(ratios)
            print(f"{length:>9,}  {dropping:>8}  {middle:>9.3f}  {spread:>15}  {processor:>11.3f}  {ratio:>13.1f}  {expansion:>16.3f}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 15)
