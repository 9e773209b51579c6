"""The closed forms, against printed tables."""

from __future__ import annotations

import pytest

from simulations.queueing.formulas import erlang_b, erlang_c, mean_wait_mg1, mean_wait_mmc


@pytest.mark.parametrize(
    ("servers", "utilisation", "waiting", "wait"),
    [
        (1, 0.8, 0.8, 4.0),
        (2, 0.7, 0.576471, 0.960784),
        (4, 0.9, 0.787753, 1.969383),
        (16, 0.5, 0.009019, 0.001127),
        (128, 0.95, 0.457787, 0.071529),
    ],
)
def test_erlang_c(servers: int, utilisation: float, waiting: float, wait: float) -> None:
    assert erlang_c(servers, servers * utilisation) == pytest.approx(waiting, abs=5e-7)
    assert mean_wait_mmc(servers, servers * utilisation) == pytest.approx(wait, abs=5e-7)


@pytest.mark.parametrize(("servers", "load", "blocked"), [(10, 8.0, 0.1216610643), (100, 90.0, 0.0269573805), (1, 0.0, 0.0)])
def test_erlang_b(servers: int, load: float, blocked: float) -> None:
    assert erlang_b(servers, load) == pytest.approx(blocked, abs=5e-11)


@pytest.mark.parametrize(("cv2", "wait"), [(0.0, 4.5), (0.5, 6.75), (1.0, 9.0), (4.0, 22.5)])
def test_pollaczek_khinchine(cv2: float, wait: float) -> None:
    assert mean_wait_mg1(0.9, cv2) == pytest.approx(wait)


def test_an_overloaded_queue_has_no_mean() -> None:
    with pytest.raises(ValueError, match="grows without end"):
        erlang_c(2, 2.0)
    with pytest.raises(ValueError, match="grows without end"):
        mean_wait_mg1(1.0, 1.0)
