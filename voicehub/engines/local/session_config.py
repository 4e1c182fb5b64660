"""The settings of a conversation: begun from the agent's session, changed whole or not at all."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from voicehub.audio.formats import AudioFormat
from voicehub.engines.local import fields
from voicehub.engines.local.fields import Json
from voicehub.engines.local.reply import Tool, ToolChoice
from voicehub.errors import ClientError

DEFAULT_MODEL = "voicehub-local"
DEFAULT_VOICE = "heart"
SPEED_MIN, SPEED_MAX = 0.25, 1.5
PREFIX_MS_MAX = 5_000
SILENCE_MS_MAX = 30_000
IDLE_MS_MIN, IDLE_MS_MAX = 1_000, 600_000

# There is no model that judges whether a sentence is complete, so eagerness becomes a silence.
EAGERNESS_SILENCE_MS = {"low": 1_200, "medium": 700, "auto": 700, "high": 400}

# The server's own fields, and settings that mean nothing to this engine: they are taken and shown.
_SERVER_FIELDS = {"id", "object", "type", "expires_at", "voicehub", "client_secret"}
_KEPT_FIELDS = {"include", "parallel_tool_calls", "prompt", "reasoning", "tracing", "truncation"}
_INPUT_FIELDS = {"format", "noise_reduction", "transcription", "turn_detection"}
_OUTPUT_FIELDS = {"format", "speed", "voice"}


@dataclass(frozen=True, slots=True)
class TurnDetection:
    threshold: float = 0.5
    prefix_padding_ms: int = 300
    silence_duration_ms: int = 500
    idle_timeout_ms: int | None = None
    create_response: bool = True
    interrupt_response: bool = True
    eagerness: str | None = None
    """Set for semantic_vad, whose silence it decides."""

    def as_ga(self) -> dict[str, Any]:
        flags = {
            "create_response": self.create_response,
            "interrupt_response": self.interrupt_response,
        }
        if self.eagerness is not None:
            return {"type": "semantic_vad", "eagerness": self.eagerness, **flags}
        return {
            "type": "server_vad",
            "threshold": self.threshold,
            "prefix_padding_ms": self.prefix_padding_ms,
            "silence_duration_ms": self.silence_duration_ms,
            "idle_timeout_ms": self.idle_timeout_ms,
            **flags,
        }


@dataclass(frozen=True, slots=True)
class SessionConfig:
    id: str
    model: str = DEFAULT_MODEL
    instructions: str = ""
    output_modality: str = "audio"
    tools: tuple[Tool, ...] = ()
    tool_choice: ToolChoice = "auto"
    max_output_tokens: int | None = None
    input_format: AudioFormat = AudioFormat.PCM
    output_format: AudioFormat = AudioFormat.PCM
    voice: str = DEFAULT_VOICE
    speed: float = 1.0
    turn_detection: TurnDetection | None = TurnDetection()
    transcription: Json | None = None
    noise_reduction: Json | None = None
    kept: Json = field(default_factory=dict)

    @classmethod
    def begin(cls, session: Json, session_id: str) -> "SessionConfig":
        """The settings of the agent's `session`. Raises ClientError where it cannot be."""
        model = session.get("model")
        named = cls(session_id, model=model if isinstance(model, str) else DEFAULT_MODEL)
        return named.updated({**session, "type": "realtime"}, voice_fixed=False)

    def updated(self, session: Json, *, voice_fixed: bool) -> "SessionConfig":
        """These settings with `session`, the object of a session.update, laid over them."""
        fields.choice(
            fields.required(session, "type", "session.type"), "session.type", {"realtime"}
        )
        _refuse_unknown(
            session, {*_SERVER_FIELDS, *_KEPT_FIELDS, *_TOP_LEVEL, "model", "audio"}, "session"
        )
        model = session.get("model")
        if model is not None and model != self.model:
            raise ClientError(
                "The model of a session cannot change.",
                code="cannot_update_model",
                param="session.model",
            )
        changes: dict[str, Any] = {
            attribute: check(session[name], f"session.{name}")
            for name, (attribute, check) in _TOP_LEVEL.items()
            if name in session
        }
        changes["kept"] = {
            **self.kept,
            **{name: session[name] for name in _KEPT_FIELDS if name in session},
        }
        audio = fields.mapping(session.get("audio"), "session.audio")
        changes |= self._input_changes(fields.mapping(audio.get("input"), "session.audio.input"))
        changes |= self._output_changes(
            fields.mapping(audio.get("output"), "session.audio.output"), voice_fixed=voice_fixed
        )
        return replace(self, **changes)

    def as_ga(self) -> dict[str, Any]:
        """The effective session object."""
        detection = self.turn_detection
        return {
            "id": self.id,
            "object": "realtime.session",
            "type": "realtime",
            "model": self.model,
            "output_modalities": [self.output_modality],
            "instructions": self.instructions,
            "tools": [fields.tool_as_ga(tool) for tool in self.tools],
            "tool_choice": fields.tool_choice_as_ga(self.tool_choice),
            "max_output_tokens": self.max_output_tokens or "inf",
            **self.kept,
            "audio": {
                "input": {
                    "format": self.input_format.as_ga(),
                    "transcription": self.transcription and dict(self.transcription),
                    "noise_reduction": self.noise_reduction and dict(self.noise_reduction),
                    "turn_detection": detection and detection.as_ga(),
                },
                "output": {
                    "format": self.output_format.as_ga(),
                    "voice": self.voice,
                    "speed": self.speed,
                },
            },
        }

    def _input_changes(self, audio: Json) -> dict[str, Any]:
        param = "session.audio.input"
        _refuse_unknown(audio, _INPUT_FIELDS, param)
        changes: dict[str, Any] = {}
        if audio.get("format") is not None:
            changes["input_format"] = AudioFormat.from_ga(audio["format"], f"{param}.format")
        for name in ("transcription", "noise_reduction"):
            if name in audio:
                value = audio[name]
                changes[name] = None if value is None else fields.mapping(value, f"{param}.{name}")
        if "turn_detection" in audio:
            changes["turn_detection"] = _turn_detection(
                audio["turn_detection"], self.turn_detection, f"{param}.turn_detection"
            )
        return changes

    def _output_changes(self, audio: Json, *, voice_fixed: bool) -> dict[str, Any]:
        param = "session.audio.output"
        _refuse_unknown(audio, _OUTPUT_FIELDS, param)
        changes: dict[str, Any] = {}
        if audio.get("format") is not None:
            changes["output_format"] = AudioFormat.from_ga(audio["format"], f"{param}.format")
        if audio.get("speed") is not None:
            changes["speed"] = fields.number(audio["speed"], f"{param}.speed", SPEED_MIN, SPEED_MAX)
        if audio.get("voice") is not None:
            changes["voice"] = voice_name(audio["voice"], f"{param}.voice")
            check_voice(changes["voice"], self.voice, f"{param}.voice", fixed=voice_fixed)
        return changes


