"""What can go wrong in a group of members that agree, by whose fault it is."""

from __future__ import annotations


class ConsensusError(Exception):
    """Base of every error raised by ``workloads.consensus``; its text is fit to be shown to an operator as it is."""


class NotLeaderError(ConsensusError):
    """Only the leader can do this; ``leader`` is who that is, as far as this member knows."""

    def __init__(self, leader: str | None) -> None:
        super().__init__(
            f"this member does not lead; ask {leader}" if leader else "this member does not lead, and knows no leader; try again"
        )
        self.leader = leader


class BusyError(ConsensusError):
    """The leader takes no proposal now: too much is uncommitted, or it hands over its leadership; try again."""


class ConfigurationError(ConsensusError):
    """This change of the members cannot be made, or not now."""


class CorruptLogError(ConsensusError):
    """A log on disk is damaged where it had been durable; names the file, the place and the remedy."""
