"""Errors of a consensus group, by cause."""

from __future__ import annotations


class ConsensusError(Exception):
    """Base of every error raised by ``workloads.consensus``; its text can be shown to an operator unchanged."""


class NotLeaderError(ConsensusError):
    """Only the leader can do this; ``leader`` is the current leader as far as this member knows."""

    def __init__(self, leader: str | None) -> None:
        super().__init__(
            f"this member does not lead; ask {leader}" if leader else "this member does not lead, and knows no leader; try again"
        )
        self.leader = leader


class BusyError(ConsensusError):
    """The leader accepts no proposal now: too much is uncommitted, or leadership is being transferred; try again."""


class ConfigurationError(ConsensusError):
    """This change of the members cannot be made, or not now."""


class CorruptLogError(ConsensusError):
    """A durable part of a log on disk is damaged; the message names the file, the place and the remedy."""


class VersionError(ConsensusError):
    """A file or a peer speaks a newer version than this program."""


class OwnerError(ConsensusError):
    """A folder, a connection or a certificate belongs to another group or another member."""


class LimitError(ConsensusError):
    """A key, a value or a request is too long; the message says how much is allowed."""


class CompactedError(ConsensusError):
    """A watch asks for changes that are not kept any more."""


class ProtocolError(ConsensusError):
    """The other side of a connection speaks something else, or sent something damaged."""


class RefusedError(ConsensusError):
    """The other side refused the connection, and said why."""


class CertificateError(ConsensusError):
    """Certificates cannot be read, or do not fit together; the message names the file."""
