"""A deploy under load: every server is drained and started again, and everybody goes on."""

import asyncio
import time
from collections.abc import Iterable, Sequence

from tests.faults.books import Books, Row, rows_of
from tests.faults.caller import Habits, Ledger
from tests.faults.fleet import READY_S_MAX, Fleet
from tests.faults.schedule import FIRST_S, Fault, Kind
from voicehub.app import spaces_of
from voicehub.storage.recording_keys import session_prefix

# Between two drains at least; each waits until the server before it serves again.
STEP_S = 2.0
# Everybody is back by then: the patience of who comes back, and a turn.
GO_ON_S_MAX = 60.0
POLL_S = 0.2
# Who talks until all is over, and always comes back. A hundred of them leave the processors to the
# servers only where their events are few.
LOYAL = Habits(talk_s=(86_400.0, 86_400.0), gives_up=0.0, frame_ms=200, patience_s=20.0)


def drains(servers: int) -> list[Fault]:
    return [Fault(FIRST_S + STEP_S * n, Kind.TERM_SERVE, target=n) for n in range(servers)]


async def stuck(fleet: Fleet, ledgers: Iterable[Ledger]) -> list[Ledger]:
    """Once all servers serve, wait until each session's client has seen another line finished.
    Returns those that did not, after `GO_ON_S_MAX`.
    """
    async with asyncio.timeout(READY_S_MAX):
        for server in fleet.servers:
            await server.process.up.wait()
    until_s = time.monotonic() + GO_ON_S_MAX
    before = [(ledger, len(ledger.lines)) for ledger in ledgers]
    while waiting := [ledger for ledger, lines in before if len(ledger.lines) == lines]:
        if time.monotonic() > until_s:
            break
        await asyncio.sleep(POLL_S)  # the turns take their time
    return waiting


async def audit(
    books: Books, fleet: Fleet, ledgers: Sequence[Ledger], late: Sequence[Ledger], *, killed: bool
) -> None:
    """Each session ends by its client; where nobody was `killed`, with the bill to the token."""
    rows = await rows_of(fleet)
    wrong = [f"session {ledger.session_id} had no line after the last fault" for ledger in late]
    for ledger in ledgers:
        row = rows[ledger.session_id]
        ended = row["status"], row["data"].get("ended_reason")
        if ended != ("completed", "client_close"):
            wrong.append(f"session {ledger.session_id} is {ended}")
    books.zero("sessions that others than their clients ended", wrong)
    _audit_bills(books, fleet, ledgers, rows, killed=killed)
    await _audit_objects(books, fleet, ledgers, rows)


def _audit_bills(
    books: Books, fleet: Fleet, ledgers: Sequence[Ledger], rows: dict[int, Row], *, killed: bool
) -> None:
    inexact, in_flight, at_the_end = [], [], []
    for ledger in ledgers:
        where = f"session {ledger.session_id}"
        usage = rows[ledger.session_id]["usage"]
        billed = usage.get("audio_tokens", 0) + usage.get("text_tokens", 0)
        responses = fleet.model.ended[ledger.mark]
        if billed != (told := sum(usage["total_tokens"] for usage in responses.values())):
            inexact.append(f"{where}: {told} by the model, {billed} billed")
        last = f"_{fleet.model.turns[ledger.mark]}"
        for name in responses.keys() - ledger.responses.keys():
            (at_the_end if name.endswith(last) else in_flight).append(f"{where} {name}")
    books.tell("responses in flight at the hang-up", ", ".join(at_the_end) or "none")
    if not killed:
        books.zero("responses in flight at a drain's deadline", in_flight)
        books.zero("bills that are not what the model told", inexact)


async def _audit_objects(
    books: Books, fleet: Fleet, ledgers: Sequence[Ledger], rows: dict[int, Row]
) -> None:
    wrong = []
    async with spaces_of(fleet.settings) as spaces:
        for number in (ledger.session_id for ledger in ledgers):
            recording = rows[number]["data"].get("recording", {})
            kept = [] if recording.get("state") == "empty" else [recording.get("key")]
            found = await spaces.list_objects(session_prefix(fleet.team_id, number))
            if (keys := [each.key for each in found]) != kept:
                wrong.append(f"session {number}: {kept} is to be, {keys} are")
    books.zero("sessions whose recording is not one object", wrong)
