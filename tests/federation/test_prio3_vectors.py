"""Prio3SumVec and Prio3Histogram against the test vectors of draft-irtf-cfrg-vdaf-20, those that must be refused included."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("Crypto", reason="needs the dependency group `federation-proofs`: run `nox -s federation`")

from workloads.federation.errors import ProofError
from workloads.federation.proofs.circuits import Circuit, Histogram, SumVec
from workloads.federation.proofs.field import encode
from workloads.federation.proofs.prio3 import Pending, Prio3
from workloads.federation.proofs.xof import Xof

DATA = Path(__file__).parents[3] / "shared" / "data" / "vdaf"
FILES = sorted(path for kind in ("SumVec", "Histogram") for path in DATA.glob(f"Prio3{kind}_*.json"))


def unhex(texts: list[str]) -> list[bytes]:
    return [bytes.fromhex(text) for text in texts]


def protocol(document: dict[str, Any]) -> Prio3:
    length, chunk = document["length"], document["chunk_length"]
    circuit: Circuit[Any] = (
        SumVec(length, chunk, document["max_measurement"]) if "max_measurement" in document else Histogram(length, chunk)
    )
    return Prio3(circuit, bytes.fromhex(document["ctx"]), document["shares"])


class Run:
    """Performs the operations of a file and compares what comes out."""

    def __init__(self, document: dict[str, Any]) -> None:
        self.document = document
        self.prio3 = protocol(document)
        self.pending: dict[tuple[int, int], Pending] = {}

    def perform(self, operation: dict[str, Any]) -> None:
        number, aggregator = operation.get("report_index", 0), operation.get("aggregator_id", 0)
        document, report = self.document, self.document["reports"][number]
        nonce, public_share = bytes.fromhex(report["nonce"]), bytes.fromhex(report["public_share"])
        match operation["operation"]:
            case "shard":
                shares = self.prio3.shard(report["measurement"], nonce, bytes.fromhex(report["rand"]))
                assert shares == (public_share, unhex(report["input_shares"]))
            case "verify_init":
                key, share = bytes.fromhex(document["verify_key"]), bytes.fromhex(report["input_shares"][aggregator])
                self.pending[number, aggregator], verifier = self.prio3.begin(key, aggregator, nonce, public_share, share)
                assert verifier.hex() == report["verifier_shares"][0][aggregator]
            case "verifier_shares_to_message":
                assert self.prio3.decide(unhex(report["verifier_shares"][0])).hex() == report["verifier_messages"][0]
            case "verify_next":
                output = self.prio3.finish(self.pending[number, aggregator], bytes.fromhex(report["verifier_messages"][0]))
                assert encode(output).hex() == report["out_shares"][aggregator]
            case "aggregate":
                outputs = [self.pending[each, aggregator].output for each in range(len(document["reports"]))]
                assert self.prio3.add(outputs).hex() == document["agg_shares"][aggregator]
            case "unshard":
                assert self.prio3.result(unhex(document["agg_shares"])) == document["agg_result"]
            case other:
                pytest.fail(f"unknown operation {other}")


@pytest.mark.skipif(not FILES, reason=f"{DATA} is not there")
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_vector(path: Path) -> None:
    run = Run(json.loads(path.read_text(encoding="utf-8")))
    for operation in run.document["operations"]:
        if operation["success"]:
            run.perform(operation)
        else:
            with pytest.raises(ProofError):
                run.perform(operation)


@pytest.mark.skipif(not FILES, reason=f"{DATA} is not there")
def test_xof() -> None:
    document = json.loads((DATA / "XofTurboShake128.json").read_text(encoding="utf-8"))
    arguments = [bytes.fromhex(document[name]) for name in ("seed", "dst", "binder")]
    assert Xof(*arguments).seed().hex() == document["derived_seed"]
    assert encode(Xof(*arguments).vector(document["length"])).hex() == document["expanded_vec_field128"]
