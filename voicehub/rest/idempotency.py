"""`Idempotency-Key` on creating requests: a repeat gets the first answer and creates nothing.

After draft-ietf-httpapi-idempotency-key-header-07. Keys belong to whoever sent them, for a day. The
answer is kept after what it tells of is committed: where a server dies between the two, or loses
Postgres, a repeat a minute later creates again.
"""

import hashlib
import hmac
import re
from collections.abc import Awaitable, Callable
from http import HTTPStatus

import structlog
from aiohttp import web

from voicehub.errors import ClientError, ConflictError, StorageError, UnprocessableError
from voicehub.keys import POSTGRES, PRINCIPAL, SETTINGS
from voicehub.rest.body import read_bytes
from voicehub.storage import idempotency
from voicehub.storage.idempotency import Kept

HEADER = "Idempotency-Key"
# The draft has a quoted string; most clients send it bare.
KEY_PATTERN = r'"?([A-Za-z0-9_.:-]{1,128})"?'
_KEY = re.compile(KEY_PATTERN, re.ASCII)
BUSY_RETRY_S = 1
# The headers of an answer that are part of what it says.
_KEPT_HEADERS = ("Content-Type", "Location", "ETag")

Run = Callable[[], Awaitable[web.StreamResponse]]

_log = structlog.get_logger(__name__)


async def once(request: web.Request, run: Run) -> web.StreamResponse:
    """What `run` answers, or answered when the key was first sent.

    Raises ClientError for an unfit key, ConflictError while the first request runs, and
    UnprocessableError where the key belongs to another request.
    """
    given = request.headers.get(HEADER)
    if given is None:
        return await run()
    matched = _KEY.fullmatch(given)
    if matched is None:
        raise ClientError(
            "The key has 1 to 128 letters, digits or `_.:-`.",
            code="invalid_idempotency_key",
            param=HEADER,
        )
    principal, key = request[PRINCIPAL], matched[1]
    hashes = await _hashes(request)
    async with request.app[POSTGRES].connection() as conn:
        claim_id = await idempotency.claim(conn, principal.actor, key, hashes[0])
        kept = None if claim_id else await idempotency.find(conn, principal.actor, key)
    if claim_id is None:
        return _replayed(kept, hashes)
    return await _first(request, claim_id, run)


async def _first(request: web.Request, claim_id: int, run: Run) -> web.StreamResponse:
    try:
        response = await run()
    except BaseException:
        # Whatever it was, nothing was created, or the answer was lost and a repeat may find out.
        await _release(request, claim_id)
        raise
    assert isinstance(response, web.Response), "what is created is answered in one piece"
    headers = {name: response.headers[name] for name in _KEPT_HEADERS if name in response.headers}
    body = response.body or b""
    assert isinstance(body, bytes), "JSON, or nothing"
    try:
        async with request.app[POSTGRES].connection() as conn:
            await idempotency.complete(conn, claim_id, response.status, headers, body)
    except StorageError:
        # It was done, and who asked shall hear so instead of asking again.
        _log.warning("the answer of an idempotent request is not kept")
    return response


async def _release(request: web.Request, claim_id: int) -> None:
    try:
        async with request.app[POSTGRES].connection() as conn:
            await idempotency.release(conn, claim_id)
    except StorageError:
        _log.info("an idempotency key stays claimed for a minute")


def _replayed(kept: Kept | None, hashes: list[str]) -> web.Response:
    if kept is not None and kept.request_hash not in hashes:
        raise UnprocessableError(
            "The key was used for another request.", code="idempotency_key_reused", param=HEADER
        )
    if kept is None or kept.answer_status is None:
        raise ConflictError(
            "The first request with this key is not answered yet.",
            code="idempotency_key_in_use",
            param=HEADER,
            retry_after_s=BUSY_RETRY_S,
        )
    headers = {**(kept.answer_headers or {}), "Idempotent-Replayed": "true"}
    return web.Response(
        body=kept.answer_body, status=HTTPStatus(kept.answer_status), headers=headers
    )


async def _hashes(request: web.Request) -> list[str]:
    """By each signing key, today's first. Keyed, for a body may hold a password, and whoever reads
    the table must have nothing to try them on.
    """
    body = await read_bytes(request)
    asked = f"{request.method} {request.path_qs}\n".encode() + body
    keys = request.app[SETTINGS].jwt_keys
    return [hmac.new(key.encode(), asked, hashlib.sha256).hexdigest() for key in keys]
