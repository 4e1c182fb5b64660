"""The speech models: loaded once, shared by all sessions, run on threads of their own."""

import asyncio
import functools
import threading
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, Self, TypeVar

import numpy as np
import numpy.typing as npt
import structlog

from voicehub.engines.local import hearing
from voicehub.engines.local.stt import Moonshine
from voicehub.engines.local.tts import Voice
from voicehub.engines.local.vad import RATE_HZ, WINDOW_SAMPLES, SileroModel, Vad
from voicehub.errors import EngineError, OverloadError, VoiceHubError

P = ParamSpec("P")
T = TypeVar("T")
Samples = npt.NDArray[np.float32]
Pcm = npt.NDArray[np.int16]

# Voice activity must answer within a few ms whatever else runs, so it shares no thread with speech.
VAD_THREADS = 1
SPEECH_THREADS = 2
# Jobs that wait for or hold a thread, over all sessions. At the limit a job is refused with
# OverloadError: sound that comes this late (about 5 s of VAD or of speech) is of no use.
VAD_JOBS_MAX = 1024
SPEECH_JOBS_MAX = 96
# A second of audio, about 6 ms of work: a longer append is scored in several jobs.
SCORE_SAMPLES_MAX = RATE_HZ

_log = structlog.get_logger(__name__)


class SpeechModels:
    """Made by `load`; closed by its maker, after all sessions that use it."""

    def __init__(self) -> None:
        """Load and warm up here and now, for a second or two. Raises EngineError."""
        began = time.perf_counter()
        self._silero = SileroModel()
        self._moonshine = Moonshine()
        self._voice = Voice()
        # First runs plan their memory; the odd word loads the part that reads unknown words.
        next(self._voice.speak("Zqorblex is warming up."))
        self._moonshine.transcribe(np.zeros(RATE_HZ, np.float32))
        self.new_vad().score(np.zeros(RATE_HZ, np.float32))
        self.load_s = time.perf_counter() - began
        self._vad_pool = _Pool("vad", VAD_THREADS, VAD_JOBS_MAX)
        self._speech_pool = _Pool("speech", SPEECH_THREADS, SPEECH_JOBS_MAX)

    @classmethod
    async def load(cls) -> Self:
        """The models, loaded off the loop. Raises EngineError, e.g. where the extra is missing."""
        try:
            models = await asyncio.to_thread(cls)
        except EngineError:
            raise
        except Exception as failure:  # whatever the runtime raises on a broken or foreign model
            raise EngineError("The offline speech models cannot be loaded.") from failure
        _log.info("speech models loaded", load_s=round(models.load_s, 2))
        return models

    def new_vad(self) -> Vad:
        """An ear for one session."""
        return Vad(self._silero)

    async def score(self, vad: Vad, samples16k: Samples) -> list[float]:
        """`vad.score`, off the loop; one at a time per `vad`, in order. Cancelling loses audio."""
        if not vad.completes_window(len(samples16k)):
            return vad.score(samples16k)  # nothing to compute, so a thread would only cost time
        return await self._scored(self._vad_pool, vad, samples16k)

    async def transcribe(self, samples16k: Samples) -> str:
        """What is said, in a recording of any length; empty for silence and noise.

        May be cancelled: what has not begun by then is not done.
        """
        probabilities = await self._scored(self._speech_pool, self.new_vad(), samples16k)
        words = []
        for first, last in hearing.spoken_pieces(probabilities):
            piece = samples16k[first * WINDOW_SAMPLES : last * WINDOW_SAMPLES]
            text = await self._speech_pool.run(self._moonshine.transcribe, piece)
            if text and not hearing.is_noise_word(text, probabilities[first:last]):
                words.append(text)
        return " ".join(words)

    async def speak(self, text: str, speed: float = 1.0) -> AsyncIterator[Pcm]:
        """The sound of `text` at 24 kHz, sentence by sentence, each as soon as it is made.

        A sentence is made when it is asked for: abandon the iterator, and no more are.
        """
        sentences = self._voice.speak(text, speed)
        while (sound := await self._speech_pool.run(next, sentences, None)) is not None:
            yield sound

    async def close(self) -> None:
        """Let the running jobs end (well under a second each) and refuse all others."""
        await asyncio.to_thread(self._vad_pool.close)
        await asyncio.to_thread(self._speech_pool.close)

    @staticmethod
    async def _scored(pool: "_Pool", vad: Vad, samples16k: Samples) -> list[float]:
        """The probabilities of audio of any length, in jobs so short that others get their turn."""
        return [
            probability
            for start in range(0, len(samples16k), SCORE_SAMPLES_MAX)
            for probability in await pool.run(
                vad.score, samples16k[start : start + SCORE_SAMPLES_MAX]
            )
        ]


class _Pool:
    """A few threads with a limit on the jobs that wait for them."""

    def __init__(self, name: str, threads: int, jobs_max: int) -> None:
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix=name)
        self._name = name
        self._slots = threading.BoundedSemaphore(jobs_max)

    async def run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """`work` on a thread. Cancelled before its turn, it never runs."""
        if not self._slots.acquire(blocking=False):
            raise OverloadError("The speech engine has too much to do.")
        try:
            job = self._executor.submit(functools.partial(work, *args, **kwargs))
        except RuntimeError as closed:
            self._slots.release()
            raise EngineError("The speech models are closed.") from closed
        job.add_done_callback(lambda _: self._slots.release())
        try:
            return await asyncio.wrap_future(job)
        except VoiceHubError:
            raise
        except Exception as failure:  # the inference runtime's errors have no common class
            raise EngineError(f"The {self._name} model failed.") from failure

    def close(self) -> None:
        self._executor.shutdown(wait=True)
