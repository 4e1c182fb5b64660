"""Pause, resume and end by REST: of one's own sessions, at whatever process they are."""

import asyncio

import pytest

from voicehub.rest import session_acts
from voicehub.storage import lease
from voicehub.tasks import spawn


@pytest.fixture
async def site(new_site):
    return await new_site(VOICEHUB_GRACE_S=30)


async def test_rest_pauses_and_the_client_of_a_stock_session_is_told(site):
    talk = await site.greeted(extended=False)
    closed = spawn(talk.until_closed(), name="client")
    row = await site.ask("POST", f"/v1/sessions/{talk.session_id}/pause")
    assert row["status"] == "paused"
    assert await closed == 1000
    assert talk.errors == ["session_paused"]
    again = await site.ask("POST", f"/v1/sessions/{talk.session_id}/pause")
    assert again["status"] == "paused"


async def test_rest_of_any_process_reaches_the_owner(site, new_site, monkeypatch):
    monkeypatch.setattr(lease, "RENEW_EVERY_S", 0.05)
    other = await new_site(VOICEHUB_GRACE_S=30)
    talk = await site.greeted()
    row = await other.ask("POST", f"/v1/sessions/{talk.session_id}/pause")
    assert row["status"] == "paused"
    await talk.until("voicehub.session.paused")
    answer = await other.ask("POST", f"/v1/sessions/{talk.session_id}/resume")
    secret = answer["client_secret"]["value"]
    await other.talk(f"session_id={talk.session_id}", token=secret)
    row = await site.ask("POST", f"/v1/sessions/{talk.session_id}/end")
    assert (row["status"], row["data"]["ended_reason"]) == ("completed", "client_close")


async def test_two_processes_may_pause_at_once_and_one_while_it_is_ended(
    site, new_site, monkeypatch
):
    monkeypatch.setattr(lease, "RENEW_EVERY_S", 0.05)
    other = await new_site(VOICEHUB_GRACE_S=30)
    talk = await site.greeted()
    path = f"/v1/sessions/{talk.session_id}"
    rows = await asyncio.gather(*(each.ask("POST", f"{path}/pause") for each in (site, other)))
    assert [row["status"] for row in rows] == ["paused", "paused"]
    await talk.send("voicehub.session.resume")
    await talk.until("voicehub.session.resumed")
    headers = {"Authorization": f"Bearer {await other.token()}"}
    row, paused = await asyncio.gather(
        site.ask("POST", f"{path}/end"), other.client.post(f"{path}/pause", headers=headers)
    )
    assert row["status"] == "completed"
    assert paused.status in {200, 409}


async def test_a_paused_session_may_be_ended_without_an_owner(site):
    talk = await site.greeted()
    await site.ask("POST", f"/v1/sessions/{talk.session_id}/pause")
    await talk.close()
    row = await site.ask("POST", f"/v1/sessions/{talk.session_id}/end")
    assert (row["status"], row["data"]["recording"]["state"]) == ("completed", "processing")
    for name in ("lines", "usage"):
        key = f"{{team:{site.teams['one']}}}:session:{talk.session_id}:{name}"
        assert await site.raw_redis.pttl(key) > 0
    again = await site.ask("POST", f"/v1/sessions/{talk.session_id}/end")
    assert again["ended_at"] == row["ended_at"]


async def test_a_session_that_pauses_before_it_hears_of_its_end_is_ended_all_the_same(
    site, new_site
):
    other = await new_site(VOICEHUB_GRACE_S=30)
    talk = await site.greeted()
    ending = spawn(other.ask("POST", f"/v1/sessions/{talk.session_id}/end"), name="end")
    key = f"{{team:{site.teams['one']}}}:session:{talk.session_id}:wish"
    while not await site.raw_redis.exists(key):
        pass
    await talk.send("voicehub.session.pause")
    row = await ending
    assert (row["status"], row["data"]["ended_reason"]) == ("completed", "client_close")


@pytest.mark.parametrize(("who", "status"), [("bob", 403), ("eve", 404)])
@pytest.mark.parametrize("act", ["pause", "resume", "end"])
async def test_a_session_is_its_users_own(site, who, status, act):
    created = await site.create()
    headers = {"Authorization": f"Bearer {await site.token(who)}"}
    path = f"/v1/sessions/{created['id']}/{act}"
    async with site.client.post(path, headers=headers) as response:
        assert response.status == status


async def test_what_nobody_has_opened_can_be_ended_and_is_not_opened_then(site):
    created = await site.create()
    row = await site.ask("POST", f"/v1/sessions/{created['id']}/end")
    assert (row["status"], row["data"]["ended_reason"]) == ("failed", "client_close")
    assert row["ended_at"]
    secret = created["client_secret"]["value"]
    refused = await site.refused(f"session_id={created['id']}", token=secret)
    assert (refused[0], refused[2]) == (409, "session_not_open")


@pytest.mark.parametrize("state", ["created", "in_progress", "paused"])
async def test_an_admin_ends_a_session_whatever_its_state(new_site, state):
    site = await new_site(VOICEHUB_GRACE_S=30, VOICEHUB_ADMIN_EMAILS="eve@voice.example")
    if state == "created":
        session_id = (await site.create())["id"]
    else:
        talk = await site.greeted()
        session_id = talk.session_id
    if state == "paused":
        await site.ask("POST", f"/v1/sessions/{session_id}/pause")
    path = f"/v1/teams/{site.teams['one']}/sessions/{session_id}/end"
    row = await site.ask("POST", path, who="eve")
    assert row["data"]["ended_reason"] == "admin"
    assert row["status"] == ("failed" if state == "created" else "completed")


async def test_the_owner_hears_of_an_admins_end_from_another_process(site, new_site, monkeypatch):
    monkeypatch.setattr(lease, "RENEW_EVERY_S", 0.05)
    other = await new_site(VOICEHUB_GRACE_S=30, VOICEHUB_ADMIN_EMAILS="eve@voice.example")
    talk = await site.greeted()
    path = f"/v1/teams/{site.teams['one']}/sessions/{talk.session_id}/end"
    row = await other.ask("POST", path, who="eve")
    assert row["data"]["ended_reason"] == "admin"


async def test_what_nobody_has_opened_cannot_be_paused(site):
    created = await site.create()
    headers = {"Authorization": f"Bearer {await site.token()}"}
    path = f"/v1/sessions/{created['id']}/pause"
    async with site.client.post(path, headers=headers) as response:
        assert (response.status, (await response.json())["code"]) == (409, "session_not_open")


async def test_an_owner_that_does_not_answer_is_told_of_with_503(site, monkeypatch):
    monkeypatch.setattr(session_acts, "ANSWER_S", 0.05)
    created = await site.create()
    await site.run("UPDATE sessions SET status = 'in_progress'")
    headers = {"Authorization": f"Bearer {await site.token()}"}
    async with site.client.post(f"/v1/sessions/{created['id']}/pause", headers=headers) as response:
        assert (response.status, (await response.json())["code"]) == (503, "session_busy")
        assert int(response.headers["Retry-After"]) > 0
