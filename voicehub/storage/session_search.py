"""The table `session_search`: sessions by filters and by words, and the words themselves."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from voicehub.session.state import Status
from voicehub.storage.page import Page, Window
from voicehub.storage.postgres import Connection
from voicehub.storage.queries import load
from voicehub.storage.sessions import Session

_SQL = load("session_search")

# So many sessions next to the cursor are read before the index of words is asked. It would give
# every session that has a common word, where the page needs some of them.
NEAR_MAX = 1000
# What a search shows of a session: lines and letters; what is more is left out.
MATCHES_MAX = 3
MATCH_LETTERS_MAX = 300
# All the sessions of a page together: lines that stand further behind are not shown.
LINES_LOOKED_AT_MAX = 20_000


# By the query that gives a page, those that look at more than the team.
_FILTERED = {"page_ascending": "filtered_ascending", "page_descending": "filtered_descending"}
_SEARCH = {"page_ascending": "search_ascending", "page_descending": "search_descending"}


@dataclass(frozen=True, slots=True)
class Filters:
    """Which sessions are asked for; None asks for any."""

    team_id: int | None = None
    """None for those of all teams, which only admins may see."""
    status: tuple[Status, ...] | None = None
    agent_id: int | None = None
    user_id: int | None = None
    started_from: datetime | None = None
    started_to: datetime | None = None
    words: str | None = None
    """What was said, as web searches take it: `a b`, `"a b"`, `a or b`, `-a`."""

    @property
    def is_team_alone(self) -> bool:
        names = [each.name for each in fields(self) if each.name != "team_id"]
        return self.team_id is not None and all(getattr(self, name) is None for name in names)

    def __repr__(self) -> str:
        """Without the words: they may be what people said."""
        return f"Filters(team_id={self.team_id}, status={self.status})"


@dataclass(frozen=True, slots=True)
class Match:
    """A line of a transcript that has a word of the search."""

    item_id: str | None
    speaker: str | None
    start_ms: int | None
    transcript: str | None


@dataclass(frozen=True, slots=True)
class Found:
    session: Session
    matches: Sequence[Match] | None
    """None where nothing was searched for."""

    @property
    def id(self) -> int:
        return self.session.id


async def list_page(conn: Connection, filters: Filters, window: Window) -> Page[Found]:
    """A page without transcripts: their length has no limit."""
    name, arguments = statement(filters, window)
    if filters.is_team_alone:
        records = await conn.fetch(_SQL[name], *arguments)
    else:
        async with conn.transaction(readonly=True):
            await conn.execute(_SQL["plan_each_time"])
            records = await conn.fetch(_SQL[name], *arguments)
    page = Page.cut(window, [Session(**record) for record in records])
    if filters.words is None:
        return Page([Found(row, None) for row in page.rows], page.has_more)
    matches = await _matches(conn, [row.id for row in page.rows], filters.words)
    return Page([Found(row, matches[row.id]) for row in page.rows], page.has_more)


def statement(filters: Filters, window: Window) -> tuple[str, tuple[Any, ...]]:
    """The name of the query that gives a page, and its arguments."""
    place = (filters.team_id, window.lowest, window.highest, window.rows_max)
    if filters.is_team_alone:
        return window.query, place
    of = (filters.agent_id, filters.user_id, filters.started_from, filters.started_to)
    arguments = (*place, filters.status, *of)
    if filters.words is None:
        return _FILTERED[window.query], arguments
    return _SEARCH[window.query], (*arguments, filters.words, NEAR_MAX)


async def unread(conn: Connection, above_id: int, limit: int) -> list[int]:
    """Ended sessions above `above_id` whose words are not in the index yet."""
    return [each["session_id"] for each in await conn.fetch(_SQL["unread"], above_id, limit)]


async def read(conn: Connection, sessions: Sequence[int]) -> int:
    """Put the words of ended sessions into the index. Returns of how many.

    One that is being written just now is left out.
    """
    return len(await conn.fetch(_SQL["read"], sessions))


async def _matches(conn: Connection, sessions: Sequence[int], words: str) -> dict[int, list[Match]]:
    matches: dict[int, list[Match]] = {session_id: [] for session_id in sessions}
    if not matches:
        return matches
    lines_max = LINES_LOOKED_AT_MAX // len(matches)
    records = await conn.fetch(
        _SQL["matches"], list(matches), words, MATCHES_MAX, lines_max, MATCH_LETTERS_MAX
    )
    for each in records:
        start_ms = each["start_ms"] if isinstance(each["start_ms"], int) else None
        line = Match(each["item_id"], each["speaker"], start_ms, each["transcript"])
        matches[each["session_id"]].append(line)
    return matches
