import numpy as np
import pytest

from voicehub.engines.local.caller import IDLE_PROMPTS_MAX
from voicehub.engines.local.effects import Transcribe
from voicehub.engines.local.events import Heard, TranscribeFailed
from voicehub.engines.local.utterance import UTTERANCE_MS_MAX

COMMITTED = ["input_audio_buffer.committed", "conversation.item.added", "conversation.item.done"]
TRANSCRIBED = [
    "conversation.item.input_audio_transcription.delta",
    "conversation.item.input_audio_transcription.completed",
]


def test_a_spoken_turn_gives_its_events_in_order(dialogue):
    dialogue.quiet(640)
    dialogue.speak(640)
    assert dialogue.take() == ["input_audio_buffer.speech_started"]
    dialogue.quiet(512)
    assert dialogue.take() == ["input_audio_buffer.speech_stopped", *COMMITTED]
    dialogue.transcribed("Hello there.")
    assert dialogue.take() == [*TRANSCRIBED, "response.created"]
    prompt = dialogue.replies[dialogue.response_id].prompt
    assert [(turn.role, turn.text) for turn in prompt.turns] == [("user", "Hello there.")]
    assert prompt.instructions == "You are Ava."


def test_the_events_of_a_turn_agree_on_item_and_times(dialogue):
    dialogue.quiet(640)
    dialogue.speak(640)
    dialogue.quiet(512)
    dialogue.transcribed("Hello there.")
    started = dialogue.body("input_audio_buffer.speech_started")
    stopped = dialogue.body("input_audio_buffer.speech_stopped")
    committed = dialogue.body("input_audio_buffer.committed")
    completed = dialogue.body(TRANSCRIBED[1])
    # Prefix padding of 300 ms lies before the true start at 640 ms.
    assert started["audio_start_ms"] == 340
    assert stopped["audio_end_ms"] == 640 + 640 + 512
    assert committed["previous_item_id"] is None
    assert {started["item_id"]} == {
        stopped["item_id"],
        committed["item_id"],
        completed["item_id"],
        dialogue.body("conversation.item.done")["item"]["id"],
    }
    assert completed["content_index"] == 0
    assert completed["transcript"] == "Hello there."
    assert completed["usage"] == {"type": "duration", "seconds": 1.452}
    content = dialogue.body("conversation.item.added")["item"]["content"]
    assert content == [{"type": "input_audio", "transcript": None}]


def test_a_weak_onset_is_dated_back(dialogue):
    dialogue.quiet(640)
    dialogue.hear(0.3, 0.3, 0.3)
    dialogue.speak(640)
    assert dialogue.body("input_audio_buffer.speech_started")["audio_start_ms"] == 340


def test_speech_at_the_very_beginning_starts_at_zero(dialogue):
    dialogue.speak(640)
    assert dialogue.body("input_audio_buffer.speech_started")["audio_start_ms"] == 0


def test_transcription_hears_400_ms_before_the_speech_even_with_less_padding(new_dialogue):
    dialogue = new_dialogue(
        audio={"input": {"turn_detection": {"type": "server_vad", "prefix_padding_ms": 0}}}
    )
    dialogue.quiet(2_048)
    dialogue.speak(640)
    dialogue.quiet(192)
    job = next(iter(dialogue.jobs.values()))
    assert isinstance(job, Transcribe)
    assert 640 + 192 + 400 <= len(job.samples) / 16 < 640 + 192 + 400 + 32
    assert dialogue.body("input_audio_buffer.speech_started")["audio_start_ms"] == 2_048


def test_transcription_begins_in_a_pause_and_is_used_when_the_turn_ends(dialogue):
    dialogue.speak(640)
    dialogue.quiet(192)
    assert len(dialogue.jobs) == 1
    dialogue.transcribed("Hello there.")
    assert dialogue.take() == ["input_audio_buffer.speech_started"]
    dialogue.quiet(320)
    assert dialogue.take() == [
        "input_audio_buffer.speech_stopped",
        *COMMITTED,
        *TRANSCRIBED,
        "response.created",
    ]
    assert not dialogue.jobs


def test_transcription_is_thrown_away_when_speech_goes_on(dialogue):
    dialogue.speak(640)
    dialogue.quiet(256)
    first = next(iter(dialogue.jobs))
    dialogue.speak(320)
    assert dialogue.cancelled == [first]
    dialogue.quiet(512)
    (job,) = dialogue.jobs.values()
    assert len(job.samples) / 16 == 640 + 256 + 320 + 192


def test_a_click_is_no_speech(dialogue):
    dialogue.hear(0.0, 0.9, 0.0, 0.9, 0.0)
    assert dialogue.take() == []


def test_a_noise_turn_stays_as_an_empty_item_and_gets_no_response(dialogue):
    dialogue.speak(96)
    dialogue.quiet(512)
    dialogue.take()
    dialogue.transcribed("")
    assert dialogue.take() == [TRANSCRIBED[1]]
    assert not dialogue.replies
    assert dialogue.conversation.deadline_ms() is None


