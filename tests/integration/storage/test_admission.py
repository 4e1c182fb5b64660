import pytest

from voicehub.errors import NotFoundError, QuotaError, RateLimitError
from voicehub.storage import admission
from voicehub.storage.sessions import Limits


async def create(team, redis, reference="A", limits=None):
    return await admission.create_session(
        team.pg,
        redis,
        team.id,
        team.user_id,
        agent_reference=reference,
        client_context={"k": "v"},
        limits=limits or Limits(5, 5, 600),
    )


async def test_a_session_is_created_for_the_agent_that_was_named(team, redis):
    agent, session = await create(team, redis)
    assert (agent.id, session.agent_id, session.status) == (team.agent_id, agent.id, "created")
    assert session.data["context"] == {"k": "v"}


async def test_each_reason_to_refuse_has_its_error_and_leaves_no_row(team, redis):
    with pytest.raises(NotFoundError):
        await create(team, redis, "nobody")
    with pytest.raises(RateLimitError):
        await create(team, redis, limits=Limits(0, 5, 600))
    await team.run("UPDATE plans SET max_text_tokens = 0 RETURNING id")
    with pytest.raises(QuotaError):
        await create(team, redis)
    assert await team.run("SELECT count(*) FROM sessions") == 0
