"""voicehub/storage/check.py: every reference of the schema, broken once."""

import re

import pytest

from voicehub.storage import check, users
from voicehub.storage.check import IDS_SHOWN_MAX, RULES, UNOWNED, find_faults
from voicehub.storage.lease import hold
from voicehub.storage.queries import sql_folder
from voicehub.storage.redis import Redis

# References that need not hold, each with the reason.
FREE = {
    "audit_entries_team_id": "what admins did is told of teams that are gone, too",
    "google_accounts_team_id": "compared by `google_accounts_user_id`",
    "usage_days_team_id": "what was used outlives who used it",
    "usage_days_agent_id": "the same",
    "usage_days_user_id": "the same",
    "erasures_team_id": "what was erased is told of teams that are gone, too",
    "erasures_session_id": "the row may be gone as well",
}
# By the name of a rule, what breaks it; {other} is a row of another team's.
BREAKS = {
    "users_team_id": "UPDATE users SET team_id = 999",
    "subscriptions_team_id": "UPDATE subscriptions SET team_id = 999",
    "subscriptions_plan_id": "DELETE FROM plans",
    "ai_agents_team_id": "UPDATE ai_agents SET team_id = 999",
    "ai_agents_creator_id": "UPDATE ai_agents SET creator_id = 999",
    "ai_agents_home": "UPDATE ai_agents SET is_built_in = true",
    "sessions_team_id": "UPDATE sessions SET team_id = 999",
    "sessions_user_id": "UPDATE sessions SET user_id = 999",
    "sessions_agent_id": "UPDATE sessions SET agent_id = 999",
    "sessions_ended_at": "UPDATE sessions SET ended_at = now()",
    "sessions_not_listed": "DELETE FROM session_search",
    "sessions_not_read": (
        "ALTER TABLE session_search DISABLE TRIGGER session_search_set_updated_at;"
        "UPDATE sessions SET status = 'completed', ended_at = now() - interval '2 hours';"
        "UPDATE session_search SET updated_at = now() - interval '2 hours'"
    ),
    "session_search_session_id": (
        "ALTER TABLE sessions DISABLE TRIGGER sessions_search_delete; DELETE FROM sessions"
    ),
    "team_subscriptions": (
        "INSERT INTO subscriptions (team_id, plan_id, status)"
        " SELECT team_id, plan_id, 'free' FROM subscriptions"
    ),
    "feedbacks_team_id": "UPDATE feedbacks SET team_id = 999",
    "feedbacks_user_id": "UPDATE feedbacks SET user_id = 999",
    "feedbacks_data_session_id": "UPDATE feedbacks SET data = '{\"session_id\": 999}'",
    "feedbacks_data_agent_id": 'UPDATE feedbacks SET data = \'{"agent_id": "none"}\'',
    "google_accounts_user_id": "UPDATE google_accounts SET google_id = 'other'",
    "subscription_changes_team_id": "UPDATE subscription_changes SET team_id = 999",
    "subscription_changes_subscription_id": "DELETE FROM subscriptions",
    "webhook_endpoints_team_id": "UPDATE webhook_endpoints SET team_id = 999",
    "webhook_deliveries_team_id": "UPDATE webhook_deliveries SET team_id = 999",
    "webhook_deliveries_endpoint_id": "DELETE FROM webhook_endpoints",
    "sessions_resting": (
        "ALTER TABLE sessions DISABLE TRIGGER sessions_set_updated_at;"
        "UPDATE sessions SET updated_at = now() - interval '1 hour'"
    ),
}
OTHER_TEAM = """
    INSERT INTO team (label, name) VALUES ('O', 'o');
    INSERT INTO users (team_id, email, display_name, settings)
    SELECT id, 'o', 'o', '{}' FROM team WHERE name = 'o';
    INSERT INTO ai_agents (team_id, name, persona_prompt, system_prompt, settings)
    SELECT id, 'o', '', '', '{}' FROM team WHERE name = 'o'"""
OTHERS = {
    "ai_agents_creator_id": "UPDATE ai_agents SET creator_id = 2 WHERE id = 1",
    "sessions_user_id": "UPDATE sessions SET user_id = (SELECT max(id) FROM users)",
    "sessions_agent_id": "UPDATE sessions SET agent_id = (SELECT max(id) FROM ai_agents)",
    "feedbacks_user_id": "UPDATE feedbacks SET user_id = (SELECT max(id) FROM users)",
}


@pytest.fixture
async def whole(team):
    """A row of each kind, and nothing broken."""
    session_id = await team.add_session()
    await team.run(
        "INSERT INTO feedbacks (user_id, team_id, data) VALUES ($1, $2, $3)",
        team.user_id,
        team.id,
        {"session_id": session_id, "agent_id": team.agent_id},
    )
    await team.run("UPDATE ai_agents SET creator_id = $1", team.user_id)
    await team.run("UPDATE users SET google_id = 'g'")
    await team.run(
        "INSERT INTO subscription_changes (team_id, subscription_id, actor, change, plan_name)"
        " VALUES ($1, $2, 'user:1', 'created', 'p')",
        team.id,
        team.subscription_id,
    )
    await team.run(
        "INSERT INTO webhook_endpoints (team_id, url, event_types, secret)"
        " VALUES ($1, 'https://hooks.example', '[]', 'whsec_')",
        team.id,
    )
    await team.run(
        "INSERT INTO webhook_deliveries"
        " (team_id, endpoint_id, event_id, event_type, event_key, payload)"
        " SELECT team_id, id, 'evt_1', 'webhook.test', 'k', '{}' FROM webhook_endpoints",
    )
    return team


