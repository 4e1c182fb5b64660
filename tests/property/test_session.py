"""Whatever clients, engines, stores and clocks do, in whatever order, a session keeps its rules."""

import itertools

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.sessions import WALL_MS, Live, effective, usage, word
from voicehub.audio.timeline import BLOCK_MS_MAX
from voicehub.errors import ClientError, DrainError, EngineError, OverloadError
from voicehub.realtime.binary import unpack
from voicehub.realtime.frame import to_json
from voicehub.session import events
from voicehub.session.commands import (
    Book,
    CloseSocket,
    Finish,
    KeepLine,
    Record,
    ToClient,
    ToEngine,
)
from voicehub.session.extension import ExtendedSession
from voicehub.session.session import CLOSING_MS
from voicehub.session.spec import Limits
from voicehub.session.state import EndedReason

ITEMS = st.sampled_from(["a", "b", "c", "d"])
RESPONSES = st.sampled_from(["r1", "r2", "r3"])
WORDS = st.sampled_from(["", "Hello.", "Good\0 day."])
ODD = st.sampled_from([None, 5, -1e300, "x", [], [1], {}, {"id": []}, True])
MS = st.one_of(st.integers(-10, 20_000), ODD)
ITEM = st.fixed_dictionaries(
    {
        "id": ITEMS,
        "type": st.sampled_from(["message", "function_call"]),
        "role": st.sampled_from(["user", "assistant", "system"]),
        "status": st.sampled_from(["completed", "incomplete"]),
        "content": st.one_of(
            ODD, WORDS.map(lambda text: [{"type": "input_text", "text": text}, {}])
        ),
    },
    optional={"name": st.one_of(st.just("lookup"), ODD), "call_id": st.one_of(ITEMS, ODD)},
)
AUDIO_FORMAT = st.sampled_from(["audio/pcm", "audio/pcmu", "audio/pcma", "audio/odd"]).map(
    lambda name: {"output": {"format": {"type": name}}}
)
RESPONSE = st.fixed_dictionaries(
    {"id": RESPONSES},
    optional={
        "usage": st.one_of(
            ODD, st.builds(usage, *[st.integers(0, 1_000)] * 4), st.just({"input_tokens": -5})
        ),
        "audio": st.one_of(ODD, AUDIO_FORMAT),
        "conversation_id": st.sampled_from([None, "conv"]),
        "output": st.one_of(ODD, st.lists(st.one_of(ITEM, ODD), max_size=2)),
    },
)
TRANSCRIPTION = st.sampled_from(
    [None, {"type": "tokens", "total_tokens": 9}, {"type": "duration", "seconds": 2}, [1]]
)
SESSION = st.one_of(
    ODD,
    AUDIO_FORMAT.map(lambda audio: {"audio": {**audio, "input": audio["output"]}}),
    st.just(effective()),
)


def engine(kind, **fields):
    return st.tuples(st.just("engine"), st.just(kind), st.fixed_dictionaries(fields))


TRANSCRIBED = "conversation.item.input_audio_transcription"
PLACE = {"item_id": ITEMS, "response_id": RESPONSES, "content_index": st.one_of(st.just(0), ODD)}
ENGINE = st.one_of(
    engine("input_audio_buffer.speech_started", item_id=ITEMS, audio_start_ms=MS),
    engine("input_audio_buffer.speech_stopped", item_id=ITEMS, audio_end_ms=MS),
    engine("input_audio_buffer.committed", item_id=ITEMS),
    engine("input_audio_buffer.cleared"),
    engine("conversation.item.added", item=ITEM, previous_item_id=st.one_of(ITEMS, ODD)),
    engine("conversation.item.done", item=ITEM),
    engine("conversation.item.truncated", item_id=ITEMS, audio_end_ms=MS),
    engine(f"{TRANSCRIBED}.completed", item_id=ITEMS, transcript=WORDS, usage=TRANSCRIPTION),
    engine(f"{TRANSCRIBED}.failed", item_id=ITEMS),
    engine("session.updated", session=SESSION),
    engine("response.created", response=RESPONSE),
    engine("response.output_audio_transcript.delta", delta=WORDS, **PLACE),
    engine("response.output_audio_transcript.done", transcript=WORDS, **PLACE),
    engine("response.output_text.delta", delta=WORDS, **PLACE),
    engine("response.output_text.done", text=WORDS, **PLACE),
    engine("response.output_item.added", item=st.one_of(ITEM, ODD), output_index=ODD),
    engine("response.output_item.added", item=ITEM, response_id=RESPONSES, output_index=MS),
    engine("response.output_item.done", item=ITEM),
    engine("response.output_item.done", item=ITEM, response_id=RESPONSES, output_index=MS),
    engine("response.done", response=RESPONSE),
    engine("error", error=ODD),
    engine("response.done", response=ODD),
    engine("conversation.item.added", item=ODD),
)
STEPS = st.lists(
    st.one_of(
        ENGINE,
        ENGINE,
        st.tuples(st.just("speak"), st.integers(1, 30)),
        st.tuples(st.just("reply"), ITEMS, RESPONSES, st.integers(0, 5_000)),
        st.tuples(st.just("wait"), st.integers(0, 8_000)),
        st.tuples(st.just("client"), st.sampled_from(["response.create", "response.cancel"])),
        st.tuples(st.just("tool answers")),
        st.tuples(st.just("half a sample")),
        st.tuples(st.just("garbage")),
        st.tuples(st.just("quota"), st.integers(-5, 10**9), st.integers(0, 70)),
        st.tuples(st.just("wake")),
        st.tuples(st.just("open")),
        st.tuples(st.just("drain"), st.booleans()),
        st.tuples(st.just("leave"), st.booleans()),
        st.tuples(st.just("overload")),
        st.tuples(st.just("engine fails")),
    ),
    max_size=40,
)
PLAIN = {
    "garbage": events.ClientErred(ClientError("no JSON"), "e"),
    "overload": events.ClientErred(OverloadError("too slow")),
    "tool answers": events.ToolAnswered("a", "found"),
    "wake": events.Woke(),
    "engine fails": events.EngineEnded(EngineError("broken")),
    "open": events.Opened(effective(), WALL_MS),
}


