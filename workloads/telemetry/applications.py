"""Series of the applications that answer by a trained policy, each a gauge. Imports nothing."""

from __future__ import annotations

from typing import Final

GAME_VERSION: Final = "game_policy_version"
"""The version that answers."""
GAME_REWARD: Final = "game_policy_mean_reward"
"""Mean reward of the games that a version has finished; label ``version``."""
GAME_ROLLED_BACK: Final = "game_policies_rolled_back"
"""Versions that earned less than the one before."""
RECOMMENDER_PEOPLE: Final = "recommender_people"
"""People with a profile."""
RECOMMENDER_ROUNDS: Final = "recommender_rounds"
"""Recommendations with feedback in the log."""
