import pytest

from voicehub.engines.scripted import Echo, ScriptedEngine
from voicehub.errors import EngineError
from voicehub.realtime.frame import Frame, server_frame


def append(audio):
    kind = "input_audio_buffer.append"
    return Frame(kind, {"type": kind}, audio=audio)


async def taken(engine, count):
    frames = engine.frames()
    return [await anext(frames) for _ in range(count)]


async def test_the_echo_speaks_back_what_it_hears_in_whole_responses():
    engine = ScriptedEngine(Echo(deltas=2))
    session = await engine.open({"voice": "own"})
    assert session == {"id": "sess_scripted", "object": "realtime.session", "voice": "own"}
    for number in range(4):
        await engine.send(append(bytes([number, 0])))
    frames = await taken(engine, 14)
    deltas = [frame for frame in frames if frame.type == "response.output_audio.delta"]
    assert [frame.audio for frame in deltas] == [bytes([n, 0]) for n in range(4)]
    assert [f.type for f in frames[:7]] == [
        "response.created",
        "response.output_item.added",
        "conversation.item.added",
        "response.output_audio.delta",
        "response.output_audio.delta",
        "response.output_audio_transcript.done",
        "response.done",
    ]
    assert [f.body["response"]["id"] for f in frames if f.type == "response.done"] == [
        "resp_0",
        "resp_1",
    ]
    await engine.aclose()


async def test_a_failure_comes_after_what_was_given_before():
    engine = ScriptedEngine(lambda _: ())
    await engine.give(server_frame("event_1", "session.updated", session={}))
    await engine.fail(EngineError("It broke."))
    frames = engine.frames()
    assert (await anext(frames)).type == "session.updated"
    with pytest.raises(EngineError):
        await anext(frames)


async def test_closing_ends_the_frames_and_may_be_repeated():
    engine = ScriptedEngine(lambda _: ())
    await engine.give(server_frame("event_1", "session.updated", session={}))
    for _ in range(2):
        await engine.aclose()
    assert [frame async for frame in engine.frames()] == []


def test_two_engines_of_one_session_name_their_items_apart():
    first, second = (
        {frame.body["item_id"] for frame in Echo(1, name)(append(b"..")) if "item_id" in frame.body}
        for name in ("a_", "b_")
    )
    assert len(first | second) == 2
