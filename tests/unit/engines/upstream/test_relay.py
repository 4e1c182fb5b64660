import base64

import pytest

from tests.unit.engines.upstream.conftest import added, append, begun, client, event, message
from voicehub.engines.upstream.pending import QUIET_KEPT_MS
from voicehub.engines.upstream.relay import Relay
from voicehub.errors import EngineError
from voicehub.session.spec import DEFAULT_SESSION

STARTED = event("input_audio_buffer.speech_started", item_id="user_1", audio_start_ms=200)
STOPPED = event("input_audio_buffer.speech_stopped", item_id="user_1", audio_end_ms=900)
COMMITTED = event("input_audio_buffer.committed", item_id="user_1", previous_item_id=None)
HEARD = added(message("user_1", "user", {"type": "input_audio", "transcript": None}))
TRANSCRIBED = event(
    "conversation.item.input_audio_transcription.completed",
    item_id="user_1",
    content_index=0,
    transcript="Hello.",
)


@pytest.fixture
def relay(new_id):
    opened = Relay(DEFAULT_SESSION, engine="cloud", transcription_model="w", new_id=new_id)
    opened.opened({"id": "sess_up"})
    return opened


def shown(relay, *frames):
    return [relay.from_upstream(frame) for frame in frames]


def reconnected(relay):
    """Everything that the next connection is sent."""
    told = relay.update()
    relay.lost()
    frames = relay.resume(told, {})
    while rest := relay.rest():
        frames += rest
    return frames


def kinds(frames):
    return [frame.type for frame in frames]


def test_what_needs_no_change_is_the_same_frame(relay):
    frames = [STARTED, STOPPED, COMMITTED, HEARD, TRANSCRIBED, *begun(1, "Well")]
    assert all(before is after for before, after in zip(frames, shown(relay, *frames), strict=True))
    frame = client("response.cancel")
    assert relay.from_client(frame) == [frame]


def test_only_a_pause_lets_the_connection_change(relay):
    assert relay.is_idle
    steps = [(STARTED, False), (COMMITTED, False), (HEARD, False)]
    steps += [(frame, False) for frame in begun(1, "Well")]
    steps += [(TRANSCRIBED, False), (event("response.done", response={"id": "resp_1"}), True)]
    for frame, idle in steps:
        relay.from_upstream(frame)
        assert relay.is_idle is idle, frame.type
    relay.from_client(client("response.create"))
    assert not relay.is_idle


def test_without_a_connection_nothing_is_sent_and_nothing_is_lost(relay):
    relay.lost()
    frames = [append(100), client("input_audio_buffer.commit"), client("response.create")]
    assert [relay.from_client(frame) for frame in frames] == [[], [], []]
    assert relay.from_client(client("response.cancel")) == []
    assert relay.resume(relay.update(), {})[1:] == []
    assert relay.rest() == frames
    late = append(100)
    assert relay.from_client(late) == []
    assert relay.rest() == [late]
    assert relay.rest() == []
    assert relay.from_client(late) == [late]


def test_a_connection_that_was_told_the_newest_session_is_not_told_again(relay):
    told = relay.update()
    relay.lost()
    assert relay.resume(told, {}) == []


def test_a_change_of_the_session_since_the_greeting_is_told(relay):
    told = relay.update()
    session = {"type": "realtime", "instructions": "Be brief."}
    relay.from_client(client("session.update", session=session))
    relay.from_upstream(event("session.updated", session=session))
    relay.lost()
    (update,) = relay.resume(told, {})
    assert update.body["session"]["instructions"] == "Be brief."


def test_an_update_that_was_refused_does_not_stay(relay):
    update = client("session.update", event_id="mine", session={"type": "realtime", "tools": 7})
    relay.from_client(update)
    error = {"type": "invalid_request_error", "code": "invalid_type", "event_id": "mine"}
    assert shown(relay, event("error", error=error))[0] is not None
    assert "tools" not in relay.update().body["session"]
    assert kinds(reconnected(relay)) == []


def test_the_placeholder_of_a_client_is_replaced_too(relay):
    session = {"type": "realtime", "audio": {"input": {"transcription": {"model": "default"}}}}
    (frame,) = relay.from_client(client("session.update", session=session))
    assert frame.raw is None
    assert frame.body["session"]["audio"]["input"]["transcription"] == {"model": "w"}


def test_a_break_while_the_caller_speaks_ends_that_turn(relay):
    for _ in range(5):
        relay.from_client(append(100))
    relay.from_upstream(STARTED)
    frames = reconnected(relay)
    (stopped,) = relay.for_client
    assert stopped.type == "input_audio_buffer.speech_stopped"
    assert stopped.body["audio_end_ms"] == 500
    assert kinds(frames) == ["input_audio_buffer.append"] * 5


def test_a_turn_that_nobody_answered_is_answered_after_a_break(relay):
    relay.from_client(append(100, b"\7\0"))
    shown(relay, STARTED, STOPPED, COMMITTED, HEARD)
    create, reply = reconnected(relay)
    (part,) = create.body["item"]["content"]
    assert base64.b64decode(part["audio"]) == b"\7\0" * 2400
    assert reply.type == "response.create"
    (failed,) = relay.for_client
    assert failed.type == "conversation.item.input_audio_transcription.failed"
    assert relay.from_upstream(event("response.created", response={"id": "r"})) is not None