def voice_name(value: object, param: str) -> str:
    """A voice by its name, or an object with its id."""
    if isinstance(value, dict):
        return fields.identifier(value.get("id"), f"{param}.id")
    return fields.identifier(value, param)


def check_voice(wanted: str, current: str, param: str, *, fixed: bool) -> None:
    """Refuse another voice once the agent has been heard."""
    if fixed and wanted != current:
        raise ClientError(
            "The voice cannot change once the agent has spoken.",
            code="cannot_update_voice",
            param=param,
        )


def _turn_detection(
    value: object, current: TurnDetection | None, param: str
) -> TurnDetection | None:
    if value is None:
        return None
    body = fields.mapping(value, param)
    kind = body.get("type")
    if kind is None and current is not None:
        kind = current.as_ga()["type"]
    kind = fields.choice(
        fields.required({"type": kind}, "type", f"{param}.type"),
        f"{param}.type",
        {"server_vad", "semantic_vad"},
    )
    # Fields that are absent keep their values while the kind stays the same.
    same = current is not None and current.as_ga()["type"] == kind
    base = current if same and current is not None else TurnDetection()
    changes: dict[str, Any] = {
        name: check(body[name], f"{param}.{name}")
        for name, check in _TURN_DETECTION.items()
        if body.get(name) is not None
    }
    if kind == "semantic_vad":
        eagerness = fields.choice(
            body.get("eagerness") or base.eagerness or "auto",
            f"{param}.eagerness",
            EAGERNESS_SILENCE_MS,
        )
        flags = {name: changes[name] for name in _FLAGS if name in changes}
        return replace(
            base,
            eagerness=eagerness,
            silence_duration_ms=EAGERNESS_SILENCE_MS[eagerness],
            **flags,
        )
    if "idle_timeout_ms" in body and body["idle_timeout_ms"] is None:
        changes["idle_timeout_ms"] = None
    return replace(base, **changes)


def _refuse_unknown(body: Json, known: set[str], param: str) -> None:
    for name in body:
        if name not in known:
            where = f"{param}.{str(name)[: fields.ID_CHARACTERS_MAX]}"
            raise ClientError(
                f"Unknown parameter: '{where}'.", code="unknown_parameter", param=where
            )


_Check = Callable[[object, str], object]

_FLAGS = ("create_response", "interrupt_response")
_TURN_DETECTION: dict[str, _Check] = {
    "threshold": lambda value, param: fields.number(value, param, 0.0, 1.0),
    "prefix_padding_ms": lambda value, param: fields.integer(value, param, 0, PREFIX_MS_MAX),
    "silence_duration_ms": lambda value, param: fields.integer(value, param, 0, SILENCE_MS_MAX),
    "idle_timeout_ms": lambda value, param: fields.integer(value, param, IDLE_MS_MIN, IDLE_MS_MAX),
    "create_response": fields.boolean,
    "interrupt_response": fields.boolean,
}
# Name in the protocol -> attribute here and the check of its value.
_TOP_LEVEL: dict[str, tuple[str, _Check]] = {
    "instructions": ("instructions", fields.text),
    "output_modalities": ("output_modality", fields.modality),
    "tools": ("tools", fields.tools),
    "tool_choice": ("tool_choice", fields.tool_choice),
    "max_output_tokens": ("max_output_tokens", fields.max_output_tokens),
}
