"""voicehub/jobs/words.py and the triggers behind it: what is found, and what is found no more."""

import asyncio
from dataclasses import replace

import pytest

from voicehub.jobs.words import AT_ONCE_MAX, read_words
from voicehub.storage import retention, session_search
from voicehub.storage.page import Window
from voicehub.storage.session_search import Filters

NOT_LISTS = [None, "text", 7, {"transcript": "secret"}, ["secret"], [None], [{"transcript": 5}], []]


@pytest.fixture
async def end(team):
    """Ended sessions in which something was said."""

    async def add(*texts):
        session_id = await team.add_session("completed")
        await team.run(
            "UPDATE sessions SET ended_at = now(), data = data || $2 WHERE id = $1",
            session_id,
            {"transcript": [{"transcript": text} for text in texts]},
        )
        return session_id

    return add


async def find(pg, team, words):
    async with pg.connection() as conn:
        page = await session_search.list_page(conn, Filters(team.id, words=words), Window(100))
    return [found.id for found in page.rows]


async def test_each_session_is_read_once(pg, team, end):
    made = [await end(f"word{number}", "hello") for number in range(AT_ONCE_MAX * 2 + 1)]
    assert await read_words(pg) == len(made)
    assert await read_words(pg) == 0
    assert await find(pg, team, "hello") == made[::-1]
    assert await find(pg, team, "word7") == [made[7]]


async def test_two_workers_read_each_session_once(pg, team, end):
    made = [await end("hello") for _ in range(AT_ONCE_MAX * 2)]
    counts = await asyncio.gather(*(read_words(pg) for _ in range(2)))
    assert sum(counts) >= len(made)
    assert await read_words(pg) == 0
    assert await find(pg, team, "hello") == made[::-1]


async def test_what_is_erased_is_not_found_from_then_on(pg, team, end):
    session_id = await end("a secret")
    await read_words(pg)
    assert await find(pg, team, "secret") == [session_id]
    await team.run("UPDATE sessions SET ended_at = now() - interval '9 days'")
    async with pg.connection() as conn:
        assert await retention.remove_transcripts(conn, 0, session_id, 8) == 1
    assert await find(pg, team, "secret") == []
    assert await read_words(pg) == 1
    assert await find(pg, team, "secret") == []


async def test_a_line_that_is_folded_late_is_found_too(pg, team, end):
    session_id = await end("hello")
    await read_words(pg)
    await team.run(
        "UPDATE sessions SET data = jsonb_set(data, '{transcript,1}', '{\"transcript\": \"late\"}')"
    )
    assert await find(pg, team, "hello") == []
    await read_words(pg)
    assert await find(pg, team, "late hello") == [session_id]


async def test_other_writes_to_an_ended_row_leave_its_words(pg, team, end):
    session_id = await end("hello")
    await read_words(pg)
    await team.run("UPDATE sessions SET usage = '{\"a\": 1}', data = data || '{\"b\": 1}'")
    assert await find(pg, team, "hello") == [session_id]


async def test_a_deleted_session_leaves_nothing(pg, team, end):
    await end("hello")
    await read_words(pg)
    await team.run("DELETE FROM sessions")
    assert await find(pg, team, "hello") == []
    assert await team.run("SELECT count(*) FROM session_search") == 0


async def test_what_is_erased_while_it_is_read_is_not_found(pg, team, end):
    session_id = await end("a secret")
    erase = "UPDATE sessions SET data = data || '{\"transcript\": []}' WHERE id = $1"
    waiting = (
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    async with asyncio.TaskGroup() as group, pg.transaction() as conn:
        assert await session_search.read(conn, [session_id]) == 1
        group.create_task(team.run(erase, session_id))
        while not await team.run(waiting):
            pass  # each question is a turn of the loop
    assert await team.run("SELECT words IS NULL FROM session_search")
    assert await find(pg, team, "secret") == []


async def test_a_row_that_is_being_written_is_left_for_later(pg, team, end):
    session_id = await end("a secret")
    async with pg.transaction() as conn:
        await conn.execute("UPDATE sessions SET data = data || '{\"transcript\": []}'")
        assert await read_words(pg) == 0
    assert await read_words(pg) == 1
    assert await find(pg, team, "secret") == []
    assert session_id


async def test_lines_of_a_live_session_cost_the_table_nothing(pg, team):
    session_id = await team.add_session("in_progress")
    version = "SELECT xmin::text FROM session_search WHERE session_id = $1"
    before = await team.run(version, session_id)
    await team.run(
        "UPDATE sessions SET data = jsonb_set(data, '{transcript,0}', '{}'), usage = '{}'"
    )
    assert await team.run(version, session_id) == before
    await team.run("UPDATE sessions SET status = 'paused'")
    assert await team.run("SELECT status FROM session_search") == "paused"


@pytest.mark.parametrize("transcript", NOT_LISTS, ids=repr)
async def test_a_transcript_of_any_shape_is_read(pg, team, transcript):
    session_id = await team.add_session("failed")
    await team.run("UPDATE sessions SET data = $1", {"transcript": transcript})
    assert await read_words(pg) == 1
    for words in ("-nothing", "secret", "5"):
        assert await find(pg, team, words) in ([], [session_id])


async def test_a_row_without_a_transcript_is_read(pg, team):
    await team.add_session("failed")
    await team.run("UPDATE sessions SET data = '{}'")
    assert await read_words(pg) == 1


async def test_a_transcript_of_any_length_is_read_and_found_by_its_beginning(pg, team, end):
    words = [f"word{number}" for number in range(200_000)]
    session_id = await end(
        "first " + " ".join(words), "z" * 3_000_000, "1-2-3 a.b/c@d.example " * 99
    )
    assert await read_words(pg) == 1
    assert await find(pg, team, "first word10000") == [session_id]
    assert await find(pg, team, '"first word0 word1"') == [session_id]


async def test_another_teams_word_finds_nothing_whatever_it_is(pg, team, end):
    await end(f"={team.id} '={team.id}'")
    await read_words(pg)
    other = replace(team, id=team.id + 1)
    for words in (f"={team.id}", f"'={team.id}'", f'"={team.id}"', "-nothing"):
        assert await find(pg, other, words) == []
