"""What is worth transcribing: the spoken parts of a recording, and no words made of noise."""

from collections.abc import Iterator, Sequence

import numpy as np

from voicehub.engines.local.vad import WINDOW_MS

VOICED_PROBABILITY = 0.5
# Less voice than this is a cough or a knock; the shortest words ("no") have about 200 ms.
VOICED_MS_MIN = 190
# Kept around the speech: weak onsets score late, and the model wants a little silence at the end.
LEAD_MS = 400
TAIL_MS = 300
# A piece is cut at its least voiced window between these, so that words stay whole.
PIECE_MS_MIN = 12_000
PIECE_MS_MAX = 24_000
# Moonshine hears "You" in anything that is not speech; a real "you" is clearly voiced.
NOISE_WORDS = frozenset({"you", "thank you"})
NOISE_WORD_PROBABILITY_MIN = 0.9

_LEAD, _TAIL = LEAD_MS // WINDOW_MS, TAIL_MS // WINDOW_MS
_PIECE_MIN, _PIECE_MAX = PIECE_MS_MIN // WINDOW_MS, PIECE_MS_MAX // WINDOW_MS


def spoken_pieces(probabilities: Sequence[float]) -> Iterator[tuple[int, int]]:
    """The windows [first, last) of each piece of speech that is short enough to transcribe."""
    voiced = np.flatnonzero(np.asarray(probabilities) >= VOICED_PROBABILITY)
    while len(voiced) * WINDOW_MS >= VOICED_MS_MIN:
        first = max(0, int(voiced[0]) - _LEAD)
        last = min(len(probabilities), int(voiced[-1]) + 1 + _TAIL)
        if last - first > _PIECE_MAX:
            choices = probabilities[first + _PIECE_MIN : first + _PIECE_MAX]
            last = first + _PIECE_MIN + int(np.argmin(choices)) + 1
        inside = voiced[voiced < last]
        if len(inside) * WINDOW_MS >= VOICED_MS_MIN:
            yield first, last
        voiced = voiced[len(inside) :]


def is_noise_word(text: str, probabilities: Sequence[float]) -> bool:
    """Whether the model made `text` up: its favourite word, in audio that is hardly speech."""
    if text.strip(" .!?,").lower() not in NOISE_WORDS:
        return False
    voiced = [each for each in probabilities if each >= VOICED_PROBABILITY]
    return not voiced or sum(voiced) / len(voiced) < NOISE_WORD_PROBABILITY_MIN
