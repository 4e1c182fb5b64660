import orjson
import pytest

from voicehub.sinks.manifest import Manifest
from voicehub.sinks.parts import Cut
from voicehub.sinks.summary import (
    RecordingState,
    RecordingSummary,
    finished_state,
    joined_stem,
    recording_stem,
)
from voicehub.storage.recording_keys import session_of, session_prefix


def test_a_key_names_team_session_and_token() -> None:
    assert recording_stem(7, 42, 3) == "recordings/team-7/session-42-3"


def test_every_key_of_a_session_begins_alike_and_leads_back_to_it() -> None:
    for stem in (recording_stem(7, 42, 3), joined_stem(7, 42, 1_795_000_000_000)):
        assert stem.startswith(session_prefix(7, 42))
        assert not stem.startswith(session_prefix(7, 4))
        assert session_of(stem) == (7, 42)
    assert session_of("recordings/other") is None


@pytest.mark.parametrize(
    ("samples", "is_truncated", "state"),
    [(0, False, "empty"), (1, False, "ready"), (1, True, "truncated"), (0, True, "empty")],
)
def test_the_manifest_tells_how_a_recording_ended(samples, is_truncated, state) -> None:
    manifest = Manifest("stem", "flac", Cut(None, ()), samples=samples, is_truncated=is_truncated)
    assert finished_state(manifest) == state


def test_a_summary_goes_into_a_row_as_json() -> None:
    summary = RecordingSummary(RecordingState.READY, "flac", "k", "http://x/k", 10, 1.5, 24_000, 1)
    assert orjson.loads(orjson.dumps(summary.as_json())) == {
        "state": "ready",
        "format": "flac",
        "key": "k",
        "url": "http://x/k",
        "bytes": 10,
        "seconds": 1.5,
        "sample_rate_hz": 24_000,
        "parts": 1,
        "lost_ms": 0,
    }
