import asyncio
from decimal import Decimal

import pytest

from voicehub.errors import StorageError
from voicehub.session.metering import Totals
from voicehub.sinks.summary import recording_stem
from voicehub.storage import erasure, lines, usage
from voicehub.storage.recording_keys import session_prefix

LINE = {
    "transcript": "secret words",
    "timestamp": "2026-03-01T12:00:00.000Z",
    "speaker": "user",
    "item_id": "a",
    "order": 1.0,
    "start_ms": 0,
    "end_ms": 900,
}


@pytest.fixture
def recorded(web_client, spaces, redis):
    """A session that has ended, with something of it in every store."""

    async def make(status="completed", state="ready", who="ada"):
        stem = "recordings/none"
        session_id = await web_client.add_session(
            who,
            status=status,
            data={
                "transcript": [LINE],
                "context": {"name": "secret Ada"},
                "client_session": {"instructions": "secret"},
                "folded": {"sequence": 1, "order": 1.0},
                "recording": {"state": state, "key": "x", "seconds": 2.5, "has_leftovers": True},
                "audio_url": "https://spaces.example/x",
            },
        )
        stem = recording_stem(web_client.teams["one"], session_id, 1)
        for key in (f"{stem}.flac", f"{stem}.tail-00001"):
            await spaces.put(key, b"audio", "audio/flac")
        await spaces.create_upload(f"{stem}.flac", "audio/flac")
        await lines.append(redis, web_client.teams["one"], session_id, 1, 1, LINE)
        return session_id

    return make


@pytest.fixture
def kept(web_client, spaces):
    """What Spaces has of a session."""

    async def look(session_id):
        prefix = session_prefix(web_client.teams["one"], session_id)
        return [*await spaces.list_objects(prefix), *await spaces.list_uploads(prefix)]

    return look


async def test_an_erased_session_is_nowhere_any_more(web_client, redis, recorded, kept):
    session_id, other = await recorded(), await recorded()
    path = f"/v1/sessions/{session_id}"
    response, body = await web_client.ask("DELETE", path)
    assert (response.status, body) == (204, None)
    for method, way in (("GET", path), ("DELETE", path), ("GET", f"{path}/recording")):
        assert (await web_client.ask(method, way))[0].status == 404
    assert await kept(session_id) == []
    assert await lines.unfolded(redis, web_client.teams["one"], session_id) == []
    assert await web_client.run("SELECT count(*) FROM sessions") == 1
    assert len(await kept(other)) == 3


async def test_what_it_used_stays_on_the_subscription(web_client, redis, recorded):
    """Booked and not settled: the last settlement of a session may have failed."""
    session_id, team_id = await recorded(), web_client.teams["one"]
    totals = Totals(audio=7_000_000, text=2_000_000, responses=1)
    await usage.book(
        redis, team_id, session_id, 1, number=1, totals=totals, audio_in_flight=0, settled=None
    )
    assert (await web_client.ask("DELETE", f"/v1/sessions/{session_id}"))[0].status == 204
    used = "SELECT total_audio_tokens_used FROM subscriptions WHERE team_id = $1"
    assert await web_client.run(used, team_id) == Decimal(7)
    assert await usage.booked(redis, team_id, session_id) is None


async def test_usage_that_has_no_subscription_yet_is_not_lost(web_client, redis, recorded):
    session_id, team_id = await recorded(), web_client.teams["one"]
    await usage.book(
        *(redis, team_id, session_id, 1),
        number=1,
        totals=Totals(audio=7_000_000),
        audio_in_flight=0,
        settled=None,
    )
    await web_client.run("DELETE FROM subscriptions WHERE team_id = $1", team_id)
    response, body = await web_client.ask("DELETE", f"/v1/sessions/{session_id}")
    assert (response.status, body["code"]) == (409, "usage_unsettled")
    assert (await web_client.get(f"/v1/sessions/{session_id}"))[0].status == 200


@pytest.mark.parametrize("status", ["created", "in_progress", "paused"])
async def test_a_session_that_has_not_ended_keeps_everything(web_client, recorded, kept, status):
    session_id = await recorded(status)
    for part in ("", "/recording", "/transcript", "/context"):
        response, body = await web_client.ask("DELETE", f"/v1/sessions/{session_id}{part}")
        assert (response.status, body["code"]) == (409, "session_open")
    assert len(await kept(session_id)) == 3


