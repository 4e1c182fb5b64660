"""Human speech for the benchmarks: a recording that the package of the offline engine ships."""

import importlib.util
from functools import cache
from pathlib import Path

import numpy as np
import soundfile

from voicehub.audio.formats import RATE_HZ, Pcm
from voicehub.audio.resample import Resampler, to_float, to_int16

FRAME_MS = 100
FRAME_SAMPLES = RATE_HZ * FRAME_MS // 1000


@cache
def speech() -> Pcm:
    """44 s of reading at 24 kHz, pauses and all."""
    package = importlib.util.find_spec("moonshine_voice")
    assert package is not None
    assert package.submodule_search_locations
    path = Path(package.submodule_search_locations[0]) / "assets/two_cities.wav"
    samples, rate_hz = soundfile.read(path, dtype="int16")
    resampler = Resampler(rate_hz, RATE_HZ)
    return to_int16(np.concatenate((resampler(to_float(samples)), resampler.flush())))


@cache
def frames() -> list[bytes]:
    """The same as raw audio, 100 ms each."""
    pcm = speech()
    whole = len(pcm) // FRAME_SAMPLES * FRAME_SAMPLES
    return [each.tobytes() for each in pcm[:whole].reshape(-1, FRAME_SAMPLES)]
