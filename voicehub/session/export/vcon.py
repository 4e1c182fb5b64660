"""A session as a vCon, the IETF's container for conversations (draft-ietf-vcon-vcon-core-04).

It has who spoke, the recording and the words; never a prompt, a context or a setting.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from voicehub.session.export.said import Said

SYNTAX = "0.4.0"
MEDIA_TYPE = "application/vcon+json"
_USER, _AGENT = 0, 1  # places in `parties`
_AUDIO_TYPES = {"flac": "audio/flac", "wav": "audio/wav"}
Json = dict[str, Any]  # Any: a JSON object's values


@dataclass(frozen=True, slots=True)
class Conversation:
    """What a vCon tells beside the words. Moments are ISO-8601."""

    uuid: str
    session_id: int
    created_at: str
    updated_at: str
    started_at: str
    user_id: int
    user_name: str | None
    agent_id: int
    agent_name: str | None
    is_complete: bool


@dataclass(frozen=True, slots=True)
class Audio:
    """The recording, when it can be heard."""

    url: str
    expires_at: str
    format: str
    seconds: float


def vcon(conversation: Conversation, lines: Sequence[Said], audio: Audio | None) -> Json:
    """The unsigned form."""
    recorded = [] if audio is None else [_recording(conversation, audio)]
    spoken = [_text(line, conversation) for line in lines]
    return {
        "vcon": SYNTAX,
        "uuid": conversation.uuid,
        "created_at": conversation.created_at,
        "updated_at": conversation.updated_at,
        "subject": f"VoiceHub session {conversation.session_id}",
        "parties": [
            _party(f"user_{conversation.user_id}", conversation.user_name, "person"),
            _party(f"agent_{conversation.agent_id}", conversation.agent_name, "bot"),
        ],
        "dialog": recorded + spoken,
        "analysis": [_transcript(conversation, lines, dialogs=len(recorded) + len(spoken))],
        "attachments": [],
    }


def _party(identity: str, name: str | None, kind: str) -> Json:
    named = {} if name is None else {"name": name}
    return {"uuid": identity, **named, "type": kind}


def _recording(conversation: Conversation, audio: Audio) -> Json:
    return {
        "type": "recording",
        "start": conversation.started_at,
        "duration": audio.seconds,
        "parties": [[_USER], [_AGENT]],  # by channel: the user is left
        "mediatype": _AUDIO_TYPES.get(audio.format, f"audio/{audio.format}"),
        "filename": f"session-{conversation.session_id}.{audio.format}",
        "url": audio.url,
        # Section 2.4.2. A recording goes to the store in parts while it is made, so nobody has seen
        # all of its bytes; the list of its hashes is empty.
        "content_hash": [],
        "url_expires_at": audio.expires_at,
    }


def _text(line: Said, conversation: Conversation) -> Json:
    return {
        "type": "text",
        "start": line.timestamp or conversation.started_at,
        "duration": (line.end_ms - line.start_ms) / 1000,
        "parties": [_USER, _AGENT],
        "originator": _USER if line.speaker == "user" else _AGENT,
        "mediatype": "text/plain",
        "encoding": "none",
        "body": line.text,
    }


def _transcript(conversation: Conversation, lines: Sequence[Said], *, dialogs: int) -> Json:
    return {
        "type": "transcript",
        "dialog": list(range(dialogs)),
        "vendor": "VoiceHub",
        "mediatype": "application/json",
        "encoding": "json",
        "body": {
            "is_complete": conversation.is_complete,
            "lines": [
                {
                    "party": _USER if line.speaker == "user" else _AGENT,
                    "start_ms": line.start_ms,
                    "end_ms": line.end_ms,
                    "text": line.text,
                }
                for line in lines
            ],
        },
    }
