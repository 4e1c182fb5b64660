"""Finds what is broken between rows: no foreign key keeps them together. Changes nothing."""

import asyncio
from dataclasses import dataclass, field

from voicehub.errors import StorageError
from voicehub.storage import lease
from voicehub.storage.postgres import Postgres
from voicehub.storage.queries import load
from voicehub.storage.redis import Redis

_SQL = load("check")

# Rows are looked through this many ids at a time, so that no statement takes long.
WINDOW_IDS = 10_000
# A fault names that many of the rows that have it, and the number of all.
IDS_SHOWN_MAX = 20
# A session in progress has a lease; where its owner dies, the sweeper ends it in half a minute.
UNOWNED_S = 600.0


@dataclass(frozen=True, slots=True)
class Rule:
    """Something that must hold.

    Attributes:
        name: of the query that finds the rows where it does not.
        table: whose rows these are.
        what: what such a row is.
        mend: what to do with it; `IDS` stands for the rows' ids.
    """

    name: str
    table: str
    what: str
    mend: str


@dataclass(slots=True)
class Fault:
    """A rule that does not hold: of how many rows, and the first of them."""

    rule: Rule
    count: int = 0
    ids: list[int] = field(default_factory=list)

    def add(self, ids: list[int]) -> None:
        self.count += len(ids)
        self.ids += ids[: IDS_SHOWN_MAX - len(self.ids)]


@dataclass(frozen=True, slots=True)
class Report:
    faults: list[Fault]
    is_complete: bool
    """False where the time was not enough, or Redis could not tell who owns what."""


_AGAIN = "Insert the {} again with that id, or delete these rows"
_LISTED = (
    "INSERT INTO session_search (session_id, team_id, user_id, agent_id, status, started_at)"
    " SELECT id, team_id, user_id, agent_id, status, started_at FROM sessions WHERE id IN (IDS)"
    " ON CONFLICT (session_id) DO UPDATE SET team_id = excluded.team_id,"
    " user_id = excluded.user_id, agent_id = excluded.agent_id, status = excluded.status,"
    " started_at = excluded.started_at, words = NULL"
)

