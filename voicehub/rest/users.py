"""`/v1/users`: who belongs to a team. Admins alone create, change and remove them."""

from dataclasses import fields
from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any, Literal

from aiohttp import web
from pydantic import AfterValidator, ConfigDict, Field
from pydantic.config import JsonDict
from pydantic_core import PydanticCustomError

from voicehub.auth.passwords import BYTES_MAX, CHARACTERS_MIN, check_strength
from voicehub.auth.principal import fold_email
from voicehub.errors import (
    ConflictError,
    NotFoundError,
    OverloadError,
    PreconditionFailedError,
)
from voicehub.keys import PASSWORDS, POSTGRES, PRINCIPAL, SETTINGS
from voicehub.rest import answer, body, etag, welcome
from voicehub.rest.cursor import ListQuery
from voicehub.rest.fields import Identifier, Listed, Name, Shown
from voicehub.rest.operation import operation
from voicehub.storage import members, teams
from voicehub.storage.members import NOWHERE, Member


def _folded(email: str) -> str:
    if email.rpartition("@")[2].lower() == NOWHERE:
        raise PydanticCustomError("no_address", "No address ends in `@invalid`")
    return fold_email(email)


# Modest on purpose: what is refused would break a header or a list of addresses. Whether the
# address is somebody's, only a letter tells.
_PART = r'[^\s@<>,;:"\\()\[\]\x00-\x1f\x7f]+'
Email = Annotated[str, Field(max_length=255, pattern=f"^{_PART}@{_PART}$"), AfterValidator(_folded)]

Password = Annotated[str, Field(min_length=CHARACTERS_MIN, max_length=BYTES_MAX)]

_EXAMPLE: JsonDict = {
    "object": "user",
    "id": 12,
    "team_id": 7,
    "email": "ada@acme.example",
    "display_name": "Ada",
    "is_admin": False,
    "has_password": True,
    "has_google": False,
    "created_at": "2026-11-23T09:00:00Z",
    "updated_at": "2026-11-23T09:00:00Z",
}


class UserShown(Shown):
    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    object: Literal["user"] = "user"
    id: int
    team_id: int
    email: str
    display_name: str
    is_admin: bool
    """Whether the server's configuration names the address as a platform admin's."""
    has_password: bool
    """Whether the user may sign in with one."""
    has_google: bool
    """Whether the user has signed in with Google."""
    created_at: datetime
    updated_at: datetime


class NewUser(body.Body):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"email": "ada@acme.example", "display_name": "Ada"}],
        }
    )

    email: Email
    """Kept in lower case, for an address is the same in any."""
    display_name: Name
    password: Password | None = Field(default=None, repr=False)
    """Without one the user signs in with Google, or resets it."""


class UserPatch(body.Body):
    model_config = ConfigDict(json_schema_extra={"examples": [{"display_name": "Ada L."}]})

    email: Email = Field(default_factory=str)
    display_name: Name = Field(default_factory=str)


class UsersQuery(ListQuery):
    email: Annotated[str, Field(max_length=255), AfterValidator(fold_email)] | None = None


class AllUsersQuery(UsersQuery):
    team_id: Identifier | None = None


@operation("List the users of the team", answers=Listed[UserShown])
async def list_page(request: web.Request, asked: UsersQuery) -> Listed[UserShown]:
    team_id = request[PRINCIPAL].team_id
    async with request.app[POSTGRES].connection() as conn:
        found = await members.list_page(conn, team_id, asked.window, asked.email)
    return answer.listed(found, UserShown, lambda member: _shown(request, member))


@operation("List users of all teams", answers=Listed[UserShown])
async def list_all(request: web.Request, asked: AllUsersQuery) -> Listed[UserShown]:
    async with request.app[POSTGRES].connection() as conn:
        if asked.team_id is None:
            found = await members.list_all(conn, asked.window, asked.email)
        else:
            found = await members.list_page(conn, asked.team_id, asked.window, asked.email)
    return answer.listed(found, UserShown, lambda member: _shown(request, member))


