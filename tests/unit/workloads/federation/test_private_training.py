"""DP-SGD does what the accountant assumes: Poisson samples, clipped sums, Gaussian noise of the right size."""

from __future__ import annotations

import numpy as np
import pytest

from tests.unit.workloads.federation.federations import seeded_bytes, small_task
from workloads.federation.definition import Local
from workloads.federation.models.network import Network
from workloads.federation.privacy.mechanisms.gaussian import gaussian
from workloads.federation.tasks.task import Records
from workloads.federation.training.plain import Correction, steps, train
from workloads.federation.training.private import Plan, _poisson, train_privately


def test_the_noise_is_normal_and_has_the_deviation_that_was_asked_for() -> None:
    samples = gaussian(40_000, 3.0, seeded_bytes(1))
    assert samples.mean() == pytest.approx(0, abs=0.06)
    assert samples.std() == pytest.approx(3, rel=0.015)
    inside = [(np.abs(samples) < 3.0 * width).mean() for width in (1, 2, 3)]
    np.testing.assert_allclose(inside, [0.6827, 0.9545, 0.9973], atol=0.007)
    assert gaussian(7, 1.0).shape == (7,)
    assert not np.array_equal(gaussian(7, 1.0), gaussian(7, 1.0))


def test_each_record_is_drawn_on_its_own_with_the_stated_probability() -> None:
    source = seeded_bytes(2)
    sizes = [len(_poisson(100, 0.3, source)) for _ in range(2000)]
    assert np.mean(sizes) == pytest.approx(30, abs=0.5)
    assert np.var(sizes) == pytest.approx(21, rel=0.15)  # a fixed batch size would have none
    assert len(_poisson(100, 1.0, source)) == 100


def test_without_clipping_and_noise_full_batches_are_plain_training() -> None:
    task, local = small_task(), Local(epochs=3, batch=1000, rate=0.5)
    plan = Plan.of(len(task.training), local, noise_multiplier=1e-12, clip_norm=1e6)
    assert (plan.sampling_rate, plan.steps, plan.batch) == (1.0, 3, len(task.training))
    start = task.model.initial(0)
    private = train_privately(task.model, start, task.training, plan, correction=Correction())
    plain = train(task.model, start, task.training, local, correction=Correction(), random=np.random.default_rng(0))
    np.testing.assert_allclose(private, plain, atol=1e-5)


def test_one_record_moves_a_step_by_no_more_than_the_clipping_says() -> None:
    model, local = Network((2, 2)), Local(epochs=1, batch=50, rate=1.0)
    random = np.random.default_rng(0)
    records = Records(random.standard_normal((50, 2)), random.integers(0, 2, 50))
    extreme = Records(np.vstack([records.x[:-1], [[1e6, -1e6]]]), records.y)
    plan = Plan.of(50, local, noise_multiplier=1e-12, clip_norm=0.5)
    ends = [train_privately(model, model.initial(0), each, plan, correction=Correction()) for each in (records, extreme)]
    assert np.linalg.norm(ends[0] - ends[1]) <= 2 * 0.5 / 50 + 1e-9


def test_a_last_batch_counts_as_a_step() -> None:
    assert steps(95, Local(epochs=2, batch=10)) == 20
