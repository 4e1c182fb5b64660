import pytest

from voicehub.audio.formats import AudioFormat
from voicehub.engines.local.session_config import SessionConfig, TurnDetection
from voicehub.errors import ClientError


@pytest.fixture
def config():
    return SessionConfig.begin({"model": "agent_1", "instructions": "You are Ava."}, "sess_1")


def update(config, *, voice_fixed=False, **session):
    return config.updated({"type": "realtime", **session}, voice_fixed=voice_fixed)


def detection(config, value):
    return update(config, audio={"input": {"turn_detection": value}}).turn_detection


def test_only_what_is_given_changes(config):
    changed = update(config, audio={"output": {"speed": 1.5}})
    assert changed.speed == 1.5
    assert changed.instructions == "You are Ava."
    assert changed.as_ga()["model"] == "agent_1"


def test_what_is_shown_can_be_sent_back(config):
    changed = update(
        config,
        audio={
            "input": {"format": {"type": "audio/pcmu"}, "noise_reduction": {"type": "near_field"}},
            "output": {"format": {"type": "audio/pcma"}, "voice": {"id": "v1"}},
        },
        tracing="auto",
        max_output_tokens=100,
    )
    assert changed.input_format is AudioFormat.PCMU
    assert changed.voice == "v1"
    assert changed.updated(changed.as_ga(), voice_fixed=True) == changed


def test_null_clears_what_it_may(config):
    changed = update(config, instructions=None, tools=None, max_output_tokens=None)
    assert changed.instructions == ""
    assert changed.as_ga()["max_output_tokens"] == "inf"


@pytest.mark.parametrize(
    ("session", "code"),
    [
        ({"model": "other"}, "cannot_update_model"),
        ({"model": []}, "cannot_update_model"),
        ({"voice": "alloy"}, "unknown_parameter"),
        ({"type": "transcription"}, "invalid_value"),
        ({"type": None}, "missing_required_parameter"),
        ({"audio": {"input": {"sampling": 1}}}, "unknown_parameter"),
        ({"audio": {"output": {"speed": 2}}}, "invalid_value"),
        ({"audio": []}, "invalid_value"),
        ({"audio": {"input": {"format": {"type": "audio/pcm", "rate": 16000}}}}, "invalid_value"),
        ({"audio": {"input": {"turn_detection": {"type": "x"}}}}, "invalid_value"),
        ({"audio": {"input": {"turn_detection": {"threshold": 2}}}}, "invalid_value"),
        ({"audio": {"input": {"turn_detection": "auto"}}}, "invalid_value"),
    ],
)
def test_odd_updates_are_refused(config, session, code):
    with pytest.raises(ClientError) as refusal:
        update(config, **session)
    assert refusal.value.code == code


def test_the_voice_is_fixed_once_the_agent_has_spoken(config):
    assert update(config, audio={"output": {"voice": "cedar"}}).voice == "cedar"
    with pytest.raises(ClientError) as refusal:
        update(config, voice_fixed=True, audio={"output": {"voice": "cedar"}})
    assert refusal.value.code == "cannot_update_voice"
    assert update(config, voice_fixed=True, audio={"output": {"voice": config.voice}}) == config


def test_turn_detection_keeps_what_is_not_given_while_its_kind_stays(config):
    changed = update(
        config, audio={"input": {"turn_detection": {"type": "server_vad", "threshold": 0.7}}}
    )
    changed = update(changed, audio={"input": {"turn_detection": {"silence_duration_ms": 300}}})
    assert changed.turn_detection == TurnDetection(threshold=0.7, silence_duration_ms=300)
    assert detection(changed, {"type": "semantic_vad"}) == TurnDetection(
        eagerness="auto", silence_duration_ms=700
    )


def test_idle_timeout_can_be_turned_off(config):
    changed = update(config, audio={"input": {"turn_detection": {"idle_timeout_ms": 6_000}}})
    assert changed.turn_detection.idle_timeout_ms == 6_000
    assert detection(changed, {"idle_timeout_ms": None}).idle_timeout_ms is None


def test_turn_detection_can_be_turned_off_and_on(config):
    off = update(config, audio={"input": {"turn_detection": None}})
    assert off.as_ga()["audio"]["input"]["turn_detection"] is None
    assert detection(off, {"type": "server_vad"}) == TurnDetection()
    with pytest.raises(ClientError):
        detection(off, {"threshold": 0.5})


@pytest.mark.parametrize(("eagerness", "silence_ms"), [("low", 1_200), ("high", 400)])
def test_eagerness_decides_the_silence(config, eagerness, silence_ms):
    changed = detection(config, {"type": "semantic_vad", "eagerness": eagerness})
    assert changed.silence_duration_ms == silence_ms
    assert changed.as_ga()["eagerness"] == eagerness