def test_a_turn_that_the_client_ends_itself_is_answered_when_it_asks(relay):
    relay.from_client(append(100))
    relay.from_client(client("input_audio_buffer.commit"))
    shown(relay, COMMITTED, HEARD, TRANSCRIBED)
    assert kinds(reconnected(relay)) == ["conversation.item.create"]


def test_an_answer_that_was_begun_is_not_begun_again(relay):
    shown(relay, STARTED, COMMITTED, HEARD, TRANSCRIBED, *begun(1, "Well"))
    frames = reconnected(relay)
    assert kinds(frames) == ["conversation.item.create"] * 2
    assert kinds(relay.for_client)[-1] == "response.done"


def test_positions_and_places_are_the_clients_own_after_a_break(relay):
    shown(relay, HEARD, TRANSCRIBED)
    for _ in range(40):
        relay.from_client(append(100))
    reconnected(relay)
    offset_ms = 4000 - QUIET_KEPT_MS
    started, stopped, timeout, committed = shown(
        relay,
        STARTED,
        STOPPED,
        event(
            "input_audio_buffer.timeout_triggered",
            item_id="user_2",
            audio_start_ms=1,
            audio_end_ms=2,
        ),
        event("input_audio_buffer.committed", item_id="user_2", previous_item_id=None),
    )
    assert started.body["audio_start_ms"] == offset_ms + 200
    assert stopped.body["audio_end_ms"] == offset_ms + 900
    assert timeout.body["audio_end_ms"] == offset_ms + 2
    assert committed.body["previous_item_id"] == "user_1"
    assert started.raw is None


def test_an_item_put_at_the_beginning_stays_there(relay):
    shown(relay, HEARD, TRANSCRIBED)
    item = message("first", "user", {"type": "input_text", "text": "Before all."})
    relay.from_client(client("conversation.item.create", item=item, previous_item_id="root"))
    shown(relay, added(item))
    told = [frame.body["item"]["id"] for frame in reconnected(relay)]
    assert told == ["first", "user_1"]


def test_answers_to_the_retelling_are_ours(relay):
    shown(relay, HEARD, TRANSCRIBED)
    (create,) = reconnected(relay)
    assert shown(relay, added(create.body["item"])) == [None]
    error = {"type": "invalid_request_error", "code": "x", "event_id": create.event_id}
    assert shown(relay, event("error", error=error)) == [None]
    assert relay.refused == ["x"]
    assert shown(relay, event("conversation.created")) == [None]


def test_a_truncation_while_a_connection_is_told_the_conversation(relay):
    shown(relay, HEARD, TRANSCRIBED, *begun(1, "One two"))
    audio = event("response.output_audio.delta", response_id="resp_1", item_id="reply_1")
    audio.audio = b"\0" * 48_000
    relay.from_upstream(audio)
    told = relay.update()
    relay.lost()
    relay.resume(told, {})
    cut = {"item_id": "reply_1", "content_index": 0, "audio_end_ms": 500}
    assert relay.from_client(client("conversation.item.truncate", **cut)) == []
    delete, create = relay.rest()
    assert delete.type == "conversation.item.delete"
    assert create.body["item"]["content"][0]["text"] == "One"
    assert relay.rest() == []
    deleted = event("conversation.item.deleted", item_id="reply_1")
    assert kinds(shown(relay, deleted)) == ["conversation.item.truncated"]


def test_a_transcription_that_our_rate_limit_stopped_is_failed_by_the_engine(relay):
    kind = "conversation.item.input_audio_transcription.failed"
    error = {"type": "tokens", "code": "rate_limit_exceeded", "message": "org-7"}
    (failed,) = shown(relay, event(kind, item_id="user_1", content_index=0, error=error))
    assert failed.body["error"]["code"] == "engine_failed"
    assert "org-7" not in str(failed.body)
    theirs = event(kind, item_id="user_1", error={"type": "audio", "code": "too_short"})
    assert shown(relay, theirs) == [theirs]


def test_an_upstream_that_changes_to_another_format_fails(relay):
    audio = {"output": {"format": {"type": "audio/opus"}}}
    with pytest.raises(EngineError, match="audio format"):
        relay.from_upstream(event("session.updated", session={"audio": audio}))


def test_g711_is_measured_in_its_own_bytes(new_id):
    session = {"type": "realtime", "audio": {}}
    for side in ("input", "output"):
        session["audio"][side] = {"format": {"type": "audio/pcmu"}}
    relay = Relay(session, engine="cloud", transcription_model="w", new_id=new_id)
    relay.opened({})
    relay.from_client(append(100))  # 4,800 bytes: 600 ms of G.711
    relay.lost()
    relay.resume(relay.update(), {})
    relay.rest()
    relay.rest()
    assert shown(relay, STARTED)[0].body["audio_start_ms"] == 200


def test_the_limits_of_the_operators_account_stay_with_the_operator(relay):
    account = [{"name": "tokens", "limit": 40_000, "remaining": 17, "reset_seconds": 9.5}]
    [told] = shown(relay, event("rate_limits.updated", rate_limits=account))
    assert {limit["name"] for limit in told.body["rate_limits"]} == {"requests", "tokens"}
    assert all(limit["remaining"] > 1_000_000 for limit in told.body["rate_limits"])
    assert told.raw is None
