"""Redis Sentinel, Redis Cluster and PgBouncer, by configuration alone, with the real programs."""

import asyncio

import pytest
from redis.asyncio.cluster import RedisCluster

from tests.faults.stores import servers
from tests.faults.stores.conftest import check_books, frozen
from voicehub.devstack.server import free_ports
from voicehub.doctor.finding import State
from voicehub.doctor.redis import look_at_redis
from voicehub.keys import POSTGRES, REDIS
from voicehub.storage.postgres import Postgres
from voicehub.storage.redis import Redis


async def used_as_seen(chat, row):
    return await chat.site.used() == (row["usage"]["audio_tokens"], row["usage"]["text_tokens"])


async def test_sessions_outlive_the_death_of_the_master_under_sentinel(open_folder, new_chat):
    async with servers.sentinels(open_folder) as (url, nodes, watchers):
        chat = await new_chat({"REDIS_URL": url})
        redis = chat.site.app[REDIS]
        await chat.go_on(2)
        await watchers[0].kill()  # the next one is asked
        await nodes[0].kill()
        await chat.go_on(2)
        await redis.answers()
        await chat.go_on(2)
        assert redis.outages >= 1
        assert await redis.within_deadline(redis.client.hget(_usage(chat), "audio"))
        row = await chat.end()
        await check_books(chat, row)
        assert await used_as_seen(chat, row)


async def test_a_master_that_froze_is_written_to_no_more_after_its_thaw(open_folder, new_chat):
    async with servers.sentinels(open_folder) as (url, nodes, _):
        chat = await new_chat({"REDIS_URL": url})
        redis = chat.site.app[REDIS]
        await chat.go_on(1)
        with frozen(nodes[0]):
            await chat.go_on(1)
            await redis.answers()
        await chat.go_on(5)
        row = await chat.end()
        await check_books(chat, row)
        assert await used_as_seen(chat, row)


async def test_sessions_outlive_the_death_of_a_node_of_a_cluster(open_folder, new_chat):
    async with servers.cluster(open_folder) as (url, nodes):
        chat = await new_chat({"REDIS_URL": url})
        redis = chat.site.app[REDIS]
        await chat.go_on(2)
        assert isinstance(redis.client, RedisCluster)
        port = redis.client.get_node_from_key(_usage(chat)).port
        (owner,) = [node for node in nodes if node.port == port]
        await owner.kill()
        await chat.go_on(2)
        await redis.answers()
        await chat.go_on(2)
        assert await redis.within_deadline(redis.client.hget(_usage(chat), "audio"))
        row = await chat.end()
        await check_books(chat, row)
        assert await used_as_seen(chat, row)


async def test_many_teams_of_a_cluster_are_served_at_once(open_folder):
    async with servers.cluster(open_folder) as (url, _), Redis.connect(url) as redis:
        for limit in (1, 7):
            asked = [
                redis.run("set_limits", [f"{{team:{team}}}:quota"], ["1@1", team, limit, 0, 0])
                for team in range(100)
            ]
            assert await asyncio.gather(*asked) == [[team, limit] for team in range(100)]
        pipeline = redis.client.pipeline(transaction=False)
        for team in range(100):
            pipeline.hget(f"{{team:{team}}}:quota", "limit_audio")
        assert await redis.within_deadline(pipeline.execute()) == [
            str(team).encode() for team in range(100)
        ]


async def test_sessions_go_on_behind_pgbouncer_in_transaction_mode(
    stack, open_folder, database_url, new_chat
):
    bouncer = servers.PgBouncer(
        open_folder / "pgbouncer", free_ports([None])[0], to=database_url, servers_max=3
    )
    url = bouncer.url(database_url.rpartition("/")[2])
    async with servers.running(bouncer):
        behind = {"DATABASE_URL": url, "VOICEHUB_DATABASE_POOLER": "true"}
        chats = [await new_chat(behind) for _ in range(4)]
        await asyncio.gather(*(chat.go_on(4) for chat in chats))
        postgres = chats[0].site.app[POSTGRES]
        # Alone, each statement may meet another server than the one before it.
        answers = await asyncio.gather(*(_ask(postgres, number) for number in range(300)))
        assert answers == list(range(300))
        await bouncer.kill()
        await asyncio.gather(*(chat.go_on(2) for chat in chats))
        await bouncer.start()
        await asyncio.gather(*(chat.site.app[POSTGRES].answers() for chat in chats))
        rows = await asyncio.gather(*(chat.end() for chat in chats))
        for chat, row in zip(chats, rows, strict=True):
            await check_books(chat, row)


async def _ask(postgres: Postgres, number: int) -> int:
    async with postgres.connection() as conn:
        found = await conn.fetchval("SELECT $1::int + length($2::jsonb::text) - 2", number, {})
    return int(found)


def _usage(chat) -> str:
    return f"{{team:{chat.site.teams['one']}}}:session:{chat.talk.session_id}:usage"


@pytest.mark.parametrize("kind", [servers.cluster, servers.sentinels])
async def test_the_doctor_finds_redundant_redis_well(open_folder, kind):
    async with kind(open_folder) as (url, *_):
        found = await look_at_redis(url)
    assert [each for each in found if each.state is not State.OK] == []
    assert len(found) == 5
