"""The items of a conversation: what they are, their GA shape, and how the model sees them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import pybase64

from voicehub.audio.formats import AudioFormat
from voicehub.engines.local import fields
from voicehub.engines.local.fields import Json
from voicehub.engines.local.reply import Turn
from voicehub.engines.local.transcription import Transcription
from voicehub.errors import ClientError
from voicehub.realtime.words import whole_words

# An utterance that is longer is refused: it would take minutes to transcribe.
ITEM_AUDIO_MS_MAX = 600_000
PARTS_MAX = 64

Kind = Literal["message", "function_call", "function_call_output"]
_INPUT_KINDS: dict[str, tuple[str, ...]] = {
    "system": ("input_text",),
    "user": ("input_text", "input_audio"),
    "assistant": ("output_text",),
}


@dataclass(slots=True)
class Sentence:
    """One sentence of an audio part and where it stands in the audio."""

    text: str
    start_ms: float
    end_ms: float


@dataclass(slots=True)
class Part:
    """One piece of a message's content. Audio itself is never kept: the recording has it."""

    kind: str
    text: str | None = None
    """The text, or the transcript of the agent's audio."""
    audio_ms: float = 0.0
    transcription: Transcription | None = None
    sentences: list[Sentence] = field(default_factory=list)
    heard_text: str | None = None
    """After a truncate or a barge-in: what of the transcript was heard."""

    @property
    def is_audio(self) -> bool:
        return self.kind in {"input_audio", "output_audio"}

    @property
    def words(self) -> str | None:
        """What the model reads."""
        if self.transcription is not None:
            return self.transcription.text if self.transcription.settled else None
        return self.text if self.heard_text is None else self.heard_text

    def as_ga(self) -> dict[str, Any]:
        if self.kind == "input_audio":
            return {"type": self.kind, "transcript": self.words}
        if self.kind == "output_audio":
            return {"type": self.kind, "transcript": self.words or ""}
        return {"type": self.kind, "text": self.text or ""}

    def truncate(self, heard_ms: float) -> None:
        """Only the first `heard_ms` of the audio remain, and of the transcript what they say."""
        self.forget_after(heard_ms)
        self.audio_ms = min(self.audio_ms, heard_ms)

    def forget_after(self, heard_ms: float) -> None:
        """No more than `heard_ms` were heard; the client may yet say that it was less."""
        heard = [_heard_words(sentence, heard_ms) for sentence in self.sentences]
        self.heard_text = "".join(heard).rstrip()


@dataclass(slots=True, eq=False)
class Item:
    id: str
    kind: Kind = "message"
    role: str = "user"
    status: str = "completed"
    content: list[Part] = field(default_factory=list)
    name: str = ""
    call_id: str = ""
    text: str = ""
    """Arguments of a function_call, output of a function_call_output."""

    def as_ga(self) -> dict[str, Any]:
        body: dict[str, Any] = {
            "id": self.id,
            "object": "realtime.item",
            "type": self.kind,
            "status": self.status,
        }
        if self.kind == "message":
            return {**body, "role": self.role, "content": [part.as_ga() for part in self.content]}
        if self.kind == "function_call":
            return {**body, "name": self.name, "call_id": self.call_id, "arguments": self.text}
        return {**body, "call_id": self.call_id, "output": self.text}

    @property
    def transcriptions(self) -> list[Transcription]:
        return [part.transcription for part in self.content if part.transcription is not None]

    @property
    def is_pending(self) -> bool:
        """Whether a transcript of it is still being made."""
        return any(not transcription.is_done for transcription in self.transcriptions)

    @property
    def text_bytes(self) -> int:
        """Size of its text as the model reads it; transcripts count as audio instead."""
        texts = [self.text] + [part.text or "" for part in self.content if not part.is_audio]
        return sum(len(text.encode("utf-8", "replace")) for text in texts)

    @property
    def audio_ms(self) -> float:
        return sum(part.audio_ms for part in self.content if part.kind == "input_audio")

    def as_turn(self) -> Turn | None:
        """The item as the model sees it; None where there is nothing to see."""
        if self.kind == "function_call":
            return Turn("tool_call", self.text, self.name, self.call_id)
        if self.kind == "function_call_output":
            return Turn("tool_output", self.text, self.name, self.call_id)
        text = "\n".join(part.words for part in self.content if part.words).strip()
        if not text:
            return None
        if self.role == "assistant":
            return Turn("assistant", text)
        return Turn("system", text) if self.role == "system" else Turn("user", text)