async def found(team, redis):
    report = await find_faults(team.pg, redis)
    assert report.is_complete
    return {fault.rule.name for fault in report.faults}


async def execute(team, statements):
    async with team.pg.connection() as conn:
        await conn.execute(statements)


async def test_nothing_is_broken_where_nothing_is(whole, redis):
    assert await found(whole, redis) == set()
    await execute(whole, OTHER_TEAM)
    assert await found(whole, redis) == set()


@pytest.mark.parametrize("rule", [*RULES, UNOWNED], ids=lambda rule: rule.name)
async def test_what_is_broken_is_found(whole, redis, rule):
    await execute(whole, BREAKS[rule.name])
    assert rule.name in await found(whole, redis)


@pytest.mark.parametrize("name", OTHERS)
async def test_what_refers_to_another_teams_row_is_found(whole, redis, name):
    await execute(whole, OTHER_TEAM)
    await execute(whole, OTHERS[name])
    assert await found(whole, redis) == {name}


@pytest.mark.parametrize(
    "name",
    ["sessions_ended_at", "sessions_not_listed", "ai_agents_home", "google_accounts_user_id"],
)
async def test_what_is_mended_as_it_says_is_whole(whole, redis, name):
    await execute(whole, BREAKS[name])
    (fault,) = (await find_faults(whole.pg, redis)).faults
    await execute(whole, fault.rule.mend.replace("IDS", "1").rstrip("."))
    assert await found(whole, redis) <= {"ai_agents_creator_id"}


@pytest.mark.parametrize("user", ["is there", "is gone"])
async def test_a_google_account_that_is_mended_signs_its_user_in_again(whole, redis, user):
    if user == "is there":
        await execute(whole, "DELETE FROM google_accounts")
    else:
        await execute(whole, "INSERT INTO google_accounts VALUES ('h', 1, 999)")
    (fault,) = (await find_faults(whole.pg, redis)).faults
    await execute(whole, fault.rule.mend.replace("IDS", str(fault.ids[0])).rstrip("."))
    assert await found(whole, redis) == set()
    async with whole.pg.connection() as conn:
        assert [each.id for each in await users.by_google(conn, "g", "other@x")] == [whole.user_id]


async def test_of_two_users_of_a_team_with_one_google_account_the_older_has_it(whole, redis):
    # As 0002 may find them; nothing is to be mended.
    await execute(
        whole,
        "ALTER TABLE users DISABLE TRIGGER users_keep_google_accounts;"
        "INSERT INTO users (team_id, email, display_name, google_id, settings)"
        " SELECT team_id, 'v@t.example', 'V', google_id, '{}' FROM users",
    )
    assert await found(whole, redis) == set()


async def test_every_reference_of_the_schema_has_its_rule():
    schema = (sql_folder() / "schema.sql").read_text()
    references = set()
    for table, columns in re.findall(r"CREATE TABLE (\w+) \((.*?)\n\)", schema, re.DOTALL):
        for column in re.findall(r"^    (\w+) bigint\b.*-- \w+\.id\b", columns, re.MULTILINE):
            references.add(f"{table}_{column}")
    assert len(references) >= 12
    assert references - {rule.name for rule in RULES} == set(FREE)


async def test_a_session_that_somebody_holds_rests_in_peace(whole, redis):
    await execute(whole, BREAKS["sessions_resting"])
    await hold(redis, whole.id, 1, 1, "owner")
    assert await found(whole, redis) == set()


async def test_without_redis_the_report_is_not_complete(whole):
    await execute(whole, BREAKS["sessions_resting"])
    async with Redis.connect("redis://127.0.0.1:1") as away:
        report = await find_faults(whole.pg, away)
    assert (report.faults, report.is_complete) == ([], False)


async def test_without_time_the_report_is_not_complete(whole, redis):
    report = await find_faults(whole.pg, redis, within_s=0)
    assert (report.faults, report.is_complete) == ([], False)


async def test_a_fault_counts_all_rows_and_names_the_first(whole, redis, monkeypatch):
    monkeypatch.setattr(check, "WINDOW_IDS", 7)
    ids = [await whole.add_session() for _ in range(IDS_SHOWN_MAX + 9)]
    await execute(whole, f"UPDATE sessions SET agent_id = 999 WHERE id >= {ids[0]}")
    (fault,) = (await find_faults(whole.pg, redis)).faults
    assert (fault.count, fault.ids) == (len(ids), ids[:IDS_SHOWN_MAX])
