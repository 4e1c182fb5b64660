import numpy as np
import pytest

from voicehub.audio.formats import AudioFormat, FromPcm24k, ToPcm24k
from voicehub.errors import ClientError


def test_sizes_and_rates_of_each_format():
    assert [(each.rate_hz, each.bytes_per_sample, each.bytes_per_ms) for each in AudioFormat] == [
        (24_000, 2, 48),
        (8_000, 1, 8),
        (8_000, 1, 8),
    ]
    assert AudioFormat.PCM.duration_ms(4800) == 100
    assert AudioFormat.PCMA.duration_ms(4) == 0.5


@pytest.mark.parametrize("audio_format", AudioFormat)
def test_the_protocols_object_comes_back_as_the_same_format(audio_format):
    assert AudioFormat.from_ga(audio_format.as_ga(), "format") is audio_format


def test_pcm_names_its_rate_and_g711_does_not():
    assert AudioFormat.PCM.as_ga() == {"type": "audio/pcm", "rate": 24000}
    assert AudioFormat.PCMU.as_ga() == {"type": "audio/pcmu"}


@pytest.mark.parametrize(
    ("obj", "param"),
    [
        (None, "f"),
        ("pcm16", "f"),
        ([], "f"),
        ({}, "f.type"),
        ({"type": "audio/mp3"}, "f.type"),
        ({"type": ["audio/pcm"]}, "f.type"),
        ({"type": {"a": 1}}, "f.type"),
        ({"type": "audio/pcm", "rate": 16000}, "f.rate"),
        ({"type": "audio/pcm", "rate": "24000"}, "f.rate"),
        ({"type": "audio/pcmu", "rate": True}, "f.rate"),
    ],
)
def test_an_unknown_format_is_refused_where_it_stands(obj, param):
    with pytest.raises(ClientError) as refusal:
        AudioFormat.from_ga(obj, "f")
    assert refusal.value.param == param


def test_pcm_passes_unchanged_both_ways():
    pcm = np.array([0, 1, -1, 32767, -32768], np.int16)
    raw = pcm.astype("<i2").tobytes()
    assert np.array_equal(ToPcm24k(AudioFormat.PCM)(raw), pcm)
    assert FromPcm24k(AudioFormat.PCM)(pcm) == raw
    assert len(ToPcm24k(AudioFormat.PCM).flush()) == 0
    assert FromPcm24k(AudioFormat.PCM).flush() == b""


def test_half_a_sample_is_refused():
    with pytest.raises(ClientError) as refusal:
        ToPcm24k(AudioFormat.PCM)(b"\x00\x01\x02")
    assert refusal.value.param == "audio"


@pytest.mark.parametrize("audio_format", [AudioFormat.PCMU, AudioFormat.PCMA])
def test_a_tone_through_the_telephone_is_the_same_tone(audio_format):
    tone = (8000 * np.sin(2 * np.pi * 440 * np.arange(24_000) / 24_000)).astype(np.int16)
    encode, decode = FromPcm24k(audio_format), ToPcm24k(audio_format)
    raw = b"".join(encode(tone[start : start + 480]) for start in range(0, 24_000, 480))
    raw += encode.flush()
    assert len(raw) == 8000
    heard = np.concatenate((decode(raw), decode.flush()))
    assert len(heard) == 24_000
    error = np.std(heard[500:-500].astype(float) - tone[500:-500]) / np.std(tone)
    assert 20 * np.log10(error) < -30  # G.711 itself has about 38 dB
