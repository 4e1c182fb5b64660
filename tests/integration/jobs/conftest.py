"""The stores that jobs work on, a team in them, and sessions that somebody owned."""

from dataclasses import dataclass

import pytest

from tests.teams import Team, add_team
from voicehub.session.metering import MILLION, Totals
from voicehub.storage import lease, lines, usage
from voicehub.storage.redis import Redis
from voicehub.storage.spaces import Spaces


@pytest.fixture
async def redis(redis_url):
    async with Redis.connect(redis_url) as redis:
        yield redis


@pytest.fixture
async def spaces(bucket_settings):
    async with Spaces(
        endpoint=bucket_settings["SPACES_ENDPOINT"],
        region=bucket_settings.get("SPACES_REGION", "us-east-1"),
        bucket=bucket_settings["SPACES_BUCKET"],
        key=bucket_settings["SPACES_KEY"],
        secret=bucket_settings["SPACES_SECRET"],
    ) as spaces:
        yield spaces


@pytest.fixture
async def team(pg):
    return await add_team(pg)


@dataclass
class Owner:
    """A session in progress, and what its owner does to it."""

    team: Team
    redis: Redis
    session_id: int
    token: int = 1

    @property
    def place(self):
        return self.redis, self.team.id, self.session_id

    async def renew(self):
        await lease.hold(*self.place, self.token, "owner")

    async def die(self):
        """As after its lease ran out."""
        await self.redis.client.delete(f"{{team:{self.team.id}}}:session:{self.session_id}:lease")

    async def say(self, sequence, text="hello"):
        line = {"item_id": f"item_{sequence}", "order": sequence, "transcript": text}
        line |= {"start_ms": sequence * 1000, "end_ms": sequence * 1000 + 500}
        await lines.append(*self.place, self.token, sequence, line)

    async def book(self, number, audio, *, flying=0):
        totals = Totals(audio * MILLION, responses=number)
        await usage.book(
            *self.place,
            self.token,
            number=number,
            totals=totals,
            audio_in_flight=flying * MILLION,
            settled=None,
        )

    async def row(self):
        return await self.team.row(self.session_id)


@pytest.fixture
async def new_owner(team, redis):
    """Sessions that are in progress, their leases held."""

    async def start(**columns):
        owner = Owner(team, redis, await team.add_session(**columns))
        await owner.renew()
        return owner

    return start
