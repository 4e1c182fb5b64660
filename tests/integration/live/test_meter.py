"""Tokens on the real server: booked before they are shown, settled once, ended with the plan."""

import asyncio
from decimal import Decimal

from tests.realtime import BYTES_PER_MS
from voicehub.jobs.settle import settle_all
from voicehub.keys import POSTGRES, REDIS, REGISTRY
from voicehub.realtime.tokens import duration_usage
from voicehub.session import ledger
from voicehub.tasks import spawn

HOUR_MS = 3_600_000


def in_redis(site, session_id):
    return f"{{team:{site.teams['one']}}}:session:{session_id}:usage"


async def booked(site, session_id):
    raw = await site.raw_redis.hmget(in_redis(site, session_id), "audio", "text")
    return tuple(int(each or 0) / 1_000_000 for each in raw)


def seen_by(talk):
    """Audio and text tokens of all `response.done` that the client saw."""
    audio = text = 0
    for done in talk.of("response.done"):
        usage = done["response"]["usage"]
        for side in ("input_token_details", "output_token_details"):
            audio += usage[side]["audio_tokens"]
            text += usage[side]["text_tokens"]
    return audio, text


def meter_of(site):
    (driving,) = site.app[REGISTRY]._drivers
    return driving._sinks.meter


async def plan(site, tokens):
    await site.run("UPDATE plans SET max_audio_tokens = $1, max_text_tokens = $1", Decimal(tokens))


async def test_a_response_is_booked_before_the_client_sees_it_done(site):
    talk = await site.talk()
    for number in range(4):
        usage = duration_usage(1_000, 2_000 + number, 10, 3)
        await site.engine.reply(number, "Yes.", usage=usage)
        await talk.until("response.done")
        assert await booked(site, talk.session_id) == seen_by(talk)
    await talk.close()
    row = await site.over(talk.session_id)
    assert (row["usage"]["audio_tokens"], row["usage"]["text_tokens"]) == seen_by(talk)
    assert row["usage"]["responses"] == 4


async def test_usage_is_settled_exactly_once_however_often_it_is_settled(site):
    talk = await site.talk()
    meter = meter_of(site)
    for number in range(6):
        await site.engine.reply(number, "Yes.", usage=duration_usage(500, 900, 7, 0))
        await talk.until("response.done")
        await asyncio.gather(
            meter.settle(),
            meter.settle(),
            settle_all(site.app[POSTGRES], site.app[REDIS]),
            settle_all(site.pg, site.redis),
        )
        assert await site.used() == seen_by(talk)
    for _ in range(3):
        await meter.settle()
    assert await site.used() == seen_by(talk)
    await talk.close()
    await site.over(talk.session_id)
    await settle_all(site.pg, site.redis)
    assert await site.used() == seen_by(talk)
    quota = f"{{team:{site.teams['one']}}}:quota"
    assert await site.raw_redis.hmget(quota, "live_audio", "live_text") == [b"0", b"0"]


async def test_an_engine_without_usage_is_counted_by_duration(site):
    talk = await site.talk()
    await site.engine.say("input_audio_buffer.speech_started", item_id="turn", audio_start_ms=0)
    await talk.until("input_audio_buffer.speech_started")
    for _ in range(10):
        await talk.append(bytes(100 * BYTES_PER_MS))
    await site.engine.until_taken("input_audio_buffer.append", 10)
    await site.engine.begin_reply(1)
    await site.engine.speak(1, 500)
    await site.engine.end_reply(1, "Yes.")
    await talk.until("response.done")
    assert seen_by(talk) == (20, 0)
    await talk.close()
    row = await site.over(talk.session_id)
    assert row["usage"]["audio_tokens"] == 20
    assert await site.used() == (20, 0)


async def test_redis_emptied_in_the_middle_neither_doubles_nor_ends_the_session(site):
    await plan(site, 1_000)
    talk = await site.talk()
    usage = duration_usage(20_000, 20_000, 0, 0)
    await site.engine.reply(1, "One.", usage=usage)
    await talk.until("response.done")
    # Another process settles: this session's owner does not know.
    await settle_all(site.pg, site.redis)
    assert await site.used() == (600, 0)
    await site.raw_redis.flushall()
    await site.engine.reply(2, "Two.", usage=duration_usage(5_000, 5_000, 0, 0))
    await talk.until("response.done")
    await site.engine.reply(3, "Three.", usage=duration_usage(5_000, 5_000, 0, 0))
    await talk.until("response.done")
    assert talk.errors == []
    await talk.close()
    row = await site.over(talk.session_id)
    assert row["usage"]["audio_tokens"] == 900
    assert await site.used() == (900, 0)


