"""`/v1/team` for a team's users, `/v1/teams` for admins."""

from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any, Literal

from aiohttp import web
from pydantic import ConfigDict, Field

from voicehub.errors import ConflictError, NotFoundError, PreconditionFailedError
from voicehub.keys import POSTGRES, PRINCIPAL
from voicehub.rest import answer, body, etag
from voicehub.rest.cursor import ListQuery
from voicehub.rest.fields import Listed, Name, Shown
from voicehub.rest.operation import operation
from voicehub.storage import teams
from voicehub.storage.teams import Team

# People write it where they sign in, so it has no case, no space and no look-alike.
Slug = Annotated[str, Field(max_length=255, pattern=r"^[a-z0-9][a-z0-9-]*$")]


class TeamShown(Shown):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "object": "team",
                    "id": 7,
                    "name": "acme",
                    "label": "Acme Inc.",
                    "created_at": "2026-11-23T09:00:00Z",
                    "updated_at": "2026-11-23T09:00:00Z",
                }
            ]
        }
    )

    object: Literal["team"] = "team"
    id: int
    name: str
    """What sign-in asks for where one address is in several teams."""
    label: str
    """What people call it."""
    created_at: datetime
    updated_at: datetime


class TeamLabel(body.Body):
    model_config = ConfigDict(json_schema_extra={"examples": [{"label": "Acme Inc."}]})

    label: Name = Field(default_factory=str)


class TeamPatch(TeamLabel):
    model_config = ConfigDict(json_schema_extra={"examples": [{"name": "acme"}]})

    name: Slug = Field(default_factory=str)
    """What users of several teams sign in with: tell them of a change."""


class NewTeam(body.Body):
    model_config = ConfigDict(
        json_schema_extra={"examples": [{"name": "acme", "label": "Acme Inc."}]}
    )

    name: Slug
    label: Name


class TeamsQuery(ListQuery):
    name_prefix: Annotated[str, Field(max_length=255)] | None = None


@operation("Show the team", answers=TeamShown, errors=(NotFoundError,), is_tagged=True)
async def show(request: web.Request) -> web.Response:
    async with request.app[POSTGRES].connection() as conn:
        team = await teams.get(conn, request[PRINCIPAL].team_id)
    if team is None:
        raise _no_team()
    return answer.tagged(request, TeamShown.model_validate(team), team)


@operation(
    "Change what the team is called",
    answers=TeamShown,
    errors=(NotFoundError, PreconditionFailedError),
    is_tagged=True,
)
async def relabel(request: web.Request, asked: TeamLabel) -> web.Response:
    team = await _changed(request, asked)
    return answer.tagged(request, TeamShown.model_validate(team), team)


@operation(
    "Change a team",
    answers=TeamShown,
    errors=(NotFoundError, ConflictError, PreconditionFailedError),
    is_tagged=True,
)
async def update(request: web.Request, asked: TeamPatch) -> web.Response:
    team = await _changed(request, asked)
    return answer.tagged(request, TeamShown.model_validate(team), team)


@operation("List teams", answers=Listed[TeamShown])
async def list_all(request: web.Request, asked: TeamsQuery) -> Listed[TeamShown]:
    async with request.app[POSTGRES].connection() as conn:
        found = await teams.list_all(conn, asked.window, asked.name_prefix)
    return answer.listed(found, TeamShown, TeamShown.model_validate)


@operation(
    "Create a team",
    answers=TeamShown,
    status=HTTPStatus.CREATED,
    errors=(ConflictError,),
    is_idempotent=True,
)
async def create(request: web.Request, asked: NewTeam) -> web.Response:
    async with request.app[POSTGRES].connection() as conn:
        team = await teams.create(conn, asked.name, asked.label)
    headers = {"Location": f"/v1/teams/{team.id}"}
    return answer.shown(TeamShown.model_validate(team), HTTPStatus.CREATED, headers)


@operation("Delete a team that has nothing left", errors=(NotFoundError, ConflictError))
async def delete(request: web.Request) -> None:
    async with request.app[POSTGRES].transaction() as conn:
        if not await teams.delete(conn, request[PRINCIPAL].team_id):
            raise _no_team()


async def _changed(request: web.Request, asked: TeamLabel) -> Team:
    wanted: dict[str, Any] = asked.model_dump(exclude_unset=True)  # by the model's fields
    async with request.app[POSTGRES].transaction() as conn:
        team = await teams.lock_for_update(conn, request[PRINCIPAL].team_id)
        if team is None:
            raise _no_team()
        etag.require_match(request, team)
        return await teams.update(
            conn, team.id, **{"name": team.name, "label": team.label, **wanted}
        )


def _no_team() -> NotFoundError:
    return NotFoundError("There is no such team.")
