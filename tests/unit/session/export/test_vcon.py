from dataclasses import replace

import pytest

from voicehub.session.export.said import Said
from voicehub.session.export.vcon import Audio, Conversation, vcon

CONVERSATION = Conversation(
    uuid="018bcfe5-6800-8626-9e41-346b98451fa5",
    session_id=42,
    created_at="2026-03-01T11:59:00Z",
    updated_at="2026-03-01T12:10:00Z",
    started_at="2026-03-01T12:00:00Z",
    user_id=7,
    user_name="Ada",
    agent_id=12,
    agent_name="Ava",
    is_complete=True,
)
LINES = [
    Said("user", "Hello?", 1000, 1500, "2026-03-01T12:00:01.000Z"),
    Said("agent", "Hello.", 2000, 3250, None),
]
AUDIO = Audio("https://s.example/r.flac?sig=1", "2026-03-01T13:00:00Z", "flac", 12.5)


@pytest.fixture
def whole():
    return vcon(CONVERSATION, LINES, AUDIO)


def test_both_speakers_are_parties(whole):
    assert whole["parties"] == [
        {"uuid": "user_7", "name": "Ada", "type": "person"},
        {"uuid": "agent_12", "name": "Ava", "type": "bot"},
    ]
    nameless = vcon(replace(CONVERSATION, agent_name=None), [], None)
    assert nameless["parties"][1] == {"uuid": "agent_12", "type": "bot"}


def test_the_recording_comes_first_with_a_channel_for_each_party(whole):
    recording = whole["dialog"][0]
    assert recording["type"] == "recording"
    assert recording["parties"] == [[0], [1]]
    assert (recording["duration"], recording["mediatype"]) == (12.5, "audio/flac")
    assert (recording["url"], recording["content_hash"]) == (AUDIO.url, [])


def test_each_utterance_is_a_dialog_of_its_originator(whole):
    assert [
        (each["originator"], each["start"], each["duration"], each["body"])
        for each in whole["dialog"][1:]
    ] == [
        (0, "2026-03-01T12:00:01.000Z", 0.5, "Hello?"),
        (1, "2026-03-01T12:00:00Z", 1.25, "Hello."),
    ]


def test_the_analysis_is_the_transcript_of_all_dialogs(whole):
    (analysis,) = whole["analysis"]
    assert (analysis["type"], analysis["dialog"]) == ("transcript", [0, 1, 2])
    assert analysis["body"]["lines"][1] == {
        "party": 1,
        "start_ms": 2000,
        "end_ms": 3250,
        "text": "Hello.",
    }


def test_a_running_session_says_so_and_has_no_recording_yet():
    running = vcon(replace(CONVERSATION, is_complete=False), LINES, None)
    assert [each["type"] for each in running["dialog"]] == ["text", "text"]
    assert running["analysis"][0]["body"]["is_complete"] is False
