"""Rows of a team with a plan, a user and an agent, and its sessions, which somebody may own."""

from dataclasses import dataclass
from decimal import Decimal

from voicehub.session.metering import MILLION, Totals
from voicehub.storage import lease, lines, usage
from voicehub.storage.postgres import Postgres
from voicehub.storage.redis import Redis


@dataclass
class Team:
    """A team whose plan allows 1000 tokens of each kind."""

    pg: Postgres
    id: int
    user_id: int
    agent_id: int
    subscription_id: int

    async def add_session(self, status="in_progress", fence=1):
        async with self.pg.connection() as conn:
            return await conn.fetchval(
                "INSERT INTO sessions (user_id, team_id, agent_id, status, started_at, data, usage)"
                " VALUES ($1, $2, $3, $4, now(), $5, $6) RETURNING id",
                self.user_id,
                self.id,
                self.agent_id,
                status,
                {"audio_url": None, "transcript": [], "context": {"a": 1}, "fence": fence},
                {"audio_tokens": 0, "text_tokens": 0},
            )

    async def row(self, session_id):
        async with self.pg.connection() as conn:
            return dict(await conn.fetchrow("SELECT * FROM sessions WHERE id = $1", session_id))

    async def used(self):
        async with self.pg.connection() as conn:
            return tuple(
                await conn.fetchrow(
                    "SELECT total_audio_tokens_used, total_text_tokens_used FROM subscriptions"
                    " WHERE id = $1",
                    self.subscription_id,
                )
            )

    async def run(self, sql, *arguments):
        async with self.pg.connection() as conn:
            return await conn.fetchval(sql, *arguments)


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


async def add_team(pg):
    async with pg.connection() as conn:
        team_id = await conn.fetchval(
            "INSERT INTO team (label, name) VALUES ('T', 't') RETURNING id"
        )
        user_id = await conn.fetchval(
            "INSERT INTO users (team_id, email, display_name, settings)"
            " VALUES ($1, 'u@t.example', 'U', '{}') RETURNING id",
            team_id,
        )
        agent_id = await conn.fetchval(
            "INSERT INTO ai_agents (team_id, name, persona_prompt, system_prompt, settings)"
            " VALUES ($1, 'A', '', '', '{}') RETURNING id",
            team_id,
        )
        plan_id = await conn.fetchval(
            "INSERT INTO plans (name, max_audio_tokens, max_text_tokens)"
            " VALUES ('p', $1, $1) RETURNING id",
            Decimal(1000),
        )
        subscription_id = await conn.fetchval(
            "INSERT INTO subscriptions (team_id, plan_id, status, current_period_start,"
            " current_period_end) VALUES ($1, $2, 'active', now() - interval '1 day',"
            " now() + interval '1 day') RETURNING id",
            team_id,
            plan_id,
        )
    return Team(pg, team_id, user_id, agent_id, subscription_id)
