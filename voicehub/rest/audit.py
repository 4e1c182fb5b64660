"""What admins do is written down before they do it, and how it ended after."""

from http import HTTPStatus

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler

from voicehub.errors import NotFoundError, StorageError, VoiceHubError
from voicehub.keys import POSTGRES, PRINCIPAL, REQUEST_ID
from voicehub.storage import audit

# The methods that change nothing.
READS = {"GET", "HEAD", "OPTIONS"}

_log = structlog.get_logger(__name__)


async def recorded(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer an admin's request. What cannot be written down is not done: StorageError."""
    if request.method in READS:
        return await handler(request)
    if any("\0" in each for each in request.match_info.values()):
        # No text that Postgres keeps has U+0000, and nothing has such a name.
        raise NotFoundError("There is no such resource.")
    entry_id = await _begin(request)
    # One that is cancelled, with its server, keeps its entry without a status: nobody knows.
    try:
        response = await handler(request)
    except (VoiceHubError, web.HTTPException) as error:
        await _complete(request, entry_id, error.status)
        raise
    except Exception:
        await _complete(request, entry_id, HTTPStatus.INTERNAL_SERVER_ERROR)
        raise
    await _complete(request, entry_id, response.status)
    return response


async def _begin(request: web.Request) -> int:
    principal = request[PRINCIPAL]
    resource = request.match_info.route.resource
    assert resource is not None, "only routes have functions"
    async with request.app[POSTGRES].connection() as conn:
        return await audit.add(
            conn,
            principal.team_id if "team_id" in request.match_info else None,
            actor=principal.actor,
            actor_email=principal.email,
            method=request.method,
            route=resource.canonical,
            target=dict(request.match_info),
            request_id=request[REQUEST_ID],
        )


async def _complete(request: web.Request, entry_id: int, status: int) -> None:
    """Postgres may be gone since: the entry then says that nobody knows how it ended."""
    try:
        async with request.app[POSTGRES].connection() as conn:
            await audit.complete(conn, entry_id, status)
    except StorageError:
        _log.warning("how an admin's request ended is not written down", entry_id=entry_id)
