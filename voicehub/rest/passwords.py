"""A user's own new password: with the old one, by a link in a mail, or by one from an admin."""

from dataclasses import replace
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated

import structlog
from aiohttp import web
from pydantic import ConfigDict, Field

from voicehub.auth.passwords import BYTES_MAX, check_strength, mark
from voicehub.auth.principal import fold_email
from voicehub.auth.reset_mails import reset_url
from voicehub.auth.tokens import TOKEN_CHARACTERS_MAX
from voicehub.errors import (
    AuthenticationError,
    ClientError,
    ConflictError,
    ForbiddenError,
    NotFoundError,
    OverloadError,
    RateLimitError,
)
from voicehub.keys import (
    LOGIN_ATTEMPTS,
    PASSWORDS,
    POSTGRES,
    PRINCIPAL,
    RESET_MAILS,
    SETTINGS,
    TOKENS,
)
from voicehub.live.admission import check_origin
from voicehub.rest import body, welcome
from voicehub.rest.fields import Shown
from voicehub.rest.operation import operation
from voicehub.rest.origin import client_address
from voicehub.rest.refresh_cookie import RefreshIn
from voicehub.rest.welcome import TeamName, Welcome
from voicehub.storage import users
from voicehub.storage.users import User

_log = structlog.get_logger(__name__)

# Its strength is judged later, with the user's address at hand.
_NewPassword = Annotated[str, Field(min_length=1, max_length=BYTES_MAX, repr=False)]


class PasswordChange(body.Body):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "old_password": "correct horse battery staple",
                    "new_password": "wrong mule charger paperclip",
                }
            ]
        }
    )

    old_password: Annotated[str, Field(min_length=1, max_length=1024, repr=False)]
    new_password: _NewPassword
    """At least 12 characters, at most 1024 bytes, and not the address."""
    refresh_in: RefreshIn = "body"


class ResetRequest(body.Body):
    model_config = ConfigDict(json_schema_extra={"examples": [{"email": "ada@acme.example"}]})

    email: Annotated[str, Field(min_length=1, max_length=255)]
    team: TeamName | None = None
    """Without it, each user with that address gets a mail of their own."""


class ResetConfirmation(body.Body):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "token": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMiJ9.c2lnbmF0dXJl",
                    "password": "wrong mule charger paperclip",
                }
            ]
        }
    )

    token: Annotated[str, Field(min_length=1, max_length=TOKEN_CHARACTERS_MAX, repr=False)]
    password: _NewPassword
    """At least 12 characters, at most 1024 bytes, and not the address."""


class PasswordReset(Shown):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "token": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMiJ9.c2lnbmF0dXJl",
                    "url": None,
                    "expires_in": 3600,
                }
            ]
        }
    )

    token: str
    """For `POST /v1/auth/password_resets/confirm`, once; also dead when the password changes."""
    url: str | None
    """The link for the user; null where the server has no public address to lead to."""
    expires_in: int
    """Seconds."""


@operation(
    "Change one's own password",
    answers=Welcome,
    errors=(AuthenticationError, ForbiddenError, ConflictError, RateLimitError, OverloadError),
)
async def change(request: web.Request, asked: PasswordChange) -> web.Response:
    """Every sign-in of the user ends; the answer begins a new one for who asked."""
    principal = request[PRINCIPAL]
    if asked.refresh_in == "cookie":
        check_origin(request)  # before anything is changed
    async with request.app[POSTGRES].connection() as conn:
        user = await users.get(conn, principal.team_id, principal.own_user_id)
    if user is None:
        raise AuthenticationError("The user of this token is gone.")
    check_strength(asked.new_password, user.email, param="new_password")
    attempts = request.app[LOGIN_ATTEMPTS]
    # Whoever has found an access token must not guess the password with it.
    attempt = await attempts.begin(user.email, client_address(request))
    if not await request.app[PASSWORDS].verify(asked.old_password, user.password_hash):
        # 403: the token is good, and a client must not throw it away.
        raise ForbiddenError(
            "The old password is wrong.", code="wrong_password", param="old_password"
        )
    await attempts.succeed(attempt)
    changed = await _replace(request, user, asked.new_password)
    if changed is None:
        raise ConflictError("The password was changed meanwhile.", code="password_changed")
    return await welcome.begin(request, changed, asked.refresh_in)


@operation(
    "Ask for a mail that resets a password", status=HTTPStatus.ACCEPTED, errors=(RateLimitError,)
)
async def request_reset(request: web.Request, asked: ResetRequest) -> None:
    """The same answer whether or not there is such a user, and before anybody has looked."""
    await request.app[LOGIN_ATTEMPTS].begin_reset(asked.email, client_address(request))
    mails = request.app.get(RESET_MAILS)
    if mails is None:
        _log.info("no mail server is configured: a reset was asked for in vain")
    else:
        mails.ask(asked.email, asked.team)


@operation(
    "Choose a new password with a reset token",
    errors=(RateLimitError, OverloadError),
)
async def confirm_reset(request: web.Request, asked: ResetConfirmation) -> None:
    """Every sign-in of the user ends."""
    attempts = request.app[LOGIN_ATTEMPTS]
    attempt = await attempts.begin_anywhere(client_address(request))
    user = await _user_of(request, asked.token)
    await attempts.succeed(attempt)
    check_strength(asked.password, user.email)
    if await _replace(request, user, asked.password) is None:
        raise _used_up()


@operation(
    "Make a reset token for a user, where no mail can be sent",
    answers=PasswordReset,
    errors=(NotFoundError,),
)
async def create_reset(request: web.Request) -> PasswordReset:
    team_id, user_id = request[PRINCIPAL].team_id, body.path_id(request, "user_id")
    async with request.app[POSTGRES].connection() as conn:
        user = await users.get(conn, team_id, user_id)
    if user is None:
        raise NotFoundError("There is no such user.")
    token, life_s = request.app[TOKENS].issue_password_reset(user, mark(user.password_hash))
    page_url = request.app[SETTINGS].reset_page_url
    return PasswordReset(
        token=token, url=reset_url(page_url, token) if page_url else None, expires_in=life_s
    )


async def _user_of(request: web.Request, token: str) -> User:
    """The user whose password the token may replace now. Raises ClientError."""
    try:
        reset = request.app[TOKENS].read_password_reset(token, datetime.now(UTC))
    except AuthenticationError:
        raise _used_up() from None
    async with request.app[POSTGRES].connection() as conn:
        user = await users.get(conn, reset.team_id, reset.user_id)
    if user is None or fold_email(user.email) != fold_email(reset.email):
        raise _used_up()
    if mark(user.password_hash) != reset.password_mark:
        raise _used_up()
    return user


async def _replace(request: web.Request, user: User, password: str) -> User | None:
    """The user with the new password; None when the one that was read is there no more."""
    new_hash = await request.app[PASSWORDS].hash(password)
    async with request.app[POSTGRES].connection() as conn:
        is_replaced = await users.set_password_hash(
            conn, user.team_id, user.id, user.password_hash, new_hash
        )
    if not is_replaced:
        return None
    await welcome.end_sign_ins(request, user.id)
    return replace(user, password_hash=new_hash)


def _used_up() -> ClientError:
    return ClientError(
        "The token is wrong, too old or used up: ask for a new one.",
        code="invalid_reset_token",
        param="token",
    )
