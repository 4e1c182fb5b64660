"""The session that an upstream is asked for: the agent's, with the client's changes laid over."""

from typing import Any

from voicehub.audio.formats import AudioFormat
from voicehub.errors import ClientError, EngineError
from voicehub.realtime.frame import Body

# What the core writes where the agent names no transcription model.
PLACEHOLDER_MODEL = "default"
# The server's own fields, and the model, which the configuration names.
_NOT_ASKED = ("id", "object", "expires_at", "client_secret", "voicehub", "model")
# Objects of which an update changes the fields that it names; others are replaced whole.
_MERGED = frozenset({"audio", "input", "output"})


def asked(session: Body, transcription_model: str) -> Body:
    """`session` of a `session.update` as the upstream takes it."""
    kept = {name: value for name, value in session.items() if name not in _NOT_ASKED}
    kept["type"] = "realtime"
    audio = kept.get("audio")
    given = audio.get("input") if isinstance(audio, dict) else None
    transcription = given.get("transcription") if isinstance(given, dict) else None
    if not isinstance(transcription, dict):
        return kept
    if transcription.get("model", PLACEHOLDER_MODEL) != PLACEHOLDER_MODEL:
        return kept
    named = {**transcription, "model": transcription_model}
    return {**kept, "audio": {**kept["audio"], "input": {**given, "transcription": named}}}


def overlaid(session: Body, update: Body) -> Body:
    """`session` with the fields of `update`, as a `session.update` means them."""
    merged: dict[str, Any] = dict(session)
    for name, value in update.items():
        below = merged.get(name)
        if name == "turn_detection" and _same_kind(below, value):
            merged[name] = {**below, **value}
        elif name in _MERGED and isinstance(below, dict) and isinstance(value, dict):
            merged[name] = overlaid(below, value)
        else:
            merged[name] = value
    return merged


def effective(session: Body, answer: Body, engine: str) -> Body:
    """The session object that the core works with: what was asked, and what `answer` says of it.

    Raises EngineError when the upstream speaks a format that the recording cannot take.
    """
    merged = overlaid(session, answer)
    merged.setdefault("id", "")
    merged.setdefault("object", "realtime.session")
    for side in ("input", "output"):
        audio_format(merged, side, engine)
    return merged


def audio_format(session: Body, side: str, engine: str) -> AudioFormat:
    """The format of `input` or `output`. Raises EngineError."""
    try:
        return AudioFormat.from_ga(session["audio"][side]["format"], side)
    except (ClientError, KeyError, TypeError):
        raise EngineError(
            f"The engine '{engine}' uses an audio format that is not served."
        ) from None


def _same_kind(below: object, value: object) -> bool:
    if not isinstance(below, dict) or not isinstance(value, dict):
        return False
    return bool(value.get("type", below.get("type")) == below.get("type"))
