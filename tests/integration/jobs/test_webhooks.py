"""Webhooks on their way: the real job, real HTTP servers, and all that can go wrong there."""

import asyncio
import json
import signal
import socket
import sys
from pathlib import Path

import openai
import pytest
from aiohttp import web

from tests.teams import add_team
from tests.webhooks import SECRET, add_endpoint, deliveries, listening, make_due
from voicehub.errors import StorageError
from voicehub.jobs import webhooks, worker
from voicehub.jobs.table import Job, Rules, Stores, jobs_of
from voicehub.jobs.webhooks import Deliverer, remove_old_deliveries
from voicehub.storage import webhook_deliveries, webhook_endpoints
from voicehub.tasks import spawn
from voicehub.telemetry.telemetry import Telemetry

ROOT = Path(__file__).parents[3]


@pytest.fixture
async def team(pg):
    return await add_team(pg)


@pytest.fixture
async def receiver():
    async with listening() as receiver:
        yield receiver


@pytest.fixture
async def endpoint_id(pg, team, receiver):
    return await add_endpoint(pg, team.id, receiver.url())


@pytest.fixture
def deliverer(pg):
    return Deliverer(pg, to_private=True)


async def add_events(pg, team, endpoint_id, count=1):
    async with pg.connection() as conn:
        for _ in range(count):
            await webhook_deliveries.add_test(conn, team.id, endpoint_id)


async def only_row(pg, endpoint_id):
    (row,) = await deliveries(pg, endpoint_id)
    return row


def ended(row):
    return row["status"], row["attempts"], row["last_status"], row["last_error"]


def verify(post, secret=SECRET):
    client = openai.OpenAI(api_key="none", webhook_secret=secret)
    return client.webhooks.unwrap(post.raw, post.headers)


async def test_what_is_sent_is_what_the_openai_sdk_unwraps(pg, team, receiver, deliverer):
    endpoint_id = await add_endpoint(pg, team.id, receiver.url("/hook?key=1"), "session.ended")
    session_id = await team.add_session()
    await team.run("UPDATE sessions SET status = 'completed', ended_at = now()")
    assert await deliverer.deliver() == 1
    (post,) = receiver.posts
    row = await only_row(pg, endpoint_id)
    assert ended(row) == ("delivered", 1, 204, None)
    assert row["delivered_at"] is not None
    assert (post.path, post.id, post.body) == ("/hook", row["event_id"], row["payload"])
    assert post.headers["content-type"] == "application/json"
    assert verify(post).type == "session.ended"
    assert verify(post).data.session_id == session_id
    assert len(post.raw) < 1000
    with pytest.raises(openai.InvalidWebhookSignatureError):
        verify(post, "whsec_" + "A" * 32)
    assert await deliverer.deliver() == 0


async def test_both_secrets_of_a_rotation_verify(pg, team, receiver, endpoint_id, deliverer):
    new = webhook_endpoints.new_secret()
    async with pg.connection() as conn:
        await webhook_endpoints.rotate(conn, team.id, endpoint_id, new)
    await add_events(pg, team, endpoint_id)
    await deliverer.deliver()
    (post,) = receiver.posts
    assert len(post.headers["webhook-signature"].split(" ")) == 2
    assert verify(post).type == verify(post, new).type == "webhook.test"


async def test_a_delivery_that_fails_is_repeated_at_its_times_and_then_dead(
    pg, team, receiver, endpoint_id, deliverer
):
    receiver.say("/", 500)
    await add_events(pg, team, endpoint_id)
    for attempt, wait_s in enumerate([*webhooks.WAITS_S, None], 1):
        assert await deliverer.deliver() == 1
        row = await only_row(pg, endpoint_id)
        assert ended(row) == ("dead" if wait_s is None else "pending", attempt, 500, None)
        if wait_s is None:
            assert row["next_attempt_at"] is None
        else:
            waits_s = (row["next_attempt_at"] - row["updated_at"]).total_seconds()
            assert wait_s <= waits_s <= wait_s * 1.2
            assert await deliverer.deliver() == 0
        await make_due(pg, endpoint_id)
    assert await deliverer.deliver() == 0
    assert len({post.id for post in receiver.posts}) == 1
    assert len(receiver.posts) == len(webhooks.WAITS_S) + 1
    assert await team.run("SELECT is_enabled FROM webhook_endpoints")


async def test_a_success_ends_the_failing(pg, team, receiver, endpoint_id, deliverer):
    receiver.say("/", 503)
    await add_events(pg, team, endpoint_id)
    await deliverer.deliver()
    assert await team.run("SELECT failing_since FROM webhook_endpoints") is not None
    receiver.say("/", 200)
    await make_due(pg, endpoint_id)
    await deliverer.deliver()
    assert ended(await only_row(pg, endpoint_id)) == ("delivered", 2, 200, None)
    assert await team.run("SELECT failing_since FROM webhook_endpoints") is None


