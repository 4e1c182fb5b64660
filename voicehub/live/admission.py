"""Who may open a socket, and to which session: all that can be refused before the upgrade."""

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from aiohttp import web

from voicehub.errors import ClientError, ConflictError, ForbiddenError, NotFoundError
from voicehub.keys import POSTGRES, PRINCIPAL, REDIS, SETTINGS
from voicehub.session.state import TRANSITIONS, Status
from voicehub.storage import admission, agents, ownership, quota, sessions
from voicehub.storage.agents import Agent
from voicehub.storage.page import BIGINT_MAX
from voicehub.storage.sessions import Limits, Session


@dataclass(frozen=True, slots=True)
class Admitted:
    agent: Agent
    session: Session
    model: str
    """What the client called the agent."""


async def admit(request: web.Request) -> Admitted:
    """The session that the request may open; its row is created if the request names an agent.

    Raises ClientError and its kinds, StorageError.
    """
    _refuse_beta(request)
    check_origin(request)
    query = request.query
    if "call_id" in query or "intent" in query:
        raise ClientError("Only `model` and `session_id` are served here.", param="call_id")
    session_id = _session_id(request)
    if session_id is not None:
        return await admit_existing(request, session_id)
    reference = query.get("model")
    if not reference:
        raise ClientError(
            "Name the agent by `model`, or the session by `session_id`.",
            code="missing_required_parameter",
            param="model",
        )
    return await _created(request, reference)


async def own(request: web.Request, session: Session) -> int:
    """Own the session. Returns the fencing token; raises ConflictError, RateLimitError."""
    async with request.app[POSTGRES].transaction() as conn:
        # Counted again: one that was created long ago held no slot since its secret expired.
        await sessions.require_slot(
            conn, session.team_id, session.user_id, session.id, session_limits(request)
        )
        return await ownership.start(conn, session.team_id, session.id)


def _refuse_beta(request: web.Request) -> None:
    if "realtime=v1" in request.headers.get("OpenAI-Beta", ""):
        raise ClientError(
            "The Realtime Beta is not served. Use the GA protocol, without the header OpenAI-Beta.",
            code="beta_not_supported",
            param="OpenAI-Beta",
        )


def check_origin(request: web.Request) -> None:
    """Only browsers send Origin, and a page of another site must not use its visitor's tokens.

    Raises ForbiddenError.
    """
    origin = request.headers.get("Origin")
    if origin is None:
        return
    settings = request.app[SETTINGS]
    # Compared as text: an origin may be anything, and not all of it can be taken apart.
    if settings.public_url:
        # With the scheme: the page that `http://` shows may be whoever's is on the way.
        parts = urlsplit(settings.public_url)
        is_own = origin == f"{parts.scheme}://{parts.netloc}"
    else:
        # Without: whether a proxy before us speaks TLS, no request tells.
        is_own = origin.partition("://")[2] == request.host
    if not is_own and origin not in settings.allowed_origins:
        raise ForbiddenError("Pages of this origin may not do this.", code="origin_not_allowed")


def _session_id(request: web.Request) -> int | None:
    """The session that the request names; a client secret names its own and no other."""
    bound = request[PRINCIPAL].session_id
    named = request.query.get("session_id")
    if named is None:
        return bound
    named = named.removeprefix("sess_")
    if not re.fullmatch(r"[0-9]{1,19}", named) or int(named) > BIGINT_MAX:
        raise NotFoundError("There is no such session.", param="session_id")
    if bound is not None and int(named) != bound:
        raise ForbiddenError("This client secret opens another session.")
    return int(named)


async def admit_existing(request: web.Request, session_id: int) -> Admitted:
    """A session that may be opened, or gone on with. Raises ClientError, StorageError."""
    principal = request[PRINCIPAL]
    async with request.app[POSTGRES].connection() as conn:
        session = await sessions.get(conn, principal.team_id, session_id)
        if session is None or session.user_id != principal.user_id:
            raise NotFoundError("There is no such session.", param="session_id")
        if not TRANSITIONS[Status(session.status)]:
            raise ConflictError(f"The session is {session.status}.", code="session_not_open")
        await quota.require(request.app[REDIS], conn, principal.team_id)
        agent = await agents.get(conn, principal.team_id, session.agent_id)
    if agent is None:
        raise NotFoundError("The session's agent was deleted.", code="agent_not_found")
    return Admitted(agent, session, request.query.get("model") or agent.name)


async def _created(request: web.Request, reference: str) -> Admitted:
    principal = request[PRINCIPAL]
    agent, session = await admission.create_session(
        request.app[POSTGRES],
        request.app[REDIS],
        principal.team_id,
        principal.own_user_id,
        agent_reference=reference,
        client_context={},
        limits=session_limits(request),
    )
    return Admitted(agent, session, reference)


def session_limits(request: web.Request) -> Limits:
    """How many sessions may be open, as configured."""
    settings = request.app[SETTINGS]
    return Limits(settings.sessions_per_user, settings.sessions_per_team, settings.client_secret_s)
