"""What a voicehub.v1 client gets beyond the protocol, and that others get none of it."""

from tests.sessions import START_MS, WALL_MS, Live, effective, left, usage
from voicehub.errors import DrainError
from voicehub.realtime.binary import AudioHeader, unpack
from voicehub.realtime.frame import to_json
from voicehub.session import events
from voicehub.session.commands import Book, ToClient
from voicehub.session.extension import ExtendedSession
from voicehub.session.metering import MILLION
from voicehub.session.session import Session
from voicehub.session.state import EndedReason

DELTA = "response.output_audio.delta"


def extended(**changes):
    return Live(core=ExtendedSession, **changes)


def begin(live, item="item_a", **response):
    live.engine("response.created", response={"id": "resp_1", **response})
    where = {"response_id": "resp_1", "output_index": 0}
    live.engine("response.output_item.added", item={"id": item, "type": "message"}, **where)


def done(live, **counted):
    return live.engine("response.done", response={"id": "resp_1", "usage": usage(**counted)})


def counted(live, left, plan=1_000):
    sequence = max(each.sequence for each in live.all if isinstance(each, Book))
    amounts = (left * MILLION, plan * MILLION, plan * MILLION, plan * MILLION)
    return live.do(events.QuotaRead(sequence, *amounts))


def drain(live, *, at_turn_end=True):
    error = DrainError("Going away.")
    return live.do(events.EndAsked(EndedReason.DRAIN, error, at_turn_end, within_ms=2_500.4))


def converse(live):
    """Everything that an extended client would be told of."""
    begin(live)
    for _ in range(3):
        live.agent_audio(100)
    transcript = {"item_id": "item_a", "content_index": 0, "response_id": "resp_1"}
    live.engine("response.output_audio_transcript.done", transcript="Hello.", **transcript)
    done(live, audio_out=900)
    counted(live, 100)
    live.engine("input_audio_buffer.speech_started", item_id="u", audio_start_ms=0)
    drain(live)
    drain(live, at_turn_end=False)


def test_a_client_without_the_opt_in_sees_nothing_of_it():
    stock, ours = Live(core=Session), extended()
    for live in (stock, ours):
        converse(live)
    seen = [to_json(each.frame) for each in stock.all if isinstance(each, ToClient)]
    assert all(each.frame.header is None for each in stock.all if isinstance(each, ToClient))
    assert not any(b'"type":"voicehub.' in each for each in seen)
    told = [each.frame.type for each in ours.all if isinstance(each, ToClient)]
    extra = [kind for kind in told if kind.startswith("voicehub.")]
    assert extra == [
        "voicehub.usage.updated",
        "voicehub.quota.warning",
        "voicehub.session.going_away",
    ]
    assert [kind for kind in told if kind not in extra] == [
        each.frame.type for each in stock.all if isinstance(each, ToClient)
    ]


def test_audio_leaves_behind_a_header_that_names_its_item_and_place():
    live = extended()
    begin(live)
    for _ in range(2):
        assert live.agent_audio(100) == [f"client {DELTA}"]
    [added] = live.frames("response.output_item.added")
    assert added.body["voicehub"] == {"item_number": 1}
    assert added.raw is None
    first, second = live.frames(DELTA)
    assert unpack(first.header + first.audio) == (AudioHeader(0, 1, 0, first=True), b"\2\0" * 2_400)
    assert unpack(second.header)[0] == AudioHeader(0, 1, 100)


def test_the_place_counts_in_the_responses_own_format():
    live = extended()
    begin(live, audio={"output": {"format": {"type": "audio/pcmu"}}})
    live.agent_audio(100)
    live.agent_audio(100)
    assert unpack(live.frames(DELTA)[1].header)[0].start_ms == 600


def test_a_tool_of_the_servers_has_no_number_and_no_place_in_a_header():
    live = extended(tools=({"type": "function", "name": "lookup", "parameters": {}},))
    live.engine("response.created", response={"id": "resp_1", "conversation_id": "conv"})
    tool = {"id": "item_t", "type": "function_call", "name": "lookup", "call_id": "c"}
    added = "response.output_item.added"
    assert live.engine(added, item=tool, response_id="resp_1", output_index=0) == []
    spoken = {"id": "item_a", "type": "message", "role": "assistant"}
    live.engine(added, item=spoken, response_id="resp_1", output_index=1)
    frame = live.frame(DELTA, {"response_id": "resp_1", "item_id": "item_a", "output_index": 1})
    frame.audio = bytes(4_800)
    live.do(events.EngineSent(frame))
    [shown] = live.frames(added)
    [header] = [unpack(each.header)[0] for each in live.frames(DELTA)]
    assert (shown.body["output_index"], shown.body["voicehub"]["item_number"]) == (0, 1)
    assert (header.output_index, header.item_number) == (0, 1)


