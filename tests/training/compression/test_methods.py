"""Pruning, distillation, adapters and factors against what theory says of them."""

from __future__ import annotations

import math

import pytest
import torch
from torch.nn import functional

from workloads.compression.errors import ShapeError
from workloads.compression.methods.distillation import UNLABELLED, distillation_loss
from workloads.compression.methods.lora import attach, merged
from workloads.compression.methods.low_rank import factorise
from workloads.compression.methods.pruning import prune, prune_layers, units_to_keep
from workloads.compression.model.transformer import Shape, check, initial, logits

SHAPE = Shape(layers=2, width=32, feed_forward=128, heads=1, kv_heads=1)
TOKENS = torch.arange(24).reshape(2, 12)


def test_the_units_that_nobody_drives_or_reads_go() -> None:
    producer, consumer = torch.ones(6, 3), torch.ones(2, 6)
    producer[1] = 0
    consumer[:, 4] = 0
    assert units_to_keep([producer], consumer, 4).tolist() == [0, 2, 3, 5]


def test_pruning_units_without_effect_changes_nothing() -> None:
    weights = initial(SHAPE, 0)
    for number in range(SHAPE.layers):
        weights[f"blk.{number}.ffn_down.weight"][:, 32:64] = 0
    smaller, shape = prune(weights, SHAPE, 0.25)
    check(smaller, shape)
    assert shape.feed_forward == 96
    assert torch.allclose(logits(smaller, shape, TOKENS), logits(weights, SHAPE, TOKENS), atol=1e-6)


@pytest.mark.parametrize(("ratio", "left"), [(0, 128), (0.3, 96), (0.5, 64), (0.74, 64), (0.99, 32)])
def test_what_is_left_fits_blocks(ratio: float, left: int) -> None:
    assert prune(initial(SHAPE, 0), SHAPE, ratio)[1].feed_forward == left


@pytest.mark.parametrize("ratio", [-0.1, 1.0, math.nan])
def test_no_model_is_pruned_away(ratio: float) -> None:
    with pytest.raises(ShapeError, match="cannot be pruned"):
        prune(initial(SHAPE, 0), SHAPE, ratio)


def test_a_perceptron_loses_the_same_share_of_every_hidden_layer() -> None:
    layers = [(torch.randn(40, 8), torch.randn(40)), (torch.randn(20, 40), torch.randn(20)), (torch.randn(3, 20), torch.randn(3))]
    assert [tuple(matrix.shape) for matrix, _ in prune_layers(layers, 0.75)] == [(10, 8), (5, 10), (3, 5)]


def test_matrices_that_disagree_are_refused() -> None:
    with pytest.raises(ShapeError, match="do not produce"):
        units_to_keep([torch.ones(5, 3)], torch.ones(2, 6), 2)


def test_a_student_equal_to_its_teacher_loses_nothing_more() -> None:
    scores, labels = torch.randn(5, 7), torch.arange(5)
    assert distillation_loss(scores, scores, labels, alpha=1).item() == pytest.approx(0, abs=1e-6)
    assert distillation_loss(scores, scores, labels, alpha=0) == pytest.approx(functional.cross_entropy(scores, labels).item())


def test_temperature_one_is_the_cross_entropy_to_the_teacher_less_its_entropy() -> None:
    student, teacher = torch.randn(4, 3), torch.randn(4, 3)
    p, q = teacher.softmax(1), student.softmax(1)
    by_hand = (p * (p / q).log()).sum(1).mean()
    assert distillation_loss(student, teacher, torch.zeros(4, dtype=torch.long), temperature=1, alpha=1).item() == pytest.approx(
        by_hand.item()
    )


def test_samples_without_labels_teach_through_the_teacher_alone() -> None:
    student, teacher = torch.randn(4, 3), torch.randn(4, 3)
    unlabelled = torch.full((4,), UNLABELLED)
    both, soft = (distillation_loss(student, teacher, unlabelled, alpha=alpha) for alpha in (0.5, 1.0))
    assert both.item() == pytest.approx(soft.item() / 2)


def test_adapters_begin_as_nothing_and_merge_exactly() -> None:
    weights = initial(SHAPE, 0)
    lora = attach(weights, ["blk.0.ffn_up.weight", "blk.1.attn_q.weight"], rank=4)
    plain = logits(weights, SHAPE, TOKENS)
    assert torch.equal(logits(weights, SHAPE, TOKENS, lora.adapters()), plain)
    for up in lora.up.values():
        up.normal_(std=0.05)
    beside, inside = logits(weights, SHAPE, TOKENS, lora.adapters()), logits(merged(weights, lora), SHAPE, TOKENS)
    assert not torch.allclose(beside, plain, atol=1e-3)
    assert (beside - inside).abs().max() <= 1e-5
    assert sum(value.numel() for value in lora.parameters().values()) == 4 * (128 + 32) + 4 * (32 + 32)


@pytest.mark.parametrize(("name", "rank"), [("output_norm.weight", 1), ("blk.0.ffn_up.weight", 33), ("blk.0.ffn_up.weight", 0)])
def test_an_adapter_that_fits_nothing_is_refused(name: str, rank: int) -> None:
    with pytest.raises(ShapeError, match="takes no adapter"):
        attach(initial(SHAPE, 0), [name], rank)


@pytest.mark.parametrize("rank", [1, 8, 24])
def test_the_error_of_factors_is_the_tail_of_the_singular_values(rank: int) -> None:
    matrix = torch.randn(48, 24, generator=torch.Generator().manual_seed(rank))
    factors = factorise(matrix, rank)
    error = ((factors.left @ factors.right - matrix).norm() / matrix.norm()).item()
    assert error == pytest.approx(factors.relative_error, abs=1e-5)


@pytest.mark.parametrize("size", [{"width": 48}, {"feed_forward": 100}, {"width": 0}, {"heads": 3}, {"heads": 2, "kv_heads": 3}])
def test_a_shape_that_no_block_or_head_fits_is_refused(size: dict[str, int]) -> None:
    with pytest.raises(ShapeError):
        Shape(**({"width": 32, "heads": 1} | size))
