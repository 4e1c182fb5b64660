"""Signing in by what somebody else vouches for: Google, or an identity provider of one's own."""

from datetime import UTC, datetime
from typing import Annotated

from aiohttp import web
from pydantic import ConfigDict, Field

from voicehub.auth.id_tokens import TOKEN_CHARACTERS_MAX, Identity, IdTokens
from voicehub.errors import (
    AuthenticationError,
    ConflictError,
    ForbiddenError,
    IdentityProviderError,
    NotFoundError,
    RateLimitError,
)
from voicehub.keys import GOOGLE, IDENTITY_PROVIDER, LOGIN_ATTEMPTS, POSTGRES
from voicehub.rest import body, welcome
from voicehub.rest.operation import operation
from voicehub.rest.origin import client_address
from voicehub.rest.refresh_cookie import RefreshIn
from voicehub.rest.welcome import TeamName, Welcome
from voicehub.storage import users
from voicehub.storage.users import User


class IdTokenLogin(body.Body):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"id_token": "eyJhbGciOiJSUzI1NiIsImtpZCI6IjEifQ.e30.c2lnbmF0dXJl"}]
        }
    )

    id_token: Annotated[str, Field(min_length=1, max_length=TOKEN_CHARACTERS_MAX, repr=False)]
    team: TeamName | None = None
    nonce: Annotated[str, Field(min_length=1, max_length=255)] | None = None
    """What the client gave to the provider; the token must then say the same."""
    refresh_in: RefreshIn = "body"


_ERRORS = (
    AuthenticationError,
    ConflictError,
    ForbiddenError,
    IdentityProviderError,
    NotFoundError,
    RateLimitError,
)


@operation("Sign in with Google", answers=Welcome, errors=_ERRORS)
async def google(request: web.Request, asked: IdTokenLogin) -> web.Response:
    """The first time by the verified address, which binds the Google account to the user; then by
    that account, whatever address it has. Nobody becomes a user by this.
    """
    identity = await _proven(request, request.app.get(GOOGLE), asked)
    async with request.app[POSTGRES].connection() as conn:
        found = await users.by_google(conn, identity.subject, identity.email, asked.team)
    user = _only(found)
    if user is None:
        return welcome.which_team(request, found)
    async with request.app[POSTGRES].connection() as conn:
        if not await users.bind_google(conn, user.team_id, user.id, identity.subject):
            # Somebody else was bound to this account, or this user to another, a moment ago.
            raise _nobody()
    return await welcome.begin(request, user, asked.refresh_in)


@operation("Sign in with the identity provider", answers=Welcome, errors=_ERRORS)
async def exchange(request: web.Request, asked: IdTokenLogin) -> web.Response:
    """By the verified address, for which the provider answers. Nobody becomes a user by this."""
    identity = await _proven(request, request.app.get(IDENTITY_PROVIDER), asked)
    if identity.team is not None and asked.team not in {None, identity.team}:
        raise _nobody()
    async with request.app[POSTGRES].connection() as conn:
        found = await users.by_email(conn, identity.email, identity.team or asked.team)
    user = _only(found)
    if user is None:
        return welcome.which_team(request, found)
    return await welcome.begin(request, user, asked.refresh_in)


async def _proven(
    request: web.Request, id_tokens: IdTokens | None, asked: IdTokenLogin
) -> Identity:
    if id_tokens is None:
        raise NotFoundError("This way to sign in is not set up.", code="not_configured")
    attempts = request.app[LOGIN_ATTEMPTS]
    attempt = await attempts.begin_anywhere(client_address(request))
    identity = await id_tokens.verify(asked.id_token, datetime.now(UTC), nonce=asked.nonce)
    await attempts.succeed(attempt)
    return identity


def _only(found: list[User]) -> User | None:
    """None where there are several. Raises AuthenticationError where there is nobody."""
    if not found:
        raise _nobody()
    return found[0] if len(found) == 1 else None


def _nobody() -> AuthenticationError:
    return AuthenticationError("No user has this account.", code="invalid_credentials")
