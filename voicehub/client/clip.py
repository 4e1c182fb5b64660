"""Recorded speech: audio files of any rate and channel count as 24 kHz mono samples."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import soundfile

from voicehub.audio.formats import RATE_HZ, Pcm
from voicehub.audio.resample import Resampler, to_int16
from voicehub.errors import ClientError

# A longer clip is refused: it is held in memory whole.
CLIP_S_MAX = 3600
# Samples up to this are quiet, -50 dB: breath and noise, not speech.
QUIET_MAX = 100


def load(path: Path) -> Pcm:
    """The audio of `path` (WAV, FLAC, Ogg, ...); its channels are mixed. Raises ClientError."""
    try:
        with soundfile.SoundFile(path) as file:
            if file.frames > CLIP_S_MAX * file.samplerate:
                raise ClientError(f"{path} is longer than {CLIP_S_MAX} s.")
            rate_hz = file.samplerate
            samples = file.read(dtype="float32", always_2d=True).mean(axis=1, dtype=np.float32)
    except (OSError, soundfile.SoundFileError) as error:
        raise ClientError(f"{path} cannot be read as audio: {error}") from error
    if rate_hz == RATE_HZ:
        return to_int16(samples)
    resampler = Resampler(rate_hz, RATE_HZ)
    return to_int16(np.concatenate((resampler(samples), resampler.flush())))


def save(path: Path, clip: Pcm) -> None:
    """Write a 24 kHz mono WAV, whole or not at all."""
    partial = path.with_suffix(path.suffix + ".part")
    soundfile.write(partial, clip, RATE_HZ, subtype="PCM_16", format="WAV")
    partial.replace(path)


def trimmed(clip: Pcm) -> Pcm:
    """`clip` without the quiet before and after it."""
    loud = np.flatnonzero(np.abs(clip.astype(np.int32)) > QUIET_MAX)
    return clip[loud[0] : loud[-1] + 1] if len(loud) else clip[:0]


def joined(clips: Iterable[Pcm], pause_ms: int) -> Pcm:
    """One clip after the other with a pause between, quiet at both ends of each left out."""
    pause = silence(pause_ms)
    pieces = [piece for clip in clips for piece in (pause, trimmed(clip))]
    return np.concatenate([pause[:0], *pieces[1:]])


def silence(duration_ms: int) -> Pcm:
    return np.zeros(duration_ms * RATE_HZ // 1000, np.int16)
