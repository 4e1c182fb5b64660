"""`POST /v1/auth/login`: an address and a password for an access token."""

from typing import Annotated, Literal

from aiohttp import web
from pydantic import Field

from voicehub.errors import AuthenticationError, ConflictError, OverloadError, RateLimitError
from voicehub.keys import LOGIN_ATTEMPTS, PASSWORDS, POSTGRES, SETTINGS, TOKENS
from voicehub.rest import answer, body
from voicehub.rest.fields import Shown
from voicehub.rest.me import OwnUser, own_user
from voicehub.rest.operation import operation
from voicehub.storage import users
from voicehub.storage.users import User


class Login(body.Body):
    email: Annotated[str, Field(min_length=1, max_length=255)]
    password: Annotated[str, Field(min_length=1, max_length=1024, repr=False)]
    team: Annotated[str, Field(max_length=255)] | None = None


class Welcome(Shown):
    access_token: str
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105 - RFC 6750's name of the kind
    expires_in: int
    """Seconds."""
    user: OwnUser


@operation(
    "Sign in with a password",
    answers=Welcome,
    errors=(AuthenticationError, ConflictError, RateLimitError, OverloadError),
)
async def login(request: web.Request, asked: Login) -> Welcome | web.Response:
    origin = request.remote or ""
    await request.app[LOGIN_ATTEMPTS].begin(asked.email, origin)
    found = await _with_password(request, asked)
    if not found:
        # The same answer for an unknown address, a wrong password and a wrong team.
        raise AuthenticationError("Email, password or team is wrong.", code="invalid_credentials")
    await request.app[LOGIN_ATTEMPTS].succeed(asked.email, origin)
    if len(found) > 1:
        return answer.error(
            request,
            ConflictError(
                "This login belongs to several teams: send `team` with the name of one.",
                code="team_required",
                param="team",
            ),
            teams=[{"name": user.team_name, "label": user.team_label} for user in found],
        )
    return await _welcome(request, found[0], asked.password)


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


async def _welcome(request: web.Request, user: User, password: str) -> Welcome:
    await _renew_hash(request, user, password)
    token, expires_in_s = request.app[TOKENS].issue_access(user)
    return Welcome(
        access_token=token,
        expires_in=expires_in_s,
        user=own_user(user, request.app[SETTINGS].admin_emails),
    )


async def _renew_hash(request: web.Request, user: User, password: str) -> None:
    """A hash made at a lower cost is replaced while its password is at hand."""
    passwords = request.app[PASSWORDS]
    if user.password_hash is None or not passwords.needs_rehash(user.password_hash):
        return
    new_hash = await passwords.hash(password)
    async with request.app[POSTGRES].connection() as conn:
        await users.set_password_hash(conn, user.team_id, user.id, user.password_hash, new_hash)
