import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voicehub.audio.formats import AudioFormat, FromPcm24k
from voicehub.engines.local.ear import Ear, decoded
from voicehub.engines.local.effects import Listen

TONE = (8_000 * np.sin(np.arange(24_000 * 3) * 440 * 2 * np.pi / 24_000)).astype(np.int16)


class Scores:
    """Scores each window by its loudness."""

    def new_vad(self):
        return self

    async def score(self, vad, samples):
        assert vad is self
        assert len(samples) % 512 == 0
        return [float(np.abs(window).mean()) for window in samples.reshape(-1, 512)]


async def hear(ear, raw, audio_format=AudioFormat.PCM, *, scored=True):
    return [heard async for heard in ear.hear(Listen(raw, audio_format, scored))]


def joined(heard):
    return np.concatenate([each.samples for each in heard])


@settings(deadline=None, max_examples=50)  # a busy machine is no failure
@given(st.lists(st.integers(0, 20_000), max_size=20))
async def test_windows_are_the_same_however_the_audio_is_cut(sizes):
    raw = TONE.tobytes()
    whole = await hear(Ear(Scores()), raw)
    ear, pieces, at = Ear(Scores()), [], 0
    for size in [*(size // 2 * 2 for size in sizes), len(raw)]:
        pieces += await hear(ear, raw[at : at + size])
        at = min(at + size, len(raw))
    # But for the last bit: sums of floats depend on how many are added at once.
    assert np.allclose(joined(whole), joined(pieces), atol=1e-6)
    assert [p for heard in whole for p in heard.probabilities] == pytest.approx(
        [p for heard in pieces for p in heard.probabilities], abs=1e-6
    )


async def test_a_long_append_is_heard_in_pieces():
    heard = await hear(Ear(Scores()), TONE.tobytes())
    assert len(heard) == 3
    assert all(len(each.samples) == 512 * len(each.probabilities) for each in heard)


async def test_unscored_audio_comes_whole_and_brings_what_was_held_back():
    ear = Ear(Scores())
    scored = await hear(ear, TONE[:2_400].tobytes())
    rest = await hear(ear, TONE[2_400:4_800].tobytes(), scored=False)
    assert sum(len(each.samples) for each in scored + rest) == pytest.approx(3_200, abs=32)
    assert all(not each.probabilities for each in rest)


async def test_the_format_may_change(any_format):
    ear = Ear(Scores())
    await hear(ear, TONE[:2_400].tobytes())
    raw = FromPcm24k(any_format)(TONE)
    heard = await hear(ear, raw, any_format)
    assert sum(len(each.samples) for each in heard) / 16_000 == pytest.approx(3.0, abs=0.1)


def test_a_recording_is_decoded_in_one_go(any_format):
    samples = decoded(FromPcm24k(any_format)(TONE), any_format)
    assert len(samples) / 16_000 == pytest.approx(3.0, abs=0.01)
    # A sine of 8,000 of 32,768.
    assert np.square(samples[1_000:-1_000]).mean() == pytest.approx(0.0298, rel=0.05)
