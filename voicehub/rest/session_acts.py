"""`/v1/sessions/{session_id}/pause`, `resume` and `end`: what its user does with a session."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog
from aiohttp import web

from voicehub.errors import (
    ConflictError,
    ForbiddenError,
    NotFoundError,
    OverloadError,
    StorageError,
)
from voicehub.keys import POSTGRES, PRINCIPAL, REDIS, REGISTRY, SETTINGS
from voicehub.rest import body
from voicehub.rest.operation import operation
from voicehub.rest.sessions import OpenableSession, SessionShown, as_shown, openable
from voicehub.session.state import TRANSITIONS, EndedReason, Status
from voicehub.storage import lease, lines, ownership, sessions, usage
from voicehub.storage.lease import Wish
from voicehub.storage.sessions import Session

# The owner may be another process, which hears of a wish as it renews its lease, and then has last
# writes to make. After this the answer is 503: the wish may still come true.
ANSWER_S = 10.0
LOOK_EVERY_S = 0.1

_EndRow = Callable[..., Awaitable[bool]]

logger = structlog.get_logger(__name__)


_ERRORS = (ForbiddenError, NotFoundError, ConflictError)


@operation("Pause a session", answers=SessionShown, errors=_ERRORS)
async def pause(request: web.Request) -> SessionShown:
    """Answers once the session is paused; one that is paused already stays so."""
    session = await users_own(request)
    if session.status == Status.IN_PROGRESS:
        session = await _wished(request, session, Wish.PAUSE)
    if session.status != Status.PAUSED:
        raise ConflictError(f"The session is {session.status}.", code="session_not_open")
    return as_shown(session)


@operation("Resume a session", answers=OpenableSession, errors=_ERRORS)
async def resume(request: web.Request) -> OpenableSession:
    """A client secret and the address at which the session goes on, paused or dropped."""
    session = await users_own(request)
    if not TRANSITIONS[Status(session.status)]:
        raise ConflictError(f"The session is {session.status}.", code="session_not_open")
    return openable(request, session)


@operation("End a session", answers=SessionShown, errors=_ERRORS)
async def end(request: web.Request) -> SessionShown:
    """Answers once the session has ended; one that has ended already stays as it is."""
    session = await users_own(request)
    if session.status == Status.CREATED:
        session = await _ended(request, session, ownership.end_created)
    if session.status == Status.IN_PROGRESS:  # or opened by its client just now
        wish = Wish.END_BY_ADMIN if request[PRINCIPAL].is_acting else Wish.END
        session = await _wished(request, session, wish)
    if session.status == Status.PAUSED:  # or paused by its owner before it heard of the wish
        session = await _ended(request, session, ownership.end_paused)
        await _let_expire(request, session)
    if TRANSITIONS[Status(session.status)]:
        raise ConflictError(f"The session is {session.status}.", code="session_not_open")
    return as_shown(session)


async def _ended(request: web.Request, session: Session, end_row: _EndRow) -> Session:
    """The session after `end_row`, which ends one that nobody owns."""
    reason = EndedReason.ADMIN if request[PRINCIPAL].is_acting else EndedReason.CLIENT_CLOSE
    keep_context = request.app[SETTINGS].keep_context
    async with request.app[POSTGRES].connection() as conn:
        await end_row(conn, session.team_id, session.id, keep_context=keep_context, reason=reason)
    return await users_own(request)


async def _let_expire(request: web.Request, session: Session) -> None:
    """What Redis keeps of it was folded and settled when it was paused."""
    redis = request.app[REDIS]
    try:
        await lines.let_expire(redis, session.team_id, session.id)
        await usage.let_expire(redis, session.team_id, session.id)
    except StorageError:
        logger.info("what redis has of an ended session stays", session_id=session.id)


async def users_own(request: web.Request) -> Session:
    principal, session_id = request[PRINCIPAL], body.path_id(request, "session_id")
    async with request.app[POSTGRES].connection() as conn:
        session = await sessions.get(conn, principal.team_id, session_id)
    if session is None:
        raise NotFoundError("There is no such session.")
    if session.user_id != principal.user_id and not principal.is_acting:
        raise ForbiddenError("The session is another user's.")
    return session


async def _wished(request: web.Request, session: Session, wish: Wish) -> Session:
    """The session once its owner has done `wish`. Raises OverloadError when that takes too long."""
    driver = request.app[REGISTRY].find(session.id)
    if driver is not None:
        driver.grant(wish)
    else:
        await lease.wish(request.app[REDIS], session.team_id, session.id, wish)
    loop = asyncio.get_running_loop()
    ends_s = loop.time() + ANSWER_S
    while loop.time() < ends_s:
        changed = await users_own(request)
        if changed.status != session.status:
            return changed
        await asyncio.sleep(LOOK_EVERY_S)
    raise OverloadError(
        "The session's owner has not answered yet.", code="session_busy", retry_after_s=5
    )
