"""What the demo proves: every check is a number that was measured and a limit for it."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import numpy.typing as npt

RATE_HZ = 24_000
PER_MS = RATE_HZ // 1000
# An int16 sample beyond this is sound: a recorded silence is zeros, speech is in the thousands.
SOUND_MIN = 60
# How far from its expected place a clip is looked for.
SEARCH_MS = 1_000

Pcm = npt.NDArray[np.int16]


@dataclass(frozen=True, slots=True)
class Check:
    """One promise: what was measured, in words, and whether it holds."""

    name: str
    measured: str
    holds: bool


@dataclass(frozen=True, slots=True)
class Found:
    """Where a clip lies in a channel, and how alike the two are (1 is the same)."""

    lag_ms: float
    likeness: float


def onset_ms(clip: Pcm) -> float:
    """Where the speech in a clip begins."""
    return float(np.flatnonzero(np.abs(clip.astype(int)) > 20 * SOUND_MIN)[0]) / PER_MS


def end_ms(clip: Pcm) -> float:
    """Where the speech in a clip ends."""
    return float(np.flatnonzero(np.abs(clip.astype(int)) > 20 * SOUND_MIN)[-1]) / PER_MS


def find(clip: Pcm, channel: Pcm, expected_ms: float) -> Found:
    """The place near `expected_ms` where the normalised cross-correlation peaks."""
    first = max(0, int((expected_ms - SEARCH_MS) * PER_MS))
    last = min(len(channel), int((expected_ms + SEARCH_MS) * PER_MS) + len(clip))
    window = channel[first:last].astype(np.float64)
    wanted = clip.astype(np.float64)
    if len(window) < len(wanted) or not window.any():
        return Found(0.0, 0.0)
    size = 1 << (len(window) + len(wanted)).bit_length()
    spectrum = np.fft.rfft(window, size) * np.conj(np.fft.rfft(wanted, size))
    products = np.fft.irfft(spectrum, size)[: len(window) - len(wanted) + 1]
    best = int(products.argmax())
    there = window[best : best + len(wanted)]
    norm = np.linalg.norm(there) * np.linalg.norm(wanted)
    lag_ms = (first + best) / PER_MS - expected_ms
    return Found(lag_ms, float(there @ wanted / norm) if norm else 0.0)


def caller_check(said: list[tuple[Pcm, float]], left: Pcm) -> tuple[Check, float]:
    """Each clip (and where it was said) lies on the left at one offset, which is returned."""
    found = [find(clip, left, start_ms) for clip, start_ms in said]
    lags = [each.lag_ms for each in found]
    spread, likeness = max(lags) - min(lags), min(each.likeness for each in found)
    measured = f"offset {lags[0]:+.1f} ms, drift {spread:.1f} ms (at most 20), alike {likeness:.3f}"
    return Check("the caller is on the left", measured, spread <= 20 and likeness > 0.9), lags[0]


def agent_check(heard: list[tuple[Pcm, float]], right: Pcm, offset_ms: float) -> Check:
    """Each piece that the caller heard (with when) lies on the right at the same offset."""
    found = [find(clip, right, start_ms + offset_ms) for clip, start_ms in heard]
    worst = max((each.lag_ms for each in found), key=abs)
    likeness = min(each.likeness for each in found)
    measured = f"within {worst:+.1f} ms of where it was heard (at most 150), alike {likeness:.3f}"
    return Check("the agent is on the right", measured, abs(worst) <= 150 and likeness > 0.9)


def barge_in_check(right: Pcm, cut_ms: float, next_reply_ms: float) -> Check:
    """After the cut the right channel is silent until the next reply; 200 ms are the way there."""
    after = np.abs(right[int(cut_ms * PER_MS) : int(next_reply_ms * PER_MS)].astype(int))
    loud = np.flatnonzero(after > SOUND_MIN)
    tail_ms = float(loud[-1] + 1) / PER_MS if len(loud) else 0.0
    measured = f"silent {tail_ms:.0f} ms after it (at most 200), for {len(after) / PER_MS:.0f} ms"
    return Check("barge-in silences the agent", measured, len(after) > 0 and tail_ms <= 200)


def words_check(said: list[str], written: list[str]) -> Check:
    """Word error rate of the transcript's user lines."""
    wanted, got = _words(" ".join(said)), _words(" ".join(written))
    rate = _distance(wanted, got) / len(wanted)
    return Check("the words are right", f"{rate:.0%} wrong (under 25 %)", rate < 0.25)


def timestamps_check(starts: list[datetime], stamps: list[datetime]) -> Check:
    """Each line's timestamp against the moment at which its speech began."""
    apart = [
        abs(stamp - start) / timedelta(milliseconds=1) for start, stamp in _pairs(starts, stamps)
    ]
    measured = f"at most {max(apart, default=0):.0f} ms off (at most 300), {len(stamps)} lines"
    return Check("the times are right", measured, len(starts) == len(stamps) and max(apart) <= 300)


def tokens_check(seen: float, stored: float, grown: float) -> Check:
    """What the client saw, what the session says and what the subscription grew by are the same."""
    measured = f"seen {seen:g}, session {stored:g}, subscription grew by {grown:g}"
    return Check("the tokens agree", measured, seen == stored == grown)


def _pairs(starts: list[datetime], stamps: list[datetime]) -> list[tuple[datetime, datetime]]:
    return list(zip(starts, stamps, strict=False))


def _words(text: str) -> list[str]:
    return re.findall(r"[a-z0-9']+", text.lower())


def _distance(wanted: list[str], got: list[str]) -> int:
    """Levenshtein's, in words."""
    row = list(range(len(got) + 1))
    for number, word in enumerate(wanted, 1):
        above, row = row, [number]
        for place, other in enumerate(got, 1):
            row.append(min(row[-1] + 1, above[place] + 1, above[place - 1] + (word != other)))
    return row[-1]
