"""What a session is told when it begins: whose it is, what its agent allows, its limits."""

from dataclasses import dataclass, field
from typing import Any

from voicehub.session.resumption import Resumption

# Parts of the protocol's session that belong to the agent; its `settings.client_may` opens them.
PROTECTED = ("instructions", "tools", "tool_choice", "model", "prompt")


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one session; at each the client gets an error and the close code it names."""

    duration_ms: float = 3_600_000
    """Maximum duration: `session_expired`, 1001."""
    idle_ms: float = 300_000
    """Longest time without a client event: `session_idle`, 1001."""
    grace_ms: float = 0
    """How long a session whose socket broke waits for its client; then it ends as `lost`."""
    events_per_s: float = 500
    """Client events in the long run: `rate_limit_exceeded`, 1008."""
    events_burst: float = 2_000
    """Client events at once, for clients that catch up after a stall."""


@dataclass(frozen=True, slots=True)
class SessionSpec:
    session_id: int
    team_id: int
    agent_id: int
    agent_name: str
    model: str
    """What the client called the agent: shown to it in the place of the engine's model."""
    client_may: frozenset[str] = frozenset()
    tools: tuple[dict[str, Any], ...] = field(default=(), repr=False)
    """Definitions of the tools that run on the server, as the protocol has them."""
    limits: Limits = field(default_factory=Limits)
    cached_weight_millionths: int = 1_000_000
    """What a cached input token counts, in millionths of a token."""
    resumes: Resumption | None = None
    """What earlier owners have left; None for a session that begins."""
    keeps_socket: bool = False
    """Whether it resumes on the socket on which it was paused."""
    leg: int = 1
    """The owner's token. With another one the client knows that what was under way is gone."""


# The protocol's session object is open-ended JSON.
GaSession = dict[str, Any]

DEFAULT_SESSION: GaSession = {
    "type": "realtime",
    "output_modalities": ["audio"],
    "audio": {
        "input": {
            "format": {"type": "audio/pcm", "rate": 24000},
            "transcription": {"model": "default"},
            "turn_detection": {
                "type": "server_vad",
                "threshold": 0.5,
                "prefix_padding_ms": 300,
                "silence_duration_ms": 500,
                "create_response": True,
                "interrupt_response": True,
            },
        },
        "output": {"format": {"type": "audio/pcm", "rate": 24000}},
    },
}


def agent_session(
    *, persona: str, system: str, settings: GaSession, context: GaSession
) -> GaSession:
    """The session object that an agent's row and the user's context make.

    `settings.session` of the agent is laid over the defaults (voice, turn detection, modalities).
    """
    own = settings.get("session")
    merged = overlay(DEFAULT_SESSION, own if isinstance(own, dict) else {})
    parts = [system.strip(), persona.strip()]
    if context:
        # Told as facts about this session, apart from the agent's own words.
        facts = "\n".join(f"- {key}: {value}" for key, value in context.items())
        parts.append(f"What the user told about this session:\n{facts}")
    merged["instructions"] = "\n\n".join(part for part in parts if part)
    return merged


def overlay(base: GaSession, over: GaSession) -> GaSession:
    """`over` laid upon `base`, object by object."""
    merged = dict(base)
    for key, value in over.items():
        below = merged.get(key)
        merged[key] = (
            overlay(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
        )
    return merged
