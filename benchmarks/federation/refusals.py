"""What attackers hand in, a thousand times each: the trials are those of the tests, and end at the first that is not refused."""

from __future__ import annotations

from collections.abc import Callable

from benchmarks.federation.table import Row
from tests.federation import test_proofs
from tests.scenario import test_secure_aggregation_refusals as aggregation

TRIALS: dict[str, Callable[[], None]] = {
    "t - 1 shares": aggregation.test_one_share_too_few_never_gives_the_secret,
    "tampered share, sealed and handed in": (aggregation.test_a_share_that_was_tampered_with_is_refused_by_its_receiver_and_by_the_server),
    "swapped key": aggregation.test_a_key_that_was_swapped_is_refused,
    "replayed round": aggregation.test_a_message_of_another_round_is_refused,
    "tampered share or proof (Prio3)": test_proofs.test_a_share_or_proof_that_was_tampered_with_is_refused,
    "entry out of range (Prio3)": test_proofs.test_an_entry_out_of_range_is_refused,
}


def rows() -> list[Row]:
    """Return the rows."""
    found = []
    for name, trial in TRIALS.items():
        try:
            trial()
        except (AssertionError, BaseException) as error:
            if isinstance(error, KeyboardInterrupt):
                raise
            found.append(Row(f"refused: {name}", "1,000 of 1,000", f"NO: {type(error).__name__}"))
        else:
            found.append(Row(f"refused: {name}", "1,000 of 1,000", f"all (n={aggregation.TRIALS:,})"))
    return found
