"""`DELETE /v1/sessions/{session_id}` and its parts: what a user no longer wants to be kept."""

import structlog
from aiohttp import web

from voicehub.errors import ConflictError, ForbiddenError, NotFoundError, StorageError
from voicehub.keys import POSTGRES, PRINCIPAL, REDIS, SPACES
from voicehub.rest.operation import operation
from voicehub.rest.session_acts import users_own
from voicehub.storage import erasure
from voicehub.storage.sessions import Session

logger = structlog.get_logger(__name__)

_ERRORS = (ForbiddenError, NotFoundError, ConflictError)


@operation("Erase a session", errors=_ERRORS)
async def delete(request: web.Request) -> None:
    """Recording, transcript, context and the row. What it used stays on the subscription and in
    the usage of its day.
    """
    session = await users_own(request)
    await erasure.erase_session(
        request.app[POSTGRES],
        request.app[REDIS],
        session.team_id,
        session.id,
        actor=request[PRINCIPAL].actor,
    )
    await _sweep(request, session)


@operation("Erase the recording of a session", errors=_ERRORS)
async def delete_recording(request: web.Request) -> None:
    """Nothing happens where there is none."""
    session = await users_own(request)
    await erasure.erase_recording(
        request.app[POSTGRES], session.team_id, session.id, actor=request[PRINCIPAL].actor
    )
    await _sweep(request, session)


@operation("Erase the transcript of a session", errors=_ERRORS)
async def delete_transcript(request: web.Request) -> None:
    session = await users_own(request)
    await erasure.erase_transcript(
        request.app[POSTGRES], request.app[REDIS], session.team_id, session.id
    )


@operation("Erase what the client gave for a session", errors=_ERRORS)
async def delete_context(request: web.Request) -> None:
    """The context, and what the client has set of the session."""
    session = await users_own(request)
    await erasure.erase_context(request.app[POSTGRES], session.team_id, session.id)


async def _sweep(request: web.Request, session: Session) -> None:
    """At once, as it is expected; while Spaces is away it is a job's."""
    postgres, spaces = request.app[POSTGRES], request.app[SPACES]
    try:
        await erasure.sweep(postgres, spaces, session.team_id, session.id)
    except StorageError as error:
        logger.warning("erased audio is left to a job", session_id=session.id, code=error.code)
