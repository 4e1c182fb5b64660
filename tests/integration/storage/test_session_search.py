"""voicehub/storage/session_search.py among 100,000 sessions: an index each, whatever is asked."""

from dataclasses import replace
from datetime import UTC, datetime

import asyncpg
import orjson
import pytest

from tests.crowd import BIG, SESSIONS, SMALL, gather
from voicehub.session.state import Status
from voicehub.storage import session_search
from voicehub.storage.page import Window
from voicehub.storage.postgres import Postgres
from voicehub.storage.queries import load
from voicehub.storage.session_search import Filters

SQL = load("session_search")


@pytest.fixture(scope="module")
async def crowd(stack, template_database):
    """A database with 100,000 sessions."""
    admin = await asyncpg.connect(stack.postgres.url("postgres"))
    await admin.execute(f"CREATE DATABASE crowd TEMPLATE {template_database}")
    conn = await asyncpg.connect(stack.postgres.url("crowd"))
    await gather(conn)
    await conn.close()
    postgres = await Postgres.connect(stack.postgres.url("crowd"))
    yield postgres
    await postgres.close()
    await admin.execute("DROP DATABASE crowd WITH (FORCE)")
    await admin.close()


JANUARY = {
    "started_from": datetime(2026, 1, 10, tzinfo=UTC),
    "started_to": datetime(2026, 1, 10, 1, tzinfo=UTC),
}
# What is asked, and how many of the page of 20 there are.
ASKED = {
    "all": (Filters(BIG), 20),
    "all of a small team": (Filters(SMALL), 20),
    "all of all teams": (Filters(), 20),
    "of no team": (Filters(12345), 0),
    "live": (Filters(BIG, (Status.IN_PROGRESS,)), 20),
    "live of all teams": (Filters(status=(Status.CREATED, Status.IN_PROGRESS)), 20),
    "a rare status": (Filters(BIG, (Status.FAILED,)), 20),
    "a status of none": (Filters(BIG, (Status.PAUSED,)), 0),
    "an agent": (Filters(BIG, agent_id=2), 20),
    "a rare agent": (Filters(BIG, agent_id=99), 20),
    "an agent of none": (Filters(BIG, agent_id=12345), 0),
    "a user": (Filters(BIG, user_id=3), 20),
    "a rare user": (Filters(BIG, user_id=99), 20),
    "a rare user of all teams": (Filters(user_id=99), 20),
    "an hour": (Filters(BIG, **JANUARY), 20),
    "an hour of a small team": (Filters(SMALL, **JANUARY), 0),
    "an hour of all teams": (Filters(**JANUARY), 20),
    "everything at once": (Filters(BIG, (Status.COMPLETED,), 2, 2, words="odd", **JANUARY), 2),
    "a rare word": (Filters(BIG, words="rare777"), 1),
    "a rare word of a small team": (Filters(SMALL, words="rare50"), 1),
    "a rare word of another team": (Filters(SMALL, words="rare777"), 0),
    "a rare word of all teams": (Filters(words="rare777"), 1),
    "a common word": (Filters(BIG, words="w0"), 20),
    "a common word of a small team": (Filters(SMALL, words="w0"), 20),
    "a common word of all teams": (Filters(words="w0"), 20),
    "two common words": (Filters(BIG, words="even w1"), 20),
    "two words that never meet": (Filters(BIG, words="even odd"), 0),
    "two words, one rare": (Filters(BIG, words="odd rare777"), 1),
    "one word or another": (Filters(BIG, words="rare777 or rare779"), 2),
    "a word of none": (Filters(BIG, words="nobody"), 0),
    "a word of none in all teams": (Filters(words="nobody"), 0),
    "a word and a filter": (Filters(BIG, (Status.FAILED,), words="w0"), 20),
    "without a word": (Filters(BIG, words="-even"), 20),
}
WINDOWS = {
    "newest": Window(20),
    "oldest": Window(20, descending=False),
    "deep": Window(20, after=SESSIONS // 2),
    "back": Window(20, before=SESSIONS // 2),
}


@pytest.mark.parametrize("asked", ASKED)
async def test_each_list_is_read_by_an_index(crowd, asked, subtests):
    filters, count = ASKED[asked]
    for name, window in WINDOWS.items():
        with subtests.test(name):
            async with crowd.connection() as conn:
                page = await session_search.list_page(conn, filters, window)
                plan = await explained(conn, filters, window)
            if name in {"newest", "oldest"}:
                assert len(page.rows) == count
            scans = list(scans_of(plan))
            assert scans
            assert [each for each in scans if each["Node Type"] == "Seq Scan"] == []
            looked_through = [each["Index Name"] for each in scans if "Index Name" in each]
            assert "sessions_pkey" in looked_through
            assert len(looked_through) >= 2, "an index of session_search stands beside it"


async def test_a_search_finds_the_same_by_either_way(crowd, monkeypatch):
    asked = [
        *(
            Filters(team_id, words=words)
            for team_id in (BIG, SMALL, None)
            for words in ("w3", "w90")
        ),
        Filters(BIG, (Status.FAILED,), words="w1"),
        Filters(BIG, words="even -w2"),
    ]
    for filters in asked:
        for window in (*WINDOWS.values(), Window(3, after=90_000, before=100)):
            found = []
            async with crowd.connection() as conn:
                for near in (1, 50, SESSIONS):
                    monkeypatch.setattr(session_search, "NEAR_MAX", near)
                    page = await session_search.list_page(conn, filters, window)
                    found.append(([row.id for row in page.rows], page.has_more))
            assert found[0] == found[1] == found[2], filters


async def test_the_plan_without_filters_is_the_same_for_every_team(crowd):
    """Postgres may keep it, and then knows no team."""
    async with crowd.transaction() as conn:
        await conn.execute("SET LOCAL plan_cache_mode = force_generic_plan")
        await conn.execute(f"PREPARE page AS {SQL['page_descending']}")
        plan = await conn.fetchval("EXPLAIN (FORMAT JSON) EXECUTE page(1, -1, 1000000, 21)")
        await conn.execute("DEALLOCATE page")
    names = [each.get("Index Name") for each in scans_of(orjson.loads(plan)[0]["Plan"])]
    assert sorted(names) == ["session_search_team_id_session_id_idx", "sessions_pkey"]


async def test_what_was_searched_for_is_not_in_a_repr():
    assert "secret" not in repr(replace(Filters(BIG), words="secret"))


async def explained(conn, filters, window):
    """The plan of what `list_page` asks, as it asks it."""
    name, arguments = session_search.statement(filters, window)
    async with conn.transaction():
        if not filters.is_team_alone:
            await conn.execute(SQL["plan_each_time"])
        shown = await conn.fetchval(f"EXPLAIN (FORMAT JSON) {SQL[name]}", *arguments)
    return orjson.loads(shown)[0]["Plan"]


def scans_of(node):
    if "Scan" in node["Node Type"] and node["Node Type"] not in {"CTE Scan", "Subquery Scan"}:
        yield node
    for child in node.get("Plans", ()):
        yield from scans_of(child)
