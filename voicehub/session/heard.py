"""Which of the agent's words were heard, when only a part of its audio was.

No engine says which word stands where in the audio. But words come before the audio that speaks
them, so that each piece of text leaves a mark: how much audio there was when it came.
"""

from bisect import bisect_right

# Marks closer than this to the one before, about a word, are not kept: they tell nothing new.
MARK_EVERY_MS = 400
# Marks of one item; what is told after the last of them counts as one piece.
MARKS_MAX = 256
# An engine may tell its text further ahead than by this; then the marks are too early, and the
# share of the audio that was heard decides, with as much for doubt.
DOUBT_MS = 1_000
# Nobody speaks faster: the least that text takes whose audio broke off.
MS_PER_CHARACTER_MIN = 40


class Heard:
    """How much of one item was heard."""

    __slots__ = ("_characters", "_given_ms", "_heard_ms", "_marks_ms", "is_complete")

    def __init__(self) -> None:
        self.is_complete = False
        """Whether all of the item's audio came; else it may have broken off within the words."""
        self._marks_ms: list[float] = []
        self._characters: list[int] = []
        self._heard_ms: float | None = None
        self._given_ms = 0.0

    def takes_mark(self, given_ms: float) -> bool:
        """Whether `mark` at this point of the audio would tell anything."""
        if len(self._marks_ms) >= MARKS_MAX:
            return False
        return not self._marks_ms or given_ms - self._marks_ms[-1] >= MARK_EVERY_MS

    def mark(self, given_ms: float, characters: int) -> None:
        """More words come: `characters` came before them, and `given_ms` of audio."""
        self._marks_ms.append(given_ms)
        self._characters.append(characters)

    def cut(self, heard_ms: float, given_ms: float) -> None:
        """Only the first `heard_ms` of the `given_ms` of audio were heard. Text has no audio."""
        if given_ms:
            self._heard_ms, self._given_ms = heard_ms, given_ms

    def share(self, length: int) -> float:
        """How many of the item's `length` characters were heard."""
        if self._heard_ms is None or not length:
            return length
        marks_ms, characters = self._pieces(length)
        end_ms = self._given_ms
        if not self.is_complete:
            rest_ms = (length - characters[-1]) * MS_PER_CHARACTER_MIN
            end_ms = max(end_ms, marks_ms[-1] + rest_ms)
        if self._heard_ms >= end_ms:
            return length
        place = bisect_right(marks_ms, self._heard_ms) - 1
        marks_ms, characters = [*marks_ms, end_ms], [*characters, length]
        lasts_ms = marks_ms[place + 1] - marks_ms[place]
        part = (self._heard_ms - marks_ms[place]) / lasts_ms if lasts_ms > 0 else 0.0
        told = characters[place] + part * (characters[place + 1] - characters[place])
        return min(told, length * (self._heard_ms + DOUBT_MS) / end_ms)

    def _pieces(self, length: int) -> tuple[list[float], list[int]]:
        """Where each piece of the text begins, in the audio and in the text."""
        if not self._marks_ms or self._marks_ms[0] > 0:
            # Words that come after their audio, or all at the end, tell nothing of where they were.
            return [0.0], [0]
        return self._marks_ms, [min(each, length) for each in self._characters]
