"""Transcript lines on their way to the row: a Redis stream, entry id = sequence number."""

from collections.abc import Iterable
from typing import Any

import orjson

from voicehub.storage.redis import Redis, team_key

# How long the stream of an ended session stays.
KEEP_ENDED_MS = 24 * 3600 * 1000

# A line as it stands in `sessions.data.transcript`.
Line = dict[str, Any]


def _lines_key(team_id: int, session_id: int) -> str:
    return team_key(team_id, "session", session_id, "lines")


def fence_key(team_id: int, session_id: int) -> str:
    """Where the newest fencing token of a session stands."""
    return team_key(team_id, "session", session_id, "fence")


async def append(
    redis: Redis, team_id: int, session_id: int, token: int, sequence: int, line: Line
) -> None:
    """Keep `line` under `sequence`; a repeat changes nothing. Raises FencedError, StorageError."""
    await redis.run(
        "append_line",
        [_lines_key(team_id, session_id), fence_key(team_id, session_id)],
        [token, sequence, orjson.dumps(line)],
    )


async def unfolded(redis: Redis, team_id: int, session_id: int) -> list[tuple[int, Line]]:
    """Lines that are not yet in the row, as (sequence number, line), in order."""
    # The client's types leave open what XRANGE answers; here it is [(id, {field: value})].
    entries: Any = await redis.within_deadline(redis.client.xrange(_lines_key(team_id, session_id)))
    return [
        (int(entry_id.split(b"-")[0]), orjson.loads(fields[b"line"]))
        for entry_id, fields in entries
    ]


async def forget(redis: Redis, team_id: int, session_id: int, upto: int) -> None:
    """Drop the entries that the row has, up to sequence number `upto`.

    The stream itself stays, so that its last id goes on refusing repeats.
    """
    await redis.within_deadline(
        redis.client.xtrim(
            _lines_key(team_id, session_id), minid=f"{upto + 1}-0", approximate=False
        )
    )


async def let_expire(redis: Redis, team_id: int, session_id: int) -> None:
    """The session has ended and is folded; its stream refuses late repeats for a while."""
    await redis.within_deadline(
        redis.client.pexpire(_lines_key(team_id, session_id), KEEP_ENDED_MS)
    )


async def erase(redis: Redis, team_id: int, session_id: int) -> None:
    """Nothing of what was said stays here. Raises StorageError."""
    await redis.within_deadline(redis.client.unlink(_lines_key(team_id, session_id)))


def merge_lines(folded: Iterable[Line], newer: Iterable[Line]) -> list[Line]:
    """Lines by `item_id`, a newer one in the place of an older, in the conversation's order."""
    by_item = {line["item_id"]: line for line in folded}
    by_item.update((line["item_id"], line) for line in newer)
    return sorted(by_item.values(), key=lambda line: line["order"])
