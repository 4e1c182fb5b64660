"""What a client may see and change of its agent's session: the rule between client and engine."""

from dataclasses import replace
from typing import Any

from voicehub.errors import ClientError
from voicehub.realtime.frame import Body, Frame
from voicehub.session.spec import PROTECTED, SessionSpec
from voicehub.session.tool_list import visible_tools

# What stands in the place of a protected field that the client may not see.
_BLANK: dict[str, Any] = {"instructions": "", "tools": [], "tool_choice": "auto", "prompt": None}


def visible_session(session: Body, spec: SessionSpec, expires_at: int) -> Body:
    """The engine's session object as the client may see it."""
    shown = dict(session)
    for name, blank in _BLANK.items():
        if name in shown and name not in spec.client_may:
            shown[name] = blank
    shown |= visible_tools(shown, session, spec)
    shown["id"] = f"sess_{spec.session_id}"
    shown["model"] = spec.model
    shown["expires_at"] = expires_at
    shown["voicehub"] = {
        "session_id": spec.session_id,
        "agent_id": spec.agent_id,
        "agent": spec.agent_name,
        "client_may": sorted(spec.client_may),
    }
    return shown


def allow(frame: Frame, spec: SessionSpec) -> tuple[Frame | None, list[ClientError]]:
    """The part of a client event that the agent allows, and what is refused of it.

    A protected field that says nothing new (empty, or null) is left out without an error: stock
    clients send such.
    """
    if frame.type == "session.update":
        return _allow_update(frame, spec)
    if frame.type == "response.create":
        return _allow_response(frame, spec)
    if frame.type == "conversation.item.create" and _is_system(frame.body["item"], spec):
        return None, [_refusal("item.role", "System messages belong to the agent.")]
    return frame, []


def _is_system(item: Body, spec: SessionSpec) -> bool:
    return item.get("role") == "system" and "instructions" not in spec.client_may


def _allow_update(frame: Frame, spec: SessionSpec) -> tuple[Frame | None, list[ClientError]]:
    session, refused = _without_protected(frame.body["session"], spec, "session")
    # What the server itself put into the object comes back from clients that keep it whole.
    for name in ("id", "object", "expires_at", "voicehub"):
        session.pop(name, None)
    session = _keep_transcription(session)
    return _with_body(frame, {**frame.body, "session": session}), refused


def _keep_transcription(session: Body) -> Body:
    """The transcript is kept for every session, so a client cannot turn transcription off."""
    kept = dict(session)
    path = ("audio", "input", "transcription")
    inner = kept
    for name in path:
        # Null clears what it stands for, and what lies below it.
        if not inner.get(name, path):
            del inner[name]
        if name not in inner or name == path[-1]:
            break
        below = dict(inner[name])
        inner[name] = below
        inner = below
    return kept


def _allow_response(frame: Frame, spec: SessionSpec) -> tuple[Frame | None, list[ClientError]]:
    params = frame.body.get("response")
    if not params:
        return frame, []
    response, refused = _without_protected(params, spec, "response")
    given = params.get("input") or []
    allowed = [item for item in given if not _is_system(item, spec)]
    if len(allowed) < len(given):
        response["input"] = allowed
        refused.append(_refusal("response.input", "System messages belong to the agent."))
    if not refused and len(response) == len(params):
        return frame, []
    return _with_body(frame, {**frame.body, "response": response}), refused


def _without_protected(given: Body, spec: SessionSpec, path: str) -> tuple[Body, list[ClientError]]:
    kept = dict(given)
    refused: list[ClientError] = []
    for name in PROTECTED:
        if name not in kept or name in spec.client_may:
            continue
        value = kept.pop(name)
        if value and value not in (_BLANK.get(name), spec.model if name == "model" else None):
            refused.append(_refusal(f"{path}.{name}", f"'{name}' belongs to the agent."))
    return kept, refused


def _refusal(param: str, what: str) -> ClientError:
    return ClientError(
        f"{what} It was ignored; the agent's settings.client_may does not open it.",
        code="not_allowed",
        param=param,
    )


def _with_body(frame: Frame, body: Body) -> Frame:
    return replace(frame, body=body, raw=None)
