"""What a session's row says of its recording: where it is, what state it is in, how long it is."""

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from voicehub.sinks.container import SAMPLE_RATE_HZ
from voicehub.sinks.manifest import Manifest
from voicehub.sinks.parts import Cutter
from voicehub.sinks.uploader import Uploader
from voicehub.storage.recording_keys import session_prefix


class RecordingState(StrEnum):
    RECORDING = "recording"
    READY = "ready"  # the object is on Spaces
    TRUNCATED = "truncated"  # it is, but the spool or the format was full before the session ended
    PROCESSING = "processing"  # Spaces is out of reach: the spool keeps it for `resume_recording`
    EMPTY = "empty"  # nothing was recorded
    FAILED = "failed"  # it cannot be made into one object; spool and tails stay for a person
    REMOVED = "removed"  # it was there, for as long as `VOICEHUB_AUDIO_RETENTION_DAYS` says


@dataclass(frozen=True, slots=True)
class RecordingSummary:
    """`url` is None until the object is there."""

    state: RecordingState
    format: str
    key: str
    url: str | None
    bytes: int
    seconds: float
    sample_rate_hz: int
    parts: int
    lost_ms: int = 0  # silence between owners, where one died or nothing was recorded

    def as_json(self) -> dict[str, Any]:  # Any: JSON values
        return asdict(self)


def recording_stem(team_id: int, session_id: int, fencing_token: int) -> str:
    """The key of a recording without its suffix. Spaces knows no tokens: here the token is part of
    the name.
    """
    return f"{session_prefix(team_id, session_id)}{fencing_token}"


def joined_stem(team_id: int, session_id: int, claim_token: int) -> str:
    """The key of what several owners recorded, made one. Two workers never write the same key."""
    return f"{session_prefix(team_id, session_id)}joined-{claim_token}"


def finished_state(manifest: Manifest) -> RecordingState:
    if not manifest.samples:
        return RecordingState.EMPTY
    return RecordingState.TRUNCATED if manifest.is_truncated else RecordingState.READY


def summarise(state: RecordingState, uploader: Uploader, cutter: Cutter) -> RecordingSummary:
    is_stored = state in {RecordingState.READY, RecordingState.TRUNCATED}
    samples = uploader.manifest.samples
    return RecordingSummary(
        state=state,
        format=uploader.manifest.container,
        key=uploader.key,
        url=uploader.url if is_stored else None,
        bytes=cutter.size,
        seconds=samples / SAMPLE_RATE_HZ,
        sample_rate_hz=SAMPLE_RATE_HZ,
        parts=max(1, len(cutter.cut.parts)) if is_stored else 0,
    )
