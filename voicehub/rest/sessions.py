"""`/v1/sessions`: creating a session, and reading what it left."""

from dataclasses import fields
from datetime import datetime
from http import HTTPStatus
from operator import attrgetter
from typing import Annotated, Any, Literal, Self

import orjson
import structlog
from aiohttp import web
from pydantic import ConfigDict, Field, field_validator, model_validator
from pydantic.config import JsonDict
from pydantic_core import PydanticCustomError

from voicehub.errors import (
    NotFoundError,
    QuotaError,
    RateLimitError,
    StorageError,
)
from voicehub.keys import POSTGRES, PRINCIPAL, REDIS
from voicehub.rest import answer, body
from voicehub.rest.fields import Identifier, Quantity, Shown
from voicehub.rest.opening import create_session, issue_secret, socket_url
from voicehub.rest.operation import operation
from voicehub.session.state import Status
from voicehub.storage import lines, sessions
from voicehub.storage.sessions import Session

_log = structlog.get_logger(__name__)

# The context goes into the agent's instructions, so it is text for a model and no attachment.
CONTEXT_BYTES_MAX = 32 << 10

_COLUMNS = tuple(field.name for field in fields(Session))
_values = attrgetter(*_COLUMNS)

# What the owners of a session keep in `data` for themselves and one another.
_OWNERS = {"fence", "folded", "legs", "leaving", "paused_at_ms", "client_session"}

_GIVEN: JsonDict = {"not": {"type": "null"}}
_LEFT_OUT: JsonDict = {"type": "null"}


class NewSession(body.Body):
    model_config = ConfigDict(
        json_schema_extra={
            "oneOf": [
                {"required": ["agent_id"], "properties": {"agent_id": _GIVEN, "agent": _LEFT_OUT}},
                {"required": ["agent"], "properties": {"agent": _GIVEN, "agent_id": _LEFT_OUT}},
            ],
            "examples": [{"agent_id": 12, "context": {"customer": "Ada", "order": 4711}}],
        }
    )

    agent_id: Identifier | None = None
    agent: Annotated[str, Field(min_length=1, max_length=255)] | None = None
    """An id, as `12` or `agent_12`, or a name."""
    context: dict[str, Any] = Field(default_factory=dict)  # whatever JSON the agent shall know

    @model_validator(mode="after")
    def _names_one_agent(self) -> Self:
        if (self.agent_id is None) == (self.agent is None):
            raise PydanticCustomError("missing", "Name the agent by `agent_id` or by `agent`")
        return self

    @field_validator("context")
    @classmethod
    def _is_short(cls, context: dict[str, Any]) -> dict[str, Any]:
        if len(orjson.dumps(context)) > CONTEXT_BYTES_MAX:
            raise PydanticCustomError("too_long", "Context is longer than 32 KiB of JSON")
        return context

    @property
    def reference(self) -> str:
        return self.agent if self.agent is not None else str(self.agent_id)


EXAMPLE: JsonDict = {
    "object": "session",
    "id": 42,
    "user_id": 7,
    "team_id": 3,
    "agent_id": 12,
    "status": "completed",
    "started_at": "2026-11-23T10:00:00Z",
    "ended_at": "2026-11-23T10:02:30Z",
    "duration_minutes": 2.5,
    "data": {
        "audio_url": "https://spaces.example/recordings/42.flac",
        "context": {},
        "ended_reason": "client_close",
        "recording": {"state": "ready", "format": "flac", "bytes": 480212, "seconds": 150.2},
    },
    "usage": {"audio_tokens": 1210, "text_tokens": 64},
    "created_at": "2026-11-23T09:59:58Z",
    "updated_at": "2026-11-23T10:02:31Z",
}
_LINE: JsonDict = {
    "transcript": "Hello, what can I do for you?",
    "timestamp": "2026-11-23T10:00:01.200Z",
    "speaker": "agent",
    "item_id": "item_8fJ2",
    "start_ms": 1200,
    "end_ms": 2900,
    "interrupted": False,
}


class SessionShown(Shown):
    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE]})

    object: Literal["session"] = "session"
    id: int
    user_id: int
    team_id: int
    agent_id: int
    status: Status
    started_at: datetime
    ended_at: datetime | None
    duration_minutes: Quantity
    data: dict[str, Any]
    """`audio_url`, `context`, `ended_reason`, `recording`; in a session by itself `transcript`."""
    usage: dict[str, Any]
    """What is settled: `audio_tokens`, `text_tokens` and their parts."""
    created_at: datetime
    updated_at: datetime


