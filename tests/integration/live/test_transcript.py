"""The promise of a line: kept before the client sees it finished, whatever store is away."""

import os
import signal
from contextlib import contextmanager

import pytest

from tests.realtime import TRANSCRIBED
from voicehub.errors import StorageError
from voicehub.live import durable
from voicehub.realtime.tokens import duration_usage
from voicehub.sinks import transcript as sink
from voicehub.storage import lines
from voicehub.storage import redis as storage_redis
from voicehub.tasks import spawn

SAID = "response.output_audio_transcript.done"
USAGE = duration_usage(0, 100, 0, 0)


@contextmanager
def frozen(server):
    """The server's process stands still: it takes connections and answers nothing."""
    os.kill(server.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(server.pid, signal.SIGCONT)


@contextmanager
def postgres_away(monkeypatch):
    """No statement of the sinks reaches Postgres."""

    async def fail(*_arguments, **_more):
        raise StorageError("Postgres is away.")

    with monkeypatch.context() as away:
        for name in ("ownership.fold", "settlement.settle"):
            away.setattr(f"voicehub.storage.{name}", fail)
        yield


@pytest.fixture
def never_fold(monkeypatch):
    """Only what must be in the row goes there."""
    monkeypatch.setattr(sink, "FOLD_AFTER_S", 3600.0)


async def test_a_line_is_in_redis_when_the_client_reads_that_it_is_finished(site, never_fold):
    talk = await site.talk()
    for number in range(3):
        after = f"reply_{number - 1}" if number else None
        await site.engine.user_turn(f"turn_{number}", after=after, heard=False)
        await site.engine.transcribed(f"turn_{number}", f"Question {number}.")
        await talk.until(TRANSCRIBED)
        lines = await site.lines_in_redis(talk.session_id)
        assert lines[-1]["transcript"] == f"Question {number}."
        await site.engine.begin_reply(number, after=f"turn_{number}")
        await site.engine.speak(number, 100)
        await site.engine.end_reply(number, f"Answer {number}.", usage=USAGE)
        await talk.until(SAID)
        lines = await site.lines_in_redis(talk.session_id)
        assert lines[-1]["transcript"] == f"Answer {number}."
        await talk.until("response.done")
    assert (await site.row(talk.session_id))["data"]["transcript"] == []
    shown = await site.ask("GET", f"/v1/sessions/{talk.session_id}")
    assert shown["is_transcript_complete"]
    expected = [f"{kind} {n}." for n in range(3) for kind in ("Question", "Answer")]
    assert [line["transcript"] for line in shown["data"]["transcript"]] == expected
    await talk.close()
    row = await site.over(talk.session_id)
    assert [line["transcript"] for line in row["data"]["transcript"]] == expected
    assert await site.lines_in_redis(talk.session_id) == []


async def test_redis_frozen_holds_the_event_until_the_line_is_in_the_row(
    site, stack, never_fold, monkeypatch
):
    monkeypatch.setattr(storage_redis, "COMMAND_DEADLINE_S", 0.3)
    talk = await site.talk()
    with frozen(stack.redis):
        await site.engine.reply(1, "Still here.", usage=USAGE)
        await talk.until(SAID)
        row = await site.row(talk.session_id)
        assert [line["transcript"] for line in row["data"]["transcript"]] == ["Still here."]
        done = await talk.until("response.done")
        assert done["response"]["usage"] == USAGE
        row = await site.row(talk.session_id)
        assert row["usage"]["audio_tokens"] == 2
        assert await site.used() == (2, 0)
    # What was on its way to Redis arrives now, late: it counts nothing twice.
    await site.engine.reply(2, "And again.", usage=USAGE)
    await talk.until("response.done")
    shown = await site.ask("GET", f"/v1/sessions/{talk.session_id}")
    words = ["Still here.", "And again."]
    assert [line["transcript"] for line in shown["data"]["transcript"]] == words
    await talk.close()
    row = await site.over(talk.session_id)
    assert [line["transcript"] for line in row["data"]["transcript"]] == words
    assert await site.used() == (4, 0)


async def test_a_line_that_no_store_takes_is_never_shown(site, monkeypatch):
    monkeypatch.setattr(durable, "TRIES_S", 0.1)
    talk = await site.talk()

    async def refuse(*_arguments, **_more):
        raise StorageError("Redis is away.")

    with postgres_away(monkeypatch), monkeypatch.context() as away:
        away.setattr("voicehub.storage.lines.append", refuse)
        await site.engine.reply(1, "Nobody keeps this.", usage=USAGE)
        assert await talk.until_closed() == 1011
    assert talk.errors == ["storage_unavailable"]
    assert SAID not in talk.kinds
    assert "response.done" not in talk.kinds
    row = await site.over(talk.session_id)
    assert (row["status"], row["data"]["ended_reason"]) == ("failed", "engine")


async def test_a_short_absence_of_both_stores_is_waited_out(site, monkeypatch):
    monkeypatch.setattr(durable, "RETRY_S", 0.02)
    talk = await site.talk()
    append, attempts = sink.lines.append, []

    async def refuse_thrice(*arguments):
        attempts.append(None)
        if len(attempts) <= 3:
            raise StorageError("Redis is away.")
        await append(*arguments)

    monkeypatch.setattr("voicehub.storage.lines.append", refuse_thrice)
    with postgres_away(monkeypatch):
        await site.engine.reply(1, "Kept at last.", usage=USAGE)
        await talk.until("response.done")
    assert len(attempts) == 4
    (line,) = await site.lines_in_redis(talk.session_id)
    assert line["transcript"] == "Kept at last."
    await talk.close()
    row = await site.over(talk.session_id)
    assert [line["transcript"] for line in row["data"]["transcript"]] == ["Kept at last."]


async def test_lines_stand_in_the_order_of_the_conversation(site):
    talk = await site.talk()
    engine = site.engine
    await engine.user_turn("turn_1")
    await engine.begin_reply(1, after="turn_1")
    await engine.speak(1, 100)
    await engine.end_reply(1, "An answer.", usage=USAGE)
    await talk.until("response.done")
    # The words of the question come after the answer to it.
    await engine.transcribed("turn_1", "A question?")
    await talk.until(TRANSCRIBED)
    shown = await site.ask("GET", f"/v1/sessions/{talk.session_id}")
    words = ["A question?", "An answer."]
    assert [line["transcript"] for line in shown["data"]["transcript"]] == words
    await talk.close()
    lines = (await site.over(talk.session_id))["data"]["transcript"]
    assert [line["transcript"] for line in lines] == words
    assert [line["speaker"] for line in lines] == ["user", "agent"]


async def test_an_interrupted_line_is_corrected_after_it_was_folded(site, monkeypatch):
    monkeypatch.setattr(sink, "FOLD_LINES_MIN", 1)
    talk = await site.talk()
    engine = site.engine
    await engine.begin_reply(1)
    await engine.speak(1, 60_000)
    await engine.end_reply(1, "A very long story.", usage=USAGE)
    await talk.until("response.done")
    await engine.user_turn("turn_1", after="reply_1")
    await engine.transcribed("turn_1", "Stop!")
    await talk.until(TRANSCRIBED)
    await talk.close()
    row = await site.over(talk.session_id)
    story, stop = row["data"]["transcript"]
    # It broke off before its first word was over.
    assert (story["transcript"], story["interrupted"]) == ("", True)
    assert story["end_ms"] - story["start_ms"] < 5_000
    assert (stop["transcript"], stop["interrupted"]) == ("Stop!", False)


async def test_the_list_of_sessions_and_the_row_agree_after_two_servers_saw_it(new_site):
    one, two = await new_site(), await new_site()
    talk = await one.talk()
    await one.engine.reply(1, "From the first.", usage=USAGE)
    await talk.until("response.done")
    shown = await two.ask("GET", f"/v1/sessions/{talk.session_id}")
    assert [line["transcript"] for line in shown["data"]["transcript"]] == ["From the first."]
    await talk.close()
    await one.over(talk.session_id)


async def test_another_owner_ends_the_session_of_the_old_one(site):
    talk = await site.talk()
    bump = "UPDATE sessions SET data = data || '{\"fence\": 7}' RETURNING id"
    await site.run(bump)
    key = f"{{team:{site.teams['one']}}}:session:{talk.session_id}:fence"
    await site.raw_redis.set(key, 7)
    await site.engine.reply(1, "Too late.", usage=USAGE)
    assert await talk.until_closed() == 1011
    assert talk.errors == ["session_lost"]
    assert SAID not in talk.kinds
    row = await site.over(talk.session_id)
    assert row["status"] == "in_progress"
    assert row["data"]["transcript"] == []
    assert row["usage"]["audio_tokens"] == 0
    assert await site.used() == (0, 0)


async def test_many_lines_fold_while_the_session_runs(site, monkeypatch):
    folded = []
    fold = sink.ownership.fold

    async def note(*arguments):
        await fold(*arguments)
        folded.append(len(arguments[-1]))

    monkeypatch.setattr("voicehub.storage.ownership.fold", note)
    talk = await site.talk()
    speaking = spawn(_many_replies(site.engine, 60), name="replies")
    for _ in range(60):
        await talk.until("response.done")
    await speaking
    await talk.close()
    row = await site.over(talk.session_id)
    lines = row["data"]["transcript"]
    assert [line["transcript"] for line in lines] == [f"Reply {n}." for n in range(60)]
    assert sum(folded) == 60
    assert len(folded) < 20


async def _many_replies(engine, count):
    for number in range(count):
        await engine.begin_reply(number)
        await engine.end_reply(number, f"Reply {number}.", usage=USAGE)


async def test_a_line_that_waits_in_redis_does_not_hide_its_correction_in_the_row(site):
    created = await site.create()
    old = {"item_id": "a", "order": 1.0, "transcript": "All of it, and more."}
    await lines.append(site.redis, site.teams["one"], created["id"], 1, 3, old)
    await site.run(
        "UPDATE sessions SET data = data || $1 RETURNING id",
        {"transcript": [{**old, "transcript": "All"}], "folded": {"sequence": 7, "order": 1.0}},
    )
    shown = await site.ask("GET", f"/v1/sessions/{created['id']}")
    assert [line["transcript"] for line in shown["data"]["transcript"]] == ["All"]