async def test_an_endpoint_that_fails_for_days_is_disabled(
    pg, team, receiver, endpoint_id, deliverer
):
    receiver.say("/", 500)
    await add_events(pg, team, endpoint_id, 2)
    await team.run("UPDATE webhook_endpoints SET failing_since = now() - interval '80 hours'")
    await deliverer.deliver()
    assert await team.run("SELECT is_enabled FROM webhook_endpoints")  # others may succeed yet
    await team.run(
        "UPDATE webhook_deliveries SET attempts = $1 WHERE id = 1", len(webhooks.WAITS_S)
    )
    await team.run("UPDATE webhook_deliveries SET next_attempt_at = now() WHERE id = 1")
    await deliverer.deliver()
    first, second = await deliveries(pg, endpoint_id)
    assert (first["status"], first["last_status"]) == ("dead", 500)
    assert (second["status"], second["last_error"]) == ("dead", "endpoint_disabled")
    assert await team.run("SELECT disabled_reason FROM webhook_endpoints") == "failing"


async def test_410_disables_the_endpoint_at_once(pg, team, receiver, endpoint_id, deliverer):
    receiver.say("/", 410)
    await add_events(pg, team, endpoint_id)
    await deliverer.deliver()
    assert ended(await only_row(pg, endpoint_id)) == ("dead", 1, 410, None)
    assert not await team.run("SELECT is_enabled FROM webhook_endpoints")
    assert await team.run("SELECT disabled_reason FROM webhook_endpoints") == "gone"


async def test_a_redirect_is_not_followed(pg, team, receiver, endpoint_id, deliverer):
    receiver.say("/", 307, headers={"Location": receiver.url("/elsewhere")})
    await add_events(pg, team, endpoint_id)
    await deliverer.deliver()
    assert ended(await only_row(pg, endpoint_id)) == ("pending", 1, 307, None)
    assert [post.path for post in receiver.posts] == ["/"]


async def test_a_connection_that_is_refused_is_a_failure(pg, team, deliverer):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and nobody listens
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/"
        endpoint_id = await add_endpoint(pg, team.id, url)
        await add_events(pg, team, endpoint_id)
        await deliverer.deliver()
    assert ended(await only_row(pg, endpoint_id)) == ("pending", 1, None, "connection_failed")


async def test_an_answer_that_hangs_is_given_up(
    pg, team, receiver, endpoint_id, deliverer, monkeypatch
):
    monkeypatch.setattr(webhooks, "TIMEOUT_S", 0.2)
    over = asyncio.Event()

    async def hang(_):
        await over.wait()
        return web.Response()

    receiver.answers["/"] = hang
    await add_events(pg, team, endpoint_id)
    await deliverer.deliver()
    over.set()
    assert ended(await only_row(pg, endpoint_id)) == ("pending", 1, None, "timeout")


async def test_nothing_of_a_huge_answer_is_read(pg, team, receiver, endpoint_id, deliverer):
    written = 0

    async def flood(request):
        nonlocal written
        response = web.StreamResponse()
        await response.prepare(request)
        try:
            while written < 1 << 30:
                await response.write(b"x" * 65536)
                written += 65536
        except ConnectionError:
            pass
        return response

    receiver.answers["/"] = flood
    await add_events(pg, team, endpoint_id)
    await deliverer.deliver()
    assert ended(await only_row(pg, endpoint_id)) == ("delivered", 1, 200, None)
    assert written < 32 << 20


@pytest.mark.parametrize(
    ("url", "error"),
    [
        ("http://8.8.8.8/", "url_refused"),
        ("https://127.0.0.1/", "url_refused"),
        ("https://127.1/", "url_refused"),
        ("https://localhost:{port}/", "address_refused"),
        ("https://127.0.0.1.nip.invalid/", "connection_failed"),
    ],
)
async def test_private_addresses_are_refused_however_they_are_written(
    pg, team, receiver, url, error
):
    url = url.format(port=receiver.server.port)
    endpoint_id = await add_endpoint(pg, team.id, url)
    await add_events(pg, team, endpoint_id)
    await Deliverer(pg, to_private=False).deliver()
    assert ended(await only_row(pg, endpoint_id)) == ("pending", 1, None, error)
    assert receiver.posts == []


async def test_an_endpoint_that_hangs_keeps_no_other_waiting(pg, team, receiver, deliverer):
    slow = await add_endpoint(pg, team.id, receiver.url("/slow"))
    quick = await add_endpoint(pg, team.id, receiver.url("/quick"))
    over = asyncio.Event()

    async def hang(_):
        await over.wait()
        return web.Response()

    receiver.answers["/slow"] = hang
    await add_events(pg, team, slow, 20)
    run = spawn(deliverer.deliver(), name="worker")
    await receiver.received(webhooks.AT_ONCE_PER_ENDPOINT)
    await add_events(pg, team, quick, 20)
    await receiver.received(webhooks.AT_ONCE_PER_ENDPOINT + 20)
    paths = [post.path for post in receiver.posts]
    assert (paths.count("/slow"), paths.count("/quick")) == (webhooks.AT_ONCE_PER_ENDPOINT, 20)
    over.set()
    assert await run == 40


