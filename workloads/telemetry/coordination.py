"""Names of the series that a member of a coordination group shows. Imports nothing."""

from __future__ import annotations

from typing import Final

TERM: Final = "coordination_term"
COMMIT: Final = "coordination_commit"
APPLIED: Final = "coordination_applied"
REVISION: Final = "coordination_revision"
KEYS: Final = "coordination_keys"
IS_LEADER: Final = "coordination_is_leader"
HAS_LEADER: Final = "coordination_has_leader"
CLIENTS: Final = "coordination_clients"
WATCHES: Final = "coordination_watches"
FSYNC_SECONDS: Final = "coordination_fsync_seconds"
DISK_FREE_BYTES: Final = "coordination_disk_free_bytes"
DISK_SIZE_BYTES: Final = "coordination_disk_size_bytes"

#: Series -> what it says; a member shows all of them. The histogram is the one in seconds.
COORDINATION_SERIES: Final[dict[str, str]] = {
    TERM: "The current term.",
    COMMIT: "Index of the last committed entry.",
    APPLIED: "Index of the last applied entry.",
    REVISION: "Revision of the store.",
    KEYS: "Keys in the store.",
    IS_LEADER: "1 at the leader.",
    HAS_LEADER: "1 where a leader is known.",
    CLIENTS: "Clients that are connected.",
    WATCHES: "Watches that are open.",
    FSYNC_SECONDS: "Time to write a batch to the log and make it durable.",
    DISK_FREE_BYTES: "Free space where the log is.",
    DISK_SIZE_BYTES: "Size of the file system that has the log.",
}
