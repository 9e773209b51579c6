"""The state of a torch optimiser as named arrays, for checkpoints; torch is the caller's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

_PREFIX: Final = "optimiser"


def optimiser_arrays(optimiser: Any) -> dict[str, Any]:
    """Return the tensors of ``optimiser.state_dict()`` as NumPy arrays named ``optimiser/<parameter>/<name>``."""
    state = optimiser.state_dict()["state"]
    return {f"{_PREFIX}/{number}/{name}": value.numpy().copy() for number, values in state.items() for name, value in values.items()}


def restore_optimiser(optimiser: Any, arrays: Mapping[str, Any]) -> None:
    """Put the arrays of :func:`optimiser_arrays` back; the parameters must be those it was made for, in the same order."""
    import torch

    state: dict[int, dict[str, Any]] = {}
    for key, value in arrays.items():
        prefix, _, rest = key.partition("/")
        if prefix == _PREFIX:
            number, _, name = rest.partition("/")
            state.setdefault(int(number), {})[name] = torch.from_numpy(value.copy())
    optimiser.load_state_dict({**optimiser.state_dict(), "state": state})