def test_noise_while_a_turn_waits_for_its_transcript_does_not_lose_the_answer(dialogue):
    dialogue.speak(640)
    dialogue.quiet(512)
    dialogue.speak(96)
    dialogue.transcribed("What time is it?")
    assert "response.created" not in dialogue.take()
    dialogue.quiet(512)
    dialogue.transcribed("")
    assert "response.created" in dialogue.take()


def test_a_failed_transcription_is_told_and_fails_the_response(dialogue):
    dialogue.speak(640)
    dialogue.quiet(512)
    dialogue.take()
    dialogue.handle(TranscribeFailed(next(iter(dialogue.jobs)), "No models."))
    failed = dialogue.body("conversation.item.input_audio_transcription.failed")
    assert failed["error"]["code"] == "transcription_failed"
    assert dialogue.kinds()[0] == "conversation.item.input_audio_transcription.failed"
    assert dialogue.kinds()[1:] == ["response.created", "response.done", "rate_limits.updated"]
    response = dialogue.body("response.done")["response"]
    assert response["status"] == "failed"
    assert response["status_details"]["error"]["code"] == "transcription_failed"


def test_no_transcription_events_without_the_setting(dialogue):
    dialogue.send(
        "session.update", session={"type": "realtime", "audio": {"input": {"transcription": None}}}
    )
    dialogue.said("Hello there.")
    assert not any("transcription" in kind for kind in dialogue.kinds())
    assert dialogue.kinds()[-1] == "response.created"


def test_create_response_off_leaves_the_answer_to_the_client(new_dialogue):
    dialogue = new_dialogue(
        audio={"input": {"turn_detection": {"type": "server_vad", "create_response": False}}}
    )
    dialogue.said()
    assert "response.created" not in dialogue.take()
    dialogue.send("response.create")
    assert dialogue.take() == ["response.created"]
    assert dialogue.replies[dialogue.response_id].prompt.turns[0].text == "Hello there."


def test_semantic_vad_waits_as_long_as_its_eagerness_says(new_dialogue):
    dialogue = new_dialogue(
        audio={"input": {"turn_detection": {"type": "semantic_vad", "eagerness": "low"}}}
    )
    dialogue.speak(640)
    dialogue.quiet(1_152)
    assert "input_audio_buffer.speech_stopped" not in dialogue.kinds()
    dialogue.quiet(64)
    assert "input_audio_buffer.speech_stopped" in dialogue.kinds()


def test_long_speech_is_transcribed_in_pieces_and_joined(dialogue):
    dialogue.speak(61_000)
    assert len(dialogue.jobs) == 2
    dialogue.quiet(512)
    samples = sum(len(job.samples) for job in dialogue.jobs.values())
    assert all(len(job.samples) <= 25_032 * 16 for job in dialogue.jobs.values())
    assert samples / 16 >= 61_000 - 32
    assert dialogue.kinds()[-3:] == COMMITTED
    for text in ("One.", "Two.", "Three."):
        dialogue.transcribed(text)
    assert dialogue.body(TRANSCRIBED[1])["transcript"] == "One. Two. Three."


def test_a_late_pause_settles_a_piece_for_good(dialogue):
    dialogue.speak(13_000)
    dialogue.quiet(192)
    dialogue.speak(640)
    assert not dialogue.cancelled
    dialogue.quiet(512)
    assert len(dialogue.jobs) == 2
    dialogue.transcribed("One.")
    dialogue.transcribed("Two.")
    assert dialogue.body(TRANSCRIBED[1])["transcript"] == "One. Two."


def test_a_turn_that_never_ends_is_ended(dialogue):
    dialogue.speak(UTTERANCE_MS_MAX)
    assert dialogue.kinds()[1:] == ["input_audio_buffer.speech_stopped", *COMMITTED]


def test_clear_drops_the_turn_being_spoken(dialogue):
    dialogue.speak(640)
    dialogue.quiet(256)
    dialogue.take()
    dialogue.send("input_audio_buffer.clear")
    assert dialogue.take() == ["input_audio_buffer.cleared"]
    assert not dialogue.jobs
    dialogue.quiet(512)
    assert dialogue.take() == []


def test_commit_in_the_middle_of_speech_ends_the_turn_without_a_response(dialogue):
    dialogue.speak(640)
    dialogue.take()
    dialogue.send("input_audio_buffer.commit")
    assert dialogue.take() == COMMITTED
    dialogue.transcribed("Hello there.")
    assert dialogue.take() == TRANSCRIBED


def test_push_to_talk_commits_and_waits_for_response_create(push_to_talk):
    push_to_talk.push(500)
    push_to_talk.push(500)
    assert push_to_talk.take() == []
    push_to_talk.send("input_audio_buffer.commit")
    assert push_to_talk.take() == COMMITTED
    push_to_talk.send("response.create")
    assert push_to_talk.take() == ["response.created"]
    # The reply waits for the words.
    assert not push_to_talk.replies
    push_to_talk.transcribed("Hello there.")
    assert push_to_talk.take() == TRANSCRIBED
    assert push_to_talk.replies[push_to_talk.response_id].prompt.turns[0].text == "Hello there."


