"""Text to speech: an English voice at 24 kHz (hibari), one sentence at a time."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from voicehub.audio.resample import to_int16
from voicehub.engines.local.speech_text import speakable
from voicehub.engines.local.weights import INSTALL_HINT
from voicehub.errors import EngineError

Pcm = npt.NDArray[np.int16]

RATE_HZ = 24_000
# The voice was trained between these; GA allows 0.25 to 1.5.
SPEED_MIN, SPEED_MAX = 0.5, 2.0
# The voice's breath is noise: with a fixed seed the same text gives the same bytes.
NOISE_SEED = 7
# More text than this is not read: about 20 minutes of speech, far beyond any reply.
TEXT_CHARACTERS_MAX = 20_000


class Voice:
    """One speaker. It keeps nothing between texts, so threads may share it."""

    def __init__(self) -> None:
        try:
            from hibari import Hibari  # noqa: PLC0415  # an optional package, and slow to import
        except ImportError as missing:
            raise EngineError(
                f"The package 'hibari-tts' is not installed. {INSTALL_HINT}"
            ) from missing
        # The package's own voice; any other would be downloaded. It ships no types, hence Any.
        self._hibari: Any = Hibari(voice="heart", threads=1)

    def speak(self, text: str, speed: float = 1.0) -> Iterator[Pcm]:
        """The sound of each sentence of `text`, as soon as it is made; nothing for empty text."""
        speed = min(max(speed, SPEED_MIN), SPEED_MAX)
        for sentence in self._hibari.split_sentences(speakable(text[:TEXT_CHARACTERS_MAX])):
            for phonemes in self._hibari.phonemize(sentence):
                sound = self._hibari.from_phonemes(phonemes, speed, seed=NOISE_SEED)
                if len(sound):
                    yield to_int16(sound)
