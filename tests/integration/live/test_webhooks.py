"""From a session on the socket to the receiver of a webhook: nothing of it is put in place."""

import asyncio
from datetime import UTC, datetime
from functools import partial

import openai
import pytest

from tests.webhooks import listening
from voicehub.jobs.table import MINUTE_S, Job
from voicehub.jobs.webhooks import LOOK_EVERY_S, Deliverer
from voicehub.jobs.worker import run_jobs
from voicehub.realtime.tokens import duration_usage
from voicehub.tasks import spawn

AUDIO_TOKENS = 10  # of half a second of the agent's audio


@pytest.fixture
async def receiver():
    async with listening() as receiver:
        yield receiver


@pytest.fixture
async def working(pg):
    """A worker, with its own beat for this job."""
    stopped = asyncio.Event()
    deliverer = Deliverer(pg, to_private=True)
    job = Job("deliver", LOOK_EVERY_S, MINUTE_S, deliverer.deliver, deliverer.leave)
    running = spawn(run_jobs(stopped, [job]), name="worker")
    yield
    stopped.set()
    await running


@pytest.mark.usefixtures("working")
async def test_a_session_on_the_socket_is_heard_of_from_start_to_settlement(new_site, receiver):
    site = await new_site(VOICEHUB_WEBHOOKS_ALLOW_PRIVATE=True)
    await site.run("UPDATE plans SET max_audio_tokens = $1", AUDIO_TOKENS)
    endpoint = await site.ask("POST", "/v1/webhook_endpoints", json={"url": receiver.url("/hook")})
    talk = await site.talk()
    (started,) = await receiver.received(1)
    late_s = datetime.now(UTC) - datetime.fromisoformat(started.body["timestamp"])
    assert late_s.total_seconds() < 5  # half a second and a busy machine
    await site.engine.begin_reply(1)
    await site.engine.speak(1, 500)
    await site.engine.end_reply(1, "Hidden words.", usage=duration_usage(0, 500, 5, 0))
    await talk.until("response.done")
    await talk.append(bytes(4_800))
    await talk.close()
    row = await site.over(talk.session_id)
    posts = await receiver.received(7)

    unwrap = partial(openai.OpenAI(api_key="none").webhooks.unwrap, secret=endpoint["secret"])
    assert [unwrap(post.raw, post.headers).type for post in posts] == receiver.types
    assert {post.body["data"].get("session_id", row["id"]) for post in posts} == {row["id"]}
    told = {}
    for post in posts:
        assert b"Hidden" not in post.raw
        told.setdefault(post.body["type"], []).append(post.body["data"])
    assert {kind: len(events) for kind, events in told.items()} == {
        "session.started": 1,
        "session.ended": 1,
        "recording.ready": 1,
        "usage.settled": 1,
        "quota.warning": 2,
        "quota.exhausted": 1,
    }
    (ended,), (settled,), (ready,) = (
        told[kind] for kind in ("session.ended", "usage.settled", "recording.ready")
    )
    assert (ended["status"], ended["ended_reason"]) == (row["status"], row["data"]["ended_reason"])
    assert settled["audio_tokens"] == row["usage"]["audio_tokens"] == AUDIO_TOKENS
    assert ready["seconds"] == row["data"]["recording"]["seconds"] > 0
    ids = [post.id for post in posts]
    assert len(set(ids)) == len(ids)
    listed = await site.ask("GET", f"/v1/webhook_endpoints/{endpoint['id']}/deliveries")
    assert {each["event_id"] for each in listed["data"]} == set(ids)