@pytest.mark.parametrize("duration_ms", [0, 99])
def test_push_to_talk_refuses_an_empty_commit(push_to_talk, duration_ms):
    if duration_ms:
        push_to_talk.push(duration_ms)
    push_to_talk.send("input_audio_buffer.commit", event_id="mine")
    assert push_to_talk.take() == ["error"]


def test_the_error_of_an_empty_commit_names_it(push_to_talk):
    push_to_talk.send("input_audio_buffer.commit", event_id="mine")
    error = push_to_talk.error()
    assert error["code"] == "input_audio_buffer_commit_empty"
    assert error["event_id"] == "mine"
    assert error["type"] == "invalid_request_error"


def test_push_to_talk_buffer_is_bounded_and_keeps_the_oldest(push_to_talk):
    for _ in range(600):
        push_to_talk.push(1_000)
    raw = bytes(48_000)
    push_to_talk.send("input_audio_buffer.append", raw=raw)
    assert push_to_talk.error()["code"] == "input_audio_buffer_full"
    push_to_talk.take()
    push_to_talk.send("input_audio_buffer.append", raw=raw)
    assert push_to_talk.take() == []
    assert not push_to_talk.listened
    push_to_talk.send("input_audio_buffer.commit")
    assert sum(len(job.samples) for job in push_to_talk.jobs.values()) == 600 * 16_000
    push_to_talk.send("input_audio_buffer.append", raw=raw)
    assert len(push_to_talk.listened) == 1


def test_appends_are_checked(dialogue):
    for body in ({}, {"raw": b"odd"}, {"raw": bytes((15 << 20) + 2)}):
        dialogue.take()
        assert dialogue.send("input_audio_buffer.append", **body) == ["error"]
    assert not dialogue.listened
    dialogue.send("input_audio_buffer.append", raw=bytes(4_800))
    assert dialogue.listened[0].scored


def test_turning_detection_off_keeps_what_is_being_said(dialogue):
    dialogue.speak(640)
    dialogue.send(
        "session.update", session={"type": "realtime", "audio": {"input": {"turn_detection": None}}}
    )
    dialogue.push(500)
    dialogue.take()
    dialogue.send("input_audio_buffer.commit")
    assert dialogue.take() == COMMITTED
    assert len(next(iter(dialogue.jobs.values())).samples) == (640 + 500) * 16


def test_idle_timeout_makes_the_agent_ask(new_dialogue):
    detection = {"type": "server_vad", "idle_timeout_ms": 5_000}
    dialogue = new_dialogue(audio={"input": {"turn_detection": detection}})
    assert dialogue.conversation.deadline_ms() is None
    dialogue.said()
    dialogue.answered(duration_ms=2_000)
    # The time begins once the answer has been played.
    assert dialogue.conversation.deadline_ms() == dialogue.now_ms + 2_000 + 5_000
    dialogue.quiet(7_008)
    dialogue.take()
    dialogue.tick()
    kinds = dialogue.take()
    assert kinds == [
        "input_audio_buffer.timeout_triggered",
        *COMMITTED,
        TRANSCRIBED[1],
        "response.created",
    ]
    turns = dialogue.replies[dialogue.response_id].prompt.turns
    assert turns[-1].role == "system"


def test_a_caller_who_stays_silent_is_left_alone_in_the_end(new_dialogue):
    detection = {"type": "server_vad", "idle_timeout_ms": 5_000}
    dialogue = new_dialogue(audio={"input": {"turn_detection": detection}})
    dialogue.said()
    dialogue.answered()
    for _ in range(IDLE_PROMPTS_MAX):
        dialogue.tick()
        dialogue.answered("Are you there?")
    assert dialogue.conversation.deadline_ms() is None
    dialogue.said()
    dialogue.answered()
    assert dialogue.conversation.deadline_ms() is not None


def test_noise_does_not_end_the_wait_for_the_caller(new_dialogue):
    detection = {"type": "server_vad", "idle_timeout_ms": 5_000}
    dialogue = new_dialogue(audio={"input": {"turn_detection": detection}})
    dialogue.said()
    dialogue.answered()
    dialogue.speak(96)
    assert dialogue.conversation.deadline_ms() is None
    dialogue.quiet(512)
    dialogue.transcribed("")
    assert dialogue.conversation.deadline_ms() == dialogue.now_ms + 5_000


def test_silence_of_an_endless_pause_is_not_transcribed_again(new_dialogue):
    detection = {"type": "server_vad", "silence_duration_ms": 30_000}
    dialogue = new_dialogue(audio={"input": {"turn_detection": detection}})
    dialogue.speak(640)
    dialogue.quiet(30_016)
    assert len(dialogue.jobs) == 1
    assert dialogue.kinds()[-3:] == COMMITTED


def test_many_windows_at_once_are_as_good_as_one_by_one(new_dialogue):
    one, many = new_dialogue(), new_dialogue()
    probabilities = [0.0] * 20 + [0.9] * 20 + [0.0] * 20
    one.hear(*probabilities)
    many.handle(Heard(np.full(60 * 512, 0.1, np.float32), tuple(probabilities)))
    assert [frame.body for frame in one.frames] == [frame.body for frame in many.frames]
