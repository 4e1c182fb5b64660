"""Where the caller's audio comes from: it gives the next samples whenever it is asked."""

import asyncio
from collections import deque
from typing import Protocol

import numpy as np

from voicehub.audio.formats import Pcm

# Clips waiting to be spoken; more are refused, since nobody scripts that many.
CLIPS_MAX = 1_000


class Source(Protocol):
    def take(self, count: int) -> Pcm:
        """The next `count` samples, silence where there is nothing to say. Never waits."""
        ...


class Script:
    """Speaks the clips it is given, one after the other, and is silent between."""

    def __init__(self) -> None:
        self._clips: deque[tuple[Pcm, asyncio.Future[int]]] = deque()
        self._taken = 0
        self.is_held = False
        """Whether it is silent for now: nobody talks into a line that is dead."""

    def say(self, clip: Pcm) -> asyncio.Future[int]:
        """Queue `clip`. The result is the number of the sample at which it ended."""
        if len(self._clips) >= CLIPS_MAX:
            raise ValueError(f"More than {CLIPS_MAX} clips are waiting to be spoken.")
        ended: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._clips.append((clip, ended))
        return ended

    def take(self, count: int) -> Pcm:
        out = np.zeros(count, np.int16)
        filled = 0
        while filled < count and self._clips and not self.is_held:
            clip, ended = self._clips.popleft()
            head = clip[: count - filled]
            out[filled : filled + len(head)] = head
            filled += len(head)
            if len(head) < len(clip):
                self._clips.appendleft((clip[len(head) :], ended))
            elif not ended.done():  # whoever waited may have given up
                ended.set_result(self._taken + filled)
        self._taken += count
        return out
