"""A caller's voice of which every 10 ms say which they are, so that a recording can be counted."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.int16]

UNIT_MS = 10
UNIT_SAMPLES = 24 * UNIT_MS
# Each unit is one value held; 0 is silence. After so many the values begin again, which a recording
# unfolds as long as no gap is longer than half of it (160 s).
PERIOD = 32_000


def voice(first: int, count: int) -> bytes:
    """Units `first` and those after it, as the protocol's PCM."""
    numbers = np.arange(first, first + count) % PERIOD + 1
    return np.repeat(numbers, UNIT_SAMPLES).astype("<i2").tobytes()


@dataclass(frozen=True, slots=True)
class Heard:
    """What a recording has of the units that were sent."""

    missing_ms: float
    doubled_ms: float
    strange_ms: float
    """Sound that is no unit that was sent."""
    gaps_ms: tuple[float, ...]
    """Each run of units of which something is missing."""


def heard(left: Samples, sent: int) -> Heard:
    """Compare the caller's channel with the `sent` first units."""
    numbers, lengths = _runs(left)
    known = (numbers >= 0) & (numbers < sent)
    found = np.bincount(numbers[known], weights=lengths[known], minlength=sent)
    short = np.maximum(UNIT_SAMPLES - found, 0)
    return Heard(
        missing_ms=float(short.sum()) / 24,
        doubled_ms=float(np.maximum(found - UNIT_SAMPLES, 0).sum()) / 24,
        strange_ms=float(lengths[~known].sum()) / 24,
        gaps_ms=_gaps(short),
    )


def _runs(left: Samples) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Number and length in samples of each stretch of one value that is not silence."""
    if not len(left):
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    starts = np.flatnonzero(np.diff(left, prepend=left[0] ^ 1))
    lengths = np.diff(starts, append=len(left))
    values = left[starts].astype(np.int64)
    sounds = values != 0
    numbers = values[sounds] - 1
    # The period is begun anew where the number falls by more than half of it.
    turns = np.concatenate(([0], np.cumsum(np.diff(numbers) < -PERIOD // 2)))[: len(numbers)]
    return numbers + turns * PERIOD, lengths[sounds]


def _gaps(short: npt.NDArray[np.float64]) -> tuple[float, ...]:
    holes = np.flatnonzero(short)
    if not len(holes):
        return ()
    breaks = np.flatnonzero(np.diff(holes) > 1) + 1
    return tuple(float(short[hole].sum()) / 24 for hole in np.split(holes, breaks))
