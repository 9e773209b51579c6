"""Distillation: a student learns a teacher's probabilities instead of labels alone (Hinton, Vinyals and Dean 2015).

loss = alpha T^2 KL(teacher || student), both softened by temperature T, + (1 - alpha) cross-entropy of the labels. T^2 keeps the size of
the gradient independent of T. Samples without a label count for the first term only: this is where distillation gains most.
"""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional

UNLABELLED = -100
"""Label of a sample that has none."""


def distillation_loss(student: Tensor, teacher: Tensor, labels: Tensor, *, temperature: float = 2.0, alpha: float = 0.5) -> Tensor:
    """Return the mean loss in nats.

    Args:
        student: scores (samples, classes).
        teacher: scores (samples, classes), without gradient.
        labels: (samples,), ``UNLABELLED`` where there is none.
        temperature: above 0; 1 leaves the probabilities as they are.
        alpha: weight of the teacher, 0 to 1.
    """
    soft = functional.kl_div(
        functional.log_softmax(student / temperature, dim=-1),
        functional.log_softmax(teacher / temperature, dim=-1),
        reduction="batchmean",
        log_target=True,
    )
    loss = alpha * temperature**2 * soft
    if alpha < 1 and bool((labels != UNLABELLED).any()):
        loss = loss + (1 - alpha) * functional.cross_entropy(student, labels, ignore_index=UNLABELLED)
    return loss
