import asyncio

import pytest

from voicehub.errors import FencedError, StorageError
from voicehub.sinks import transcript as module
from voicehub.sinks.transcript import TranscriptSink, fold_after_s
from voicehub.storage import lines


def line(number, text="words"):
    return {"item_id": f"item_{number}", "order": float(number), "transcript": text}


@pytest.fixture
def folds():
    """Up to which line each fold went."""
    return asyncio.Queue()


@pytest.fixture
async def sink(redis, pg, owned, folds):
    sink = TranscriptSink(redis=redis, postgres=pg, owned=owned, on_folded=folds.put_nowait)
    yield sink
    await sink.finish()


async def in_row(pg, owned):
    async with pg.connection() as conn:
        data = await conn.fetchval("SELECT data FROM sessions WHERE id = $1", owned.session_id)
    return [each["item_id"] for each in data["transcript"]]


async def waiting(redis, owned):
    return [number for number, _ in await lines.unfolded(redis, owned.team_id, owned.session_id)]


async def test_enough_lines_are_folded_at_once(sink, redis, pg, owned, folds):
    sink.start()
    for number in range(1, module.FOLD_LINES_MIN + 1):
        await sink.keep(number, line(number))
    async with asyncio.timeout(5):
        assert await folds.get() == module.FOLD_LINES_MIN
    assert len(await in_row(pg, owned)) == module.FOLD_LINES_MIN
    assert await waiting(redis, owned) == []


async def test_a_single_line_is_folded_after_a_while(sink, pg, owned, folds, monkeypatch):
    monkeypatch.setattr(module, "FOLD_AFTER_S", 0.02)
    await sink.keep(1, line(1))
    sink.start()
    async with asyncio.timeout(5):
        assert await folds.get() == 1
    assert await in_row(pg, owned) == ["item_1"]


@pytest.mark.parametrize(
    ("folded_lines", "seconds"),
    [(0, 5), (100, 5), (101, 5.05), (900, 45), (1_200, 60), (9_999, 60)],
)
def test_the_wait_for_a_fold_grows_with_the_transcript_to_a_minute(folded_lines, seconds):
    assert fold_after_s(folded_lines) == pytest.approx(seconds)


async def test_batches_grow_with_the_transcript(sink, folds):
    sink.start()
    sizes, last = [], 0
    for number in range(1, 1_001):
        await sink.keep(number, line(number))
        if number - last >= max(module.FOLD_LINES_MIN, last // module.FOLD_SHARE):
            async with asyncio.timeout(10):
                upto = await folds.get()
            sizes.append(upto - last)
            last = upto
    assert sizes[:3] == [module.FOLD_LINES_MIN] * 3
    assert sizes == sorted(sizes)
    assert sizes[-1] >= 80


async def test_a_line_that_redis_does_not_take_is_in_the_row(sink, redis, pg, owned, monkeypatch):
    async def fail(*_arguments):
        raise StorageError("Redis is away.")

    await sink.keep(1, line(1))
    with monkeypatch.context() as away:
        away.setattr("voicehub.storage.lines.append", fail)
        await sink.keep(2, line(2))
    assert await in_row(pg, owned) == ["item_1", "item_2"]
    await sink.keep(3, line(3))
    assert await waiting(redis, owned) == [3]


async def test_a_line_that_nobody_takes_is_an_error_until_somebody_does(
    sink, redis, pg, owned, monkeypatch
):
    async def fail(*_arguments):
        raise StorageError("away")

    with monkeypatch.context() as away:
        away.setattr("voicehub.storage.lines.append", fail)
        away.setattr("voicehub.storage.ownership.fold", fail)
        for _ in range(3):
            with pytest.raises(StorageError):
                await sink.keep(1, line(1))
    assert sink._waiting == [(1, line(1))]
    await sink.keep(1, line(1))
    assert await waiting(redis, owned) == [1]
    await sink.fold()
    assert await in_row(pg, owned) == ["item_1"]


async def test_folds_go_on_after_postgres_was_away(sink, pg, owned, folds, monkeypatch):
    monkeypatch.setattr(module, "RETRY_S", 0.01)
    monkeypatch.setattr(module, "FOLD_AFTER_S", 0.01)
    fold, attempts = module.ownership.fold, []

    async def fail_twice(*arguments):
        attempts.append(None)
        if len(attempts) <= 2:
            raise StorageError("Postgres is away.")
        await fold(*arguments)

    monkeypatch.setattr("voicehub.storage.ownership.fold", fail_twice)
    sink.start()
    await sink.keep(1, line(1))
    async with asyncio.timeout(5):
        assert await folds.get() == 1
    assert await in_row(pg, owned) == ["item_1"]


async def test_a_newer_owner_stops_it(redis, pg, owned):
    sink = TranscriptSink(redis=redis, postgres=pg, owned=owned)
    await redis.client.set(lines.fence_key(owned.team_id, owned.session_id), 2)
    with pytest.raises(FencedError):
        await sink.keep(1, line(1))
    async with pg.connection() as conn:
        await conn.execute("UPDATE sessions SET data = data || '{\"fence\": 2}'")
    with pytest.raises(FencedError):
        await sink.finish()
    assert await in_row(pg, owned) == []
