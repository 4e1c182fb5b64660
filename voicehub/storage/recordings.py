"""The recordings of ended sessions that are still to be made, as their rows say; a claim lets one
worker at a time make one.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from voicehub.storage.postgres import Connection
from voicehub.storage.queries import load

_SQL = load("recordings")
# The state of a recording that its owner has left to others (`sinks/summary.py`).
PROCESSING = "processing"
# A look far back reads the rows of weeks: half a second for each 20,000.
SCAN_S = 60.0


@dataclass(frozen=True, slots=True)
class Unfinished:
    """`is_made` says that only what is left beside the object is to be removed; `rested_s` for how
    long anybody may have taken it; `is_spooled` that a host has announced a spool of it.
    """

    team_id: int
    session_id: int
    is_made: bool
    rested_s: float
    is_spooled: bool


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to make a recording, until `renew` fails. `is_lost` says that its last owner died;
    `legs` is what the row says, or None.
    """

    team_id: int
    session_id: int
    token: int
    attempts: int
    faults: int
    fence: int
    is_lost: bool
    legs: list[dict[str, Any]] | None  # Any: JSON values


async def unfinished(
    conn: Connection, *, after_id: int, limit: int, within_s: float
) -> list[Unfinished]:
    """Those whose rows were written within `within_s`, in order of id. There is no index for them:
    the schema is given, and the time of writing is what a scan can compare without reading a
    transcript.
    """
    records = await conn.fetch(
        _SQL["unfinished"], limit, after_id, PROCESSING, within_s, timeout=SCAN_S
    )
    return [Unfinished(**record) for record in records]


async def announce_spool(conn: Connection, session_ids: Collection[int], for_s: float) -> None:
    """Say that this host's spool holds something of these, and is only waiting for Spaces."""
    await conn.execute(_SQL["announce_spool"], list(session_ids), PROCESSING, for_s)


async def claim(conn: Connection, team_id: int, session_id: int, life_s: float) -> Claim | None:
    """Take it for `life_s`; None when it is made or somebody else has it."""
    record = await conn.fetchrow(_SQL["claim"], team_id, session_id, PROCESSING, life_s)
    return None if record is None else Claim(team_id, session_id, **record)


async def renew(conn: Connection, claim: Claim, life_s: float) -> bool:
    """Keep the claim for `life_s` from now; False when it is lost."""
    return await _postpone(conn, claim, life_s, given_up=False, faults=0)


async def put_back(conn: Connection, claim: Claim, wait_s: float, *, faults: int) -> bool:
    """Give it up: anybody may take it after `wait_s`. `faults` counts what no wait will mend."""
    return await _postpone(conn, claim, wait_s, given_up=True, faults=faults)


async def close(
    conn: Connection, claim: Claim, recording: dict[str, Any], audio_url: str | None
) -> bool:
    """Say how the recording ended; False when somebody else has it or has said so."""
    row = await conn.fetchval(
        _SQL["close"],
        claim.team_id,
        claim.session_id,
        PROCESSING,
        claim.token,
        claim.fence,
        recording,
        audio_url,
    )
    return row is not None


async def made(conn: Connection, team_id: int, session_id: int) -> dict[str, Any] | None:
    """What the row says of a recording that is made (or can never be), else None."""
    record: dict[str, Any] | None = await conn.fetchval(
        _SQL["made"], team_id, session_id, PROCESSING
    )
    return record


async def cleaned(conn: Connection, team_id: int, session_id: int) -> None:
    await conn.execute(_SQL["cleaned"], team_id, session_id, PROCESSING)


async def closed(
    conn: Connection, session_ids: Collection[int], states: Collection[str]
) -> set[int]:
    """Which of them have ended with a recording in one of `states`."""
    records = await conn.fetch(_SQL["closed"], list(session_ids), list(states))
    return {record["id"] for record in records}


async def _postpone(
    conn: Connection, claim: Claim, wait_s: float, *, given_up: bool, faults: int
) -> bool:
    row = await conn.fetchval(
        _SQL["postpone"],
        claim.team_id,
        claim.session_id,
        PROCESSING,
        claim.token,
        claim.fence,
        wait_s,
        given_up,
        faults,
    )
    return row is not None
