"""The life of a session: how it opens, what it relays, and that the limits of time hold."""

import pytest

from tests.sessions import START_MS, WALL_MS, Live, effective, usage
from voicehub.errors import ClientError, OverloadError, TooLargeError
from voicehub.session import events
from voicehub.session.commands import Record, ToClient, ToEngine
from voicehub.session.ledger import BOOK_EVERY_MS
from voicehub.session.session import RECORD_EVERY_MS
from voicehub.session.spec import Limits


def test_opening_shows_the_session_and_asks_what_is_left():
    live = Live(opened=False)
    assert live.session.deadline_ms() is None
    opened = live.do(events.Opened(effective(), WALL_MS))
    assert opened == ["leg at 0", "client session.created", "book 1"]
    assert live.session.deadline_ms() == START_MS + RECORD_EVERY_MS


def test_session_created_is_blanked():
    session = Live().frames("session.created")[0].body["session"]
    assert session["instructions"] == ""
    assert session["tools"] == []
    assert session["tool_choice"] == "auto"
    assert session["model"] == "agent_12"
    assert session["expires_at"] == WALL_MS // 1000 + 600
    assert session["voicehub"]["agent"] == "Ada"
    assert (session["voicehub"]["resumed"], session["voicehub"]["leg"]) == (False, 1)
    assert session["type"] == "realtime"


def test_session_updated_is_blanked_too():
    live = Live()
    live.engine("session.updated", session=effective(output_modalities=["text"]))
    session = live.frames("session.updated")[0].body["session"]
    assert session["instructions"] == ""
    assert session["model"] == "agent_12"
    assert session["output_modalities"] == ["text"]
    assert live.frames("session.updated")[0].raw is None


def test_an_open_agent_shows_its_instructions():
    live = Live(client_may=frozenset({"instructions"}))
    assert live.frames("session.created")[0].body["session"]["instructions"] == "You are Ada."


def test_what_nobody_changes_goes_on_as_the_bytes_that_came():
    live = Live()
    live.client("conversation.item.delete", item_id="item_1", event_id="mine")
    live.engine("rate_limits.updated", rate_limits=[])
    live.engine("response.done", response={"id": "resp_1", "usage": usage(1, 2, 3, 4)})
    sent = [each.frame for each in live.all if isinstance(each, ToEngine)]
    assert sent[-1].raw is not None
    seen = [each.frame for each in live.all if isinstance(each, ToClient)]
    assert all(frame.raw for frame in seen if frame.type != "session.created")


def test_audio_goes_to_the_engine_and_is_booked_every_second():
    live = Live()
    assert live.speak(1_000) == []
    assert live.speak(100) == ["book 2"]
    assert live.speak(1_000) == ["book 3"]
    audio = [each.frame for each in live.all if isinstance(each, ToEngine)]
    assert len(audio) == 21
    assert live.booked()["user_audio_seconds"] == 2.0


def test_half_a_sample_is_refused_and_the_session_goes_on():
    live = Live()
    frame = live.frame("input_audio_buffer.append", {"event_id": "mine"})
    frame.audio = b"\0\0\0"
    assert live.do(events.ClientSent(frame)) == ["client error"]
    assert live.error["event_id"] == "mine"
    assert live.error["param"] == "audio"
    assert not live.session.closed


def test_an_error_names_the_event_that_caused_it():
    live = Live()
    words = live.client(
        "session.update",
        event_id="mine",
        session={"type": "realtime", "instructions": "Be evil.", "tools": [{}]},
    )
    assert words == ["client error", "client error", "engine session.update"]
    assert live.error == {
        "type": "invalid_request_error",
        "code": "not_allowed",
        "message": "'tools' belongs to the agent. It was ignored; "
        "the agent's settings.client_may does not open it.",
        "param": "session.tools",
        "event_id": "mine",
    }
    assert live.last[-1].frame.body["session"] == {"type": "realtime"}
    assert live.do(events.ClientErred(ClientError("no event"), "theirs")) == ["client error"]
    assert live.error["event_id"] == "theirs"
    assert live.client("output_audio_buffer.clear", event_id="ours") == ["client error"]
    assert live.error["event_id"] == "ours"