async def test_two_workers_at_once_deliver_once(pg, team, receiver, endpoint_id):
    await add_events(pg, team, endpoint_id, 100)
    runs = [Deliverer(pg, to_private=True).deliver() for _ in range(2)]
    counts = await asyncio.gather(*runs)
    assert sum(counts) == 100
    assert len({post.id for post in receiver.posts}) == len(receiver.posts) == 100
    assert {row["status"] for row in await deliveries(pg, endpoint_id)} == {"delivered"}


async def test_a_worker_that_dies_after_sending_makes_a_repeat_under_the_same_id(
    pg, team, receiver, endpoint_id, deliverer, database_url
):
    await add_events(pg, team, endpoint_id)
    victim = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.killed_deliverer"),
        json.dumps({"database_url": database_url}),
        cwd=ROOT,
    )
    assert await victim.wait() == -signal.SIGKILL
    assert len(receiver.posts) == 1
    assert (await only_row(pg, endpoint_id))["status"] == "pending"
    assert await deliverer.deliver() == 1
    first, second = receiver.posts
    assert first.id == second.id
    assert first.body == second.body
    assert ended(await only_row(pg, endpoint_id)) == ("delivered", 2, 204, None)


async def test_a_worker_that_is_to_stop_ends_what_it_has_and_takes_no_more(
    pg, redis, team, receiver, endpoint_id
):
    stopped, over = asyncio.Event(), asyncio.Event()

    async def hold(_):
        stopped.set()
        await over.wait()
        return web.Response()

    receiver.answers["/"] = hold
    await add_events(pg, team, endpoint_id, 10)
    stores = Stores(pg, redis, None, None)  # this job asks for neither
    (job,) = [
        each
        for each in jobs_of(stores, Rules(webhooks_to_private=True))
        if each.name == "deliver webhooks"
    ]
    left = asyncio.Event()

    def leave():
        job.leave()
        left.set()

    told = Job(job.name, job.every_s, job.limit_s, job.run, leave)
    work = spawn(worker.run_jobs(stopped, [told]), name="worker")
    await left.wait()
    over.set()
    await work
    statuses = [row["status"] for row in await deliveries(pg, endpoint_id)]
    assert statuses.count("delivered") == len(receiver.posts) == webhooks.AT_ONCE_PER_ENDPOINT
    assert statuses.count("pending") == 6


async def test_an_outcome_that_cannot_be_kept_makes_a_repeat(
    pg, team, receiver, endpoint_id, deliverer, monkeypatch
):
    async def away(*_):
        raise StorageError("Postgres is away.")

    await add_events(pg, team, endpoint_id)
    with monkeypatch.context() as broken:
        broken.setattr(webhook_deliveries, "delivered", away)
        assert await deliverer.deliver() == 1
    assert ended(await only_row(pg, endpoint_id)) == ("pending", 1, None, None)
    assert await deliverer.deliver() == 0  # the claim holds
    await make_due(pg, endpoint_id)
    assert await deliverer.deliver() == 1
    assert len({post.id for post in receiver.posts}) == 1
    assert ended(await only_row(pg, endpoint_id)) == ("delivered", 2, 204, None)


async def test_what_is_under_way_is_ended_when_postgres_goes_away(
    pg, team, receiver, endpoint_id, deliverer, monkeypatch
):
    over = asyncio.Event()

    async def hold(_):
        await over.wait()
        return web.Response()

    async def away(*_, **__):
        over.set()
        raise StorageError("Postgres is away.")

    receiver.answers["/"] = hold
    await add_events(pg, team, endpoint_id)
    run = spawn(deliverer.deliver(), name="worker")
    await receiver.received(1)
    monkeypatch.setattr(webhook_deliveries, "claim", away)
    with pytest.raises(StorageError):
        await run
    assert ended(await only_row(pg, endpoint_id)) == ("delivered", 1, 200, None)


async def test_old_deliveries_are_removed_batch_by_batch(pg, team, endpoint_id, monkeypatch):
    monkeypatch.setattr(webhooks, "REMOVE_BATCH", 2)
    await add_events(pg, team, endpoint_id, 7)
    await team.run("UPDATE webhook_deliveries SET status = 'dead' WHERE id <= 5")
    assert await remove_old_deliveries(pg) == 0
    await team.run("UPDATE webhook_deliveries SET created_at = now() - interval '31 days'")
    assert await remove_old_deliveries(pg) == 5
    assert [row["id"] for row in await deliveries(pg, endpoint_id)] == [6, 7]


async def test_attempts_are_counted_by_how_they_ended(pg, team, receiver, endpoint_id):
    telemetry = Telemetry()
    deliverer = Deliverer(pg, to_private=True, telemetry=telemetry)
    for status in (204, 503):
        receiver.say("/", status)
        await add_events(pg, team, endpoint_id)
        await deliverer.deliver()
    outside = Deliverer(pg, to_private=False, telemetry=telemetry)
    await make_due(pg, endpoint_id)
    await outside.deliver()
    counts = {each: telemetry.webhooks.cell(each).count for each in ("delivered", "refused")}
    assert counts == {"delivered": 1, "refused": 1}
    assert telemetry.webhooks.cell("failed").count == 1