class WholeSession(SessionShown):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    **EXAMPLE,
                    "data": {"ended_reason": "client_close", "transcript": [_LINE]},
                    "is_transcript_complete": True,
                }
            ]
        }
    )

    is_transcript_complete: bool
    """False while lines that wait in Redis cannot be read."""


class ClientSecret(Shown):
    value: str
    expires_at: datetime


class OpenableSession(SessionShown):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    **EXAMPLE,
                    "status": "created",
                    "ended_at": None,
                    "duration_minutes": 0,
                    "data": {"audio_url": None, "transcript": [], "context": {"order": 4711}},
                    "usage": {"audio_tokens": 0, "text_tokens": 0},
                    "client_secret": {
                        "value": "ek_eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI3In0.c2lnbmF0dXJl",
                        "expires_at": "2026-11-23T10:09:58Z",
                    },
                    "url": "wss://voice.example/v1/realtime?session_id=42",
                }
            ]
        }
    )

    client_secret: ClientSecret
    url: str
    """Of the socket, which opens with the secret."""


@operation(
    "Create a session",
    answers=OpenableSession,
    status=HTTPStatus.CREATED,
    errors=(QuotaError, RateLimitError, NotFoundError),
    is_idempotent=True,
)
async def create(request: web.Request, asked: NewSession) -> web.Response:
    _, session = await create_session(request, asked.reference, asked.context)
    headers = {"Location": f"/v1/sessions/{session.id}"}
    return answer.shown(openable(request, session), HTTPStatus.CREATED, headers)


@operation("Show a session with its transcript", answers=WholeSession)
async def show(request: web.Request) -> WholeSession:
    """Every line of the transcript, those included that still wait in Redis."""
    session, transcript, is_complete = await with_transcript(request)
    members = shown_members(session)
    members["data"] = {**members["data"], "transcript": transcript}
    return WholeSession(**members, is_transcript_complete=is_complete)


async def with_transcript(request: web.Request) -> tuple[Session, list[lines.Line], bool]:
    """The path's session, its lines until now, and whether these are all. Raises NotFoundError."""
    team_id, session_id = request[PRINCIPAL].team_id, body.path_id(request, "session_id")
    # Redis first: a line that is folded between the two reads is then seen twice and merged, where
    # the other order would miss it.
    waiting = await _unfolded(request, team_id, session_id)
    async with request.app[POSTGRES].connection() as conn:
        session = await sessions.get(conn, team_id, session_id)
    if session is None:
        raise NotFoundError("There is no such session.")
    transcript = session.data.get("transcript", [])
    if waiting:
        # What is folded already may be older here than the row: Redis was away when it changed.
        folded = (session.data.get("folded") or {}).get("sequence", 0)
        fresh = [line for sequence, line in waiting if sequence > folded]
        transcript = lines.merge_lines(transcript, fresh)
    return session, transcript, waiting is not None


def as_shown(session: Session) -> SessionShown:
    """A session as the API shows it."""
    return SessionShown(**shown_members(session))


def openable(request: web.Request, session: Session) -> OpenableSession:
    """A session with a new secret that opens it, and where."""
    value, expires_at = issue_secret(request, session.id)
    secret = ClientSecret(value=value, expires_at=answer.timestamp(expires_at))
    url = socket_url(request, session.id)
    return OpenableSession(**shown_members(session), client_secret=secret, url=url)


def shown_members(session: Session) -> dict[str, Any]:
    """What the API shows of a session: not what its owners keep in `data` for themselves."""
    members = dict(zip(_COLUMNS, _values(session), strict=True))
    members["data"] = {name: part for name, part in session.data.items() if name not in _OWNERS}
    return members


async def _unfolded(
    request: web.Request, team_id: int, session_id: int
) -> list[tuple[int, lines.Line]] | None:
    """None when Redis is down: what is folded can be shown all the same."""
    try:
        return await lines.unfolded(request.app[REDIS], team_id, session_id)
    except StorageError:
        _log.warning("waiting transcript lines are not readable", session_id=session_id)
        return None