@operation("Show a user of the team", answers=UserShown, is_tagged=True)
async def show(request: web.Request) -> web.Response:
    team_id, user_id = _place(request)
    async with request.app[POSTGRES].connection() as conn:
        member = await members.get(conn, team_id, user_id)
    if member is None:
        raise _no_user()
    return answer.tagged(request, _shown(request, member), member)


@operation(
    "Create a user",
    answers=UserShown,
    status=HTTPStatus.CREATED,
    errors=(NotFoundError, ConflictError, OverloadError),
    is_idempotent=True,
)
async def create(request: web.Request, asked: NewUser) -> web.Response:
    team_id = request[PRINCIPAL].team_id
    # Before the transaction: it takes a tenth of a second of a core.
    password_hash = await _hash(request, asked)
    async with request.app[POSTGRES].transaction() as conn:
        if not await teams.lock_for_reference(conn, team_id):
            raise NotFoundError("There is no such team.")
        member = await members.create(
            conn,
            team_id,
            email=asked.email,
            display_name=asked.display_name,
            password_hash=password_hash,
        )
    headers = {"Location": f"/v1/teams/{team_id}/users/{member.id}"}
    return answer.shown(_shown(request, member), HTTPStatus.CREATED, headers)


@operation(
    "Change a user",
    answers=UserShown,
    errors=(ConflictError, PreconditionFailedError),
    is_tagged=True,
)
async def update(request: web.Request, asked: UserPatch) -> web.Response:
    team_id, user_id = _place(request)
    wanted: dict[str, Any] = asked.model_dump(exclude_unset=True)  # by the model's fields
    async with request.app[POSTGRES].transaction() as conn:
        member = await members.lock_for_update(conn, team_id, user_id)
        if member is None:
            raise _no_user()
        etag.require_match(request, member)
        kept = {
            "email": member.email,
            "display_name": member.display_name,
            "settings": member.settings,
        }
        before, member = member, await members.update(conn, team_id, user_id, **(kept | wanted))
    if member.email != before.email:
        await welcome.end_sign_ins(request, user_id)
    return answer.tagged(request, _shown(request, member), member)


@operation(
    "Anonymize a user: the person goes, and what the user made stays whole", answers=UserShown
)
async def anonymize(request: web.Request) -> UserShown:
    """What the user said in sessions is the team's: who wants that gone erases the sessions."""
    team_id, user_id = _place(request)
    async with request.app[POSTGRES].connection() as conn:
        member = await members.anonymize(conn, team_id, user_id)
    if member is None:
        raise _no_user()
    await welcome.end_sign_ins(request, user_id)
    return _shown(request, member)


@operation("Delete a user whom nothing refers to", errors=(ConflictError,))
async def delete(request: web.Request) -> None:
    team_id, user_id = _place(request)
    async with request.app[POSTGRES].transaction() as conn:
        if not await members.delete(conn, team_id, user_id):
            raise _no_user()
    await welcome.end_sign_ins(request, user_id)


async def _hash(request: web.Request, asked: NewUser) -> str | None:
    if asked.password is None:
        return None
    check_strength(asked.password, asked.email)
    return await request.app[PASSWORDS].hash(asked.password)


def _place(request: web.Request) -> tuple[int, int]:
    return request[PRINCIPAL].team_id, body.path_id(request, "user_id")


def _shown(request: web.Request, member: Member) -> UserShown:
    row = {field.name: getattr(member, field.name) for field in fields(member)}
    del row["settings"]  # the user's own, and nobody else's to see
    admins = {fold_email(email) for email in request.app[SETTINGS].admin_emails}
    return UserShown(**row, is_admin=fold_email(member.email) in admins)


def _no_user() -> NotFoundError:
    return NotFoundError("There is no such user.")
