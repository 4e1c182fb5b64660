"""References are kept whole without foreign keys, whoever creates and deletes at once."""

import sys

from tests.faults.orphans import storm

SECONDS = 6.0
SEED = 5
# Each of these was done, and each of those was refused: else it was no storm.
DONE = (
    "POST teams/users",
    "POST agents",
    "POST sessions",
    "POST feedbacks",
    "POST teams/subscriptions",
    "POST webhook_endpoints",
    "DELETE teams/users",
    "DELETE teams/agents",
    "DELETE teams",
    "DELETE plans",
    "DELETE teams/webhook_endpoints",
    "DELETE teams/feedbacks",
)
REFUSED = ("DELETE teams", "DELETE plans", "DELETE teams/users")


async def test_a_storm_of_creations_and_deletions_leaves_no_orphan(store_environment, open_folder):
    spool = {"VOICEHUB_SPOOL": str(open_folder)}
    outcome = await storm({**store_environment, **spool}, SECONDS, SEED)
    for (what, status), count in sorted(outcome.answers.items()):
        sys.stdout.write(f"{what} {status}: {count}\n")
    assert outcome.server_errors == {}
    assert outcome.deadlocks == 0
    assert outcome.report.faults == []
    assert outcome.holds
    assert not [what for what in DONE if not outcome.count(what, 200, 201, 204)]
    assert not [what for what in REFUSED if not outcome.count(what, 409)]
