"""What both ways of creating a session share: agent, quota, row, secret and address."""

from typing import Any

from aiohttp import web

from voicehub.keys import POSTGRES, PRINCIPAL, REDIS, SETTINGS, TOKENS
from voicehub.live.admission import session_limits
from voicehub.storage import admission
from voicehub.storage.agents import Agent
from voicehub.storage.sessions import Session

SOCKET_PATH = "/v1/realtime"


async def create_session(
    request: web.Request, agent_reference: str, client_context: dict[str, Any]
) -> tuple[Agent, Session]:
    """A session in state `created`. Raises NotFoundError, QuotaError, RateLimitError."""
    principal = request[PRINCIPAL]
    return await admission.create_session(
        request.app[POSTGRES],
        request.app[REDIS],
        principal.team_id,
        principal.own_user_id,
        agent_reference=agent_reference,
        client_context=client_context,
        limits=session_limits(request),
    )


def issue_secret(
    request: web.Request, session_id: int, life_s: int | None = None
) -> tuple[str, int]:
    """A client secret of that session, and the Unix time when it expires."""
    return request.app[TOKENS].issue_client_secret(request[PRINCIPAL], session_id, life_s=life_s)


def socket_url(request: web.Request, session_id: int) -> str:
    """Where the session's socket is opened: at the public address, else where this request came."""
    base = request.app[SETTINGS].public_url or f"{request.scheme}://{request.host}"
    # http becomes ws, and https wss.
    return f"{base.rstrip('/').replace('http', 'ws', 1)}{SOCKET_PATH}?session_id={session_id}"