RULES = (
    Rule("users_team_id", "users", "users whose team is gone", _AGAIN.format("team") + "."),
    Rule(
        "subscriptions_team_id",
        "subscriptions",
        "subscriptions whose team is gone",
        _AGAIN.format("team") + "; what they used is then no longer known.",
    ),
    Rule(
        "subscriptions_plan_id",
        "subscriptions",
        "subscriptions whose plan is gone: their teams have no limits, and no sessions",
        "UPDATE subscriptions SET plan_id = PLAN WHERE id IN (IDS), with a plan that is there.",
    ),
    Rule(
        "ai_agents_team_id", "ai_agents", "agents whose team is gone", _AGAIN.format("team") + "."
    ),
    Rule(
        "ai_agents_creator_id",
        "ai_agents",
        "agents whose creator is gone, or is another team's",
        "UPDATE ai_agents SET creator_id = NULL WHERE id IN (IDS).",
    ),
    Rule(
        "ai_agents_home",
        "ai_agents",
        "agents that are both built in and a team's, or neither",
        "UPDATE ai_agents SET is_built_in = false WHERE id IN (IDS);"
        " -- and give those without a team theirs: built in, they would serve every team.",
    ),
    Rule(
        "sessions_team_id",
        "sessions",
        "sessions whose team is gone",
        _AGAIN.format("team") + " and `team/TEAM/` on Spaces.",
    ),
    Rule(
        "sessions_user_id",
        "sessions",
        "sessions whose user is gone, or is another team's",
        "UPDATE sessions SET user_id = USER WHERE id IN (IDS), with a user of their team.",
    ),
    Rule(
        "sessions_agent_id",
        "sessions",
        "sessions whose agent is gone, or is another team's",
        "UPDATE sessions SET agent_id = AGENT WHERE id IN (IDS), with an agent of their team.",
    ),
    Rule(
        "sessions_ended_at",
        "sessions",
        "sessions that have ended without a time of it, or the other way round",
        "UPDATE sessions SET ended_at = CASE WHEN status IN ('completed', 'failed')"
        " THEN updated_at END WHERE id IN (IDS).",
    ),
    Rule(
        "sessions_not_listed",
        "sessions",
        "sessions that no list finds, or finds as what they are not",
        _LISTED + ".",
    ),
    Rule(
        "sessions_not_read",
        "sessions",
        "sessions that ended an hour ago, in whose transcripts nobody finds anything",
        "Start `voicehub worker`; where it runs, its log says why `read words` fails.",
    ),
    Rule(
        "session_search_session_id",
        "session_search",
        "rows of the search whose session is gone",
        "DELETE FROM session_search WHERE session_id IN (IDS).",
    ),
    Rule(
        "team_subscriptions",
        "team",
        "teams with several subscriptions that are current at once",
        "Cancel all but the latest: POST /v1/teams/TEAM/subscriptions/ID/cancel.",
    ),
    Rule("feedbacks_team_id", "feedbacks", "feedbacks whose team is gone", "Delete them."),
    Rule(
        "feedbacks_user_id",
        "feedbacks",
        "feedbacks whose user is gone, or is another team's",
        "UPDATE feedbacks SET user_id = USER WHERE id IN (IDS), or delete them.",
    ),
    Rule(
        "feedbacks_data_session_id",
        "feedbacks",
        "feedbacks about a session that is gone, or is another team's",
        "UPDATE feedbacks SET data = data - 'session_id' WHERE id IN (IDS).",
    ),
    Rule(
        "feedbacks_data_agent_id",
        "feedbacks",
        "feedbacks about an agent that is gone, or is another team's",
        "UPDATE feedbacks SET data = data - 'agent_id' WHERE id IN (IDS).",
    ),
    Rule(
        "google_accounts_user_id",
        "google_accounts",
        "users whom another Google account signs in than their rows say",
        "DELETE FROM google_accounts WHERE user_id IN (IDS);"
        " UPDATE users SET google_id = google_id WHERE id IN (IDS).",
    ),
    Rule(
        "subscription_changes_team_id",
        "subscription_changes",
        "changes of subscriptions whose team is gone",
        _AGAIN.format("team") + ".",
    ),
    Rule(
        "subscription_changes_subscription_id",
        "subscription_changes",
        "changes of subscriptions that are gone, or are another team's",
        "DELETE FROM subscription_changes WHERE id IN (IDS): nobody can be billed by them.",
    ),
    Rule(
        "webhook_endpoints_team_id",
        "webhook_endpoints",
        "webhook endpoints whose team is gone",
        "Delete them: DELETE FROM webhook_endpoints WHERE id IN (IDS).",
    ),
    Rule(
        "webhook_deliveries_team_id",
        "webhook_deliveries",
        "deliveries whose team is gone",
        "DELETE FROM webhook_deliveries WHERE id IN (IDS).",
    ),
    Rule(
        "webhook_deliveries_endpoint_id",
        "webhook_deliveries",
        "deliveries whose endpoint is gone, or is another team's",
        "DELETE FROM webhook_deliveries WHERE id IN (IDS).",
    ),
)
UNOWNED = Rule(
    "sessions_resting",
    "sessions",
    "sessions in progress that nobody has held or written for ten minutes",
    "Run `voicehub sweep`, and see why no `voicehub worker` does.",
)


async def find_faults(postgres: Postgres, redis: Redis, *, within_s: float | None = None) -> Report:
    """Look at every row, at most for `within_s`. Raises StorageError when Postgres is away."""
    found: list[Fault] = []
    is_complete = True
    try:
        async with asyncio.timeout(within_s):
            async with postgres.connection() as conn:
                last_ids = await conn.fetchrow(_SQL["last_ids"])
            assert last_ids is not None, "a row of subqueries"
            for rule in RULES:
                await _find(postgres, rule, last_ids[rule.table], found)
            is_complete = await _find_unowned(postgres, redis, last_ids["sessions"], found)
    except TimeoutError:
        is_complete = False
    return Report([fault for fault in found if fault.count], is_complete)


async def _find(postgres: Postgres, rule: Rule, last_id: int, found: list[Fault]) -> None:
    """A statement sees the rows of one moment: what is being written is no fault."""
    fault = Fault(rule)
    found.append(fault)
    for above_id in range(0, last_id, WINDOW_IDS):
        async with postgres.connection() as conn:
            rows = await conn.fetch(_SQL[rule.name], above_id, above_id + WINDOW_IDS)
        fault.add([each["id"] for each in rows])


async def _find_unowned(postgres: Postgres, redis: Redis, last_id: int, found: list[Fault]) -> bool:
    """Whether Redis could tell."""
    fault = Fault(UNOWNED)
    found.append(fault)
    for above_id in range(0, last_id, WINDOW_IDS):
        window = (above_id, above_id + WINDOW_IDS)
        async with postgres.connection() as conn:
            rows = await conn.fetch(_SQL["sessions_resting"], *window, UNOWNED_S)
        try:
            held = await lease.held(redis, [(each["team_id"], each["id"]) for each in rows])
        except StorageError:
            return False
        fault.add([each["id"] for each in rows if each["id"] not in held])
    return True
