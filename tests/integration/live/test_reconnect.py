"""A client whose connection broke comes back: to the same process, or to another."""

import asyncio
from contextlib import suppress

import openai
import pytest
from aiohttp import WSServerHandshakeError

from tests.realtime import STEP_S_MAX, Puppet
from voicehub.errors import StorageError
from voicehub.keys import REGISTRY
from voicehub.realtime.tokens import duration_usage
from voicehub.storage import lease
from voicehub.tasks import spawn

USAGE = duration_usage(0, 1_000, 5, 0)


@pytest.fixture
async def graceful(new_site):
    return await new_site(VOICEHUB_GRACE_S=30)


async def reopen(site, session_id, **more):
    return await site.talk(f"session_id={session_id}{more.pop('query', '')}", **more)


async def talked(site, number=1, words="Hello."):
    talk = await site.talk()
    await site.engine.reply(number, words, usage=USAGE)
    await talk.until("response.done")
    return talk


async def absent(site, talk):
    """Cut the connection, and wait until the server knows."""
    driver = site.app[REGISTRY].find(talk.session_id)
    talk.cut()
    async with asyncio.timeout(STEP_S_MAX):
        while driver.connection is not None:
            await site.redis.ping()


def spoken(row):
    return [line["transcript"] for line in row["data"]["transcript"]]


async def test_the_same_process_goes_on_with_the_same_engine(graceful):
    site = graceful
    talk = await talked(site)
    await absent(site, talk)
    again = await reopen(site, talk.session_id)
    assert again.of("session.created")[0]["session"]["voicehub"]["resumed"] is True
    await site.engine.reply(2, "Still here.", usage=USAGE)
    await again.until("response.done")
    await again.close()
    row = await site.over(talk.session_id)
    assert len(site.engines) == 1
    assert spoken(row) == ["Hello.", "Still here."]
    assert (row["status"], row["data"]["ended_reason"]) == ("completed", "client_close")
    assert row["usage"]["responses"] == 2
    assert len(row["data"]["legs"]) == 1
    assert row["data"]["recording"]["state"] == "ready"


async def test_what_came_meanwhile_is_sent_when_the_client_is_back(graceful):
    site = graceful
    talk = await talked(site)
    await absent(site, talk)
    await site.engine.reply(2, "You missed this.", usage=USAGE)
    again = await reopen(site, talk.session_id)
    done = await again.until("response.done")
    assert done["response"]["id"] == "resp_2"
    assert again.kinds[0] == "session.created"
    assert again.kinds.count("response.output_audio.delta") == 1


async def test_events_after_the_last_that_was_seen_are_sent_again(graceful):
    site = graceful
    talk = await talked(site)
    seen = talk.seen[-3]["event_id"]
    await absent(site, talk)
    again = await reopen(site, talk.session_id, query=f"&last_event_id={seen}")
    await again.until("response.done")
    assert again.seen[1:] == talk.seen[-2:]


async def test_who_does_not_come_back_is_lost(new_site):
    site = await new_site(VOICEHUB_GRACE_S=0.2)
    talk = await talked(site)
    talk.cut()
    row = await site.over(talk.session_id)
    assert (row["status"], row["data"]["ended_reason"]) == ("completed", "lost")
    assert (await site.refused(f"session_id={talk.session_id}"))[::2] == (409, "session_not_open")


async def test_time_without_a_connection_does_not_count(new_site):
    site = await new_site(VOICEHUB_GRACE_S=2)
    talk = await talked(site)
    talk.cut()
    row = await site.over(talk.session_id)
    assert row["duration_minutes"] * 60 < 1.5


async def test_nobody_but_the_sessions_user_comes_back(graceful):
    site = graceful
    talk = await talked(site)
    for who in ("bob", "eve"):
        assert (await site.refused(f"session_id={talk.session_id}", who=who))[0] == 404


async def test_the_newer_of_two_sockets_wins_and_the_older_is_told(graceful):
    site = graceful
    talk = await talked(site)
    closed = spawn(talk.until_closed(), name="older")
    again = await reopen(site, talk.session_id)
    assert await closed == 1008
    assert talk.errors == ["session_replaced"]
    await site.engine.reply(2, "To you.", usage=USAGE)
    await again.until("response.done")


async def test_another_process_takes_the_conversation_over(graceful, new_site):
    site, other = graceful, await new_site(VOICEHUB_GRACE_S=30)
    talk = await talked(site)
    await site.engine.user_turn("item_u", heard=False)
    await site.engine.transcribed("item_u", "Are you there?")
    await talk.until("conversation.item.input_audio_transcription.completed")
    talk.cut()
    again = await reopen(other, talk.session_id)
    told = await other.engine.until_taken("conversation.item.create", 2)
    assert told.body["item"]["content"] == [{"type": "input_text", "text": "Are you there?"}]
    await other.engine.reply(2, "Yes.", usage=USAGE)
    await again.until("response.done")
    await again.close()
    row = await other.over(talk.session_id)
    assert spoken(row) == ["Hello.", "Are you there?", "Yes."]
    starts = [line["start_ms"] for line in row["data"]["transcript"]]
    assert starts[2] > max(starts[:2])
    assert row["usage"]["responses"] == 2
    assert await site.used() == (row["usage"]["audio_tokens"], 10)
    assert [leg["token"] for leg in row["data"]["legs"]] == [1, 2]
    assert row["data"]["recording"]["state"] == "processing"


