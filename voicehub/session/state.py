"""The states of a session's row: every transition stands in this table and nowhere else."""

from enum import StrEnum


class Status(StrEnum):
    """`sessions.status`."""

    CREATED = "created"
    IN_PROGRESS = "in_progress"
    PAUSED = "paused"
    COMPLETED = "completed"
    FAILED = "failed"


class EndedReason(StrEnum):
    """`sessions.data.ended_reason`: why a session ended, apart from its status."""

    CLIENT_CLOSE = "client_close"
    IDLE = "idle"
    MAX_DURATION = "max_duration"
    QUOTA = "quota"
    DRAIN = "drain"
    ENGINE = "engine"
    ADMIN = "admin"
    LOST = "lost"


TRANSITIONS: dict[Status, frozenset[Status]] = {
    Status.CREATED: frozenset({Status.IN_PROGRESS, Status.FAILED}),
    Status.IN_PROGRESS: frozenset({Status.PAUSED, Status.COMPLETED, Status.FAILED}),
    Status.PAUSED: frozenset({Status.IN_PROGRESS, Status.COMPLETED, Status.FAILED}),
    Status.COMPLETED: frozenset(),
    Status.FAILED: frozenset(),
}


def sources_of(target: Status) -> list[str]:
    """The states from which `target` may be reached, for `WHERE status = ANY(...)`."""
    return [source.value for source, targets in TRANSITIONS.items() if target in targets]


def diagram() -> str:
    """The table as a Mermaid state diagram; ARCHITECTURE.md shows it."""
    arrows = [f"    [*] --> {Status.CREATED}"]
    for source, targets in TRANSITIONS.items():
        arrows += [f"    {source} --> {target}" for target in Status if target in targets]
        arrows += [] if targets else [f"    {source} --> [*]"]
    return "\n".join(["stateDiagram-v2", *arrows])
