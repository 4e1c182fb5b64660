"""`/v1/admin/agents`: the agents of all teams in one list, and the built-in ones."""

from http import HTTPStatus

from aiohttp import web

from voicehub.auth.principal import NO_TEAM
from voicehub.errors import NotFoundError, PreconditionFailedError
from voicehub.keys import POSTGRES, SETTINGS
from voicehub.rest import answer, body
from voicehub.rest.agent_models import (
    AdminsAgent,
    AgentPatch,
    AllAgentsQuery,
    NewAgent,
    WholeAgent,
    whole,
)
from voicehub.rest.agents import NOT_FOUND, change, created, new_texts, restored
from voicehub.rest.fields import Listed
from voicehub.rest.operation import operation
from voicehub.storage import agents

# Which agents a storage function works on: the built-in ones belong to no team.
BUILT_IN = None


@operation("List the agents of all teams", answers=Listed[AdminsAgent])
async def list_page(request: web.Request, asked: AllAgentsQuery) -> Listed[AdminsAgent]:
    """With the built-in ones, and those that were deleted."""
    async with request.app[POSTGRES].connection() as conn:
        found = await agents.list_all(
            conn,
            asked.filters,
            asked.window,
            team_id=asked.team_id,
            is_deleted=asked.is_deleted,
        )
    return answer.listed(found, AdminsAgent, AdminsAgent.model_validate)


@operation(
    "Create a built-in agent",
    answers=WholeAgent,
    status=HTTPStatus.CREATED,
    is_tagged=True,
    is_idempotent=True,
)
async def create(request: web.Request, asked: NewAgent) -> web.Response:
    """It serves every team."""
    texts = new_texts(asked, request.app[SETTINGS])
    async with request.app[POSTGRES].connection() as conn:
        agent = await agents.insert(conn, BUILT_IN, None, texts)
    return created(request, agent)


@operation("Show a built-in agent", answers=WholeAgent, is_tagged=True)
async def show(request: web.Request) -> web.Response:
    agent_id = body.path_id(request, "agent_id")
    async with request.app[POSTGRES].connection() as conn:
        agent = await agents.get(conn, NO_TEAM, agent_id)
    if agent is None:
        raise NotFoundError(NOT_FOUND)
    return answer.tagged(request, whole(agent, with_prompts=True), agent)


@operation(
    "Change a built-in agent",
    answers=WholeAgent,
    errors=(NotFoundError, PreconditionFailedError),
    is_tagged=True,
)
async def update(request: web.Request, asked: AgentPatch) -> web.Response:
    agent_id = body.path_id(request, "agent_id")
    async with request.app[POSTGRES].transaction() as conn:
        agent = await agents.lock_for_change(conn, BUILT_IN, agent_id)
        if agent is None:
            raise NotFoundError(NOT_FOUND)
        agent = await change(request, conn, agent, asked)
    return answer.tagged(request, whole(agent, with_prompts=True), agent)


@operation("Delete a built-in agent", errors=(NotFoundError,))
async def delete(request: web.Request) -> None:
    """The sessions of all teams with it stay and can be read."""
    agent_id = body.path_id(request, "agent_id")
    async with request.app[POSTGRES].transaction() as conn:
        agent = await agents.lock_for_delete(conn, BUILT_IN, agent_id)
        if agent is None or agent.deleted_at is not None:
            raise NotFoundError(NOT_FOUND)
        await agents.set_deleted(conn, agent_id, is_deleted=True)


@operation(
    "Restore a deleted built-in agent",
    answers=WholeAgent,
    errors=(NotFoundError,),
    is_tagged=True,
)
async def restore(request: web.Request) -> web.Response:
    """One that is not deleted stays as it is."""
    agent_id = body.path_id(request, "agent_id")
    async with request.app[POSTGRES].transaction() as conn:
        agent = await restored(conn, BUILT_IN, agent_id)
    return answer.tagged(request, whole(agent, with_prompts=True), agent)
