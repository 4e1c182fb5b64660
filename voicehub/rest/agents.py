"""`/v1/agents`: the agents that a team may talk to, and what it does with its own."""

from http import HTTPStatus

from aiohttp import web

from voicehub.errors import (
    AuthenticationError,
    ClientError,
    ForbiddenError,
    NotFoundError,
    PreconditionFailedError,
)
from voicehub.keys import POSTGRES, PRINCIPAL, SETTINGS
from voicehub.rest import answer, body, etag
from voicehub.rest.agent_models import (
    AgentPatch,
    AgentShown,
    AgentsQuery,
    NewAgent,
    WholeAgent,
    whole,
)
from voicehub.rest.agent_settings import AgentSettings, merged
from voicehub.rest.fields import Listed
from voicehub.rest.operation import operation
from voicehub.settings import Settings
from voicehub.storage import agents, teams, users
from voicehub.storage.agents import Agent, Texts
from voicehub.storage.postgres import Connection

NOT_FOUND = "There is no such agent."


@operation("List agents", answers=Listed[AgentShown])
async def list_page(request: web.Request, asked: AgentsQuery) -> Listed[AgentShown]:
    """The team's own and the built-in ones."""
    team_id = request[PRINCIPAL].team_id
    async with request.app[POSTGRES].connection() as conn:
        found = await agents.list_page(conn, team_id, asked.filters, asked.window)
    return answer.listed(found, AgentShown, AgentShown.model_validate)


@operation("Show an agent", answers=WholeAgent, is_tagged=True)
async def show(request: web.Request) -> web.Response:
    principal, agent_id = request[PRINCIPAL], body.path_id(request, "agent_id")
    async with request.app[POSTGRES].connection() as conn:
        agent = await agents.get(conn, principal.team_id, agent_id)
    if agent is None:
        raise NotFoundError(NOT_FOUND)
    shown = whole(agent, with_prompts=principal.is_admin or not agent.is_built_in)
    return answer.tagged(request, shown, agent)


@operation(
    "Create an agent",
    answers=WholeAgent,
    status=HTTPStatus.CREATED,
    is_tagged=True,
    is_idempotent=True,
)
async def create(request: web.Request, asked: NewAgent) -> web.Response:
    principal, texts = request[PRINCIPAL], new_texts(asked, request.app[SETTINGS])
    async with request.app[POSTGRES].transaction() as conn:
        if not await teams.lock_for_reference(conn, principal.team_id):
            raise AuthenticationError("The team of this token is gone.")
        creator_id = None if principal.is_acting else principal.own_user_id
        if creator_id is not None and not await users.lock_for_reference(
            conn, principal.team_id, creator_id
        ):
            raise AuthenticationError("The user of this token is gone.")
        agent = await agents.insert(conn, principal.team_id, creator_id, texts)
    return created(request, agent)


@operation(
    "Change an agent",
    answers=WholeAgent,
    errors=(ForbiddenError, NotFoundError, PreconditionFailedError),
    is_tagged=True,
)
async def update(request: web.Request, asked: AgentPatch) -> web.Response:
    """Sessions that run go on as they began."""
    agent_id = body.path_id(request, "agent_id")
    async with request.app[POSTGRES].transaction() as conn:
        agent = await agents.lock_for_change(conn, request[PRINCIPAL].team_id, agent_id)
        if agent is None:
            raise await _refusal(request, conn, agent_id)
        agent = await change(request, conn, agent, asked)
    return answer.tagged(request, whole(agent, with_prompts=True), agent)


@operation("Delete an agent", errors=(ForbiddenError, NotFoundError))
async def delete(request: web.Request) -> None:
    """Its sessions stay and can be read; new ones, and those that wait, no longer find it."""
    agent_id = body.path_id(request, "agent_id")
    async with request.app[POSTGRES].transaction() as conn:
        agent = await agents.lock_for_delete(conn, request[PRINCIPAL].team_id, agent_id)
        if agent is None or agent.deleted_at is not None:
            raise await _refusal(request, conn, agent_id)
        await agents.set_deleted(conn, agent_id, is_deleted=True)


@operation("Restore a deleted agent", answers=WholeAgent, errors=(NotFoundError,), is_tagged=True)
async def restore(request: web.Request) -> web.Response:
    """One that is not deleted stays as it is."""
    agent_id = body.path_id(request, "agent_id")
    async with request.app[POSTGRES].transaction() as conn:
        agent = await restored(conn, request[PRINCIPAL].team_id, agent_id)
    return answer.tagged(request, whole(agent, with_prompts=True), agent)


def new_texts(asked: NewAgent, settings: Settings) -> Texts:
    """What a new agent is. Raises ClientError for settings that this server cannot serve."""
    return Texts(
        asked.name,
        asked.description,
        asked.persona_prompt,
        asked.system_prompt,
        merged({}, asked.settings, settings),
    )


def created(request: web.Request, agent: Agent) -> web.Response:
    headers = {"Location": f"{request.path}/{agent.id}"}
    shown = whole(agent, with_prompts=True)
    return answer.tagged(request, shown, agent, HTTPStatus.CREATED, headers)


async def change(request: web.Request, conn: Connection, agent: Agent, asked: AgentPatch) -> Agent:
    """Write what was sent of a locked agent. Raises PreconditionFailedError, ClientError."""
    etag.require_match(request, agent)
    texts = {
        name: getattr(asked if name in asked.model_fields_set else agent, name)
        for name in Texts.__dataclass_fields__
    }
    sent = asked.settings if "settings" in asked.model_fields_set else AgentSettings()
    texts["settings"] = merged(agent.settings, sent, request.app[SETTINGS])
    return await agents.update(conn, agent.id, Texts(**texts))


async def restored(conn: Connection, team_id: int | None, agent_id: int) -> Agent:
    """Inside a transaction. Raises NotFoundError."""
    agent = await agents.lock_for_delete(conn, team_id, agent_id)
    if agent is None:
        raise NotFoundError(NOT_FOUND)
    if agent.deleted_at is None:
        return agent
    return await agents.set_deleted(conn, agent_id, is_deleted=False)


async def _refusal(request: web.Request, conn: Connection, agent_id: int) -> ClientError:
    """Why the team cannot change an agent that is not its own."""
    if await agents.get(conn, request[PRINCIPAL].team_id, agent_id) is None:
        return NotFoundError(NOT_FOUND)
    return ForbiddenError(
        "A built-in agent is changed under /v1/admin/agents.", code="agent_is_built_in"
    )
