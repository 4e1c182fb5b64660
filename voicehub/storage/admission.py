"""Letting a session begin: the plan has something left, the agent is there, a slot is free."""

from typing import Any

from voicehub.errors import NotFoundError
from voicehub.storage import agents, quota, sessions
from voicehub.storage.agents import Agent
from voicehub.storage.postgres import Postgres
from voicehub.storage.redis import Redis
from voicehub.storage.sessions import Limits, Session


async def create_session(
    postgres: Postgres,
    redis: Redis,
    team_id: int,
    user_id: int,
    *,
    agent_reference: str,
    client_context: dict[str, Any],
    limits: Limits,
) -> tuple[Agent, Session]:
    """A session in state `created`.

    Raises NotFoundError, QuotaError, RateLimitError, StorageError.
    """
    async with postgres.connection() as conn:
        await quota.require(redis, conn, team_id)
        agent = await agents.resolve(conn, team_id, agent_reference)
        if agent is None:
            raise NotFoundError("There is no such agent.", code="agent_not_found")
        session = await sessions.create(conn, team_id, user_id, agent.id, client_context, limits)
    return agent, session
