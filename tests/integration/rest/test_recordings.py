import pytest
from aiohttp import ClientSession
from yarl import URL

RECORDING = {"state": "ready", "format": "flac", "bytes": 5, "seconds": 1.5}


@pytest.fixture
def recording():
    return {**RECORDING, "key": "recordings/team-1/session-1-1.flac"}


async def test_a_finished_recording_is_heard_by_a_signed_url(web_client, spaces, recording):
    await spaces.put(recording["key"], b"sound", "audio/flac")
    session_id = await web_client.add_session(data={"recording": recording})
    response, body = await web_client.get(f"/v1/sessions/{session_id}/recording")
    assert response.status == 200
    assert {name: body[name] for name in RECORDING} == RECORDING
    assert (body["object"], body["session_id"]) == ("recording", session_id)
    assert body["expires_at"].endswith("Z")
    async with (
        ClientSession() as anyone,
        anyone.get(URL(body["url"], encoded=True)) as heard,
    ):
        assert (heard.status, await heard.read()) == (200, b"sound")


async def test_a_player_reads_the_ranges_that_it_wants(web_client, spaces, recording):
    await spaces.put(recording["key"], b"0123456789", "audio/flac")
    session_id = await web_client.add_session(data={"recording": recording})
    _, body = await web_client.get(f"/v1/sessions/{session_id}/recording")
    async with ClientSession() as player:
        for asked, content, told in (
            ("bytes=0-1", b"01", "bytes 0-1/10"),
            ("bytes=7-", b"789", "bytes 7-9/10"),
            ("bytes=0-", b"0123456789", "bytes 0-9/10"),
        ):
            url = URL(body["url"], encoded=True)
            async with player.get(url, headers={"Range": asked}) as heard:
                assert (heard.status, await heard.read()) == (206, content)
                assert heard.headers["Content-Range"] == told
                assert heard.headers["Accept-Ranges"] == "bytes"


async def test_a_recording_can_be_saved_under_its_sessions_name(web_client, spaces, recording):
    await spaces.put(recording["key"], b"sound", "audio/flac")
    session_id = await web_client.add_session(data={"recording": recording})
    path = f"/v1/sessions/{session_id}/recording"
    _, body = await web_client.get(f"{path}?download=true")
    saved = URL(body["url"]).query["response-content-disposition"]
    assert saved == f'attachment; filename="session-{session_id}.flac"'
    assert "response-content" not in (await web_client.get(path))[1]["url"]
    assert (await web_client.get(f"{path}?download=maybe"))[0].status == 400


@pytest.mark.parametrize("status", ["in_progress", "paused"])
async def test_a_recording_that_runs_is_not_ready(web_client, recording, status):
    session_id = await web_client.add_session(status=status, data={"recording": recording})
    response, body = await web_client.get(f"/v1/sessions/{session_id}/recording")
    assert (response.status, body["code"]) == (409, "recording_not_ready")
    assert int(response.headers["Retry-After"]) > 0


async def test_a_recording_that_waits_for_spaces_or_failed_is_a_conflict(web_client, recording):
    for state, code in (
        ("processing", "recording_not_ready"),
        ("recording", "recording_not_ready"),
        ("failed", "recording_unavailable"),
    ):
        session_id = await web_client.add_session(data={"recording": recording | {"state": state}})
        response, body = await web_client.get(f"/v1/sessions/{session_id}/recording")
        assert (response.status, body["code"]) == (409, code)


async def test_a_recording_that_stopped_early_is_heard_as_far_as_it_goes(web_client, recording):
    session_id = await web_client.add_session(
        data={"recording": recording | {"state": "truncated"}}
    )
    response, body = await web_client.get(f"/v1/sessions/{session_id}/recording")
    assert (response.status, body["state"]) == (200, "truncated")


async def test_what_was_not_recorded_or_is_deleted_is_404(web_client, recording, subtests):
    for data in ({}, {"recording": None}, {"recording": recording | {"state": "empty"}}):
        with subtests.test(str(data)):
            session_id = await web_client.add_session(data=data)
            response, body = await web_client.get(f"/v1/sessions/{session_id}/recording")
            assert (response.status, body["code"]) == (404, "recording_not_found")


async def test_another_teams_recording_does_not_exist(web_client, recording):
    session_id = await web_client.add_session(who="eve", data={"recording": recording})
    response, body = await web_client.get(f"/v1/sessions/{session_id}/recording")
    assert (response.status, body["code"]) == (404, "not_found")
    assert (await web_client.get("/v1/sessions/x/recording"))[0].status == 404
