"""The books of a run: what every client saw, against the rows and the recordings."""

import io
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import asyncpg
import numpy as np
import orjson
import soundfile

from tests.faults import tone
from tests.faults.caller import PATIENCE_S, Cut, Ledger, Outcome
from tests.faults.fleet import Fleet
from tests.faults.storm import Death, Storm
from voicehub.app import spaces_of
from voicehub.errors import StorageError
from voicehub.storage.spaces import Spaces

ENDED = {"completed", "failed"}
LOST_MS_PER_KILL = 5_000.0
# Audio on its way when a line was cut, or when the server ended the session: no process had it.
LOST_MS_PER_CUT = 1_000.0
# A client learns of a death at most so long after it (`PATIENCE_S` and a little).
LEARNT_S = 12.0

Row = dict[str, Any]  # the JSONB of a session is open-ended


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the table."""

    what: str
    expected: str
    found: str
    holds: bool = True


@dataclass(slots=True)
class Books:
    entries: list[Entry] = field(default_factory=list)
    faults: dict[str, list[str]] = field(default_factory=dict)
    """What to look at by entry, a line each: sessions and what is wrong with them."""

    @property
    def hold(self) -> bool:
        return all(entry.holds for entry in self.entries)

    def tell(self, what: str, found: str) -> None:
        self.entries.append(Entry(what, "", found))

    def zero(self, what: str, wrong: Sequence[str], unit: str = "") -> None:
        """`wrong` is what should not be there, a line each."""
        self.entries.append(Entry(what, f"0{unit}", f"{len(wrong)}{unit}", not wrong))
        if wrong:
            self.faults[what] = list(wrong)


async def rows_of(fleet: Fleet) -> dict[int, Row]:
    """Every session's row, past VoiceHub."""
    conn = await asyncpg.connect(fleet.stack.database_url)
    try:
        records = await conn.fetch("SELECT id, status, data, usage, ended_at FROM sessions")
    finally:
        await conn.close()
    return {
        record["id"]: {
            "id": record["id"],
            "status": record["status"],
            "data": orjson.loads(record["data"]),
            "usage": orjson.loads(record["usage"]),
        }
        for record in records
    }


async def audit(
    fleet: Fleet, ledgers: Sequence[Ledger], storm: Storm, late: Sequence[int]
) -> Books:
    """`late` are the sessions that had not ended in time."""
    books = Books()
    rows = await rows_of(fleet)
    known = [ledger for ledger in ledgers if ledger.session_id in rows]
    _tell(books, known, rows, storm.deaths, storm.began_s)
    books.zero("rows missing", [str(each.session_id) for each in ledgers if each not in known])
    books.zero("sessions not ended 60 s after the last fault", [f"session {n}" for n in late])
    _audit_lines(books, known, rows)
    _audit_tokens(books, fleet, known, rows, await _used(fleet))
    await _audit_audio(books, fleet, known, rows, storm.deaths)
    books.zero("errors in the logs", fleet.complaints())
    return books


def _tell(
    books: Books,
    ledgers: Sequence[Ledger],
    rows: dict[int, Row],
    deaths: Sequence[Death],
    began_s: float,
) -> None:
    books.tell("sessions", str(len(ledgers)))
    ends = Counter(
        f"{rows[each.session_id]['status']}/{rows[each.session_id]['data'].get('ended_reason')}"
        for each in ledgers
    )
    books.tell("how they ended", ", ".join(f"{n} {end}" for end, n in ends.most_common()))
    cuts = Counter(cut.outcome.value for each in ledgers for cut in each.cuts)
    books.tell("lines that broke", ", ".join(f"{n} {why}" for why, n in cuts.most_common()))
    silent = [
        f"{cut.at_s - began_s:.0f} s"
        for each in ledgers
        for cut in each.cuts
        if cut.outcome is Outcome.SILENT and _death(cut, deaths) is None
    ]
    # No promise, as a machine may be slow; but worth a look.
    books.tell(f"of these silent for {PATIENCE_S:.0f} s, not frozen", ", ".join(silent) or "none")
    books.tell("came back, or tried to", str(sum(each.returns for each in ledgers)))
    refusals = sum((each.refusals for each in ledgers), Counter())
    told = ", ".join(f"{n} {why}" for why, n in refusals.most_common()) or "nothing"
    books.tell("what clients were told", told)


def _audit_lines(books: Books, ledgers: Sequence[Ledger], rows: dict[int, Row]) -> None:
    missing, doubled, altered, disordered = [], [], [], []
    for ledger in ledgers:
        lines = rows[ledger.session_id]["data"]["transcript"]
        kept = {line["item_id"]: line for line in lines}
        where = f"session {ledger.session_id}"
        missing += [f"{where} {item}" for item in ledger.lines if item not in kept]
        altered += [
            f"{where} {item}"
            for item, words in ledger.lines.items()
            if item in kept and not _is_of(kept[item], words)
        ]
        items = Counter(line["item_id"] for line in lines)
        said = Counter(line["transcript"] for line in lines if not line["interrupted"])
        doubled += [f"{where} {what}" for what, n in (items + said).items() if n > 1]
        turns = [int(line["item_id"].rpartition("_")[2]) for line in lines]
        disordered += [where] if turns != sorted(turns) else []
    books.tell("lines that clients saw finished", str(sum(len(each.lines) for each in ledgers)))
    books.zero("of these missing from the row", missing)
    books.zero("with other words in the row", altered)
    books.zero("lines doubled", doubled)
    books.zero("transcripts out of order", disordered)


def _is_of(line: dict[str, Any], words: str) -> bool:
    """Of an interrupted line the row has what was heard."""
    kept: str = line["transcript"]
    return words.startswith(kept) if line["interrupted"] else words == kept


