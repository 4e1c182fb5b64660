"""`/v1/sessions`: creating a session, and reading what it left."""

from http import HTTPStatus
from typing import Annotated, Any, Self

import orjson
import structlog
from aiohttp import web
from pydantic import Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from voicehub.errors import NotFoundError, StorageError
from voicehub.keys import POSTGRES, PRINCIPAL, REDIS
from voicehub.rest import answer, body
from voicehub.rest.cursor import Identifier, ListQuery
from voicehub.rest.opening import create_session, issue_secret, socket_url
from voicehub.session.state import Status
from voicehub.storage import lines, sessions
from voicehub.storage.sessions import Filters, Session

_log = structlog.get_logger(__name__)

# The context goes into the agent's instructions, so it is text for a model and no attachment.
CONTEXT_BYTES_MAX = 32 << 10

# What the owners of a session keep in `data` for themselves and one another.
_OWNERS = {"fence", "folded", "legs", "leaving", "paused_at_ms", "client_session"}


class NewSession(body.Body):
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


class SessionsQuery(ListQuery):
    status: Status | None = None
    agent_id: Identifier | None = None


async def create(request: web.Request) -> web.Response:
    asked = await body.read(request, NewSession)
    _, session = await create_session(request, asked.reference, asked.context)
    value, expires_at = issue_secret(request, session.id)
    return answer.json(
        {
            **as_json(session),
            "client_secret": {"value": value, "expires_at": answer.timestamp(expires_at)},
            "url": socket_url(request, session.id),
        },
        HTTPStatus.CREATED,
        {"Location": f"/v1/sessions/{session.id}"},
    )


async def list_page(request: web.Request) -> web.Response:
    asked = body.query(request, SessionsQuery)
    filters = Filters(asked.status, asked.agent_id)
    async with request.app[POSTGRES].connection() as conn:
        found = await sessions.list_page(conn, request[PRINCIPAL].team_id, filters, asked.window)
    return answer.page(found, as_json)


async def show(request: web.Request) -> web.Response:
    """A session with every line of its transcript, those included that still wait in Redis."""
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
    shown = as_json(session)
    return answer.json(
        {
            **shown,
            "data": {**shown["data"], "transcript": transcript},
            "is_transcript_complete": waiting is not None,
        }
    )


async def _unfolded(
    request: web.Request, team_id: int, session_id: int
) -> list[tuple[int, lines.Line]] | None:
    """None when Redis is down: what is folded can be shown all the same."""
    try:
        return await lines.unfolded(request.app[REDIS], team_id, session_id)
    except StorageError:
        _log.warning("waiting transcript lines are not readable", session_id=session_id)
        return None


def as_json(session: Session) -> dict[str, Any]:
    """A session as the API shows it."""
    return {
        "object": "session",
        "id": session.id,
        "user_id": session.user_id,
        "team_id": session.team_id,
        "agent_id": session.agent_id,
        "status": session.status,
        "started_at": session.started_at,
        "ended_at": session.ended_at,
        "duration_minutes": session.duration_minutes,
        "data": {name: part for name, part in session.data.items() if name not in _OWNERS},
        "usage": session.usage,
        "created_at": session.created_at,
        "updated_at": session.updated_at,
    }
