"""A streaming resampler: a windowed-sinc polyphase filter with a constant delay."""

import math

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.float32]

# 32 taps on the slower side of the conversion: 2 ms of delay at 8 kHz, aliases below -90 dB.
TAPS = 32
# Where the pass band ends, as a share of the slower side's Nyquist frequency.
ROLL_OFF = 0.94
KAISER_BETA = 9.0


def to_float(pcm: npt.NDArray[np.int16]) -> Samples:
    """int16 samples to floats in [-1, 1)."""
    return pcm.astype(np.float32) * np.float32(1 / 32768)


def to_int16(samples: Samples) -> npt.NDArray[np.int16]:
    """Floats to int16 samples; what is too loud is clipped, never wrapped."""
    scaled: Samples = np.rint(samples * np.float32(32768))
    return scaled.clip(-32768, 32767).astype(np.int16)


class Resampler:
    """Takes the samples of one signal in pieces of any size; their cut does not show in the output.

    Output sample k stands at the very time of input sample k * from_hz / to_hz: the filter is
    symmetric, so nothing is shifted. It is given as soon as `delay_ms` more of input is there.
    """

    def __init__(self, from_hz: int, to_hz: int) -> None:
        divisor = math.gcd(from_hz, to_hz)
        self._up, self._down = to_hz // divisor, from_hz // divisor
        self._half = TAPS // 2 * max(self._down, self._up) // self._up
        self.delay_ms = 1000 * self._half / from_hz
        self._phases = _filter(self._up, self._down, self._half)
        self._restart()

    def __call__(self, samples: Samples) -> Samples:
        """The output that `samples` completes, possibly none."""
        self._received += len(samples)
        return self._filtered(samples)

    def flush(self) -> Samples:
        """The output still held back, up to the end of the input; the resampler starts anew."""
        wanted = -(-self._received * self._up // self._down) - self._given
        rest = self._filtered(np.zeros(2 * self._half, np.float32))[:wanted]
        self._restart()
        return rest

    def _restart(self) -> None:
        # Silence before the first sample, so that it stands in the middle of the first window.
        self._held = np.zeros(self._half - 1, np.float32)
        self._position = 0  # of the next output, in 1/up input samples from the start of `_held`
        self._received = self._given = 0

    def _filtered(self, samples: Samples) -> Samples:
        held = np.concatenate((self._held, samples))
        rows = len(held) - 2 * self._half + 1
        count = max(0, -(-(rows * self._up - self._position) // self._down))
        output = np.empty(count, np.float32)
        if count:
            windows = np.lib.stride_tricks.sliding_window_view(held, 2 * self._half)
            for offset in range(min(self._up, count)):
                # Every `up`th output has the same phase, and its window begins `down` rows later.
                row, phase = divmod(self._position + offset * self._down, self._up)
                output[offset :: self._up] = windows[row :: self._down] @ self._phases[phase]
        after = self._position + count * self._down
        consumed = min(after // self._up, len(held))
        self._held = held[consumed:].copy()
        self._position = after - consumed * self._up
        self._given += count
        return output


def _filter(up: int, down: int, half: int) -> Samples:
    """One row of taps per phase, each of unit gain at 0 Hz."""
    cutoff = min(1.0, up / down) * ROLL_OFF
    distance = np.arange(2 * half) - half + 1 - np.arange(up)[:, None] / up
    window = np.i0(KAISER_BETA * np.sqrt(np.maximum(0, 1 - (distance / half) ** 2)))
    taps = cutoff * np.sinc(cutoff * distance) * window
    unit: npt.NDArray[np.float64] = taps / taps.sum(axis=1, keepdims=True)
    return unit.astype(np.float32)