@dataclass(frozen=True, slots=True, repr=False)
class ItemAudio:
    """Audio that a client put into an item: `index` is its part."""

    index: int
    raw: bytes


def parse_item(
    value: object, param: str, audio_format: AudioFormat, new_item_id: str
) -> tuple[Item, Sequence[ItemAudio]]:
    """The item of a client and the audio inside it. Raises ClientError."""
    body = fields.mapping(value, param)
    item_id = body.get("id")
    item_id = new_item_id if item_id is None else fields.identifier(item_id, f"{param}.id")
    kind = fields.choice(
        fields.required(body, "type", f"{param}.type"),
        f"{param}.type",
        {"message", "function_call", "function_call_output"},
    )
    if kind == "message":
        return _parse_message(body, param, audio_format, item_id)
    call_id = fields.identifier(
        fields.required(body, "call_id", f"{param}.call_id"), f"{param}.call_id"
    )
    if kind == "function_call":
        return Item(
            item_id,
            "function_call",
            name=fields.identifier(fields.required(body, "name", f"{param}.name"), f"{param}.name"),
            call_id=call_id,
            text=fields.text(body.get("arguments"), f"{param}.arguments"),
        ), ()
    output = fields.text(fields.required(body, "output", f"{param}.output"), f"{param}.output")
    return Item(item_id, "function_call_output", call_id=call_id, text=output), ()


def _parse_message(
    body: Json, param: str, audio_format: AudioFormat, item_id: str
) -> tuple[Item, Sequence[ItemAudio]]:
    role = fields.choice(
        fields.required(body, "role", f"{param}.role"), f"{param}.role", _INPUT_KINDS
    )
    content = fields.required(body, "content", f"{param}.content")
    if not isinstance(content, list) or len(content) > PARTS_MAX:
        raise ClientError(
            f"Invalid value: '{param}.content' must be a list of at most {PARTS_MAX} parts.",
            param=f"{param}.content",
        )
    item = Item(item_id, role=role)
    audio: list[ItemAudio] = []
    for index, each in enumerate(content):
        where = f"{param}.content[{index}]"
        part_body = fields.mapping(each, where)
        part = _parse_part(part_body, role, where)
        if part.kind == "input_audio":
            raw = _decoded(part_body, where, audio_format)
            part.audio_ms = audio_format.duration_ms(len(raw))
            audio.append(ItemAudio(index, raw))
        item.content.append(part)
    return item, audio


def _parse_part(body: Json, role: str, where: str) -> Part:
    kind = fields.required(body, "type", f"{where}.type")
    if kind not in _INPUT_KINDS[role]:
        allowed = ", ".join(f"'{each}'" for each in _INPUT_KINDS[role])
        raise ClientError(
            f"Unsupported content type for the role '{role}': it must be one of {allowed}.",
            code="unsupported_content_type",
            param=f"{where}.type",
        )
    if kind == "input_audio":
        return Part(kind)
    return Part(kind, fields.text(fields.required(body, "text", f"{where}.text"), f"{where}.text"))


def _decoded(body: Json, where: str, audio_format: AudioFormat) -> bytes:
    encoded = fields.required(body, "audio", f"{where}.audio")
    try:
        raw = pybase64.b64decode(encoded, validate=True)
    except (TypeError, ValueError) as error:
        raise ClientError("The audio is not valid base64.", param=f"{where}.audio") from error
    if len(raw) % audio_format.bytes_per_sample:
        raise ClientError("PCM audio must hold whole 16-bit samples.", param=f"{where}.audio")
    if audio_format.duration_ms(len(raw)) > ITEM_AUDIO_MS_MAX:
        raise ClientError(
            f"The audio of an item may last at most {ITEM_AUDIO_MS_MAX // 60_000} minutes.",
            param=f"{where}.audio",
        )
    return bytes(raw)


def _heard_words(sentence: Sentence, heard_ms: float) -> str:
    """The words of `sentence` that fit into the heard part of its audio, by their length."""
    if heard_ms >= sentence.end_ms:
        return sentence.text
    if heard_ms <= sentence.start_ms:
        return ""
    share = (heard_ms - sentence.start_ms) / (sentence.end_ms - sentence.start_ms)
    return whole_words(sentence.text, share * len(sentence.text))
