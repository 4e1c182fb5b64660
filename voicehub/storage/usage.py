"""A live session's totals in Redis: absolute, so that writing them twice counts them once."""

from typing import Any, cast

import orjson

from voicehub.session.metering import Totals
from voicehub.storage.lines import fence_key
from voicehub.storage.quota import Quota, quota_key
from voicehub.storage.redis import Redis, team_key
from voicehub.storage.settlement import Settled

# A finished session's totals refuse late repeats for this long.
KEEP_FINISHED_MS = 24 * 3600 * 1000


def _usage_key(team_id: int, session_id: int) -> str:
    return team_key(team_id, "session", session_id, "usage")


async def book(
    redis: Redis,
    team_id: int,
    session_id: int,
    token: int,
    *,
    number: int,
    totals: Totals,
    audio_in_flight: int,
    settled: Settled | None,
) -> Quota | None:
    """Write booking `number`. Returns what the team has left, None while Redis knows no limits.

    Raises FencedError, StorageError.
    """
    left = await redis.run(
        "book",
        [_usage_key(team_id, session_id), quota_key(team_id), fence_key(team_id, session_id)],
        [
            token,
            number,
            totals.audio,
            totals.text,
            audio_in_flight,
            settled.audio if settled else 0,
            settled.text if settled else 0,
            orjson.dumps(totals.as_json()),
        ],
    )
    return Quota(*map(int, left)) if left else None


async def booked(redis: Redis, team_id: int, session_id: int) -> dict[str, Any] | None:
    """The last booked `sessions.usage`; None when nothing of it is left to settle."""
    # The client's types leave open what HMGET answers; here it is bytes or None for each.
    raw, *counted = cast(
        "list[bytes | None]",
        await redis.within_deadline(
            redis.client.hmget(
                _usage_key(team_id, session_id), ["usage", "counted_audio", "counted_text"]
            )
        ),
    )
    if raw is None or counted == [b"0", b"0"]:
        return None
    usage: dict[str, Any] = orjson.loads(raw)
    return usage


async def last_booked(redis: Redis, team_id: int, session_id: int) -> dict[str, Any] | None:
    """The last booked `sessions.usage`, settled or not; None where nothing was booked."""
    # The client's types leave open what HGET answers.
    raw = cast(
        "bytes | None",
        await redis.within_deadline(redis.client.hget(_usage_key(team_id, session_id), "usage")),
    )
    return None if raw is None else cast("dict[str, Any]", orjson.loads(raw))


async def mark_settled(
    redis: Redis, team_id: int, session_id: int, settled: Settled, *, finished: bool
) -> None:
    """Take what Postgres has settled out of the team's live counter; safe to repeat."""
    await redis.run(
        "mark_settled",
        [_usage_key(team_id, session_id), quota_key(team_id)],
        [
            settled.audio,
            settled.text,
            settled.period,
            settled.used_audio,
            settled.used_text,
            KEEP_FINISHED_MS if finished else 0,
        ],
    )


async def let_expire(redis: Redis, team_id: int, session_id: int) -> None:
    """The session has ended with everything settled."""
    key = _usage_key(team_id, session_id)
    await redis.within_deadline(redis.client.pexpire(key, KEEP_FINISHED_MS))
