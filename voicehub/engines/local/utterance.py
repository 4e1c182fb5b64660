"""The caller's audio that is not yet committed: pre-roll, the piece being spoken, their bounds."""

from collections import deque

import numpy as np

from voicehub.engines.local.events import (
    RATE_HZ,
    SAMPLES_PER_MS,
    WINDOW_MS,
    WINDOW_SAMPLES,
    Samples16k,
)
from voicehub.engines.local.turns import ONSET_MS_MAX, PAUSE_MS

# Weak onsets are found up to 440 ms late, and transcription wants to hear them.
PRE_ROLL_MS = 400
# Speech longer than this is transcribed in pieces: its cost grows faster than its length, and only
# one piece is kept as audio.
PIECE_MS_MAX = 25_000
# A pause this far into a piece ends it for good, so that long speech is never transcribed twice.
PIECE_SETTLED_MS = 12_000
# Where no pause comes, the cut is made at the quietest place of the last part.
CUT_SEARCH_MS = 5_000
# A turn that never ends is ended here; a push-to-talk buffer takes no more.
UTTERANCE_MS_MAX = 600_000


class Utterance:
    """Samples of one turn; `take_piece` gives them away, so at most one piece is kept."""

    def __init__(self, pre_roll_ms: int) -> None:
        self._chunks: list[Samples16k] = []
        self._samples = 0
        self._ring: deque[Samples16k] = deque()
        self.configure(pre_roll_ms)
        self.is_open = False
        """Whether a turn is being recorded; before that, only the pre-roll is kept."""
        self.is_voiced = False
        """Whether the piece holds speech that no job has transcribed."""

    def configure(self, pre_roll_ms: int) -> None:
        self._pre_roll_windows = -(-max(pre_roll_ms, PRE_ROLL_MS) // WINDOW_MS)
        ring_max = self._pre_roll_windows + ONSET_MS_MAX // WINDOW_MS + 2
        self._ring = deque(self._ring, maxlen=ring_max)

    @property
    def piece_ms(self) -> float:
        return self._samples / SAMPLES_PER_MS

    def add(self, samples: Samples16k) -> None:
        """The next window, or with turn detection off the next samples."""
        if self.is_open:
            self._chunks.append(samples)
            self._samples += len(samples)
        else:
            self._ring.append(samples)

    def begin(self, onset_windows: int) -> None:
        """A turn began `onset_windows` ago: it starts with the pre-roll before that."""
        kept = list(self._ring)[-(onset_windows + self._pre_roll_windows) :]
        self._ring.clear()
        self._keep(kept)
        self.is_open = self.is_voiced = True

    def begin_empty(self) -> None:
        """Push-to-talk: the turn is what the client sends from here on."""
        self._ring.clear()
        self._keep([])
        self.is_open = True

    def end(self) -> None:
        self._keep([])
        self.is_open = self.is_voiced = False

    def whole_piece(self) -> Samples16k:
        return _joined(self._chunks)

    def take_piece(self) -> Samples16k:
        """The piece, at a pause: only the tail of the pause is kept, as lead-in of the next."""
        piece = self.whole_piece()
        tail = piece[-PAUSE_MS * SAMPLES_PER_MS :]
        self._keep([tail.copy()])
        self.is_voiced = False
        return piece

    def cut_piece(self) -> Samples16k:
        """The piece up to the quietest place of its last part; what follows is kept."""
        piece = self.whole_piece()
        searched = min(len(piece), CUT_SEARCH_MS * RATE_HZ // 1000) // WINDOW_SAMPLES
        start = len(piece) - searched * WINDOW_SAMPLES
        energies = np.square(piece[start:].reshape(searched, WINDOW_SAMPLES)).mean(axis=1)
        cut = start + int(energies.argmin()) * WINDOW_SAMPLES + WINDOW_SAMPLES // 2
        self._keep([piece[cut:].copy()])
        self.is_voiced = True
        return piece[:cut]

    def _keep(self, chunks: list[Samples16k]) -> None:
        self._chunks = chunks
        self._samples = sum(len(chunk) for chunk in chunks)


def _joined(chunks: list[Samples16k]) -> Samples16k:
    return np.concatenate(chunks) if chunks else np.empty(0, np.float32)
