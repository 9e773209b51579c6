"""``python -m workloads.applications.credit_risk``: compliance check, training, report on fairness and calibration, audit.

Applicants are generated; no person is behind a record. Exit codes: 0 the report is printed; 1 the compliance check fails or the training
ends early; 2 the training cannot be done.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import Final

from foundation.processes.arguments import positive
from workloads.applications.credit_risk.calibration import calibration
from workloads.applications.credit_risk.fairness import gaps
from workloads.applications.errors import CriteriaError
from workloads.applications.training import train
from workloads.federation.definition import Definition
from workloads.federation.errors import FederationError
from workloads.federation.tasks.credit import test_groups

_APPROVED_BELOW: Final = 0.2


def main() -> None:
    """Run."""
    parser = argparse.ArgumentParser(prog="python -m workloads.applications.credit_risk", description="Credit risk of several banks.")
    parser.add_argument("--banks", type=positive, default=4, help="how many share the records (default: %(default)s)")
    parser.add_argument("--epsilon", type=float, default=3.0, help="privacy budget of each record (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=6, help="rounds of training (default: %(default)s)")
    parser.add_argument("--accountant", choices=("pld", "rdp"), default="pld", help="of the privacy budget (default: %(default)s)")
    known = parser.parse_args()
    try:
        definition = Definition.of({
            "task": "credit-risk",
            "rounds": known.rounds,
            "local": {"epochs": 2, "batch": 64, "rate": 0.5},
            "privacy": {"unit": "record", "epsilon": known.epsilon, "delta": 1e-4, "accountant": known.accountant},
            "compliance": {
                "purpose": "credit decisions", "residencies": ["eu"], "model_card": "Proposes; a person decides on every refusal.",
            },
        })  # fmt: skip
        if problem := definition.problem(known.banks):
            _fail(problem, 1)
        _say(f"compliance: purpose {definition.compliance.purpose!r}, records in {', '.join(definition.compliance.residencies)}")
        with tempfile.TemporaryDirectory() as folder:
            trained = train(definition, known.banks, Path(folder), _say)
    except CriteriaError as error:
        _fail(str(error), 1)
    except FederationError as error:
        _fail(str(error), 2)
    risk, labels = trained.probabilities[:, 1], trained.task.test.y
    fairness = gaps(risk < _APPROVED_BELOW, labels, test_groups(definition.seed))
    for line in (trained.report["guarantee"], str(calibration(risk, labels)), *map(str, fairness), *trained.audit):
        _say(line)


def _say(line: str) -> None:
    sys.stdout.write(f"credit: {line}\n")


def _fail(text: str, code: int) -> None:
    sys.stderr.write(f"credit: {text}\n")
    sys.exit(code)


if __name__ == "__main__":
    main()
