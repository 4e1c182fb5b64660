"""`POST /v1/auth/login`: an address and a password for an access token."""

from dataclasses import replace
from typing import Annotated

from aiohttp import web
from pydantic import ConfigDict, Field

from voicehub.errors import (
    AuthenticationError,
    ConflictError,
    ForbiddenError,
    OverloadError,
    RateLimitError,
)
from voicehub.keys import LOGIN_ATTEMPTS, PASSWORDS, POSTGRES
from voicehub.rest import body, welcome
from voicehub.rest.operation import operation
from voicehub.rest.origin import client_address
from voicehub.rest.refresh_cookie import RefreshIn
from voicehub.rest.welcome import TeamName, Welcome
from voicehub.storage import users
from voicehub.storage.users import User


class Login(body.Body):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"email": "ada@acme.example", "password": "correct horse battery staple"}]
        }
    )

    email: Annotated[str, Field(min_length=1, max_length=255)]
    password: Annotated[str, Field(min_length=1, max_length=1024, repr=False)]
    team: TeamName | None = None
    refresh_in: RefreshIn = "body"


@operation(
    "Sign in with a password",
    answers=Welcome,
    errors=(AuthenticationError, ForbiddenError, ConflictError, RateLimitError, OverloadError),
)
async def login(request: web.Request, asked: Login) -> web.Response:
    attempts = request.app[LOGIN_ATTEMPTS]
    attempt = await attempts.begin(asked.email, client_address(request))
    found = await _with_password(request, asked)
    if not found:
        # The same answer for an unknown address, a wrong password and a wrong team.
        raise AuthenticationError("Email, password or team is wrong.", code="invalid_credentials")
    await attempts.succeed(attempt)
    if len(found) > 1:
        return welcome.which_team(request, found)
    user = await _with_renewed_hash(request, found[0], asked.password)
    return await welcome.begin(request, user, asked.refresh_in)


async def _with_password(request: web.Request, asked: Login) -> list[User]:
    """The users whom this password proves. An unknown address costs a check like a known one."""
    async with request.app[POSTGRES].connection() as conn:
        candidates = await users.by_email(conn, asked.email.strip(), asked.team)
    passwords = request.app[PASSWORDS]
    if not candidates:
        await passwords.verify(asked.password, None)
    return [
        user for user in candidates if await passwords.verify(asked.password, user.password_hash)
    ]


async def _with_renewed_hash(request: web.Request, user: User, password: str) -> User:
    """A hash made at a lower cost is replaced while its password is at hand."""
    passwords = request.app[PASSWORDS]
    if user.password_hash is None or not passwords.needs_rehash(user.password_hash):
        return user
    new_hash = await passwords.rehash(password, user.password_hash)
    async with request.app[POSTGRES].connection() as conn:
        is_kept = await users.set_password_hash(
            conn, user.team_id, user.id, user.password_hash, new_hash
        )
    return replace(user, password_hash=new_hash) if is_kept else user
