import aiohttp
import pytest

from voicehub.client.api import Api
from voicehub.errors import VoiceHubError


@pytest.fixture
async def http():
    async with aiohttp.ClientSession() as session:
        yield session


async def test_signing_in_opens_the_way_to_a_session(http, tiny_server):
    api = Api(http, tiny_server.url + "/")
    with pytest.raises(VoiceHubError, match=r"POST /v1/sessions was refused with 401: Sign in"):
        await api.open_session("Ava")
    assert await api.login("demo@voicehub.local", "right") == {"email": "demo@voicehub.local"}
    session = await api.open_session("Ava", {"topic": "billing"})
    assert session["id"] == 7
    assert (await api.ended_session(7))["status"] == "completed"


async def test_a_token_that_has_expired_is_refreshed(http, tiny_server):
    tiny_server.token_has_expired = True
    api = Api(http, tiny_server.url)
    await api.login("demo@voicehub.local", "right")
    assert (await api.open_session("Ava"))["id"] == 7
    assert (await api.open_session("Ava"))["id"] == 7
    assert tiny_server.refreshed == ["rt_1"]


async def test_a_token_that_cannot_be_refreshed_is_refused(http, tiny_server):
    tiny_server.token_has_expired = True
    with pytest.raises(VoiceHubError, match="Sign in") as refused:
        await Api(http, tiny_server.url, "expired").open_session("Ava")
    assert refused.value.code == "token_expired"
    api = Api(http, tiny_server.url)
    await api.login("demo@voicehub.local", "right")
    api._refresh_token = "rt_0"
    with pytest.raises(VoiceHubError, match="/v1/auth/refresh was refused") as refused:
        await api.open_session("Ava")
    assert refused.value.code == "invalid_refresh_token"


async def test_a_refusal_carries_the_servers_code_and_reason(http, tiny_server):
    with pytest.raises(VoiceHubError, match="401: No such user") as refused:
        await Api(http, tiny_server.url).login("demo@voicehub.local", "wrong")
    assert refused.value.code == "login_failed"


async def test_a_page_that_is_no_json_is_refused_by_its_status(http, tiny_server):
    with pytest.raises(VoiceHubError, match="404: no reason given"):
        await Api(http, tiny_server.url).me()


async def test_a_server_that_is_not_there_is_named(http, unused_tcp_port):
    url = f"http://127.0.0.1:{unused_tcp_port}"
    with pytest.raises(VoiceHubError, match=f"No VoiceHub server answers at {url}"):
        await Api(http, url).me()


async def test_a_download_lands_in_its_file(http, tiny_server, tmp_path):
    api = Api(http, tiny_server.url)
    path = tmp_path / "row.json"
    assert await api.download(f"{tiny_server.url}/v1/sessions/7", path) == path.stat().st_size > 0
    with pytest.raises(VoiceHubError, match="cannot be fetched: HTTP 404"):
        await api.download(f"{tiny_server.url}/nothing", path)


async def test_a_recording_is_waited_for_until_it_is_closed(http, tiny_server):
    tiny_server.recordings_not_ready = 2
    recording = await Api(http, tiny_server.url).finished_recording(7)
    assert recording["state"] == "completed"
    assert tiny_server.recordings_not_ready == 0


async def test_a_recording_that_never_was_is_not_waited_for(http, tiny_server):
    with pytest.raises(VoiceHubError, match="404"):
        await Api(http, tiny_server.url).finished_recording(8)
