"""Whatever clients and models do, in whatever order, a conversation keeps its rules."""

from collections import Counter
from itertools import count
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from voicehub.engines.local.conversation import Conversation
from voicehub.engines.local.effects import (
    CancelResponse,
    CancelTranscribe,
    Emit,
    Listen,
    Reply,
    Speak,
    Transcribe,
    TranscribeRaw,
)
from voicehub.engines.local.events import (
    Event,
    Heard,
    ReplyDone,
    ReplyFailed,
    ReplyText,
    ReplyTool,
    ReplyUsage,
    Spoken,
    Tick,
    Transcribed,
    TranscribeFailed,
)
from voicehub.realtime.frame import Frame

IDS = ["item_a", "item_b", "item_c"]
ODD: list[Any] = [
    None,
    0,
    -1,
    1.5,
    True,
    "",
    "text",
    [],
    [1],
    {},
    {"type": "x"},
    float("nan"),
    [[]],
]


DROPPED = object()


def mostly(valid: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    odd = st.sampled_from([DROPPED, *ODD])
    return st.integers(0, 11).flatmap(lambda number: odd if number == 0 else valid)


def body(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """All of the fields, but for one that is odd or dropped now and then."""
    return st.fixed_dictionaries({name: mostly(field) for name, field in fields.items()}).map(
        lambda value: {name: each for name, each in value.items() if each is not DROPPED}
    )


def some(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Up to two of the fields."""
    names = st.lists(st.sampled_from(sorted(fields)), max_size=2, unique=True)
    return names.flatmap(lambda chosen: body(**{name: fields[name] for name in chosen}))


def message(role: str, kinds: list[str]) -> st.SearchStrategy[dict[str, Any]]:
    part = st.fixed_dictionaries(
        {"type": st.sampled_from(kinds)},
        optional={"text": st.just("words"), "audio": st.sampled_from(["AAAA", "A", "AAAAAAA="])},
    )
    return st.fixed_dictionaries(
        {"type": st.just("message"), "role": st.just(role), "content": st.lists(part, max_size=2)},
        optional={"id": st.sampled_from(IDS)},
    )


items = st.one_of(
    message("user", ["input_text", "input_audio", "input_image"]),
    message("assistant", ["output_text", "output_audio"]),
    message("system", ["input_text"]),
    st.just({"type": "function_call", "name": "f", "call_id": "call_1", "arguments": "{}"}),
    st.just({"type": "function_call_output", "call_id": "call_1", "output": "ok"}),
    st.just({"type": "item_reference", "id": "item_a"}),
)
detections = st.one_of(
    st.none(),
    some(
        type=st.sampled_from(["server_vad", "semantic_vad"]),
        threshold=st.just(0.6),
        silence_duration_ms=st.sampled_from([0, 200, 1_000]),
        prefix_padding_ms=st.sampled_from([0, 1_000]),
        idle_timeout_ms=st.sampled_from([1_000, 5_000]),
        create_response=st.booleans(),
        interrupt_response=st.booleans(),
        eagerness=st.sampled_from(["low", "high"]),
    ),
)
formats = st.sampled_from(
    [{"type": "audio/pcm", "rate": 24000}, {"type": "audio/pcmu"}, {"type": "audio/pcma"}]
)
tools = st.just([{"type": "function", "name": "f", "description": "", "parameters": {}}])
sessions = some(
    instructions=st.just("You are Ava."),
    output_modalities=st.sampled_from([["audio"], ["text"]]),
    tools=tools,
    tool_choice=st.sampled_from(["auto", "none", {"type": "function", "name": "f"}]),
    max_output_tokens=st.sampled_from([1, 20, "inf"]),
    audio=some(
        input=some(
            format=formats,
            transcription=st.sampled_from([None, {"model": "m"}]),
            turn_detection=detections,
        ),
        output=some(format=formats, voice=st.sampled_from(["heart", "cedar"]), speed=st.just(1.2)),
    ),
).map(lambda session: {"type": "realtime", **session})
responses = some(
    conversation=st.sampled_from(["auto", "none"]),
    output_modalities=st.sampled_from([["audio"], ["text"]]),
    max_output_tokens=st.sampled_from([1, 20, "inf"]),
    input=st.lists(items, max_size=2),
    metadata=st.just({"a": "b"}),
    tools=tools,
)
# A number stands for an item that was seen.
item_ids = st.one_of(st.sampled_from(IDS), st.integers(0, 20), st.integers(0, 20))
client_events = st.one_of(
    st.tuples(st.just("session.update"), st.one_of(body(session=sessions), body())),
    st.tuples(
        st.just("conversation.item.create"),
        body(item=items, previous_item_id=st.one_of(st.none(), st.just("root"), item_ids)),
    ),
    st.tuples(st.just("conversation.item.retrieve"), body(item_id=item_ids)),
    st.tuples(st.just("conversation.item.delete"), body(item_id=item_ids)),
    st.tuples(
        st.just("conversation.item.truncate"),
        body(item_id=item_ids, content_index=st.just(0), audio_end_ms=st.integers(0, 2_000)),
    ),
    st.tuples(st.just("response.create"), st.one_of(body(response=responses), st.just({}))),
    st.tuples(st.just("response.cancel"), st.one_of(st.just({}), body(response_id=item_ids))),
    st.tuples(st.just("input_audio_buffer.commit"), st.just({})),
    st.tuples(st.just("input_audio_buffer.clear"), st.just({})),
    st.tuples(st.just("input_audio_buffer.append"), st.sampled_from([{}, {"raw": b"x" * 481}])),
    st.tuples(st.just("unknown"), st.just({})),
)
steps = st.one_of(
    client_events,
    st.tuples(st.just("append"), st.integers(1, 40)),
    st.tuples(st.just("speech"), st.integers(1, 30)),
    st.tuples(st.just("silence"), st.integers(1, 30)),
    st.tuples(st.just("transcribed"), st.sampled_from(["", "Hello there.", None])),
    st.tuples(st.just("reply"), st.sampled_from(["Hi. ", "How are you? Fine.", "no end"])),
    st.tuples(st.just("reply_end"), st.sampled_from(["done", "failed", "tool", "usage"])),
    st.tuples(st.just("spoken"), st.tuples(st.integers(0, 1_500), st.booleans())),
    st.tuples(st.just("tick"), st.integers(0, 40_000)),
)
# What sessions are mostly made of, so that the odd events meet one in every state.
whole = st.one_of(
    st.tuples(st.just("turn"), st.sampled_from(["", "Hello there."])),
    st.tuples(st.just("answer"), st.integers(0, 3)),
    st.tuples(st.just("response.create"), st.just({})),
)


class World:
    """Does what the conversation asks for, when the example says so, and checks its rules."""

    def __init__(self) -> None:
        number = count(1)
        self.now_ms = 0.0
        session = {"audio": {"input": {"transcription": {"model": "m"}}}}
        self.conversation = Conversation(session, lambda prefix: f"{prefix}_{next(number)}")
        self.transcripts: set[tuple[str, int]] = set()
        self.jobs: list[str] = []
        self.replies: list[str] = []
        self.speaks: list[Speak] = []
        self.active: list[str] = []
        self.started: Counter[str] = Counter()
        self.ended: Counter[str] = Counter()
        self.order: list[str] = []
        self.seen_ids: list[str] = ["nobody"]
        self.event_ids: set[str] = set()

    def handle(self, event: Event) -> None:
        for effect in self.conversation.handle(event, self.now_ms):
            match effect:
                case Emit(frame):
                    self.check(frame)
                case Listen(raw, audio_format, scored):
                    samples = round(audio_format.duration_ms(len(raw))) * 16
                    windows = samples // 512
                    self.handle(
                        Heard(np.zeros(windows * 512, np.float32), (0.9,) * windows)
                        if scored
                        else Heard(np.zeros(samples, np.float32))
                    )
                case Transcribe(job) | TranscribeRaw(job):
                    self.jobs.append(job)
                case CancelTranscribe(job):
                    self.jobs.remove(job)
                case Reply(response_id):
                    self.replies.append(response_id)
                case Speak():
                    assert effect.response_id not in [each.response_id for each in self.speaks]
                    self.speaks.append(effect)
                case CancelResponse(response_id):
                    self.replies = [each for each in self.replies if each != response_id]
                    self.speaks = [each for each in self.speaks if each.response_id != response_id]

    def check(self, frame: Frame) -> None:
        assert frame.event_id not in self.event_ids
        self.event_ids.add(frame.event_id or "")
        match frame.type:
            case "response.created":
                response = frame.body["response"]
                self.started[response["id"]] += 1
                if response["conversation_id"] is not None:
                    self.active.append(response["id"])
                assert len(self.active) <= 1
            case "response.done":
                response = frame.body["response"]
                self.ended[response["id"]] += 1
                assert self.started[response["id"]] == self.ended[response["id"]] == 1
                assert response["status"] != "in_progress"
                assert all(item["status"] != "in_progress" for item in response["output"])
                usage = response["usage"]
                assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"]
                self.active = [each for each in self.active if each != response["id"]]
            case "conversation.item.added":
                before, item_id = frame.body["previous_item_id"], frame.body["item"]["id"]
                assert item_id not in self.order
                self.order.insert(0 if before is None else self.order.index(before) + 1, item_id)
                self.seen_ids.append(item_id)
            case "conversation.item.done":
                place = self.order.index(frame.body["item"]["id"])
                before = frame.body["previous_item_id"]
                assert before == (self.order[place - 1] if place else None)
            case (
                "conversation.item.input_audio_transcription.completed"
                | "conversation.item.input_audio_transcription.failed"
            ):
                place = (frame.body["item_id"], frame.body["content_index"])
                assert place not in self.transcripts
                assert place[0] in self.order
                self.transcripts.add(place)
            case "conversation.item.deleted":
                self.order.remove(frame.body["item_id"])

    def run(self, kind: str, argument: Any) -> None:
        step = getattr(self, f"step_{kind}", None)
        if step is None:
            self.send(kind, argument)
        else:
            step(argument)

    def step_append(self, tens_of_ms: int) -> None:
        self.send("input_audio_buffer.append", {"raw": bytes(960 * tens_of_ms)})

    def step_speech(self, windows: int, probability: float = 0.9) -> None:
        self.now_ms += 32 * windows
        self.handle(Heard(np.zeros(512 * windows, np.float32), (probability,) * windows))

    def step_silence(self, windows: int) -> None:
        self.step_speech(windows, 0.0)

    def step_transcribed(self, text: str | None) -> None:
        if self.jobs:
            job = self.jobs.pop(0)
            self.handle(TranscribeFailed(job, "x") if text is None else Transcribed(job, text))

    def step_reply(self, text: str) -> None:
        if self.replies:
            self.handle(ReplyText(self.replies[0], text))

    def step_reply_end(self, how: str) -> None:
        if not self.replies:
            return
        response_id = self.replies[0]
        if how == "tool":
            self.handle(ReplyTool(response_id, "f", "{}"))
        elif how == "usage":
            self.handle(ReplyUsage(response_id, 10, 5))
        else:
            self.replies.pop(0)
            failed = how == "failed"
            self.handle(ReplyFailed(response_id, "x", "x") if failed else ReplyDone(response_id))

    def step_spoken(self, sound: tuple[int, bool]) -> None:
        duration_ms, last = sound
        if self.speaks:
            speak = self.speaks.pop(0) if last else self.speaks[0]
            audio = bytes(duration_ms * speak.format.bytes_per_ms)
            self.handle(Spoken(speak.response_id, audio, last))

    def step_turn(self, text: str) -> None:
        self.step_speech(20)
        self.step_silence(20)
        self.step_transcribed(text)

    def step_answer(self, sentences: int) -> None:
        for _ in range(sentences):
            self.step_reply("Well, yes. And ")
            self.step_spoken((700, True))
        if sentences == 3:
            self.step_reply_end("done")

    def step_tick(self, duration_ms: int) -> None:
        self.now_ms += duration_ms
        self.handle(Tick())

    def send(self, kind: str, fields: dict[str, Any]) -> None:
        fields = {
            name: self.seen_ids[value % len(self.seen_ids)]
            if name.endswith("_id") and isinstance(value, int)
            else value
            for name, value in fields.items()
        }
        audio = fields.pop("raw", None)
        self.handle(Frame(kind, {"type": kind, **fields}, audio))

    def finish(self) -> None:
        """All work is done and nobody says more: nothing may be left hanging."""
        self.send(
            "session.update",
            {"session": {"type": "realtime", "audio": {"input": {"turn_detection": None}}}},
        )
        for _ in range(10_000):
            if self.jobs:
                self.step_transcribed("Words.")
            elif self.speaks:
                self.step_spoken((100, True))
            elif self.replies:
                self.step_reply_end("done")
            elif (deadline_ms := self.conversation.deadline_ms()) is not None:
                self.now_ms = max(self.now_ms, deadline_ms)
                self.handle(Tick())
            else:
                break
        assert self.started == self.ended
        assert not self.active


@settings(max_examples=200, deadline=None)
@given(st.lists(st.one_of(whole, steps), min_size=20, max_size=60))
def test_any_sequence_of_events_keeps_the_rules(sequence):
    world = World()
    for kind, argument in sequence:
        world.run(kind, argument)
    world.finish()
