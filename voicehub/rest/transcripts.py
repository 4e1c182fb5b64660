"""`GET /v1/sessions/{session_id}/transcript`: what was said, in the format that somebody wants."""

import asyncio
import uuid
from datetime import datetime
from functools import partial
from typing import Literal

import orjson
from aiohttp import web
from pydantic import ConfigDict
from pydantic.config import JsonDict

from voicehub.errors import ConflictError, NotFoundError
from voicehub.keys import POSTGRES, SETTINGS
from voicehub.rest import body, recordings
from voicehub.rest.fields import Shown
from voicehub.rest.operation import operation
from voicehub.rest.sessions import with_transcript
from voicehub.session.export.plain import plain
from voicehub.session.export.said import said
from voicehub.session.export.subtitles import srt, webvtt
from voicehub.session.export.vcon import MEDIA_TYPE, Audio, Conversation, vcon
from voicehub.session.state import TRANSITIONS, Status
from voicehub.storage import agents, users
from voicehub.storage.lines import Line
from voicehub.storage.sessions import Session

SRT_TYPE, VTT_TYPE, TEXT_TYPE = "application/x-subrip", "text/vtt", "text/plain"
Format = Literal["json", "srt", "vtt", "text", "vcon"]
# The type of each format, and how its files end.
_FORMATS = {
    "json": ("application/json", "json"),
    "srt": (SRT_TYPE, "srt"),
    "vtt": (VTT_TYPE, "vtt"),
    "text": (TEXT_TYPE, "txt"),
    "vcon": (MEDIA_TYPE, "vcon"),
}
_TEXTS = {SRT_TYPE, VTT_TYPE, TEXT_TYPE}


class TranscriptQuery(body.Query):
    format: Format = "json"


_LINE: JsonDict = {
    "speaker": "agent",
    "transcript": "Good day, Ada.",
    "timestamp": "2026-11-23T10:00:01.200Z",
    "item_id": "item_2",
    "start_ms": 1200,
    "end_ms": 2400,
    "interrupted": False,
}


class TranscriptLine(Shown):
    model_config = ConfigDict(json_schema_extra={"examples": [_LINE]})

    speaker: Literal["user", "agent"]
    transcript: str
    """What was heard of it; empty where a barge-in cut all of it."""
    timestamp: datetime | None
    """When it began."""
    item_id: str | None
    start_ms: int | None
    """From the beginning of the session and of its recording."""
    end_ms: int | None
    interrupted: bool


class Transcript(Shown):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "object": "transcript",
                    "session_id": 42,
                    "status": "completed",
                    "started_at": "2026-11-23T10:00:00Z",
                    "is_complete": True,
                    "lines": [_LINE],
                }
            ]
        }
    )

    object: Literal["transcript"] = "transcript"
    session_id: int
    status: Status
    started_at: datetime
    is_complete: bool
    """False while the session goes on, or lines wait in Redis that cannot be read."""
    lines: list[TranscriptLine]


@operation(
    "Export the transcript of a session",
    answers=Transcript,
    media=(SRT_TYPE, VTT_TYPE, TEXT_TYPE, MEDIA_TYPE),
    errors=(NotFoundError,),
)
async def show(request: web.Request, asked: TranscriptQuery) -> web.Response:
    """As JSON, subtitles, plain text or vCon. Of a session that goes on it is what was said so far,
    and says so.
    """
    session, lines, is_complete = await with_transcript(request)
    if "transcript_removed_at" in session.data:
        raise NotFoundError("The transcript was removed.", code="transcript_not_found")
    is_complete = is_complete and not TRANSITIONS[Status(session.status)]
    make = partial(_content, asked.format, session, lines, is_complete=is_complete)
    if asked.format == "vcon":
        conversation = await _conversation(request, session, is_complete=is_complete)
        make = partial(_vcon, conversation, lines, await _audio(request, session))
    # In a thread: thousands of lines take a tenth of a second, in which nobody would be heard.
    content = await asyncio.to_thread(make)
    kind, suffix = _FORMATS[asked.format]
    saved_as = f"session-{session.id}.{suffix}"
    return web.Response(
        body=content,
        content_type=kind,
        charset="utf-8" if kind in _TEXTS else None,
        headers={"Content-Disposition": f'attachment; filename="{saved_as}"'},
    )


def _content(kind: Format, session: Session, lines: list[Line], *, is_complete: bool) -> bytes:
    if kind == "json":
        shown = _json(session, lines, is_complete=is_complete)
        return shown.__pydantic_serializer__.to_json(shown)
    spoken = said(lines)
    if kind == "srt":
        return srt(spoken).encode()
    if kind == "vtt":
        return webvtt(spoken, is_complete=is_complete).encode()
    return plain(spoken, is_complete=is_complete).encode()


def _vcon(conversation: Conversation, lines: list[Line], audio: Audio | None) -> bytes:
    return orjson.dumps(vcon(conversation, said(lines), audio))


def _json(session: Session, lines: list[Line], *, is_complete: bool) -> Transcript:
    return Transcript(
        session_id=session.id,
        status=Status(session.status),
        started_at=session.started_at,
        is_complete=is_complete,
        lines=[
            TranscriptLine(
                speaker=line["speaker"],
                transcript=line["transcript"],
                timestamp=line.get("timestamp"),
                item_id=line.get("item_id"),
                start_ms=line.get("start_ms"),
                end_ms=line.get("end_ms"),
                interrupted=bool(line.get("interrupted")),
            )
            for line in lines
        ],
    )


async def _conversation(
    request: web.Request, session: Session, *, is_complete: bool
) -> Conversation:
    async with request.app[POSTGRES].connection() as conn:
        user = await users.get(conn, session.team_id, session.user_id)
        agent = await agents.get(conn, session.team_id, session.agent_id)
    return Conversation(
        uuid=_uuid(request, session),
        session_id=session.id,
        created_at=session.created_at.isoformat(),
        updated_at=session.updated_at.isoformat(),
        started_at=session.started_at.isoformat(),
        user_id=session.user_id,
        user_name=user.display_name if user else None,
        agent_id=session.agent_id,
        agent_name=agent.name if agent else None,
        is_complete=is_complete,
    )


def _uuid(request: web.Request, session: Session) -> str:
    """The same at each export: it is the same conversation."""
    base = request.app[SETTINGS].public_url or f"http://{request.host}"
    named = f"{base.rstrip('/')}/v1/sessions/{session.id}#{session.created_at.isoformat()}"
    return str(uuid.uuid5(uuid.NAMESPACE_URL, named))


async def _audio(request: web.Request, session: Session) -> Audio | None:
    try:
        recording = await recordings.signed(request, session)
    except (ConflictError, NotFoundError):
        return None
    return Audio(
        url=recording.url,
        expires_at=recording.expires_at.isoformat(),
        format=recording.format or "flac",
        seconds=recording.seconds or 0.0,
    )
