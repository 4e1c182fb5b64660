import pytest

from voicehub.audio.formats import AudioFormat
from voicehub.engines.upstream.session_config import asked, audio_format, effective, overlaid
from voicehub.errors import EngineError
from voicehub.session.spec import DEFAULT_SESSION


def test_the_placeholder_becomes_the_configured_transcription_model():
    session = asked(DEFAULT_SESSION, "whisper-1")
    assert session["audio"]["input"]["transcription"] == {"model": "whisper-1"}
    assert DEFAULT_SESSION["audio"]["input"]["transcription"] == {"model": "default"}


@pytest.mark.parametrize("transcription", [None, {"model": "theirs"}, {"language": "sv"}])
def test_a_transcription_that_was_chosen_stays(transcription):
    session = {"type": "realtime", "audio": {"input": {"transcription": transcription}}}
    assert asked(session, "whisper-1") == session


def test_the_servers_own_fields_and_the_model_are_not_asked_for():
    session = {"id": "s", "object": "o", "model": "m", "voicehub": {}, "instructions": "Be kind."}
    assert asked(session, "whisper-1") == {"type": "realtime", "instructions": "Be kind."}


def test_an_update_changes_what_it_names():
    before = {
        "instructions": "a",
        "audio": {"input": {"format": 1, "noise_reduction": {"type": 1}}},
    }
    update = {"audio": {"input": {"noise_reduction": None}, "output": {"voice": "sage"}}}
    assert overlaid(before, update) == {
        "instructions": "a",
        "audio": {"input": {"format": 1, "noise_reduction": None}, "output": {"voice": "sage"}},
    }


def test_another_kind_of_turn_detection_replaces_the_old_one_whole():
    before = {"turn_detection": {"type": "server_vad", "threshold": 0.5}}
    semantic = {"turn_detection": {"type": "semantic_vad"}}
    assert overlaid(before, semantic) == semantic
    longer = {"turn_detection": {"type": "server_vad", "silence_duration_ms": 900}}
    merged = {"type": "server_vad", "threshold": 0.5, "silence_duration_ms": 900}
    assert overlaid(before, longer) == {"turn_detection": merged}
    assert overlaid(before, {"turn_detection": None}) == {"turn_detection": None}


def test_what_an_upstream_does_not_show_is_what_was_asked_for():
    session = effective(DEFAULT_SESSION, {"id": "sess_1"}, "cloud")
    assert session["id"] == "sess_1"
    assert session["audio"] == DEFAULT_SESSION["audio"]


@pytest.mark.parametrize(
    "audio",
    ["loud", {"input": 7}, {"input": {"format": "pcm16"}}, {"output": {"format": {"type": "mp3"}}}],
)
def test_a_format_that_the_recording_cannot_take_is_refused(audio):
    with pytest.raises(EngineError, match="'cloud'"):
        effective(DEFAULT_SESSION, {"audio": audio}, "cloud")


def test_the_format_of_each_side_is_found():
    session = overlaid(DEFAULT_SESSION, {"audio": {"output": {"format": {"type": "audio/pcmu"}}}})
    assert audio_format(session, "input", "cloud") is AudioFormat.PCM
    assert audio_format(session, "output", "cloud") is AudioFormat.PCMU
