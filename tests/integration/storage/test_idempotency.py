from voicehub.storage import idempotency
from voicehub.storage.idempotency import DEAD_AFTER_S, Kept


async def age(conn, seconds):
    """As if nothing had happened to the keys for so long."""
    await conn.execute("ALTER TABLE idempotency_keys DISABLE TRIGGER USER")
    await conn.execute(
        "UPDATE idempotency_keys SET created_at = created_at - make_interval(secs => $1),"
        " updated_at = updated_at - make_interval(secs => $1)",
        float(seconds),
    )
    await conn.execute("ALTER TABLE idempotency_keys ENABLE TRIGGER USER")


async def test_a_key_is_claimed_once_and_by_each_actor(pg):
    async with pg.connection() as conn:
        assert await idempotency.claim(conn, "user:1", "k", "hash") is not None
        assert await idempotency.claim(conn, "user:1", "k", "hash") is None
        assert await idempotency.claim(conn, "user:2", "k", "hash") is not None
        assert await idempotency.find(conn, "user:1", "k") == Kept("hash", None, None, None)
        assert await idempotency.find(conn, "user:3", "k") is None


async def test_an_answer_is_kept_and_no_longer_released(pg):
    async with pg.connection() as conn:
        claim_id = await idempotency.claim(conn, "user:1", "k", "hash")
        await idempotency.complete(conn, claim_id, 201, {"Location": "/x"}, b"{}")
        await idempotency.release(conn, claim_id)
        kept = await idempotency.find(conn, "user:1", "k")
        assert kept == Kept("hash", 201, {"Location": "/x"}, b"{}")
        await age(conn, DEAD_AFTER_S * 2)
        assert await idempotency.claim(conn, "user:1", "k", "hash") is None


async def test_a_request_that_was_only_slow_does_not_answer_for_the_one_that_took_its_key(pg):
    async with pg.connection() as conn:
        slow = await idempotency.claim(conn, "user:1", "k", "hash")
        await age(conn, DEAD_AFTER_S + 1)
        assert await idempotency.claim(conn, "user:1", "k", "another hash") is None
        second = await idempotency.claim(conn, "user:1", "k", "hash")
        assert second not in {None, slow}
        await idempotency.release(conn, slow)
        await idempotency.complete(conn, slow, 201, {}, b"slow")
        assert await idempotency.find(conn, "user:1", "k") == Kept("hash", None, None, None)
        # It has its own minute.
        assert await idempotency.claim(conn, "user:1", "k", "hash") is None


async def test_old_keys_are_forgotten_the_oldest_first(pg):
    async with pg.connection() as conn:
        for key in ("oldest", "older"):
            await idempotency.claim(conn, "user:1", key, "hash")
            await age(conn, 100)
        await idempotency.claim(conn, "user:1", "fresh", "hash")
        assert await idempotency.forget(conn, older_than_s=50, limit=1) == 1
        assert await idempotency.find(conn, "user:1", "oldest") is None
        assert await idempotency.forget(conn, older_than_s=50, limit=9) == 1
        assert await idempotency.find(conn, "user:1", "fresh") is not None
