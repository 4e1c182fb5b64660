"""Every way in which an upstream may not open, and what the session is told of it."""

import asyncio
from dataclasses import replace
from email.utils import formatdate
from time import time

import pytest
from aiohttp import web
from structlog.testing import capture_logs

from tests.integration.engines.upstream.conftest import KEY, PATIENCE, SESSION
from voicehub.engines.upstream.account import Upstream
from voicehub.engines.upstream.dial import open_http
from voicehub.engines.upstream.engine import UpstreamEngine
from voicehub.errors import EngineError
from voicehub.tasks import spawn

HASTY = replace(PATIENCE, attempt_s=0.4, open_s=1.0)


async def refused(engine) -> EngineError:
    with pytest.raises(EngineError) as caught:
        await engine.open(SESSION)
    assert KEY not in str(caught.value)
    return caught.value


@pytest.mark.parametrize("status", [401, 403])
async def test_a_refused_key_is_not_tried_again(new_engine, provider, status):
    provider.refuse(status)
    error = await refused(new_engine())
    assert error.message == f"The engine 'cloud' refuses this server's key (HTTP {status})."
    assert provider.attempts == 1


async def test_a_wrong_address_is_not_tried_again(new_engine, provider):
    provider.refuse(404)
    assert (await refused(new_engine())).message == "The engine 'cloud' answers with HTTP 404."
    assert provider.attempts == 1


@pytest.mark.parametrize("status", [408, 429, 500, 503])
async def test_a_busy_upstream_is_tried_again(new_talk, provider, status):
    provider.refuse(status)
    provider.refuse(status, **{"Retry-After": "0"})
    await new_talk()
    assert provider.attempts == 3


async def test_a_retry_after_beyond_the_deadline_is_not_waited_for(new_engine, provider):
    provider.refuse(429, **{"Retry-After": "3600"})
    error = await refused(new_engine())
    assert error.message == "The engine 'cloud' is busy (HTTP 429)."
    assert error.retry_after_s == 3600
    assert provider.attempts == 1


async def test_a_retry_after_may_be_a_date(new_engine, provider):
    provider.refuse(503, **{"Retry-After": formatdate(time() + 1000, usegmt=True)})
    assert 990 < (await refused(new_engine())).retry_after_s <= 1000


async def test_a_retry_after_that_says_nothing_is_ignored(new_talk, provider):
    provider.refuse(503, **{"Retry-After": "soon"})
    await new_talk()
    assert provider.attempts == 2


async def test_nobody_at_the_address(new_engine):
    error = await refused(new_engine(HASTY, url="ws://127.0.0.1:9/v1/realtime"))
    assert error.message.startswith("The engine 'cloud' cannot be reached")


async def test_silence_after_the_upgrade(new_engine, provider):
    error = await refused(new_engine(HASTY))
    assert error.message == "The engine 'cloud' did not answer in time."
    assert provider.attempts >= 2


async def test_silence_after_the_session_update(new_engine, provider):
    opening = spawn(refused(new_engine(replace(HASTY, attempt_s=1.0))), name="opening")
    line = await provider.connection()
    await line.say("session.created", session={})
    await line.until("session.update")
    assert (await opening).message == "The engine 'cloud' did not answer in time."


async def test_a_close_instead_of_a_greeting(new_engine, provider):
    opening = spawn(refused(new_engine(HASTY)), name="opening")
    while not opening.done():
        connecting = spawn(provider.connection(), name="connecting")
        await asyncio.wait([opening, connecting], return_when=asyncio.FIRST_COMPLETED)
        if connecting.done():
            await connecting.result().close()
        connecting.cancel()
    assert (await opening).message == "The engine 'cloud' broke off."


async def test_a_refused_session_says_which_field(new_engine, provider):
    opening = spawn(refused(new_engine()), name="opening")
    line = await provider.connection()
    await line.say("session.created", session={})
    await line.until("session.update")
    error = {"type": "invalid_request_error", "code": "invalid_value", "message": "no 'x' voice"}
    await line.say("error", error={**error, "param": "session.audio.output.voice"})
    assert (await opening).message == (
        "The engine 'cloud' refuses the agent's session"
        " (session.audio.output.voice, invalid_value)."
    )


async def test_a_refused_account_says_nothing_of_it(new_engine, provider):
    opening = spawn(refused(new_engine()), name="opening")
    line = await provider.connection()
    error = {"type": "invalid_request_error", "code": "invalid_api_key", "message": "sk-...1234"}
    await line.say("error", error=error)
    assert (await opening).message == "The engine 'cloud' was refused by its provider."
    assert provider.attempts == 1


async def test_a_rate_limit_in_the_greeting_is_tried_again(new_engine, provider):
    engine = new_engine()
    opening = spawn(engine.open(SESSION), name="opening")
    line = await provider.connection()
    await line.say("error", error={"type": "tokens", "code": "rate_limit_exceeded"})
    await (await provider.connection()).greet()
    await opening


async def test_a_format_that_is_not_served_is_refused(new_engine, provider):
    opening = spawn(refused(new_engine()), name="opening")
    line = await provider.connection()
    await line.say("session.created", session={})
    update = await line.until("session.update")
    audio = {"input": {"format": {"type": "audio/pcm", "rate": 16000}}}
    await line.say("session.updated", session={**update["session"], "audio": audio})
    assert "audio format" in (await opening).message


async def test_a_redirect_takes_no_key_along(new_engine, provider):
    location = f"http://localhost:{provider.server.port}/v1/realtime"
    provider.refuse(302, Location=location)
    error = await refused(new_engine(auth="api-key"))
    assert error.message == "The engine 'cloud' answers with a redirect."
    assert provider.attempts == 1


async def test_an_opening_that_is_cancelled_leaves_nothing(new_engine, provider):
    opening = spawn(new_engine().open(SESSION), name="opening")
    line = await provider.connection()
    opening.cancel()
    await asyncio.wait([opening])
    await asyncio.wait_for(line.ended.wait(), 10)


async def test_neither_key_nor_address_is_logged(provider):
    secret = Upstream("cloud", url=provider.url + "?token=hidden", key=KEY)
    assert "hidden" not in repr(secret)
    assert KEY not in repr(secret)
    provider.refusals.append(lambda: web.Response(status=500, text=KEY))
    provider.refuse(401)
    with capture_logs() as lines:
        async with open_http() as http:
            await refused(UpstreamEngine(secret, http, PATIENCE))
    assert lines
    assert "hidden" not in str(lines)
    assert KEY not in str(lines)
    assert str(provider.server.port) not in str(lines)
