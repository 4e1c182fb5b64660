"""Speech for the tests: recordings that a package ships, and how well speech was heard."""

import importlib.util
import re
import wave
from pathlib import Path

import numpy as np
import numpy.typing as npt

from voicehub.audio.resample import Resampler, to_float, to_int16

Samples = npt.NDArray[np.float32]
Pcm = npt.NDArray[np.int16]

# What people say in the recordings of the `moonshine_voice` package.
BECKETT = "Ever tried. Ever failed. No matter. Try again. Fail again. Fail better."
TWO_CITIES = """
It was the best of times, it was the worst of times, it was the age of wisdom, it was the age
of foolishness, it was the epoch of belief, it was the epoch of incredulity, it was the season
of light, it was the season of darkness, it was the spring of hope, it was the winter of
despair, we had everything before us, we had nothing before us, we were all going direct to
heaven, we were all going direct the other way. In short, the period was so far like the
present period, that some of its noisiest authorities insisted on its being received, for good
or for evil, in the superlative degree of comparison only.
"""

_WORD = re.compile(r"[a-z0-9]+(?:'[a-z]+)?")


def word_error_rate(said: str, heard: str) -> float:
    """Words to change, add or drop to turn `heard` into `said`, over the words of `said`."""
    wanted, given = (_WORD.findall(text.lower().replace("’", "'")) for text in (said, heard))  # noqa: RUF001  # the curly quote is meant
    costs = list(range(len(given) + 1))
    for row, word in enumerate(wanted, 1):
        diagonal, costs[0] = costs[0], row
        for column, other in enumerate(given, 1):
            substituted = diagonal + (word != other)
            diagonal = costs[column]
            costs[column] = min(substituted, costs[column] + 1, costs[column - 1] + 1)
    return costs[-1] / max(1, len(wanted))


def recording(name: str, rate_hz: int = 16_000) -> Samples:
    """A recording of human speech, `beckett.wav` or `two_cities.wav`, at `rate_hz`."""
    package = importlib.util.find_spec("moonshine_voice")
    assert package is not None
    assert package.submodule_search_locations
    path = Path(package.submodule_search_locations[0]) / "assets" / name
    with wave.open(str(path)) as file:
        pcm = np.frombuffer(file.readframes(file.getnframes()), "<i2")
        return resampled(to_float(pcm), file.getframerate(), rate_hz)


def resampled(samples: Samples, from_hz: int, to_hz: int) -> Samples:
    if from_hz == to_hz:
        return samples
    resampler = Resampler(from_hz, to_hz)
    return np.concatenate((resampler(samples), resampler.flush()))


def samples16k(pcm24k: Pcm) -> Samples:
    """What a voice of 24 kHz sounds like to the models that listen."""
    return resampled(to_float(pcm24k), 24_000, 16_000)


def pcm24k(samples: Samples, rate_hz: int = 16_000) -> Pcm:
    """Samples as a client would send them."""
    return to_int16(resampled(samples, rate_hz, 24_000))


def silence(duration_ms: int, rate_hz: int = 16_000) -> Samples:
    return np.zeros(duration_ms * rate_hz // 1000, np.float32)


def noise(duration_ms: int, level: float = 0.1, seed: int = 1) -> Samples:
    """White noise at 16 kHz."""
    random = np.random.default_rng(seed)
    return (level * random.standard_normal(duration_ms * 16)).astype(np.float32).clip(-1, 1)
