"""A session that goes on under a new owner."""

import pytest

from tests.sessions import WALL_MS, Live, effective, left
from voicehub.errors import EngineError
from voicehub.session import events
from voicehub.session.commands import Book, KeepLine, ToEngine
from voicehub.session.spec import Limits


def test_after_a_pause_the_time_line_goes_on_where_it_stood():
    live = Live(resumes=left())
    words = [word for word in map(str.split, live.do(events.Woke())) if word]
    assert words == []
    assert live.all[0].at_ms == 5_000
    assert live.all[0].wall_ms == WALL_MS


def test_after_a_loss_the_time_line_has_run_on():
    live = Live(resumes=left(wall_ms=WALL_MS - 12_000))
    assert live.all[0].at_ms == 17_000


def test_the_engine_is_told_the_conversation_before_anything_else():
    live = Live(resumes=left())
    told = [each.frame.body["item"] for each in live.all if isinstance(each, ToEngine)]
    assert told == [
        {
            "id": "item_1",
            "type": "message",
            "role": "user",
            "content": [{"type": "input_text", "text": "Hello?"}],
        },
        {
            "id": "item_2",
            "type": "message",
            "role": "assistant",
            "content": [{"type": "output_text", "text": "Hello!"}],
        },
    ]


def test_lines_totals_and_places_go_on_from_what_was_left():
    live = Live(resumes=left())
    live.wait(2_000)
    live.engine("conversation.item.added", item={"id": "item_3", "type": "message", "role": "user"})
    live.engine("input_audio_buffer.committed", item_id="item_3")
    live.engine(
        "conversation.item.input_audio_transcription.completed",
        item_id="item_3",
        transcript="And now?",
    )
    line = next(each for each in live.all if isinstance(each, KeepLine))
    assert line.sequence == 5
    assert line.line["order"] > 2
    assert 5_000 <= line.line["start_ms"] <= 7_000
    live.engine("response.created", response={"id": "resp_1"})
    usage = {"input_tokens": 1, "output_tokens": 1}
    live.engine("response.done", response={"id": "resp_1", "usage": usage})
    booked = [each for each in live.all if isinstance(each, Book)][-1].totals
    assert (booked.audio, booked.text, booked.responses) == (7_000_000, 2_000_000, 2)
    assert booked.active_ms == 7_000


def test_adding_to_the_totals_leaves_what_was_left_alone():
    resumption = left()
    live = Live(resumes=resumption)
    live.session._ledger.meter.totals.input.audio += 1
    assert resumption.totals.input.audio == 0


@pytest.mark.parametrize(("wall_ms", "status"), [(None, "paused"), (WALL_MS, "in_progress")])
def test_an_engine_that_does_not_open_leaves_the_session_as_it_was(wall_ms, status):
    live = Live(opened=False, resumes=left(wall_ms=wall_ms))
    words = live.do(events.EngineEnded(EngineError("No.")))
    assert words == ["client error", "close 1011 engine_failed", f"finish {status} engine"]
    assert live.last[-1].at_ms == left().at_ms


@pytest.mark.parametrize(("wall_ms", "status"), [(None, "paused"), (WALL_MS, "in_progress")])
def test_a_drain_before_the_engine_opened_leaves_the_session_as_it_was(wall_ms, status):
    live = Live(opened=False, resumes=left(wall_ms=wall_ms), limits=Limits(grace_ms=30_000))
    error = EngineError("Away.", code="server_draining")
    live.do(events.EndAsked(events.EndedReason.DRAIN, error))
    assert (live.last[-1].status, live.last[-1].at_ms) == (status, left().at_ms)


def test_the_maximum_duration_is_the_sessions_and_not_its_owners():
    live = Live(resumes=left(), limits=Limits(duration_ms=60_000))
    created = live.frames("session.created")[0].body["session"]
    spent_ms = left().totals.active_ms
    assert spent_ms > 0
    assert created["expires_at"] == int((WALL_MS + 60_000 - spent_ms) / 1000)
    live.wait(60_000 - spent_ms)
    assert live.last[-1].reason == "max_duration"


def test_a_drain_leaves_the_session_to_its_next_owner():
    live = Live(limits=Limits(grace_ms=30_000))
    live.wait(1_000)
    error = EngineError("Away.", code="server_draining")
    live.do(events.EndAsked(events.EndedReason.DRAIN, error))
    finish = live.last[-1]
    assert (finish.status, finish.reason, finish.at_ms) == ("in_progress", "drain", 1_000)


def test_what_the_client_set_is_kept_for_the_next_engine():
    live = Live(resumes=left(client_session={"audio": {"output": {"voice": "a"}}}))
    session = {"type": "realtime", "audio": {"input": {"turn_detection": None}}}
    live.client("session.update", session=session)
    words = live.engine("session.updated", session=effective())
    assert words[0] == "keep audio type"
    assert live.last[0].session["audio"] == {
        "output": {"voice": "a"},
        "input": {"turn_detection": None},
    }
