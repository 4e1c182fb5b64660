"""Clients that others wrote, unmodified: what each saw of its conversation is what was kept."""

import numpy as np
import pytest
from openai.types.realtime import RealtimeServerEvent
from pydantic import TypeAdapter

from tests.conformance.evidence import RATE_HZ, Evidence, find
from tests.conformance.program import CLIENTS, Pcm

# What the caller says in each of a client's sessions.
SAID = (("sum",), ("hello",), ("hello", "weather", "story", "name", "sum"))
ENDED = ("client_close", "lost", "client_close")
# A recorded silence is zeros; speech is in the thousands.
SOUND_MIN = 60
# What the cut of a barge-in may be late or early, and what the places of replies may differ.
CUT_MS_MAX = 200
PLACE_MS_MAX = 250
PER_MS = RATE_HZ // 1000
# Strict clients parse each event with these; an event type that they do not know fails too.
SHAPES = TypeAdapter(RealtimeServerEvent)


@pytest.fixture(scope="module", params=CLIENTS)
def client(request) -> str:
    return request.param


@pytest.fixture(scope="module")
def report(client, reports):
    return reports[client]


@pytest.fixture(scope="module")
async def sessions(site, report) -> list[Evidence]:
    assert report.returncode == 0, report.said
    return [
        await Evidence.gathered(site.api, seen, report, site.folder) for seen in report.sessions
    ]


def test_it_finishes_without_a_warning_or_an_error(report):
    assert report.returncode == 0, report.said
    assert report.said == ""
    assert report.errors == []


def test_every_event_has_the_shape_that_the_sdk_declares(report):
    for seen in report.sessions:
        for event in seen:
            # The programs keep audio apart.
            shown = {"delta": "", **event} if event["type"].endswith("audio.delta") else event
            parsed = SHAPES.validate_python(shown)
            assert parsed.type == event["type"]
            assert parsed.event_id


def test_each_session_ends_as_its_client_ended_it(sessions):
    assert [session.row["status"] for session in sessions] == ["completed"] * len(ENDED)
    assert tuple(session.row["data"]["ended_reason"] for session in sessions) == ENDED


def test_the_transcript_is_what_the_client_read(sessions):
    for session in sessions:
        seen, kept = session.lines_seen(), session.lines_kept()
        assert list(kept) == list(seen)
        for item_id in session.truncated():
            # Of an item that was cut, no more is kept than was said.
            (speaker, words), (_, all_words) = kept.pop(item_id), seen.pop(item_id)
            assert speaker == "agent"
            assert all_words.startswith(words)
        assert kept == seen


def test_what_was_interrupted_is_marked(sessions):
    for session in sessions:
        marked = {
            line["item_id"]: line["end_ms"] - line["start_ms"]
            for line in session.row["data"]["transcript"]
            if line["interrupted"]
        }
        truncated = session.truncated()
        assert marked.keys() == truncated.keys()
        for item_id, heard_ms in truncated.items():
            assert abs(marked[item_id] - heard_ms) <= CUT_MS_MAX


def test_the_usage_is_the_sum_of_what_the_client_was_told(sessions):
    for session in sessions:
        seen = session.usage_seen()
        assert {name: session.row["usage"][name] for name in seen} == seen


def test_the_recording_has_what_the_caller_said(site, sessions):
    for session, said in zip(sessions, SAID, strict=True):
        since = 0
        for name in said:
            clip: Pcm = np.frombuffer(site.clips[name].read_bytes(), "<i2")
            found = find(clip, session.left, since)
            assert found.likeness > 0.95, name
            since = found.start + len(clip)


def test_the_recording_has_what_the_agent_was_heard_to_say(sessions):
    for session in sessions:
        since, offsets_ms = 0, []
        for item in session.items:
            # The client's own count of what was heard before a cut is a little off the server's.
            shorter = CUT_MS_MAX * PER_MS if item.is_cut else 0
            found = find(item.heard[: len(item.heard) - shorter], session.right, since)
            assert found.likeness > 0.95
            offsets_ms.append(found.start / PER_MS - _heard_at_ms(session, item.id))
            since = found.start + len(item.heard) - shorter
        assert max(offsets_ms) - min(offsets_ms) <= PLACE_MS_MAX


def test_the_recording_is_silent_after_a_barge_in(sessions):
    cut = 0
    for session in sessions:
        for item, after in zip(session.items, session.items[1:], strict=False):
            if item.is_cut:
                cut += 1
                shorter = item.heard[: len(item.heard) - CUT_MS_MAX * PER_MS]
                begin = find(shorter, session.right).start + len(item.heard) + CUT_MS_MAX * PER_MS
                end = find(after.heard, session.right, begin).start
                assert begin < end
                assert np.abs(session.right[begin:end].astype(int)).max() < SOUND_MIN
    assert cut == 1


async def test_the_plan_pays_for_every_session_once(site, reports):
    used = {"audio": 0.0, "text": 0.0}
    for report in reports.values():
        for seen in report.sessions:
            row = await site.api.ended_session(seen[0]["session"]["voicehub"]["session_id"])
            for kind in used:
                used[kind] += row["usage"][f"{kind}_tokens"]
    subscription = (await site.api.me())["subscription"]
    assert float(subscription["total_audio_tokens_used"]) == used["audio"]
    assert float(subscription["total_text_tokens_used"]) == used["text"]


def test_the_server_has_nothing_to_complain_of(site, reports):
    assert site.server.complaints == []


def _heard_at_ms(session: Evidence, item_id: str) -> float:
    """When the client began to hear the item, on its own clock."""
    return next(
        event["at_ms"]
        for event in session.of("response.output_audio.delta")
        if event["item_id"] == item_id
    )
