"""Settlement: what a session used, onto the team's subscription, exactly once."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import asyncpg

from voicehub.errors import FencedError, NotFoundError, StorageError
from voicehub.session.metering import MILLION, millionths
from voicehub.storage.postgres import Connection
from voicehub.storage.queries import load
from voicehub.storage.quota import in_millionths, period_key

_SQL = load("settlement")


# An ended session is looked at again for this long.
ENDED_S = 3600.0
# The team took another subscription while its row was waited for, so many times in a row: the
# settlement fails, and is repeated by whoever asked for it.
CHARGE_TRIES = 3
# What only grows while a session runs.
_GROWING = (
    "audio_tokens",
    "text_tokens",
    "responses",
    "user_audio_seconds",
    "agent_audio_seconds",
)


class NoSubscriptionError(StorageError):
    """The team has no subscription at all: its usage waits for one."""

    code = "no_subscription"
    retryable = False


@dataclass(frozen=True, slots=True)
class Settled:
    """What the session's row and its team's subscription now hold, in millionths of a token."""

    audio: int
    text: int
    period: str
    used_audio: int
    used_text: int


async def settle(
    conn: Connection,
    team_id: int,
    session_id: int,
    usage: dict[str, Any],
    *,
    token: int | None = None,
) -> Settled:
    """Bring the session's row and the subscription up to `usage` (absolute), in one transaction.

    The row is the high-water mark: whoever comes second, or with older totals, adds nothing. The
    row is locked before the subscription, by everybody. An owner gives its fencing token.

    Raises NotFoundError, FencedError, StorageError.
    """
    async with conn.transaction():
        record = await conn.fetchrow(_SQL["lock_usage"], team_id, session_id)
        if record is None:
            raise NotFoundError("There is no such session.")
        if token is not None and record["fence"] > token:
            raise FencedError("A newer owner holds this session.")
        audio_before, text_before = _amounts(record["usage"])
        audio, text = _amounts(usage)
        newer = is_newer(usage, record["usage"])
        charge = (audio - audio_before, text - text_before) if newer else (0, 0)
        charged = await _charge(conn, team_id, *charge)
        if newer:
            await conn.execute(_SQL["write_usage"], team_id, session_id, usage)
    start = charged["current_period_start"]
    return Settled(
        audio=audio if newer else audio_before,
        text=text if newer else text_before,
        period=period_key(
            charged["id"], start.timestamp() if start else None, charged["adjustments"]
        ),
        used_audio=in_millionths(charged["total_audio_tokens_used"]),
        used_text=in_millionths(charged["total_text_tokens_used"]),
    )


@dataclass(frozen=True, slots=True)
class Unsettled:
    team_id: int
    session_id: int
    has_ended: bool


async def unsettled(conn: Connection, after_id: int, limit: int) -> list[Unsettled]:
    """Up to `limit` sessions above `after_id` that may have something left to settle."""
    records = await conn.fetch(_SQL["unsettled"], after_id, limit, ENDED_S)
    return [Unsettled(**record) for record in records]


async def unsettled_of(conn: Connection, team_id: int) -> list[Unsettled]:
    """All of a team's sessions that may have something left to settle."""
    return [Unsettled(**each) for each in await conn.fetch(_SQL["unsettled_of"], team_id, ENDED_S)]


def is_newer(usage: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether nothing in `usage` has fewer than `other`: it is later, or the same."""
    return all(usage.get(name, 0) >= other.get(name, 0) for name in _GROWING)


async def _charge(conn: Connection, team_id: int, audio: int, text: int) -> asyncpg.Record:
    """Add millionths to the subscription that is charged, and return its row.

    A team may cancel it and take another while this waits for its lock: what was added to the old
    one then would be on no bill, since the new one began with the totals of before.
    """
    for _ in range(CHARGE_TRIES):
        subscription_id = await conn.fetchval(_SQL["lock_charged"], team_id)
        if subscription_id is None:
            # Connecting needs a subscription: one that vanished must not swallow the usage.
            raise NoSubscriptionError("The team has no subscription to settle onto.")
        # In a statement of its own, after the lock: it sees what was committed meanwhile.
        charged = await conn.fetchrow(
            _SQL["charge"],
            team_id,
            subscription_id,
            Decimal(audio) / MILLION,
            Decimal(text) / MILLION,
        )
        if charged is not None:
            return charged
    raise StorageError("The team's subscription changes all the time.")


def _amounts(usage: dict[str, Any]) -> tuple[int, int]:
    return millionths(usage.get("audio_tokens", 0)), millionths(usage.get("text_tokens", 0))
