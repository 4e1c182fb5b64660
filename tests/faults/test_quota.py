"""A small plan, and many who use it up on several processes at once."""

import asyncio
import sys
from decimal import Decimal

import aiohttp

from tests.faults import books
from tests.faults.caller import Caller, Habits
from tests.faults.fleet import fleet
from tests.faults.model import usage_of
from voicehub.realtime.tokens import agent_audio_tokens, user_audio_tokens

SESSIONS = 10
SERVERS = 4
PLAN_AUDIO_TOKENS = 1_000
TALK_S_MAX = 60.0


def overshoot_max() -> int:
    """Of each session one second of audio, both ways, and the response in flight."""
    second = user_audio_tokens(1000) + agent_audio_tokens(1000)
    usage = usage_of(1)
    response = sum(usage[f"{side}_token_details"]["audio_tokens"] for side in ("input", "output"))
    return SESSIONS * (second + response)


async def test_ten_sessions_on_four_processes_overshoot_by_what_is_in_flight():
    async with fleet(servers=SERVERS, workers=1, plan_tokens=Decimal(PLAN_AUDIO_TOKENS)) as built:
        async with aiohttp.ClientSession() as http:
            callers = [
                Caller(
                    number,
                    urls=[built.servers[number % SERVERS].url],
                    token=built.token,
                    http=http,
                    seed=1,
                    leave=asyncio.Event(),
                    habits=Habits(talk_s=(TALK_S_MAX, TALK_S_MAX)),
                )
                for number in range(SESSIONS)
            ]
            assert all(await asyncio.gather(*(caller.converse() for caller in callers)))
        for server in built.servers:
            await server.process.close()  # drained: everything is settled
        rows = await books.rows_of(built)
        used = sum(row["usage"]["audio_tokens"] for row in rows.values())
    overshoot = used - PLAN_AUDIO_TOKENS
    sys.stdout.write(f"overshoot: {overshoot} tokens beyond {PLAN_AUDIO_TOKENS},")
    sys.stdout.write(f" {overshoot_max()} are allowed\n")
    assert [row["data"]["ended_reason"] for row in rows.values()] == ["quota"] * SESSIONS
    assert all("told insufficient_quota" in caller.books[0].refusals for caller in callers)
    assert abs(overshoot) <= overshoot_max()
