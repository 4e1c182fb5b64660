"""A conversation as its caller had it, as a WAV: left what was said, right what was heard."""

from pathlib import Path

import numpy as np
import soundfile

from voicehub.audio.formats import RATE_HZ, Pcm

# Blocks are gathered up to this length before they go to the file.
BUFFER_SAMPLES_MAX = RATE_HZ


class Tape:
    """Memory stays flat: at most a second waits for the file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = soundfile.SoundFile(
            path, "w", samplerate=RATE_HZ, channels=2, subtype="PCM_16", format="WAV"
        )
        self._blocks: list[Pcm] = []
        self._waiting = 0

    def write(self, said: Pcm, heard: Pcm) -> None:
        """Both channels of the same moment, of equal length."""
        self._blocks.append(np.column_stack((said, heard)))
        self._waiting += len(said)
        if self._waiting >= BUFFER_SAMPLES_MAX:
            self._flush()

    def close(self) -> None:
        """Safe to repeat."""
        if not self._file.closed:
            self._flush()
            self._file.close()

    def _flush(self) -> None:
        if self._blocks:
            self._file.write(np.concatenate(self._blocks))
        self._blocks = []
        self._waiting = 0
