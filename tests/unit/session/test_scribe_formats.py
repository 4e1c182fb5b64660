"""A client that changes its audio format does not wait for the answer, and need not."""

import pytest

from voicehub.audio.formats import AudioFormat
from voicehub.errors import ClientError
from voicehub.realtime.frame import Frame
from voicehub.session.metering import Meter
from voicehub.session.scribe import Scribe


def session(audio_format):
    return {"audio": {"input": {"format": audio_format.as_ga(), "transcription": {}}}}


@pytest.fixture
def meter():
    return Meter()


@pytest.fixture
def scribe(meter):
    return Scribe(session(AudioFormat.PCM), meter, now_ms=0.0, wall_ms=0.0)


def note(scribe, kind, **fields):
    scribe.note(Frame(kind, {"type": kind, **fields}), 0.0)


def heard_ms(scribe, meter, size):
    before = meter.totals.user_audio_ms
    scribe.hear_user(bytes(size), 0.0)
    return meter.totals.user_audio_ms - before


def test_audio_behind_an_update_is_in_the_format_that_it_names(scribe, meter):
    assert heard_ms(scribe, meter, 4_800) == 100
    scribe.expect(session(AudioFormat.PCMU))
    assert heard_ms(scribe, meter, 801) == 100.125
    note(scribe, "session.updated", session=session(AudioFormat.PCMU))
    assert heard_ms(scribe, meter, 800) == 100


def test_the_answer_to_an_earlier_update_does_not_take_it_back(scribe, meter):
    scribe.expect({"tools": []})
    scribe.expect(session(AudioFormat.PCMA))
    note(scribe, "session.updated", session=session(AudioFormat.PCM))
    assert heard_ms(scribe, meter, 800) == 100
    note(scribe, "session.updated", session=session(AudioFormat.PCMA))
    assert heard_ms(scribe, meter, 800) == 100


def test_an_update_that_is_refused_changes_nothing(scribe, meter):
    scribe.expect(session(AudioFormat.PCMU))
    note(scribe, "error", error={"code": "invalid_value"})
    assert heard_ms(scribe, meter, 4_800) == 100
    with pytest.raises(ClientError):
        scribe.hear_user(bytes(801), 0.0)


def test_an_update_without_a_format_keeps_the_one_there_is(scribe, meter):
    scribe.expect({"audio": {"input": {"turn_detection": None}}})
    assert heard_ms(scribe, meter, 4_800) == 100
