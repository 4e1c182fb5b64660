import pytest

from voicehub.errors import FencedError
from voicehub.storage import lease, lines


def line(item_id, order, text="words"):
    return {"item_id": item_id, "order": float(order), "transcript": text}


async def test_a_line_is_kept_once_whatever_is_repeated(team, redis):
    for _ in range(3):
        await lines.append(redis, team.id, 1, 1, 1, line("a", 1))
    await lines.append(redis, team.id, 1, 1, 2, line("b", 2, "\u2028 ü"))
    await lines.append(redis, team.id, 1, 1, 1, line("a", 1, "changed"))
    kept = await lines.unfolded(redis, team.id, 1)
    assert kept == [(1, line("a", 1)), (2, line("b", 2, "\u2028 ü"))]


async def test_what_is_forgotten_is_not_taken_again(team, redis):
    for number in (1, 2, 3):
        await lines.append(redis, team.id, 1, 1, number, line(f"item_{number}", number))
    await lines.forget(redis, team.id, 1, 2)
    assert [number for number, _ in await lines.unfolded(redis, team.id, 1)] == [3]
    await lines.forget(redis, team.id, 1, 3)
    await lines.append(redis, team.id, 1, 1, 2, line("item_2", 2))
    assert await lines.unfolded(redis, team.id, 1) == []


async def test_an_old_owner_keeps_nothing(team, redis):
    await lease.hold(redis, team.id, 1, 2, "newer")
    with pytest.raises(FencedError):
        await lines.append(redis, team.id, 1, 1, 1, line("a", 1))
    assert await lines.unfolded(redis, team.id, 1) == []


async def test_an_ended_sessions_stream_expires(team, redis):
    await lines.append(redis, team.id, 1, 1, 1, line("a", 1))
    await lines.let_expire(redis, team.id, 1)
    (key,) = await redis.client.keys("*:lines")
    assert 0 < await redis.client.pttl(key) <= lines.KEEP_ENDED_MS


async def test_the_stream_of_a_session_that_goes_on_after_all_stays(team, redis):
    await lines.append(redis, team.id, 1, 1, 1, line("a", 1))
    await lines.let_expire(redis, team.id, 1)
    await lines.append(redis, team.id, 1, 2, 2, line("b", 2))
    (key,) = await redis.client.keys("*:lines")
    assert await redis.client.pttl(key) == -1


def test_merged_lines_are_one_an_item_in_order():
    folded = [line("a", 1), line("c", 3, "old")]
    newer = [line("b", 2), line("c", 3, "new"), line("d", 0.5)]
    merged = lines.merge_lines(folded, newer)
    assert [each["item_id"] for each in merged] == ["d", "a", "b", "c"]
    assert merged[-1]["transcript"] == "new"