async def test_a_process_that_lost_its_session_tells_the_client_that_it_still_has(
    graceful, new_site, monkeypatch
):
    monkeypatch.setattr(lease, "RENEW_EVERY_S", 0.05)
    site, other = graceful, await new_site(VOICEHUB_GRACE_S=30)
    talk = await talked(site)
    closed = spawn(talk.until_closed(), name="older")
    again = await reopen(other, talk.session_id)
    await closed
    assert talk.errors == ["session_lost"]
    row = await other.row(talk.session_id)
    assert row["status"] == "in_progress"
    await other.engine.reply(2, "Mine.", usage=USAGE)
    await again.until("response.done")


async def test_what_the_client_had_set_holds_at_the_next_engine(graceful, new_site):
    site, other = graceful, await new_site(VOICEHUB_GRACE_S=30)
    talk = await site.talk()
    audio = {"output": {"voice": "marin"}}
    await talk.send("session.update", session={"type": "realtime", "audio": audio})
    await site.engine.until_taken("session.update")
    session = {**site.engine.opened_with, "id": "x"}
    await site.engine.say("session.updated", session=session)
    await talk.until("session.updated")
    await site.until(talk.session_id, lambda row: "client_session" in row["data"])
    talk.cut()
    await reopen(other, talk.session_id)
    assert other.engine.opened_with["audio"]["output"]["voice"] == "marin"


async def test_a_drained_session_goes_on_at_another_process(graceful, new_site):
    site, other = graceful, await new_site(VOICEHUB_GRACE_S=30)
    talk = await talked(site)
    closed = spawn(talk.until_closed(), name="drained")
    await site.drain(1.0)
    assert await closed == 1012
    row = await site.row(talk.session_id)
    assert (row["status"], row["data"]["leaving"]) == ("in_progress", "drain")
    assert spoken(row) == ["Hello."]
    again = await reopen(other, talk.session_id)
    row = await other.row(talk.session_id)
    assert "leaving" not in row["data"]
    await again.close()
    row = await other.over(talk.session_id)
    assert (row["status"], spoken(row)) == ("completed", ["Hello."])


async def test_an_emptied_redis_loses_no_line_and_no_token(graceful, new_site, monkeypatch):
    monkeypatch.setattr(lease, "RENEW_EVERY_S", 0.05)
    site, other = graceful, await new_site(VOICEHUB_GRACE_S=30)
    talk = await talked(site)
    await site.raw_redis.flushall()
    await site.until(talk.session_id, lambda row: spoken(row) == ["Hello."])
    await site.until(talk.session_id, lambda row: row["usage"].get("responses") == 1)
    again = await reopen(other, talk.session_id)
    await again.close()
    row = await other.over(talk.session_id)
    assert spoken(row) == ["Hello."]
    assert await site.used() == (20, 5)


async def test_the_openai_sdk_comes_back_to_its_session(graceful):
    """Its own reconnecting, which lets the program name the session in the query."""
    site = graceful
    names = []

    def reconnecting(event):
        return {"extra_query": {**event.extra_query, "session_id": names[0]}}

    base_url = str(site.client.make_url("/v1"))
    client = openai.AsyncOpenAI(base_url=base_url, api_key=await site.token())
    async with client.realtime.connect(
        model="Ava", on_reconnecting=reconnecting, initial_delay=0.01
    ) as connection:
        events = aiter(connection)
        created = await anext(events)
        names.append(created.session.id)
        await site.engine.reply(1, "Hello.", usage=USAGE)
        while (await anext(events)).type != "response.done":
            pass
        session_id = int(names[0].removeprefix("sess_"))
        site.app[REGISTRY].find(session_id).connection.abort()
        again = await anext(events)
        assert (again.type, again.session.id) == ("session.created", names[0])
        await site.engine.reply(2, "Still here.", usage=USAGE)
        while (await anext(events)).type != "response.done":
            pass
    row = await site.over(session_id)
    assert spoken(row) == ["Hello.", "Still here."]
    assert len(site.engines) == 1


async def stuck(site):
    """A client whose network takes nothing any more, while the agent speaks."""
    talk = await talked(site)
    talk.socket._response.connection.transport.pause_reading()
    await site.engine.begin_reply(2)
    for _ in range(150):
        await site.engine.speak(2, 1_000)
    driver = site.app[REGISTRY].find(talk.session_id)
    async with asyncio.timeout(STEP_S_MAX):
        while not driver._outbox._entries:
            await site.redis.ping()
    return talk


