"""Erasure of a client by exact unlearning: the model is discarded and trained again without it.

Without noise, the new model is equal to the last bit to that of a federation that the client never joined: the first model, the order of
records and the choice of clients follow from the definition and the roster alone. With noise it has the same distribution.

What is not undone: models and sums that others have received before, and epsilon. The new training is charged to the remaining clients'
ledgers on top of what they have spent, because both models may be known.
"""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

from workloads.federation.compliance.journal import Journal
from workloads.federation.errors import DefinitionError, StateError
from workloads.federation.rounds.state_file import read_state
from workloads.federation.rounds.terms import Terms


def erase(folder: Path, terms: Terms, name: str) -> Terms:
    """Discard the run in a server's state folder and return the terms of the next one, which has no such client.

    The audit log gets an entry first, so a program that is killed in between erases again and logs once. The privacy ledger stays.

    Args:
        folder: of the server's state; the server must not be running.
        terms: of the run.
        name: of the client.

    Raises:
        DefinitionError: there is no such client, or too few would be left.
        StateError, AuditError: a file cannot be read or written.
    """
    if name not in terms.roster.members:
        raise DefinitionError(f"client {name!r} is not in the roster, so there is nothing to erase")
    left = Terms(terms.definition, terms.roster.without(name), terms.parameters)
    path = folder / "run.state"
    if (found := read_state(path)) is not None:
        header, vectors = found
        took_part = [each["number"] for each in header["history"] if name in each["contributors"]]
        model = sha256(vectors["parameters"].tobytes()).hexdigest()
        journal = Journal(folder, header["run"])
        journal.once("client erased", f"{header['run']}/{name}", {"client": name, "rounds": took_part, "discarded_model": model})
        try:
            path.unlink()
        except OSError as error:
            raise StateError(f"{path} cannot be removed: {error.strerror}") from error
    return left
