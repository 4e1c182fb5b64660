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
    given = _below(_below(kept, "audio"), "input")
    transcription = _below(given, "transcription")
    if transcription.get("model") != PLACEHOLDER_MODEL:
        return kept
    named = {**transcription, "model": transcription_model}
    return {**kept, "audio": {**kept["audio"], "input": {**given, "transcription": named}}}


def overlaid(session: Body, update: Body) -> Body:
    """`session` with the fields of `update`, as a `session.update` means them."""
    merged: dict[str, Any] = dict(session)
    for name, value in update.items():
        below = _below(merged, name)
        if name == "turn_detection" and below and _is_of_kind(value, below.get("type")):
            merged[name] = {**below, **value}
        elif name in _MERGED and below and isinstance(value, dict):
            merged[name] = overlaid(below, value)
        else:
            merged[name] = value
    return merged


def effective(session: Body, answer: Body, engine: str) -> Body:
    """The session object that the core works with: what was asked, and what `answer` says of it.

    Raises EngineError when the upstream speaks a format that the recording cannot take.
    """
    merged = overlaid(session, answer)
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


def _below(body: Body, name: str) -> Body:
    """The object `name` of `body`; an empty one where there is none."""
    value = body.get(name)
    return value if isinstance(value, dict) else {}


def _is_of_kind(value: object, kind: object) -> bool:
    return isinstance(value, dict) and bool(value.get("type", kind) == kind)