async def test_a_plan_that_is_used_up_by_a_reply_ends_the_session(site):
    await plan(site, 100)
    talk = await site.talk()
    await site.engine.reply(1, "A long one.", usage=duration_usage(0, 5_000, 0, 0))
    assert await talk.until_closed() == 1008
    assert talk.errors == ["insufficient_quota"]
    assert talk.kinds[-2:] == ["response.done", "error"]
    row = await site.over(talk.session_id)
    assert (row["status"], row["data"]["ended_reason"]) == ("completed", "quota")
    assert await site.used() == (100, 0)


async def test_audio_in_flight_is_stopped_at_the_end_of_the_plan(site):
    await plan(site, 100)
    talk = await site.talk()
    await site.engine.begin_reply(1)
    # Five seconds of audio use up the plan; ten times as much is on offer.
    offering = spawn(_offer(site.engine, 50_000), name="offer")
    await site.engine.until_taken("response.cancel")
    await offering
    assert await talk.until_closed() == 1008
    assert talk.errors == ["insufficient_quota"]
    (done,) = talk.of("response.done")
    assert done["response"]["status"] == "cancelled"
    row = await site.over(talk.session_id)
    assert 5.0 <= row["usage"]["agent_audio_seconds"] <= 6.0


async def _offer(engine, duration_ms):
    for _ in range(duration_ms // 100):
        await engine.speak(1, 100)
        await asyncio.sleep(0)


async def test_the_callers_audio_is_stopped_at_the_end_of_the_plan(site, monkeypatch):
    monkeypatch.setattr(ledger, "BOOK_EVERY_MS", 50)
    await plan(site, 20)
    talk = await site.talk()
    await site.engine.say("input_audio_buffer.speech_started", item_id="turn", audio_start_ms=0)
    await talk.until("input_audio_buffer.speech_started")
    for _ in range(25):
        await talk.append(bytes(100 * BYTES_PER_MS))
    assert await talk.until_closed() == 1008
    assert talk.errors == ["insufficient_quota"]


async def test_sessions_of_one_team_share_its_plan_on_two_servers(new_site, monkeypatch):
    monkeypatch.setattr(ledger, "BOOK_EVERY_MS", 50)
    one, two = await new_site(), await new_site()
    await plan(one, 200)
    first, second = await one.talk(), await two.talk(who="bob")
    await one.engine.reply(1, "Mine.", usage=duration_usage(0, 6_000, 0, 0))
    await first.until("response.done")
    await two.engine.begin_reply(1)
    counted, two_books = asyncio.Event(), meter_of(two).book

    async def book(booking):
        left = await two_books(booking)
        if booking.pending_audio >= 70_000_000:
            counted.set()
        return left

    meter_of(two).book = book
    await two.engine.speak(1, 3_500)
    await counted.wait()
    # Together they are within the plan; one more reply of the first is not.
    await one.engine.reply(2, "Mine too.", usage=duration_usage(0, 2_000, 0, 0))
    assert await first.until_closed() == 1008
    await two.engine.speak(1, 100)
    assert await second.until_closed() == 1008
    for site, talk in ((one, first), (two, second)):
        assert talk.errors == ["insufficient_quota"]
        row = await site.over(talk.session_id)
        assert row["data"]["ended_reason"] == "quota"


async def test_a_reply_is_not_begun_once_the_plan_is_used_up(new_site):
    one, two = await new_site(), await new_site()
    await plan(one, 200)
    first, second = await one.talk(), await two.talk(who="bob")
    await one.engine.reply(1, "All of it.", usage=duration_usage(0, 10_000, 0, 0))
    assert await first.until_closed() == 1008
    await two.engine.begin_reply(1)
    assert await second.until_closed() == 1008
    (done,) = second.of("response.done")
    assert done["response"]["status"] == "cancelled"
    assert second.of("response.output_audio.delta") == []
