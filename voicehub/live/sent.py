"""What a client was sent last: it is sent again to one that comes back and has not seen it."""

from collections import OrderedDict, deque

from voicehub.realtime.frame import Frame

# Beyond either the oldest is forgotten.
FRAMES_MAX = 1_024
BYTES_MAX = 1024 * 1024
# Audio has a bound of its own, 5 s of PCM: who was away for longer goes on with what is said now,
# and still gets the events of what was said before.
AUDIO_BYTES_MAX = 256 * 1024


class Sent:
    """In the order in which it was sent."""

    def __init__(self) -> None:
        self._frames: OrderedDict[int, Frame] = OrderedDict()
        self._audio: deque[int] = deque()
        """Which of them are audio."""
        self._last = 0
        self._last_at_turn = 0
        self._bytes = 0
        self._audio_bytes = 0

    def add(self, frame: Frame) -> None:
        """Remember `frame`, which nobody else needs whole."""
        self._last += 1
        if frame.audio is not None:
            # The recording holds the same samples for seconds; the JSON is soon made again.
            frame.raw = None
            self._audio.append(self._last)
            self._audio_bytes += _size(frame)
        self._frames[self._last] = frame
        self._bytes += _size(frame)
        while self._audio_bytes > AUDIO_BYTES_MAX:
            self._forget(self._audio[0])
        while self._bytes > BYTES_MAX or len(self._frames) > FRAMES_MAX:
            self._forget(next(iter(self._frames)))

    def turn(self) -> None:
        """Forget what was there at the last turn."""
        while self._frames and (oldest := next(iter(self._frames))) <= self._last_at_turn:
            self._forget(oldest)
        self._last_at_turn = self._last

    def after(self, event_id: str) -> list[Frame]:
        """What was sent after that event; all that is remembered where it is not."""
        frames = list(self._frames.values())
        ids = [frame.body.get("event_id") for frame in frames]
        return frames[ids.index(event_id) + 1 :] if event_id in ids else frames

    def clear(self) -> None:
        self._frames.clear()
        self._audio.clear()
        self._bytes = self._audio_bytes = 0

    def _forget(self, number: int) -> None:
        frame = self._frames.pop(number)
        self._bytes -= _size(frame)
        if frame.audio is not None:
            self._audio_bytes -= _size(frame)
            self._audio.popleft()  # whichever way, the oldest goes first


def _size(frame: Frame) -> int:
    return len(frame.audio or frame.raw or b"") + 512