def test_audio_of_an_item_that_was_not_announced_goes_out_as_json():
    live = extended()
    live.agent_audio(100)
    assert live.frames(DELTA)[0].header is None


def test_usage_follows_each_response_and_the_plan_is_warned_of_in_time():
    live = extended()
    begin(live)
    assert done(live, audio_in=10, audio_out=20, text_in=3) == [
        "book 3",
        "client response.done held",
    ]
    assert counted(live, 150) == ["client voicehub.usage.updated", "client voicehub.quota.warning"]
    told = live.frames("voicehub.usage.updated")[0].body
    assert (told["usage"]["audio_tokens"], told["usage"]["text_tokens"]) == (30, 3)
    assert told["event_id"].startswith("event_")
    assert counted(live, 150) == []


def test_the_last_usage_is_told_before_the_plans_end_closes_the_socket():
    live = extended()
    begin(live)
    done(live, audio_out=500)
    words = counted(live, 0)
    assert words[:2] == ["client voicehub.usage.updated", "client voicehub.quota.warning"]
    assert "close 1008 insufficient_quota" in words


def test_a_drain_says_when_it_will_be_over():
    live = extended()
    begin(live)
    assert drain(live) == ["client voicehub.session.going_away"]
    body = live.frames("voicehub.session.going_away")[0].body
    assert (body["reason"], body["ends_within_ms"]) == ("drain", 2_500)
    assert "client voicehub.session.going_away" not in drain(live, at_turn_end=False)


def test_nothing_is_told_before_the_session_is_open_or_after_its_end():
    live = extended(opened=False)
    assert drain(live) == [
        "client error",
        "close 1012 server_draining",
        "finish completed drain",
    ]
    assert live.do(events.Opened(effective(), WALL_MS)) == []
    assert drain(live) == []


def test_what_was_really_heard_corrects_recording_and_transcript():
    live = extended()
    begin(live)
    live.agent_audio(2_000)
    where = {"item_id": "item_a", "content_index": 0, "response_id": "resp_1"}
    live.engine("response.output_audio_transcript.done", transcript="A long story", **where)
    live.speak(1_000)
    reported = {"item_id": "item_a", "heard_ms": 700}
    assert live.client("voicehub.playout.reported", **reported) == ["line 2 agent: A interrupted"]
    line = live.lines()[-1]
    assert line["end_ms"] - line["start_ms"] == 700
    # The same once more, by truncation too, is no new line.
    assert live.client("voicehub.playout.reported", **reported) == []
    truncated = "conversation.item.truncated"
    assert live.engine(truncated, item_id="item_a", audio_end_ms=700) == [f"client {truncated}"]
    live.agent_audio(500)
    live.speak(4_000)
    recorded = [each.block[:, 1] for each in live.all if hasattr(each, "block")]
    assert sum(int((block != 0).sum()) for block in recorded) == 700 * 24


def test_an_item_that_was_heard_whole_stays_as_it_is():
    live = extended()
    begin(live)
    live.agent_audio(300)
    assert live.client("voicehub.playout.reported", item_id="item_a", heard_ms=300) == []


def test_a_report_of_an_unknown_item_is_an_error():
    live = extended()
    fields = {"item_id": "nobody", "heard_ms": 1, "event_id": "mine"}
    assert live.client("voicehub.playout.reported", **fields) == ["client error"]
    assert (live.error["code"], live.error["event_id"]) == ("item_not_found", "mine")


def test_a_pause_ends_the_owners_work_and_keeps_the_socket():
    live = extended()
    words = live.client("voicehub.session.pause")
    assert words == ["book 2", "client voicehub.session.paused", "finish paused None"]
    assert live.client("response.create") == []


def test_resuming_what_is_not_paused_is_refused_and_the_session_goes_on():
    live = extended()
    assert live.client("voicehub.session.resume", event_id="mine") == ["client error"]
    assert (live.error["code"], live.error["event_id"]) == ("session_not_paused", "mine")
    assert live.client("response.create") == ["engine response.create"]


def test_a_pause_waits_for_the_usage_of_the_response_in_flight():
    live = extended()
    live.engine("response.created", response={"id": "resp_1"})
    assert live.client("voicehub.session.pause") == ["engine response.cancel"]
    words = live.engine("response.done", response={"id": "resp_1", "usage": {"input_tokens": 5}})
    assert words[-2:] == ["client voicehub.session.paused", "finish paused None"]


def test_what_resumes_on_its_own_socket_says_so():
    live = extended(keeps_socket=True, resumes=left())
    assert live.frames("voicehub.session.resumed")[0].body["session"]["voicehub"]["resumed"]


def test_deadlines_are_those_of_every_session():
    assert extended().session.deadline_ms() == Live().session.deadline_ms() > START_MS
