"""A live session feels what is done to its team's plan and subscription."""

import asyncio
from decimal import Decimal

import pytest

from voicehub.jobs.settle import settle_all
from voicehub.realtime.tokens import duration_usage

SECOND = duration_usage(0, 1_000, 0, 0)  # of the agent's audio: 20 tokens


@pytest.fixture
async def site(new_site):
    """`bob` administers the platform, and `ada` talks."""
    site = await new_site(VOICEHUB_ADMIN_EMAILS="bob@voice.example")
    await site.run("UPDATE plans SET max_audio_tokens = 100")
    return site


async def add_plan(site, tokens, price=0):
    return await site.run(
        "INSERT INTO plans (name, max_audio_tokens, max_text_tokens, monthly_price)"
        " VALUES ('other', $1, $1, $2) RETURNING id",
        Decimal(tokens),
        Decimal(price),
    )


async def act(site, act, **body):
    subscription = await site.ask("GET", "/v1/subscription")
    return await site.ask("POST", f"/v1/subscriptions/{subscription['id']}/{act}", json=body)


async def reply(site, talk, number):
    await site.engine.reply(number, "Yes.", usage=SECOND)
    await talk.until("response.done")


async def test_a_greater_plan_lets_a_session_go_on_past_the_old_one(site):
    talk = await site.talk()
    for number in range(3):
        await reply(site, talk, number)
    await act(site, "change_plan", plan_id=await add_plan(site, 1_000))
    # It hears of it with its next booking.
    for number in range(3, 10):
        await reply(site, talk, number)
    assert talk.errors == []
    left = (await site.ask("GET", "/v1/subscription"))["left"]
    assert left["audio_tokens"] == 800
    await talk.close()
    await site.over(talk.session_id)
    assert await site.used() == (200, 0)


@pytest.mark.parametrize("change", ["subscription", "plan"])
async def test_a_smaller_plan_ends_a_session_that_is_past_it(site, change):
    talk = await site.talk()
    await reply(site, talk, 1)
    if change == "subscription":
        await act(site, "change_plan", plan_id=await add_plan(site, 30))
    else:
        plan_id = await site.run("SELECT plan_id FROM subscriptions LIMIT 1")
        await site.ask("PATCH", f"/v1/plans/{plan_id}", who="bob", json={"max_audio_tokens": 30})
    await site.engine.reply(2, "Yes.", usage=SECOND)
    assert await talk.until_closed() == 1008
    assert talk.errors == ["insufficient_quota"]


async def test_a_cancellation_ends_the_sessions_and_a_new_one_pays_what_they_used(site):
    talk = await site.talk()
    await reply(site, talk, 1)
    await act(site, "cancel", at_period_end=False)
    taken = await site.ask(
        "POST", "/v1/subscriptions", json={"plan_id": await add_plan(site, 1_000)}
    )
    # Before the session has heard of the cancellation there is another: it goes on.
    await reply(site, talk, 2)
    assert talk.errors == []
    await act(site, "cancel", at_period_end=False)
    await site.engine.reply(3, "Yes.", usage=SECOND)
    assert await talk.until_closed() == 1008
    await site.over(talk.session_id)
    await settle_all(site.pg, site.redis)
    billed = "SELECT sum(total_audio_tokens_used) FROM subscriptions WHERE id = $1"
    assert await site.run(billed, taken["id"]) == 60


async def test_sessions_bill_each_token_once_while_plans_are_left_and_taken(site):
    await site.run("UPDATE plans SET max_audio_tokens = 100000, max_text_tokens = 100000")
    plan_id = await site.run("SELECT plan_id FROM subscriptions LIMIT 1")
    talk = await site.talk()

    async def leave_and_take():
        for _ in range(8):
            await act(site, "cancel", at_period_end=False)
            await site.ask("POST", "/v1/subscriptions", json={"plan_id": plan_id})

    async def speak():
        for number in range(8):
            await site.engine.reply(number, "Yes.", usage=SECOND)
            await settle_all(site.pg, site.redis)

    await asyncio.gather(leave_and_take(), speak())
    await talk.close()
    row = await site.over(talk.session_id)
    await settle_all(site.pg, site.redis)
    newest = "SELECT total_audio_tokens_used FROM subscriptions WHERE team_id = $1 ORDER BY id DESC"
    assert await site.run(newest, site.teams["one"]) == row["usage"]["audio_tokens"]
    days = "SELECT sum(audio_tokens) FROM usage_days"
    assert await site.run(days) == row["usage"]["audio_tokens"]
