"""A real microphone and loudspeaker, where the optional package sounddevice finds them."""

from collections import deque
from typing import Any, Self

import numpy as np

from voicehub.audio.formats import RATE_HZ, Pcm
from voicehub.errors import ClientError

BLOCK_SAMPLES = RATE_HZ // 50
# Blocks that wait on either way, half a second; at the limit the oldest is dropped, being late.
BLOCKS_MAX = 25


class BlockQueue:
    """Blocks from one thread, samples for another; appending and popping a deque is atomic."""

    def __init__(self) -> None:
        self._blocks: deque[Pcm] = deque(maxlen=BLOCKS_MAX)
        self._rest: Pcm = np.empty(0, np.int16)

    def put(self, block: Pcm) -> None:
        self._blocks.append(block)

    def take(self, count: int) -> Pcm:
        """The next `count` samples, filled up with silence."""
        while len(self._rest) < count:
            try:
                self._rest = np.concatenate((self._rest, self._blocks.popleft()))
            except IndexError:
                missing = np.zeros(count - len(self._rest), np.int16)
                self._rest = np.concatenate((self._rest, missing))
        taken, self._rest = self._rest[:count], self._rest[count:]
        return taken


class Microphone:
    """A Source that also plays: `take` gives what was spoken, `play` sounds. Open with `with`."""

    def __init__(self) -> None:
        """Raises ClientError where there is no microphone."""
        try:
            import sounddevice  # noqa: PLC0415  # optional, and looks for audio devices on import
        except (ImportError, OSError) as missing:
            raise ClientError(
                "A microphone needs the package 'sounddevice' and the PortAudio library, and here "
                f"they are not ({missing}). Speak with --wav or --say instead."
            ) from missing
        self._spoken, self._sounding = BlockQueue(), BlockQueue()
        try:
            # No types are shipped, hence Any.
            self._device: Any = sounddevice.Stream(
                samplerate=RATE_HZ,
                blocksize=BLOCK_SAMPLES,
                channels=1,
                dtype="int16",
                callback=self._exchange,
            )
        except sounddevice.PortAudioError as error:
            raise ClientError(f"No microphone or loudspeaker can be opened: {error}.") from error

    def __enter__(self) -> Self:
        self._device.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._device.close()

    def take(self, count: int) -> Pcm:
        return self._spoken.take(count)

    def play(self, block: Pcm) -> None:
        self._sounding.put(block)

    def _exchange(self, spoken: Pcm, sounding: Pcm, count: int, _time: Any, _status: Any) -> None:
        """Runs in the device's thread, once a block; the last two are of the package's types."""
        self._spoken.put(spoken[:, 0].copy())
        sounding[:, 0] = self._sounding.take(count)