def test_recording_is_taken_as_it_settles():
    live = Live()
    live.speak(10_000)
    blocks = [each for each in live.all if isinstance(each, Record)]
    recorded_ms = sum(len(each.block) for each in blocks) / 24
    assert 7_000 <= recorded_ms <= 9_000


def test_too_many_events_end_the_session():
    live = Live(limits=Limits(events_per_s=10, events_burst=20))
    for _ in range(20):
        assert live.client("input_audio_buffer.commit") == ["engine input_audio_buffer.commit"]
    words = live.client("input_audio_buffer.commit")
    assert words == [
        "book 2",
        "client error",
        "close 1008 rate_limit_exceeded",
        "finish completed client_close",
    ]
    assert live.error["code"] == "rate_limit_exceeded"


def test_garbage_counts_as_events():
    live = Live(limits=Limits(events_per_s=10, events_burst=3))
    garbage = events.ClientErred(ClientError("not JSON", code="invalid_json"))
    assert [live.do(garbage) for _ in range(3)] == [["client error"]] * 3
    assert live.do(garbage)[-2:] == [
        "close 1008 rate_limit_exceeded",
        "finish completed client_close",
    ]


@pytest.mark.parametrize(
    ("error", "close"),
    [
        (OverloadError("The client reads too slowly."), "close 1013 server_overloaded"),
        (TooLargeError("Too big."), "close 1009 message_too_big"),
    ],
)
def test_an_error_that_closes_does(error, close):
    live = Live()
    words = live.do(events.ClientErred(error))
    assert words == ["book 2", "client error", close, "finish completed client_close"]
    assert live.session.closed


def test_a_maximum_duration_ends_the_session():
    live = Live(limits=Limits(duration_ms=30_000, idle_ms=10_000))
    for _ in range(29):
        live.speak(1_000)
        assert not live.session.closed
    words = live.speak(1_000)
    assert words[-3:] == [
        "client error",
        "close 1001 session_expired",
        "finish completed max_duration",
    ]
    assert live.error["code"] == "session_expired"
    assert live.all[-1].duration_ms == 30_000


def test_an_idle_client_ends_the_session():
    live = Live(limits=Limits(duration_ms=600_000, idle_ms=10_000))
    live.speak(5_000)
    live.wait(9_999)
    assert not live.session.closed
    words = live.wait(1)
    assert words[-3:] == ["client error", "close 1001 session_idle", "finish completed idle"]


def test_the_engine_does_not_keep_an_idle_client_alive():
    live = Live(limits=Limits(duration_ms=600_000, idle_ms=10_000))
    for _ in range(9):
        live.wait(1_000)
        live.engine("rate_limits.updated", rate_limits=[])
    live.wait(1_000)
    assert live.session.closed


def test_a_session_that_ends_with_a_reply_in_flight_does_not_spin():
    """What ended it stays overdue: were it the deadline, the loop would never sleep."""
    live = Live(limits=Limits(duration_ms=30_000, idle_ms=10_000))
    live.speak(9_900)
    live.engine("response.created", response={"id": "resp_1"})
    live.wait(10_000)
    assert not live.session.closed
    assert live.session.deadline_ms() > live.now_ms
    live.wait(3_000)
    assert live.session.closed
    assert live.session.deadline_ms() is None


def test_nothing_happens_before_the_engine_is_open():
    live = Live(opened=False)
    assert live.client("response.create") == []
    assert live.engine("response.created", response={"id": "resp_1"}) == []
    assert live.do(events.Woke()) == []
    assert live.do(events.ClientErred(ClientError("what"))) == []


def test_an_engine_opens_once():
    live = Live()
    live.speak(500)
    assert live.do(events.Opened(effective(), WALL_MS)) == []
    assert live.session._scribe.timeline.input_ms == 500


def test_nothing_happens_after_the_end():
    live = Live()
    live.do(events.ClientLeft(clean=True))
    assert live.session.closed
    assert live.client("response.create") == []
    assert live.engine("response.done", response={}) == []
    assert live.do(events.Woke()) == []
    assert live.do(events.EndAsked(None, OverloadError("late"))) == []


def test_no_deadline_is_forgotten_while_nothing_happens():
    live = Live(limits=Limits(duration_ms=20_000, idle_ms=20_000))
    live.speak(100)
    words = live.wait(BOOK_EVERY_MS)
    assert "book 2" in words
    words = live.wait(20_000)
    assert words[-1] == "finish completed max_duration"
