import asyncio

import pytest

from voicehub.storage import recordings


@pytest.fixture
async def ended(team):
    """An ended session whose recording is to be made, at rest for a minute."""
    session_id = await team.add_session(fence=3)
    await team.run("ALTER TABLE sessions DISABLE TRIGGER sessions_set_updated_at")
    await team.run(
        "UPDATE sessions SET status = 'failed', ended_at = now(),"
        " updated_at = now() - interval '1 minute', data = data || $2 WHERE id = $1",
        session_id,
        {"recording": {"state": "processing"}, "legs": [{"token": 2, "at_ms": 5}]},
    )
    await team.run("ALTER TABLE sessions ENABLE TRIGGER sessions_set_updated_at")
    return session_id


async def found(team, **given):
    given = {"after_id": 0, "limit": 10, "within_s": 3600.0, **given}
    async with team.pg.connection() as conn:
        return await recordings.unfinished(conn, **given)


async def claimed(team, session_id, life_s=60.0):
    async with team.pg.connection() as conn:
        return await recordings.claim(conn, team.id, session_id, life_s)


async def test_only_ended_sessions_whose_recording_is_open_are_found(team, ended):
    await team.add_session()
    done = await team.add_session()
    await team.run(
        "UPDATE sessions SET ended_at = now(), data = data || $2 WHERE id = $1",
        done,
        {"recording": {"state": "ready"}},
    )
    (one,) = await found(team)
    assert (one.team_id, one.session_id, one.is_made, one.is_spooled) == (
        team.id,
        ended,
        False,
        False,
    )
    assert 59 < one.rested_s < 120
    assert await found(team, after_id=ended) == []
    assert await found(team, limit=0) == []
    assert await found(team, within_s=30.0) == []


async def test_a_claim_is_for_one_and_tells_the_legs(team, ended):
    claims = await asyncio.gather(*(claimed(team, ended) for _ in range(5)))
    (claim,) = [claim for claim in claims if claim]
    assert (claim.attempts, claim.faults, claim.fence) == (1, 0, 3)
    assert not claim.is_lost
    assert claim.legs == [{"token": 2, "at_ms": 5}]
    assert await found(team) == []
    assert await claimed(team, ended) is None


async def test_only_a_dead_owner_counts_as_lost(team, ended):
    """A client that is lost ends its session as completed, by an owner that lives."""
    for status, is_lost in (("completed", False), ("failed", True)):
        await team.run(
            'UPDATE sessions SET status = $2, data = data || \'{"ended_reason": "lost"}\''
            " WHERE id = $1",
            ended,
            status,
        )
        assert (await claimed(team, ended, 0.0)).is_lost is is_lost


async def test_a_claim_that_ran_out_counts_as_a_fault(team, ended):
    first = await claimed(team, ended, 0.0)
    second = await claimed(team, ended)
    assert (second.attempts, second.faults) == (2, 1)
    assert second.token != first.token
    async with team.pg.connection() as conn:
        assert not await recordings.renew(conn, first, 60.0)
        assert not await recordings.put_back(conn, first, 0.0, faults=1)
        assert not await recordings.close(conn, first, {"state": "ready"}, "url")
        assert await recordings.renew(conn, second, 60.0)


async def test_what_is_put_back_waits_and_remembers_its_faults(team, ended):
    async with team.pg.connection() as conn:
        assert await recordings.put_back(conn, await claimed(team, ended), 60.0, faults=0)
        assert await found(team) == []
        await conn.execute("UPDATE sessions SET data = data #- '{recording,next_at}'")
        assert await recordings.put_back(conn, await claimed(team, ended), 0.0, faults=1)
    (one,) = await found(team)
    assert 0 <= one.rested_s < 10
    claim = await claimed(team, ended)
    assert (claim.attempts, claim.faults) == (3, 1)


async def test_a_recording_is_closed_once_and_cleaned_afterwards(team, ended):
    claim = await claimed(team, ended)
    recording = {"state": "ready", "key": "k", "has_leftovers": True}
    async with team.pg.connection() as conn:
        assert await recordings.made(conn, team.id, ended) is None
        assert await recordings.close(conn, claim, recording, "url")
        assert not await recordings.close(conn, claim, {"state": "empty"}, None)
        assert await recordings.made(conn, team.id, ended) == recording
        (one,) = await found(team)
        assert one.is_made
        await recordings.cleaned(conn, team.id, ended)
    assert await found(team) == []
    row = await team.row(ended)
    assert row["data"]["audio_url"] == "url"
    assert row["data"]["recording"] == {"state": "ready", "key": "k"}
    assert row["data"]["context"] == {"a": 1}


async def test_a_newer_owner_or_its_own_end_refuses_the_claim(team, ended):
    claim = await claimed(team, ended)
    await team.run("UPDATE sessions SET data = data || '{\"fence\": 4}' WHERE id = $1", ended)
    async with team.pg.connection() as conn:
        assert not await recordings.close(conn, claim, {"state": "ready"}, "url")
        assert not await recordings.renew(conn, claim, 60.0)


async def test_closed_sessions_are_told_by_state(team, ended):
    going_on = await team.add_session()
    async with team.pg.connection() as conn:
        assert await recordings.closed(conn, [ended, going_on], ["ready", "empty"]) == set()
        await recordings.close(conn, await claimed(team, ended), {"state": "empty"}, None)
        assert await recordings.closed(conn, [ended, going_on], ["ready", "empty"]) == {ended}


async def test_an_announced_spool_is_told_and_not_announced_again_at_once(team, ended):
    going_on = await team.add_session()
    async with team.pg.connection() as conn:
        await recordings.announce_spool(conn, [ended, going_on], 600.0)
        (one,) = await found(team)
        assert one.is_spooled
        row = await team.row(ended)
        await recordings.announce_spool(conn, [ended], 600.0)
        assert await team.row(ended) == row
        await recordings.announce_spool(conn, [ended], 1300.0)
        assert await team.row(ended) != row
    assert "recording" not in (await team.row(going_on))["data"]


async def test_an_announcement_runs_out(team, ended):
    async with team.pg.connection() as conn:
        await recordings.announce_spool(conn, [ended], -0.001)
    (one,) = await found(team)
    assert not one.is_spooled
