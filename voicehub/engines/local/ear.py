"""One session's ear: the bytes of its appends, decoded, resampled, cut into windows and scored."""

from collections.abc import AsyncIterator

import numpy as np

from voicehub.audio.formats import RATE_HZ as PCM_RATE_HZ
from voicehub.audio.formats import AudioFormat, ToPcm24k
from voicehub.audio.resample import Resampler, to_float
from voicehub.engines.local.effects import Listen
from voicehub.engines.local.events import RATE_HZ, WINDOW_SAMPLES, Heard, Samples16k
from voicehub.engines.local.models import SpeechModels

# A long append is heard in pieces, so that the caller's speech is noticed before its end.
PIECE_MS = 1_000


class Ear:
    """Takes one `Listen` at a time, in order."""

    def __init__(self, models: SpeechModels) -> None:
        self._models = models
        self._vad = models.new_vad()
        self._decoder = Decoder(AudioFormat.PCM)
        # Less than one window, which waits for the next append.
        self._rest: Samples16k = np.empty(0, np.float32)

    async def hear(self, listen: Listen) -> AsyncIterator[Heard]:
        """What `listen` holds. Raises EngineError, OverloadError."""
        if listen.format is not self._decoder.format:
            self._decoder = Decoder(listen.format)
        size = PIECE_MS * listen.format.bytes_per_ms
        for start in range(0, len(listen.raw), size):
            # Decoding stays on the loop: it takes 0.1 ms for 100 ms, as much as changing threads.
            samples = np.concatenate((self._rest, self._decoder(listen.raw[start : start + size])))
            if not listen.scored:
                self._rest = samples[:0]
                yield Heard(samples)
                continue
            whole = len(samples) // WINDOW_SAMPLES * WINDOW_SAMPLES
            self._rest = samples[whole:].copy()
            if whole:
                scores = await self._models.score(self._vad, samples[:whole])
                yield Heard(samples[:whole], tuple(scores))


class Decoder:
    """Bytes of one format, in order, to float samples at 16 kHz."""

    def __init__(self, audio_format: AudioFormat) -> None:
        self.format = audio_format
        self._to_pcm = ToPcm24k(audio_format)
        self._resampler = Resampler(PCM_RATE_HZ, RATE_HZ)

    def __call__(self, raw: bytes) -> Samples16k:
        return self._resampler(to_float(self._to_pcm(raw)))


def decoded(raw: bytes, audio_format: AudioFormat) -> Samples16k:
    """All of a recording at 16 kHz, in one go."""
    return Decoder(audio_format)(raw)
