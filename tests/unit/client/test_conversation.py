import aiohttp
import numpy as np
import pytest
import soundfile

from voicehub.client.conversation import Conversation, Observer
from voicehub.client.link import SessionEndedError
from voicehub.client.notices import Plan, QuotaWarning
from voicehub.client.tape import Tape
from voicehub.errors import VoiceHubError

SECRET = "ek_for_the_tiny_server"
LOUD = np.full(24 * 300, 5000, np.int16)


@pytest.fixture
async def http():
    async with aiohttp.ClientSession() as session:
        yield session


async def test_a_turn_is_spoken_in_real_time_and_its_reply_heard_to_the_end(
    http, tiny_server, tmp_path
):
    tape = Tape(tmp_path / "heard.wav")
    async with Conversation(http, tiny_server.socket_url, SECRET, tape=tape) as talk:
        before = talk.mark()
        utterance = await talk.say(LOUD)
        reply = await talk.reply(since=before)
        heard_ms = talk.speaker.heard_ms("item_a1")
    assert utterance.end_ms - utterance.start_ms == 300
    assert reply.status == "completed"
    assert reply.latency_ms == {"vad": 1.0}
    assert reply.usage == {"total_tokens": 3}
    assert reply.first_audio_at_ms >= utterance.end_ms
    assert heard_ms == 400
    said, heard = soundfile.read(tape.path, dtype="int16")[0].T
    start = int(utterance.start_ms * 24)
    assert np.array_equal(said[start : start + len(LOUD)], LOUD)
    assert np.count_nonzero(said) == len(LOUD)
    assert np.count_nonzero(heard) == 400 * 24
    sent = np.concatenate(tiny_server.audio)
    assert np.array_equal(sent, said[: len(sent)])


async def test_audio_goes_out_in_appends_of_100_ms(http, tiny_server):
    async with Conversation(http, tiny_server.socket_url, SECRET) as talk:
        await talk.reply(since=await _said(talk))
    assert {len(chunk) for chunk in tiny_server.audio} == {2400}


@pytest.mark.parametrize("extended", [True, False])
async def test_barge_in_stops_the_loudspeaker_and_tells_what_was_heard(
    http, tiny_server, tmp_path, extended
):
    tiny_server.extended = extended
    tiny_server.reply_ms = 5000
    tape = Tape(tmp_path / "heard.wav")
    async with Conversation(http, tiny_server.socket_url, SECRET, tape=tape) as talk:
        before = await _said(talk)
        barge_in = await talk.interrupt(LOUD, since=before, heard_ms=300)
        truncated = await talk.wait_for("conversation.item.truncated", since=before)
        second = await talk.wait_for("response.output_audio.delta", since=truncated.number)
    [truncate] = tiny_server.of_type("conversation.item.truncate")
    assert truncate["item_id"] == barge_in.cut.item_id == "item_a1"
    assert truncate["audio_end_ms"] == barge_in.cut.heard_ms
    reports = tiny_server.of_type("voicehub.playout.reported")
    assert [report["heard_ms"] for report in reports] == [barge_in.cut.heard_ms] * extended
    assert 300 <= barge_in.cut.heard_ms < 1500
    heard = soundfile.read(tape.path, dtype="int16")[0][:, 1]
    cut, next_reply = int(barge_in.cut_at_ms * 24), int(second.at_ms * 24)
    assert not heard[cut:next_reply].any()
    assert next(line.interrupted for line in talk.transcript.lines if line.speaker == "agent")


async def test_a_session_that_forbids_interruption_plays_on(http, tiny_server):
    tiny_server.reply_ms = 1000
    tiny_server.interrupt_response = False
    async with Conversation(http, tiny_server.socket_url, SECRET) as talk:
        await talk.wait_for("response.output_audio.delta", since=await _said(talk))
        before = await _said(talk)
        await talk.reply(since=before)
        assert talk.cuts == []
        assert talk.speaker.heard_ms("item_a1") == 1000


async def test_asking_hears_the_reply_to_the_last_words_of_a_clip_with_pauses(http, tiny_server):
    tiny_server.reply_ms = 100
    twice = np.concatenate((LOUD, np.zeros(24 * 600, np.int16), LOUD))
    async with Conversation(http, tiny_server.socket_url, SECRET) as talk:
        await talk.wait_for("session.created")
        utterance, reply = await talk.ask(twice)
        assert utterance.end_ms - utterance.start_ms == 1200
        assert reply.response["id"] == "resp_2"
        assert not talk.speaker.playing


async def test_waiting_ends_when_the_server_closes(http, tiny_server):
    tiny_server.closes_at_first_audio = 1008
    async with Conversation(http, tiny_server.socket_url, SECRET) as talk:
        with pytest.raises(SessionEndedError, match=r"1008 before response\.done"):
            await talk.wait_for("response.done")
        assert await talk.ended() == 1008


async def test_waiting_has_a_limit_and_names_what_came_last(http, tiny_server):
    async with Conversation(http, tiny_server.socket_url, SECRET) as talk:
        await talk.wait_for("session.created")
        with pytest.raises(TimeoutError, match=r"No response.done in 0.05 s.*session.created"):
            await talk.wait_for("response.done", timeout_s=0.05)


async def test_a_refused_socket_says_its_status(http, tiny_server):
    with pytest.raises(VoiceHubError, match="refused the socket with 401"):
        async with Conversation(http, tiny_server.socket_url, "ek_wrong"):
            pass


async def test_the_observer_sees_events_lines_and_sound(http, tiny_server):
    events, lines, heard = [], [], []
    observer = Observer(
        event=lambda event: events.append(event.type),
        line=lambda line: lines.append((line.speaker, line.text, line.finished)),
        heard=heard.append,
    )
    async with Conversation(http, tiny_server.socket_url, SECRET, observer=observer) as talk:
        await talk.reply(since=await _said(talk))
    assert events[0] == "session.created"
    assert lines == [
        ("user", "hello there", True),
        ("agent", "Good ", False),
        ("agent", "Good day.", False),
        ("agent", "Good day.", True),
    ]
    assert {len(chunk) for chunk in heard} == {480}


async def test_with_voicehub_v1_not_a_sample_travels_as_text(http, tiny_server):
    tiny_server.extended = True
    async with Conversation(http, tiny_server.socket_url, SECRET) as talk:
        assert talk.extended
        reply = await talk.reply(since=await _said(talk))
        heard_ms = talk.speaker.heard_ms("item_a1")
    assert (reply.status, heard_ms) == ("completed", 400)
    assert reply.first_audio_at_ms is not None
    assert tiny_server.binary_messages == len(tiny_server.audio) > 0


async def test_notices_reach_the_observer(http, tiny_server):
    tiny_server.extended = True
    notices = []
    observer = Observer(notice=notices.append)
    async with Conversation(http, tiny_server.socket_url, SECRET, observer=observer) as talk:
        await talk.reply(since=await _said(talk))
    assert notices == [QuotaWarning("audio_tokens", 80, Plan(20, 100))]


async def _said(talk: Conversation) -> int:
    before = talk.mark()
    await talk.say(LOUD)
    return before
