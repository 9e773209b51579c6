"""``python -m workloads.applications.medical``: select hospitals, train, aggregate privately, validate, stop.

Exit codes: 0 the model meets its criteria; 1 it does not, or too few hospitals may take part; 2 the training cannot be done.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from foundation.processes.arguments import positive, share
from workloads.applications.errors import CriteriaError
from workloads.applications.medical.criteria import validate
from workloads.applications.medical.hospitals import Hospital, select
from workloads.applications.training import train
from workloads.federation.definition import Definition
from workloads.federation.errors import FederationError


def main() -> None:
    """Run."""
    parser = argparse.ArgumentParser(prog="python -m workloads.applications.medical", description="A tumour classifier of hospitals.")
    parser.add_argument("--hospitals", type=positive, default=3, help="how many share the records (default: %(default)s)")
    parser.add_argument("--epsilon", type=float, default=3.0, help="privacy budget of each record (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=6, help="rounds of training (default: %(default)s)")
    parser.add_argument("--sensitivity", type=share, default=0.8, help="least lower end of its interval (default: %(default)s)")
    parser.add_argument("--specificity", type=share, default=0.8, help="least lower end of its interval (default: %(default)s)")
    parser.add_argument("--min-records", type=positive, default=40, help="of a hospital (default: %(default)s)")
    known = parser.parse_args()
    try:
        definition = Definition.of({
            "task": "breast-cancer",
            "rounds": known.rounds,
            "local": {"epochs": 3, "batch": 32, "rate": 0.5},
            "privacy": {"unit": "record", "epsilon": known.epsilon, "delta": 1e-3},
            "compliance": {
                "purpose": "research on tumours", "residencies": ["eu"], "model_card": "Supports a pathologist; decides nothing.",
            },
        })  # fmt: skip
        # A rehearsal spreads the data set's 456 training records evenly.
        candidates = [Hospital(f"hospital-{index}", 456 // known.hospitals, 1.0, "eu") for index in range(known.hospitals)]
        chosen, refused = select(candidates, definition, min_records=known.min_records)
        for name, reason in refused.items():
            _say(f"{name} takes no part: {reason}")
        with tempfile.TemporaryDirectory() as folder:
            trained = train(definition, len(chosen), Path(folder), _say)
    except CriteriaError as error:
        _fail(str(error), 1)
    except FederationError as error:
        _fail(str(error), 2)
    criteria = validate(trained.probabilities, trained.task.test.y, sensitivity=known.sensitivity, specificity=known.specificity)
    for line in (trained.report["guarantee"], *trained.audit, *map(str, criteria)):
        _say(line)
    if not all(criterion.holds for criterion in criteria):
        _fail("the model is not released", 1)
    _say("the model may be released")


def _say(line: str) -> None:
    sys.stdout.write(f"medical: {line}\n")


def _fail(text: str, code: int) -> None:
    sys.stderr.write(f"medical: {text}\n")
    sys.exit(code)


if __name__ == "__main__":
    main()
