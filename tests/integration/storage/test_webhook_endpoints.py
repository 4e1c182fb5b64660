"""The table `webhook_endpoints`."""

import asyncio
import base64

import pytest

from tests.teams import add_team
from tests.webhooks import SECRET, add_endpoint, deliveries
from voicehub.errors import ConflictError, NotFoundError
from voicehub.storage import teams, webhook_deliveries, webhook_endpoints

WAITS_FOR_LOCK = (
    "SELECT count(*) FROM pg_stat_activity"
    " WHERE wait_event_type = 'Lock' AND datname = current_database()"
)
URL = "https://hooks.example/?key=hidden"


@pytest.fixture
async def team(pg):
    return await add_team(pg)


def test_a_secret_is_long_enough_and_never_the_same():
    one, other = webhook_endpoints.new_secret(), webhook_endpoints.new_secret()
    assert one != other
    assert one.startswith("whsec_")
    assert 24 <= len(base64.b64decode(one.removeprefix("whsec_"))) <= 64


async def test_a_repr_shows_neither_address_nor_secret(pg, team):
    endpoint_id = await add_endpoint(pg, team.id, URL)
    async with pg.connection() as conn:
        shown = repr(await webhook_endpoints.get(conn, team.id, endpoint_id))
    assert "hidden" not in shown
    assert SECRET not in shown


async def test_creations_at_once_do_not_exceed_the_limit(pg, team):
    made = await asyncio.gather(
        *(add_endpoint(pg, team.id, URL) for _ in range(15)), return_exceptions=True
    )
    assert sum(isinstance(each, ConflictError) for each in made) == 5
    assert sum(isinstance(each, int) for each in made) == webhook_endpoints.ENDPOINTS_MAX


async def test_a_team_that_is_gone_gets_none(pg):
    with pytest.raises(NotFoundError):
        await add_endpoint(pg, 404, URL)


async def test_a_team_with_endpoints_is_not_deleted(pg):
    async with pg.connection() as conn:
        team = await teams.create(conn, "hooked", "Hooked")
        endpoint_id = await add_endpoint(pg, team.id, URL)
        async with conn.transaction():
            with pytest.raises(ConflictError, match="webhook endpoints"):
                await teams.delete(conn, team.id)
        await webhook_endpoints.delete(conn, team.id, endpoint_id)
        async with conn.transaction():
            assert await teams.delete(conn, team.id)


async def test_what_is_deleted_takes_its_deliveries_along(pg, team):
    kept, gone = [await add_endpoint(pg, team.id, URL) for _ in range(2)]
    async with pg.connection() as conn:
        for each in (kept, gone):
            await webhook_deliveries.add_test(conn, team.id, each)
        assert not await webhook_endpoints.delete(conn, team.id + 1, gone)
        assert await webhook_endpoints.delete(conn, team.id, gone)
        assert not await webhook_endpoints.delete(conn, team.id, gone)
        with pytest.raises(NotFoundError):
            await webhook_endpoints.require_enabled(conn, team.id, gone)
    assert len(await deliveries(pg, kept)) == 1
    assert await deliveries(pg, gone) == []


async def test_an_endpoint_that_is_deleted_while_a_session_ends_leaves_no_orphan(pg, team):
    endpoint_id = await add_endpoint(pg, team.id, URL)
    session_id = await team.add_session()
    async with (
        pg.connection() as deleting,
        asyncio.TaskGroup() as group,
        pg.transaction() as ending,
    ):
        await ending.execute("UPDATE sessions SET status = 'completed', ended_at = now()")
        delete = group.create_task(webhook_endpoints.delete(deleting, team.id, endpoint_id))
        while not await team.run(WAITS_FOR_LOCK):
            assert not delete.done()
    assert delete.result()
    assert (await team.row(session_id))["status"] == "completed"
    assert await team.run("SELECT count(*) FROM webhook_deliveries") == 0


async def test_rotation_keeps_the_secret_before_for_a_day(pg, team):
    endpoint_id = await add_endpoint(pg, team.id, URL)

    async def signing():
        async with pg.connection() as conn:
            await webhook_deliveries.add_test(conn, team.id, endpoint_id)
            (claim,) = await webhook_deliveries.claim(
                conn, 1, per_endpoint=100, under_way=[], life_s=60
            )
        return claim.secret, claim.previous_secret

    assert await signing() == (SECRET, None)
    async with pg.connection() as conn:
        rotated = await webhook_endpoints.rotate(conn, team.id, endpoint_id, "whsec_bmV3")
        assert await webhook_endpoints.rotate(conn, team.id + 1, endpoint_id, "whsec_x") is None
    assert await signing() == ("whsec_bmV3", SECRET)
    left = rotated.previous_secret_until - rotated.updated_at
    assert left.total_seconds() == webhook_endpoints.ROTATION_S
    await team.run("UPDATE webhook_endpoints SET previous_secret_until = now()")
    assert await signing() == ("whsec_bmV3", None)


async def test_an_endpoint_fails_from_its_first_failure_to_its_next_success(pg, team):
    endpoint_id = await add_endpoint(pg, team.id, URL)
    place = team.id, endpoint_id
    async with pg.connection() as conn:
        assert not await webhook_endpoints.failed(conn, *place)
        first = (await webhook_endpoints.get(conn, *place)).failing_since
        assert not await webhook_endpoints.failed(conn, *place)
        assert (await webhook_endpoints.get(conn, *place)).failing_since == first
        await webhook_endpoints.answered(conn, *place)
        assert (await webhook_endpoints.get(conn, *place)).failing_since is None
        await conn.execute(
            "UPDATE webhook_endpoints SET failing_since = now() - interval '73 hours'"
        )
        assert await webhook_endpoints.failed(conn, *place)
        assert await webhook_endpoints.disable(conn, *place, "failing")
        assert not await webhook_endpoints.disable(conn, *place, "gone")
