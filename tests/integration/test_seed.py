"""voicehub/storage/seed.py against a real Postgres."""

import asyncio
from datetime import timedelta

from voicehub.storage.postgres import Postgres
from voicehub.storage.seed import Seeded, seed

TABLES = ("team", "users", "plans", "subscriptions", "ai_agents")


async def plant(pg: Postgres, **passwords: str) -> Seeded:
    async with pg.connection() as conn:
        return await seed(conn, hash_password=lambda password: f"hash of {password}", **passwords)


async def everything(pg: Postgres) -> dict[str, list]:
    async with pg.connection() as conn:
        return {table: await conn.fetch(f"SELECT * FROM {table} ORDER BY id") for table in TABLES}


async def test_the_first_start_makes_who_can_sign_in_and_what_they_may_use(pg: Postgres) -> None:
    seeded = await plant(pg)
    found = await everything(pg)
    assert seeded.is_new
    assert [row["name"] for row in found["team"]] == ["demo"]
    assert {row["email"]: row["password_hash"] for row in found["users"]} == {
        seeded.user_email: f"hash of {seeded.user_password}",
        seeded.admin_email: f"hash of {seeded.admin_password}",
    }
    assert [row["name"] for row in found["plans"]] == ["Free", "Starter", "Business"]
    assert [row["name"] for row in found["ai_agents"]] == ["Ava", "Max"]
    for agent in found["ai_agents"]:
        assert (agent["is_built_in"], agent["creator_id"], agent["team_id"]) == (True, None, None)
    (subscription,) = found["subscriptions"]
    assert subscription["status"] == "active"
    period = subscription["current_period_end"] - subscription["current_period_start"]
    assert timedelta(days=28) <= period <= timedelta(days=31)
    assert subscription["plan_id"] in {row["id"] for row in found["plans"]}


async def test_a_second_start_changes_nothing(pg: Postgres) -> None:
    first = await plant(pg, user_password="one", admin_password="two")
    before = await everything(pg)
    second = await plant(pg, user_password="three", admin_password="four")
    assert await everything(pg) == before
    assert (first.user_password, first.admin_password) == ("one", "two")
    assert (second.is_new, second.user_password, second.admin_password) == (False, None, None)
    assert second.team_id == first.team_id


async def test_two_first_starts_at_once_seed_once(pg: Postgres) -> None:
    both = await asyncio.gather(plant(pg), plant(pg))
    assert sorted(seeded.is_new for seeded in both) == [False, True]
    assert len((await everything(pg))["users"]) == 2


async def test_passwords_do_not_show(pg: Postgres) -> None:
    assert "secret" not in repr(await plant(pg, user_password="secret", admin_password="secret"))