def take(live, step):
    kind, *rest = step
    match kind:
        case "engine":
            frame = live.frame(rest[0], {})
            frame.body.update(rest[1])
            live.do(events.EngineSent(frame))
        case "speak":
            live.speak(rest[0] * 100)
        case "reply":
            live.agent_audio(rest[2], item=rest[0], response=rest[1])
        case "wait":
            live.wait(rest[0])
        case "client":
            live.client(rest[0])
        case "half a sample":
            frame = live.frame("input_audio_buffer.append", {})
            frame.audio = b"\0"
            live.do(events.ClientSent(frame))
        case "quota":
            live.do(events.QuotaRead(rest[1], rest[0], 10**9, 10**9, 10**9))
        case "drain":
            ended = events.EndAsked(EndedReason.DRAIN, DrainError("deploy"), rest[0])
            live.do(ended)
        case "leave":
            live.do(events.ClientLeft(rest[0]))
        case _:
            live.do(PLAIN[kind])


def check_deadline(live):
    deadline_ms = live.session.deadline_ms()
    if live.session.closed:
        assert deadline_ms is None
    elif deadline_ms is not None:
        assert deadline_ms <= live.now_ms + 500, "audio is taken twice a second"


def check_commands(live):
    lines = [each.sequence for each in live.all if isinstance(each, KeepLine)]
    assert lines == list(range(1, len(lines) + 1))
    books = [each for each in live.all if isinstance(each, Book)]
    assert [each.sequence for each in books] == list(range(1, len(books) + 1))
    amounts = [(each.totals.audio, each.totals.text, each.totals.responses) for each in books]
    for before, after in itertools.pairwise(amounts):
        assert all(old <= new for old, new in zip(before, after, strict=True))
    assert all(each.pending_audio >= 0 for each in books)
    for each in live.all:
        if isinstance(each, ToClient | ToEngine):
            frame = each.frame
            frame.raw = None
            to_json(frame)
        elif isinstance(each, KeepLine):
            assert "\0" not in each.line["transcript"]
            assert each.line["start_ms"] <= each.line["end_ms"]
        elif isinstance(each, Record):
            assert 0 < len(each.block) <= BLOCK_MS_MAX * 24


def check_end(live):
    ends = [each for each in live.all if isinstance(each, CloseSocket | Finish)]
    assert ends == live.all[-2:]
    assert isinstance(ends[0], CloseSocket)
    assert isinstance(ends[1], Finish)
    if ends[0].code != 1000:
        assert isinstance(live.all[-3], ToClient)
        assert live.all[-3].frame.type == "error"


@settings(max_examples=300, deadline=None)
@given(
    steps=STEPS,
    opened=st.sampled_from([True, True, True, False]),
    tools=st.sampled_from([(), ({"type": "function", "name": "lookup"},)]),
)
def test_any_sequence_of_events(steps, opened, tools):
    live = Live(opened=opened, tools=tools, limits=Limits(duration_ms=90_000, idle_ms=20_000))
    for step in steps:
        over = live.session.closed
        count = len(live.all)
        take(live, step)
        check_deadline(live)
        if over:
            assert len(live.all) == count, "nothing comes after the end"
    live.do(events.ClientLeft(clean=True))
    live.wait(CLOSING_MS)
    assert live.session.closed, "every session ends"
    check_commands(live)
    check_end(live)


@settings(max_examples=150, deadline=None)
@given(steps=STEPS, opened=st.sampled_from([True, True, False]))
def test_an_extended_session_does_the_same_and_says_more(steps, opened):
    stock, extended = Live(opened=opened), Live(opened=opened, core=ExtendedSession)
    for step in steps:
        for live in (stock, extended):
            take(live, step)
        assert extended.session.deadline_ms() == stock.session.deadline_ms()
    told = [word(each) for each in extended.all]
    assert [each for each in told if not each.startswith("client voicehub.")] == [
        word(each) for each in stock.all
    ]
    for each in extended.all:
        if isinstance(each, ToClient) and each.frame.header is not None:
            assert each.frame.type == "response.output_audio.delta"
            unpack(each.frame.header)


@settings(max_examples=100, deadline=None)
@given(steps=st.lists(ENGINE, max_size=30))
def test_what_the_client_sees_after_a_line_waits_for_it(steps):
    live = Live()
    for step in steps:
        take(live, step)
        seen = [each for each in live.last if isinstance(each, ToClient)]
        first = live.last[0] if live.last else None
        if isinstance(first, KeepLine | Book):
            assert seen[0].held
        assert len(seen) == 1


@settings(max_examples=100, deadline=None)
@given(steps=STEPS, left=st.integers(0, 400))
def test_a_plan_is_never_overshot_by_more_than_what_is_in_flight(steps, left):
    """At zero nothing more of the agent's audio is sent, whatever the engine does."""
    live = Live()
    live.quota(left * 1_000_000)
    exhausted = False
    for step in steps:
        take(live, step)
        if exhausted:
            kinds = [each.frame.type for each in live.last if isinstance(each, ToClient)]
            assert "response.output_audio.delta" not in kinds
        exhausted = live.session._ledger.is_exhausted and step[0] in {"reply", "quota"}
