"""Both voices on one sample clock: the stereo recording, block by block, as it settles."""

import numpy as np
import numpy.typing as npt

from voicehub.audio.caller import HOLD_MS, CallerTrack, Samples
from voicehub.audio.clock import SAMPLES_PER_MS, SampleClock
from voicehub.audio.playout import Playout

# Audio is final this long after it was spoken: late chunks have come, a barge-in has cut.
SETTLE_MS = HOLD_MS + 400
# A block is taken once it has this much; a longer one is taken in pieces of BLOCK_MS_MAX. A little
# less than three half seconds, since no look comes at the millisecond. Each block costs a waking of
# the spool's thread and one object on Spaces.
BLOCK_MS_MIN = 1_400
BLOCK_MS_MAX = 10_000

# Shape (samples, 2): left the caller, right the agent.
Block = npt.NDArray[np.int16]


class Timeline:
    """The recording's time line. `now_ms` is the server's; positions count from its start."""

    def __init__(self, start_ms: float) -> None:
        self._clock = SampleClock(start_ms)
        self._caller = CallerTrack(self._clock)
        self._playout = Playout()
        self._written = 0

    def add_user(self, chunk: Samples, now_ms: float) -> None:
        """The caller's audio as it arrives."""
        self._caller.add(chunk, now_ms)

    def add_agent(self, item_id: str, chunk: Samples, now_ms: float) -> None:
        """The agent's audio as it arrives; it is heard after what came before it."""
        self._playout.add(item_id, chunk, self._clock.position(now_ms))

    def cut_agent(self, now_ms: float) -> list[str]:
        """Barge-in: the agent falls silent now. Returns the items that were cut."""
        return self._playout.cut(self._clock.position(now_ms))

    def truncate_agent(self, item_id: str, heard_ms: float) -> list[str]:
        """The client heard `heard_ms` of the item. Returns the items that were cut."""
        return self._playout.truncate(item_id, heard_ms)

    def stop_agent(self, item_id: str, heard_ms: float) -> list[str]:
        """The client plays no more of the item than `heard_ms`. Returns the items that were cut."""
        return self._playout.stop(item_id, heard_ms)

    def position_ms(self, now_ms: float) -> float:
        """Where `now_ms` stands."""
        return self._clock.position(now_ms) / SAMPLES_PER_MS

    def input_position_ms(self, input_ms: float) -> float:
        """Where the caller's audio stands of which `input_ms` had been sent before."""
        return self._caller.position_of(round(input_ms * SAMPLES_PER_MS)) / SAMPLES_PER_MS

    @property
    def input_ms(self) -> float:
        """How much audio the caller has sent."""
        return self._caller.received / SAMPLES_PER_MS

    def agent_span_ms(self, item_id: str) -> tuple[float, float] | None:
        """From when to when an item is heard, or None."""
        span = self._playout.span(item_id)
        if span is None:
            return None
        return span.start / SAMPLES_PER_MS, span.end / SAMPLES_PER_MS

    def agent_heard_ms(self, item_id: str) -> tuple[float, float]:
        """How much of an item is heard, and how much of it came; silence between is not counted."""
        span = self._playout.span(item_id)
        if span is None:
            return 0.0, 0.0
        return span.heard / SAMPLES_PER_MS, span.samples / SAMPLES_PER_MS

    def agent_is_heard(self, now_ms: float) -> bool:
        """Whether the agent's audio is still being played."""
        return self._playout.end > self._clock.position(now_ms)

    def settled(self, now_ms: float, block_ms_min: int = BLOCK_MS_MIN) -> list[Block]:
        """The blocks that nothing can change any more; taken once, and once there is enough."""
        self._caller.settle(now_ms)
        position = self._clock.position(now_ms) - SETTLE_MS * SAMPLES_PER_MS
        limit = self._caller.settled_until(position)
        if limit - self._written < block_ms_min * SAMPLES_PER_MS:
            return []
        return self._take(limit)

    def rest(self, now_ms: float) -> list[Block]:
        """Everything up to now, at the session's end; agent audio after it was never heard."""
        self._caller.settle(now_ms + HOLD_MS)
        position = self._clock.position(now_ms)
        self._playout.cut(position)
        return self._take(max(position, self._caller.end, self._written))

    def _take(self, limit: int) -> list[Block]:
        blocks: list[Block] = []
        while self._written < limit:
            size = min(limit - self._written, BLOCK_MS_MAX * SAMPLES_PER_MS)
            block = np.zeros((size, 2), np.int16)
            self._caller.write_into(block[:, 0], self._written)
            self._playout.write_into(block[:, 1], self._written)
            self._written += size
            blocks.append(block)
        return blocks
