"""Series of training programs, each a gauge: written to ``metrics.prom`` in the folder of a run."""

from __future__ import annotations

from typing import Final

EPISODE_REWARD: Final = "rl_episode_reward"
"""Mean return of the last evaluation; labels ``algorithm``, ``env``."""
REWARD_MODEL_SCORE: Final = "rlhf_reward_model_score"
"""Share of unseen pairs that a reward model orders as the labels do; label ``model``."""
COMPRESSION_RATIO: Final = "compression_ratio"
"""Bytes of the original over bytes of the file; labels ``type`` (stage), ``bits`` (a weight)."""
