"""Where a page of ours keeps its refresh token: in a cookie that no script can read.

It is sent to `/v1/auth` alone, and taken only from pages of our own origin or an allowed one.
"""

from typing import Literal

from aiohttp import web

from voicehub.auth.refresh_tokens import Issued
from voicehub.errors import AuthenticationError
from voicehub.keys import SETTINGS
from voicehub.live.admission import check_origin

COOKIE = "voicehub_refresh"
PATH = "/v1/auth"

RefreshIn = Literal["body", "cookie"]
"""`body` for programs; `cookie` for pages, which then find `refresh_token` null in the answer."""


def token_of(request: web.Request, given: str | None) -> tuple[str, RefreshIn]:
    """The refresh token and where it came from. Raises AuthenticationError, ForbiddenError."""
    if given is not None:
        return given, "body"
    kept = request.cookies.get(COOKIE)
    if not kept:
        raise AuthenticationError("Sign in again.", code="invalid_refresh_token")
    # SameSite holds other sites off, but neither a sibling of our host nor an old browser.
    check_origin(request)
    return kept, "cookie"


def keep(request: web.Request, response: web.Response, issued: Issued | None) -> None:
    if issued is None:
        forget(request, response)
        return
    response.set_cookie(
        COOKIE,
        issued.token,
        path=PATH,
        max_age=issued.expires_in_s,
        httponly=True,
        samesite="Strict",
        secure=_is_secure(request),
    )


def forget(request: web.Request, response: web.Response) -> None:
    response.del_cookie(
        COOKIE, path=PATH, httponly=True, samesite="Strict", secure=_is_secure(request)
    )


def _is_secure(request: web.Request) -> bool:
    public_url = request.app[SETTINGS].public_url
    return request.secure or bool(public_url and public_url.startswith("https:"))
