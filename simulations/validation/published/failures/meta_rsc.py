"""Time between failures of large jobs in Meta's research clusters, from the rate per node."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from simulations.validation.row import Figure, Row
from simulations.validation.tolerance import relative

#: Failures per node and day of RSC-1; a node has eight GPUs.
RATE_PER_NODE_DAY: Final = 6.50e-3
GPUS_PER_NODE: Final = 8
#: Mean time to failure by the GPUs of the job, in hours.
PUBLISHED_H: Final = {2_048: 14.42, 4_096: 7.21, 8_192: 3.61, 16_384: 1.80, 131_072: 0.225}


def measure(_: Path) -> Iterator[Figure]:
    """Yield the mean time between failures for each size."""
    for gpus, expected_h in PUBLISHED_H.items():
        got_h = 24 / (gpus / GPUS_PER_NODE * RATE_PER_NODE_DAY)
        yield Figure(f"MTTF of {gpus:,} GPUs, h", expected_h, got_h)


ROW: Final = Row(
    id="meta-rsc",
    setup="6.50 failures per 1,000 node-days, nodes of 8 GPUs, jobs of 2,048 to 131,072 GPUs",
    source="Kokolis et al., Revisiting Reliability in Large-Scale Machine Learning Research Clusters, HPCA 2025 (arXiv 2410.21680)",
    expected="1.80 h at 16,384 GPUs, 0.225 h at 131,072",
    tolerance=relative(0.02),
    measure=measure,
    limits="small jobs: the paper measured 7.9 h at 1,024 GPUs, where the rate per node gives 28.8 h",
)