async def test_only_its_user_and_admins_erase_a_session(web_client, recorded, subtests):
    session_id = await recorded()
    team = f"/v1/teams/{web_client.teams['one']}"
    for part in ("/context", "/transcript", "/recording", ""):
        with subtests.test(part):
            path = f"/v1/sessions/{session_id}{part}"
            assert (await web_client.ask("DELETE", path, who="root"))[0].status == 403
            assert (await web_client.ask("DELETE", path, who="eve"))[0].status == 404
            path = f"{team}/sessions/{session_id}{part}"
            assert (await web_client.ask("DELETE", path, who="root"))[0].status == 204


async def test_a_recording_goes_alone(web_client, recorded, kept):
    session_id = await recorded()
    path = f"/v1/sessions/{session_id}"
    for _ in range(2):
        assert (await web_client.ask("DELETE", f"{path}/recording"))[0].status == 204
    assert await kept(session_id) == []
    assert (await web_client.get(f"{path}/recording"))[0].status == 404
    _, body = await web_client.get(path)
    assert body["data"]["audio_url"] is None
    assert body["data"]["recording"]["state"] == "removed"
    assert body["data"]["transcript"][0]["transcript"] == "secret words"


async def test_a_transcript_goes_alone_and_from_redis_too(web_client, redis, recorded, kept):
    session_id = await recorded()
    path = f"/v1/sessions/{session_id}"
    assert (await web_client.ask("DELETE", f"{path}/transcript"))[0].status == 204
    _, body = await web_client.get(path)
    assert body["data"]["transcript"] == []
    assert body["data"]["transcript_removed_at"]
    assert "words" not in str(body)
    assert await lines.unfolded(redis, web_client.teams["one"], session_id) == []
    assert len(await kept(session_id)) == 3


async def test_a_context_goes_alone_with_what_the_client_had_set(web_client, recorded):
    session_id = await recorded()
    path = f"/v1/sessions/{session_id}"
    assert (await web_client.ask("DELETE", f"{path}/context"))[0].status == 204
    row = await web_client.run("SELECT data FROM sessions WHERE id = $1", session_id)
    assert not {"context", "client_session"} & set(row)
    assert row["transcript"]


async def test_the_answer_that_was_kept_for_a_repeat_goes_too(web_client):
    asked = {"agent": "Ava", "context": {"name": "secret Ada"}}
    headers = {"Idempotency-Key": "k"}
    _, body = await web_client.post("/v1/sessions", asked, headers=headers)
    path = f"/v1/sessions/{body['id']}"
    await web_client.run("UPDATE sessions SET status = 'failed', ended_at = now()")
    assert (await web_client.ask("DELETE", path))[0].status == 204
    assert await web_client.run("SELECT count(*) FROM idempotency_keys") == 0


async def test_what_users_said_about_the_session_stays_and_no_longer_names_it(web_client, recorded):
    session_id, other = await recorded(), await recorded()
    for number in (session_id, other):
        await web_client.run(
            "INSERT INTO feedbacks (user_id, team_id, data) VALUES ($1, $2, $3) RETURNING id",
            web_client.users["ada"],
            web_client.teams["one"],
            {"session_id": number, "rating": 5},
        )
    await web_client.ask("DELETE", f"/v1/sessions/{session_id}")
    found = await web_client.run("SELECT jsonb_agg(data ORDER BY id) FROM feedbacks")
    assert found == [{"rating": 5}, {"session_id": other, "rating": 5}]


async def test_while_spaces_is_away_the_row_goes_and_a_job_does_the_rest(
    web_client, spaces, pg, recorded, kept, monkeypatch
):
    async def refuse(prefix):
        raise StorageError("away")

    session_id = await recorded()
    with monkeypatch.context() as patch:
        patch.setattr(spaces, "list_uploads", refuse)
        assert (await web_client.ask("DELETE", f"/v1/sessions/{session_id}"))[0].status == 204
    assert len(await kept(session_id)) == 3
    async with pg.connection() as conn:
        assert await erasure.due(conn, 9) == [(web_client.teams["one"], session_id)]


async def test_two_who_erase_at_once_erase_it_once(web_client, recorded):
    session_id = await recorded()
    answers = await asyncio.gather(
        *(web_client.ask("DELETE", f"/v1/sessions/{session_id}") for _ in range(4))
    )
    assert sorted(response.status for response, _ in answers) == [204, 404, 404, 404]