async def test_who_left_a_dead_network_need_not_wait_for_it(graceful):
    site = graceful
    talk = await stuck(site)
    again = await reopen(site, talk.session_id)
    await again.until("response.output_audio.delta")
    await site.engine.end_reply(2, "To you.", usage=USAGE)
    await again.until("response.done")
    assert again.kinds.count("response.output_audio.delta") < 150
    await again.close()
    assert (await site.over(talk.session_id))["data"]["ended_reason"] == "client_close"


async def test_what_a_replaced_socket_sends_is_not_heard(graceful):
    site = graceful
    talk = await stuck(site)
    again = await reopen(site, talk.session_id)
    await talk.send("input_audio_buffer.commit")
    await again.send("response.create")
    await site.engine.until_taken("response.create")
    assert "input_audio_buffer.commit" not in [frame.type for frame in site.engine.taken]
    await talk.close()


async def test_a_session_that_went_on_after_a_pause_greets_a_new_socket_as_any_other(graceful):
    site, extended = graceful, {"protocols": ["voicehub.v1"]}
    talk = await site.talk(**extended)
    await talk.send("voicehub.session.pause")
    await talk.until("voicehub.session.paused")
    await talk.send("voicehub.session.resume")
    await talk.until("voicehub.session.resumed")
    await absent(site, talk)
    again = await reopen(site, talk.session_id, **extended)
    assert again.kinds == ["session.created"]


async def test_a_client_may_come_back_with_another_subprotocol_and_again(graceful):
    site, extended = graceful, {"protocols": ["voicehub.v1"]}
    talk = await talked(site)
    first = await reopen(site, talk.session_id, **extended)
    again = await reopen(site, talk.session_id, **extended)
    assert len(site.engines) == 2
    assert await talk.until_closed() == 1011
    assert talk.errors == ["session_lost"]
    assert await first.until_closed() == 1008
    await site.engine.reply(2, "Still here.", usage=USAGE)
    await again.until("response.done")
    await again.close()
    assert spoken(await site.over(talk.session_id)) == ["Hello.", "Still here."]


async def test_a_crowd_of_sockets_leaves_one_that_is_served(graceful, new_site):
    sites = graceful, await new_site(VOICEHUB_GRACE_S=30)
    talk = await talked(sites[0])
    headers = {"Authorization": f"Bearer {await sites[0].token()}"}
    path = f"/v1/realtime?session_id={talk.session_id}"

    async def come(number):
        with suppress(WSServerHandshakeError):  # another was quicker
            socket = await sites[number % 2].client.ws_connect(path, headers=headers)
            while not socket.closed:
                await socket.receive()

    async with asyncio.timeout(STEP_S_MAX):
        coming = [spawn(come(number), name="crowd") for number in range(20)]
        await sites[0].until(talk.session_id, lambda row: row["data"]["fence"] > 5)
    again = await reopen(sites[1], talk.session_id)
    await sites[1].engine.reply(2, "Still here.", usage=USAGE)
    await again.until("response.done")
    async with asyncio.timeout(STEP_S_MAX):
        await asyncio.gather(*coming)
    await again.close()
    row = await sites[1].over(talk.session_id)
    assert (row["status"], spoken(row)) == ("completed", ["Hello.", "Still here."])
    assert row["usage"]["responses"] == 2
    assert sorted(leg["at_ms"] for leg in row["data"]["legs"]) == [
        leg["at_ms"] for leg in row["data"]["legs"]
    ]


async def test_the_lease_is_kept_while_the_engine_opens(graceful, monkeypatch):
    monkeypatch.setattr(lease, "RENEW_EVERY_S", 0.05)
    opens, site = asyncio.Event(), graceful
    open_engine = Puppet.open

    async def open_late(engine, session):
        await opens.wait()
        return await open_engine(engine, session)

    monkeypatch.setattr(Puppet, "open", open_late)
    opening = spawn(site.talk(), name="client")
    key = f"{{team:{site.teams['one']}}}:session:1:lease"
    for _ in range(2):
        async with asyncio.timeout(STEP_S_MAX):
            while not await site.raw_redis.delete(key):
                pass
    opens.set()
    await opening


async def test_who_takes_over_without_a_lease_takes_it_before_reading(
    graceful, new_site, monkeypatch
):
    site, other = graceful, await new_site(VOICEHUB_GRACE_S=30)
    talk = await talked(site)
    hold, refused = lease.hold, []

    async def fail_once(*arguments):
        if not refused:
            refused.append(arguments)
            raise StorageError("away")
        return await hold(*arguments)

    monkeypatch.setattr(lease, "hold", fail_once)
    again = await reopen(other, talk.session_id)
    fence = f"{{team:{site.teams['one']}}}:session:{talk.session_id}:fence"
    assert refused
    assert await site.raw_redis.get(fence) == b"2"
    await again.close()
