from voicehub.jobs import forget
from voicehub.jobs.forget import KEPT_S, forget_keys

AGED = (
    "INSERT INTO idempotency_keys (actor, key, request_hash, created_at)"
    " SELECT 'user:1', number::text, '', now() - make_interval(secs => $1)"
    " FROM generate_series($2::int, $3::int) AS number"
)


async def test_keys_of_yesterday_are_forgotten_in_batches(pg, monkeypatch):
    monkeypatch.setattr(forget, "BATCH", 2)
    async with pg.connection() as conn:
        await conn.execute(AGED, KEPT_S + 60, 1, 5)
        await conn.execute(AGED, KEPT_S - 60, 6, 7)
    assert await forget_keys(pg) == 5
    assert await forget_keys(pg) == 0
    async with pg.connection() as conn:
        assert await conn.fetchval("SELECT count(*) FROM idempotency_keys") == 2
