"""What every way to sign in ends with: tokens for a user, or the question which team is meant."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Literal

import structlog
from aiohttp import web
from pydantic import ConfigDict, Field

from voicehub.auth.refresh_tokens import Issued, sign_in_mark
from voicehub.errors import ConflictError, StorageError
from voicehub.keys import REFRESH_TOKENS, SETTINGS, TOKENS
from voicehub.live.admission import check_origin
from voicehub.rest import answer, refresh_cookie
from voicehub.rest.fields import Shown
from voicehub.rest.me import OwnUser, own_user
from voicehub.rest.refresh_cookie import RefreshIn
from voicehub.storage.users import User

_log = structlog.get_logger(__name__)

TeamName = Annotated[str, Field(max_length=255, examples=["acme"])]
"""The `name` of a team, where an address belongs to users of several."""


class Welcome(Shown):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "access_token": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMiJ9.c2lnbmF0dXJl",
                    "token_type": "Bearer",
                    "expires_in": 3600,
                    "refresh_token": "rt_AAAAAAAAAAwAAAAAAAAAA3Jh",
                    "refresh_expires_in": 2592000,
                    "user": {
                        "object": "user",
                        "id": 12,
                        "email": "ada@acme.example",
                        "display_name": "Ada",
                        "is_admin": False,
                        "team": {"id": 3, "name": "acme", "label": "Acme"},
                    },
                }
            ]
        }
    )

    access_token: str
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105 - RFC 6750's name of the kind
    expires_in: int
    """Seconds."""
    refresh_token: str | None
    """For `POST /v1/auth/refresh`, once. Null where it is in the cookie, and while the server
    cannot keep sign-ins: sign in again when the access token expires.
    """
    refresh_expires_in: int | None
    """Seconds until the sign-in is over, however often it is refreshed."""
    user: OwnUser


async def begin(request: web.Request, user: User, refresh_in: RefreshIn = "body") -> web.Response:
    """A new sign-in, of the row that was read when the user proved who they are.

    Raises ForbiddenError where the page of another site would leave its cookie with ours.
    """
    if refresh_in == "cookie":
        check_origin(request)
    now = datetime.now(UTC)
    try:
        mark = sign_in_mark(user.email, user.password_hash)
        issued = await request.app[REFRESH_TOKENS].begin(user, mark, now)
    except StorageError:
        _log.warning("a sign-in is not kept: it ends with its access token")
        issued = None
    return welcome(request, user, issued, refresh_in)


def welcome(
    request: web.Request, user: User, issued: Issued | None, refresh_in: RefreshIn
) -> web.Response:
    access_token, expires_in_s = request.app[TOKENS].issue_access(user)
    shown = Welcome(
        access_token=access_token,
        expires_in=expires_in_s,
        refresh_token=issued.token if issued and refresh_in == "body" else None,
        refresh_expires_in=issued.expires_in_s if issued else None,
        user=own_user(user, request.app[SETTINGS].admin_emails),
    )
    response = answer.shown(shown)
    if refresh_in == "cookie":
        refresh_cookie.keep(request, response, issued)
    return response


async def end_sign_ins(request: web.Request, user_id: int) -> None:
    """Tidy up after a user's password or address was changed, or the user is gone: the row is what
    refuses their refresh tokens.
    """
    try:
        await request.app[REFRESH_TOKENS].revoke_all(user_id)
    except StorageError:
        _log.info("sign-ins that are over stay in Redis until they expire")


def which_team(request: web.Request, found: Sequence[User]) -> web.Response:
    """The answer to somebody who is a user of several teams. Only who has proven it is asked."""
    return answer.error(
        request,
        ConflictError(
            "This login belongs to several teams: send `team` with the name of one.",
            code="team_required",
            param="team",
        ),
        teams=[{"name": user.team_name, "label": user.team_label} for user in found],
    )