async def _used(fleet: Fleet) -> tuple[int, int]:
    conn = await asyncpg.connect(fleet.stack.database_url)
    try:
        record = await conn.fetchrow(
            "SELECT sum(total_audio_tokens_used) AS audio, sum(total_text_tokens_used) AS text"
            " FROM subscriptions WHERE team_id = $1",
            fleet.team_id,
        )
    finally:
        await conn.close()
    return int(record["audio"]), int(record["text"])


def _audit_tokens(
    books: Books,
    fleet: Fleet,
    ledgers: Sequence[Ledger],
    rows: dict[int, Row],
    used: tuple[int, int],
) -> None:
    seen = sum(_tokens(usage) for each in ledgers for usage in each.responses.values())
    unseen = 0
    wrong = []
    for ledger in ledgers:
        row = rows[ledger.session_id]
        shown = sum(_tokens(usage) for usage in ledger.responses.values())
        ended = fleet.model.ended[ledger.mark]
        # The model ended these, and no client saw it: they were in flight when a line was cut.
        in_flight = {name: usage for name, usage in ended.items() if name not in ledger.responses}
        possible = sum(map(_tokens, in_flight.values()))
        unseen += possible
        billed = row["usage"].get("audio_tokens", 0) + row["usage"].get("text_tokens", 0)
        if not shown <= billed <= shown + possible:
            wrong.append(
                f"session {ledger.session_id}: {shown} seen, {billed} billed, {possible} in flight"
            )
    books.tell("tokens of responses that clients saw done", str(seen))
    over = sum(used) - seen
    expected = f"0 to {unseen} (in flight when cut)"
    holds = 0 <= over <= unseen
    books.entries.append(Entry("tokens in subscriptions beyond these", expected, str(over), holds))
    books.zero("sessions whose bill is wrong", wrong)
    totals = [
        int(sum(row["usage"].get(name, 0) for row in rows.values()))
        for name in ("audio_tokens", "text_tokens")
    ]
    wrong = [] if totals == list(used) else [f"rows {totals}, subscriptions {list(used)}"]
    books.zero("subscriptions that differ from the rows", wrong)


def _tokens(usage: dict[str, Any]) -> int:
    return int(usage.get("total_tokens", 0))


async def _audit_audio(
    books: Books,
    fleet: Fleet,
    ledgers: Sequence[Ledger],
    rows: dict[int, Row],
    deaths: Sequence[Death],
) -> None:
    unmade, lost, doubled = [], [], []
    sent_s = missing_s = 0.0
    worst = (0.0, "nowhere")
    async with spaces_of(fleet.settings) as spaces:
        for ledger in ledgers:
            recording = rows[ledger.session_id]["data"].get("recording") or {}
            where = f"session {ledger.session_id}"
            left = await _left(spaces, recording)
            if left is None:
                if ledger.sent:
                    unmade.append(f"{where} is {recording.get('state')}")
                continue
            heard = tone.heard(left, ledger.sent)
            kills = [cut for cut in ledger.cuts if _is_kill(cut, deaths)]
            allowed_ms = sum(map(_allowed_ms, kills)) + LOST_MS_PER_CUT * (len(ledger.cuts) + 1)
            sent_s += ledger.sent * tone.UNIT_MS / 1000
            missing_s += heard.missing_ms / 1000
            gap_s = max(heard.gaps_ms, default=0.0) / 1000
            worst = max(worst, (gap_s, f"{where}, {recording.get('state')}, {len(kills)} kills"))
            if heard.missing_ms > allowed_ms:
                lost.append(
                    f"{where}: {heard.missing_ms / 1000:.2f} s with {len(kills)} kills and"
                    f" {len(ledger.cuts)} cuts: {[round(gap) for gap in heard.gaps_ms]}"
                )
            if heard.doubled_ms or heard.strange_ms:
                doubled.append(
                    f"{where}: {heard.doubled_ms:.0f} ms twice, {heard.strange_ms:.0f} ms strange"
                )
    books.zero("recordings not made", unmade)
    books.tell("audio sent", f"{sent_s:.0f} s")
    books.tell("of this missing", f"{missing_s:.1f} s, at worst {worst[0]:.2f} s: {worst[1]}")
    books.zero("recordings that miss more than 5 s a kill", lost)
    books.zero("recordings with audio twice or not the caller's", doubled)


def _death(cut: Cut, deaths: Sequence[Death]) -> Death | None:
    """Of the server that the line led to, if that is why it ended."""
    for death in deaths:
        if death.server == cut.server and death.at_s <= cut.at_s <= death.until_s + LEARNT_S:
            return death
    return None


def _is_kill(cut: Cut, deaths: Sequence[Death]) -> bool:
    return cut.outcome is Outcome.SILENT or _death(cut, deaths) is not None


def _allowed_ms(cut: Cut) -> float:
    """A silent server's clients talk on until they have had enough."""
    patience_ms = 1000 * PATIENCE_S if cut.outcome is Outcome.SILENT else 0.0
    return LOST_MS_PER_KILL + patience_ms


async def _left(spaces: Spaces, recording: dict[str, Any]) -> tone.Samples | None:
    """The caller's channel; None where there is no object but should be."""
    if recording.get("state") == "empty":
        return np.zeros(0, np.int16)  # died before anything was stored
    if recording.get("state") not in {"ready", "truncated"}:
        return None
    try:
        raw = await spaces.get(recording["key"])
    except StorageError:
        return None
    samples, _ = soundfile.read(io.BytesIO(raw), dtype="int16", always_2d=True)
    return np.ascontiguousarray(samples[:, 0])
