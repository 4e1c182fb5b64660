"""`GET /v1/sessions/{session_id}/recording`: what was recorded, and a signed URL to hear it."""

import time
from datetime import datetime
from pathlib import PurePosixPath
from typing import Any, Literal

from aiohttp import web
from pydantic import ConfigDict

from voicehub.errors import ConflictError, NotFoundError
from voicehub.keys import POSTGRES, PRINCIPAL, SETTINGS, SPACES
from voicehub.rest import answer, body
from voicehub.rest.fields import Shown
from voicehub.rest.operation import operation
from voicehub.session.state import Status
from voicehub.storage import sessions
from voicehub.storage.sessions import Session

# How soon to ask again: a recording is closed within seconds of its session.
NOT_READY_RETRY_S = 5

_RUNNING = {Status.IN_PROGRESS, Status.PAUSED}
# The states that the recorder writes (`sinks/summary.py`); any other means that nothing is there.
_UNFINISHED = {"recording", "processing"}
_AUDIBLE = {"ready", "truncated"}


class Recording(Shown):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "object": "recording",
                    "session_id": 42,
                    "state": "ready",
                    "format": "opus",
                    "bytes": 480212,
                    "seconds": 150.2,
                    "url": "https://spaces.example/recordings/42.opus?X-Amz-Signature=1f2e",
                    "expires_at": "2026-11-23T11:00:00Z",
                }
            ]
        }
    )

    object: Literal["recording"] = "recording"
    session_id: int
    state: str
    format: str | None
    bytes: int | None
    seconds: float | None
    url: str
    """Signed: whoever has it may read the object, by ranges too, until it expires."""
    expires_at: datetime


class RecordingQuery(body.Query):
    download: bool = False
    """Whether a browser that opens the URL saves the recording instead of playing it."""


@operation(
    "Show where a session's recording can be heard",
    answers=Recording,
    errors=(NotFoundError, ConflictError),
)
async def show(request: web.Request, asked: RecordingQuery) -> Recording:
    """Always JSON with a signed URL, never a redirect: a player cannot send the bearer token."""
    session, _ = await finished_recording(request)
    return await signed(request, session, is_download=asked.download)


async def signed(request: web.Request, session: Session, *, is_download: bool = False) -> Recording:
    """Raises ConflictError or NotFoundError where it cannot be heard, or not yet."""
    recording = _finished(session)
    life_s = request.app[SETTINGS].signed_url_s
    expires_at = answer.timestamp(int(time.time()) + life_s)
    saved_as = f"session-{session.id}{PurePosixPath(recording['key']).suffix}"
    url = await request.app[SPACES].signed_url(
        recording["key"], life_s, saved_as if is_download else None
    )
    return Recording(
        session_id=session.id,
        state=recording["state"],
        format=recording.get("format"),
        bytes=recording.get("bytes"),
        seconds=recording.get("seconds"),
        url=url,
        expires_at=expires_at,
    )


async def finished_recording(request: web.Request) -> tuple[Session, dict[str, Any]]:
    """The session that the path names, and its recording. Raises ConflictError, NotFoundError."""
    principal, session_id = request[PRINCIPAL], body.path_id(request, "session_id")
    async with request.app[POSTGRES].connection() as conn:
        session = await sessions.get(conn, principal.team_id, session_id)
    if session is None:
        raise NotFoundError("There is no such session.")
    return session, _finished(session)


def _finished(session: Session) -> dict[str, Any]:
    """The recording's entry of a row, when it can be heard. Raises ConflictError, NotFoundError."""
    recording = session.data.get("recording") or {}
    state = recording.get("state")
    if session.status in _RUNNING or state in _UNFINISHED:
        raise ConflictError(
            "The recording is not finished yet.",
            code="recording_not_ready",
            retry_after_s=NOT_READY_RETRY_S,
        )
    if state == "failed":
        raise ConflictError("The recording could not be made.", code="recording_unavailable")
    if state not in _AUDIBLE or not recording.get("key"):
        raise NotFoundError("This session has no recording.", code="recording_not_found")
    return dict(recording)
