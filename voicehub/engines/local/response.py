"""One response of the agent: its output items, in order, and what the client is told of them."""

from collections import deque
from dataclasses import dataclass
from typing import Any

from voicehub.engines.local.effects import CancelResponse, Reply, Speak
from voicehub.engines.local.events import ReplyTool, ReplyUsage, Spoken
from voicehub.engines.local.items import Item, Part, Sentence
from voicehub.engines.local.latency import Latency
from voicehub.engines.local.prompts import build_prompt
from voicehub.engines.local.reply import SentenceSplitter
from voicehub.engines.local.response_options import ResponseOptions
from voicehub.engines.local.shared import NewInput, Shared
from voicehub.realtime.rate_limits import no_rate_limits
from voicehub.realtime.tokens import (
    AGENT_MS_PER_TOKEN,
    TEXT_BYTES_PER_TOKEN,
    duration_usage,
    text_tokens,
)

# The longest piece of audio in one event: short enough to be cut, long enough to be cheap.
DELTA_MS_MAX = 200
# The next sentence is spoken once the client has less than this to play: what barge-in throws away
# costs tokens and memory.
AHEAD_MS_MAX = 30_000
# A reply that runs on beyond this is ended as incomplete.
REPLY_CHARACTERS_MAX = 32_000
# How long speech takes, where only a part of a sentence was given: used to share out its words.
MS_PER_CHARACTER = 60


@dataclass(slots=True)
class _Spoken:
    """The sentence being spoken."""

    text: str
    start_ms: float
    announced: bool = False


class Response:
    """`is_over` once response.done was emitted; then it does nothing more."""

    def __init__(
        self, options: ResponseOptions, shared: Shared, new_input: NewInput, latency: Latency
    ) -> None:
        self.id = shared.new_id("resp")
        self.options = options
        self.is_over = False
        self.is_asked = False
        """Whether the reply was asked for; before that, transcripts are awaited."""
        self.resume_at_ms: float | None = None
        """When the next sentence may be spoken, while the client has enough to play."""
        self._shared = shared
        self._out = shared.out
        self._new_input = new_input
        self._latency = latency
        self._output: list[Item] = []
        self._message: Item | None = None
        self._splitter = SentenceSplitter()
        self._queue: deque[str | ReplyTool] = deque()
        self._spoken: _Spoken | None = None
        self._reply_done = False
        self._reply_characters = 0
        self._agent_ms = 0.0
        self._text_bytes = 0
        self._usage: ReplyUsage | None = None
        self._out.emit("response.created", response=self._as_ga("in_progress"))

    @property
    def is_audio(self) -> bool:
        return self.options.modality == "audio"

    def is_ready(self) -> bool:
        """Whether all transcripts that the reply depends on are known."""
        chosen = self.options.input
        return not any(
            item.is_pending for item in (self._shared.items if chosen is None else chosen)
        )

    def ask(self, now_ms: float) -> None:
        """Ask for the reply."""
        self.is_asked = True
        self._latency.asked_at_ms = now_ms
        self._out.ask(Reply(self.id, build_prompt(self.options, self._shared.items)))

    def text(self, text: str, now_ms: float) -> None:
        """More of the reply's text."""
        if self._reply_done or not text:
            return
        self._reply_characters += len(text)
        if self.is_audio:
            self._queue.extend(self._splitter.push(text))
        else:
            self._queue.append(text)
        self.advance(now_ms)
        if self._reply_characters > REPLY_CHARACTERS_MAX and not self.is_over:
            self.finish(now_ms, "incomplete", reason="max_output_tokens")

    def tool(self, event: ReplyTool, now_ms: float) -> None:
        self._queue.extend(self._splitter.flush())
        self._queue.append(event)
        self.advance(now_ms)

    def usage(self, event: ReplyUsage) -> None:
        self._usage = event

    def reply_done(self, now_ms: float) -> None:
        self._reply_done = True
        self._queue.extend(self._splitter.flush())
        self.advance(now_ms)

    def spoken(self, event: Spoken, now_ms: float) -> None:
        """Audio of the current sentence."""
        sentence = self._spoken
        if sentence is None or self._message is None:
            return
        self._announce(sentence)
        if event.audio:
            if self._latency.audio_at_ms is None:
                self._latency.audio_at_ms = now_ms
            self._give_audio(event.audio, now_ms)
        if event.last and not self.is_over:
            self._end_sentence(sentence, self._agent_part().audio_ms)
            self.advance(now_ms)

    def advance(self, now_ms: float) -> None:
        """Go on with what is queued, as far as it goes."""
        self.resume_at_ms = None
        while self._queue and self._spoken is None and not self.is_over:
            part = self._queue[0]
            if isinstance(part, str) and self.is_audio and self._must_wait(now_ms):
                return
            self._queue.popleft()
            if isinstance(part, ReplyTool):
                self._close_message("completed")
                self._give_tool(part)
            elif self.is_audio:
                self._speak(part, now_ms)
            else:
                self._give_text(part, now_ms)
        if self._reply_done and not self._queue and self._spoken is None and not self.is_over:
            self.finish(now_ms, "completed")

    def finish(
        self,
        now_ms: float,
        status: str,
        *,
        reason: str | None = None,
        error: dict[str, Any] | None = None,
    ) -> None:
        """End the response; whatever was not yet given is dropped."""
        assert not self.is_over
        self.is_over = True
        self.resume_at_ms = None
        self._queue.clear()
        if self._spoken is not None and self._message is not None:
            given_ms = self._agent_part().audio_ms
            whole_ms = len(self._spoken.text) * MS_PER_CHARACTER
            if self._spoken.announced:
                self._end_sentence(self._spoken, max(given_ms, self._spoken.start_ms + whole_ms))
        self._spoken = None
        self._close_message("completed" if status == "completed" else "incomplete")
        details: dict[str, Any] = {"type": status}
        if reason is not None:
            details["reason"] = reason
        if error is not None:
            details["error"] = error
        body = self._as_ga(status, details if status != "completed" else None)
        body["usage"] = self._total_usage()
        if (latency := self._latency.as_ga()) is not None:
            body["voicehub"] = {"latency_ms": latency}
        self._out.emit("response.done", response=body)
        self._out.emit("rate_limits.updated", rate_limits=no_rate_limits())
        if status != "completed" and self.is_asked:
            self._out.ask(CancelResponse(self.id))
        if status == "cancelled" and self.options.in_conversation:
            self._shared.playout.cut(now_ms)

    def is_speaking(self, item: Item) -> bool:
        """Whether `item` is the message that is being given."""
        return self._message is item

    def _must_wait(self, now_ms: float) -> bool:
        due_ms = self._shared.playout.end_ms - AHEAD_MS_MAX
        if now_ms >= due_ms:
            return False
        self.resume_at_ms = due_ms
        return True

    def _speak(self, text: str, now_ms: float) -> None:
        part = self._open_message()
        if self._latency.text_at_ms is None:
            self._latency.text_at_ms = now_ms
        self._spoken = _Spoken(text, part.audio_ms)
        self._out.ask(Speak(self.id, text, self.options.speed, self.options.format))

    def _announce(self, sentence: _Spoken) -> None:
        """The transcript goes before the audio of its sentence, and not before there is any."""
        if sentence.announced:
            return
        sentence.announced = True
        part = self._agent_part()
        part.text = (part.text or "") + sentence.text
        self._tell("response.output_audio_transcript.delta", delta=sentence.text)

    def _give_audio(self, audio: bytes, now_ms: float) -> None:
        audio_format = self.options.format
        limit = self.options.max_output_tokens
        part = self._agent_part()
        given = audio
        if limit is not None:
            allowed_ms = max(0.0, limit * AGENT_MS_PER_TOKEN - self._agent_ms)
            given = audio[: int(allowed_ms) * audio_format.bytes_per_ms]
        size = DELTA_MS_MAX * audio_format.bytes_per_ms
        for start in range(0, len(given), size):
            self._out.emit_audio(
                "response.output_audio.delta", given[start : start + size], **self._place()
            )
        duration_ms = audio_format.duration_ms(len(given))
        part.audio_ms += duration_ms
        self._agent_ms += duration_ms
        self._shared.playout.add(duration_ms, now_ms)
        self._shared.agent_was_heard = True
        if len(given) < len(audio):
            self.finish(now_ms, "incomplete", reason="max_output_tokens")

    def _end_sentence(self, sentence: _Spoken, end_ms: float) -> None:
        self._agent_part().sentences.append(Sentence(sentence.text, sentence.start_ms, end_ms))
        self._spoken = None

    def _give_text(self, text: str, now_ms: float) -> None:
        part = self._open_message()
        encoded = text.encode("utf-8", "replace")
        limit = self.options.max_output_tokens
        allowed = len(encoded)
        if limit is not None:
            allowed = max(0, limit * TEXT_BYTES_PER_TOKEN - self._text_bytes)
        given = encoded[:allowed].decode("utf-8", "ignore")
        self._text_bytes += min(len(encoded), allowed)
        if given:
            part.text = (part.text or "") + given
            self._tell("response.output_text.delta", delta=given)
        if allowed < len(encoded):
            self.finish(now_ms, "incomplete", reason="max_output_tokens")

    def _give_tool(self, tool: ReplyTool) -> None:
        item = Item(
            self._shared.new_id("item"),
            "function_call",
            status="in_progress",
            name=tool.name,
            call_id=tool.call_id or self._shared.new_id("call"),
        )
        self._add_output(item)
        place: dict[str, Any] = {
            "response_id": self.id,
            "item_id": item.id,
            "output_index": len(self._output) - 1,
            "call_id": item.call_id,
        }
        kind = "response.function_call_arguments"
        item.text = tool.arguments_json
        self._text_bytes += item.text_bytes
        self._out.emit(f"{kind}.delta", **place, delta=item.text)
        self._out.emit(f"{kind}.done", **place, name=item.name, arguments=item.text)
        item.status = "completed"
        self._end_output(item)

    def _open_message(self) -> Part:
        if self._message is not None:
            return self._agent_part()
        item = Item(self._shared.new_id("item"), role="assistant", status="in_progress")
        self._add_output(item)
        self._message = item
        item.content.append(Part("output_audio" if self.is_audio else "output_text", text=""))
        self._tell("response.content_part.added", part=self._part_as_ga())
        return item.content[0]

    def _close_message(self, status: str) -> None:
        item = self._message
        if item is None:
            return
        text = self._agent_part().text or ""
        if self.is_audio:
            self._tell("response.output_audio.done")
            self._tell("response.output_audio_transcript.done", transcript=text)
        else:
            self._tell("response.output_text.done", text=text)
        self._tell("response.content_part.done", part=self._part_as_ga())
        item.status = status
        self._end_output(item)
        self._message = None

    def _add_output(self, item: Item) -> None:
        self._output.append(item)
        self._out.emit(
            "response.output_item.added",
            response_id=self.id,
            output_index=len(self._output) - 1,
            item=item.as_ga(),
        )
        if self.options.in_conversation:
            previous_id = self._shared.items.append(item)
            self._out.emit(
                "conversation.item.added", previous_item_id=previous_id, item=item.as_ga()
            )
            self._shared.drop_surplus()

    def _end_output(self, item: Item) -> None:
        self._out.emit(
            "response.output_item.done",
            response_id=self.id,
            output_index=self._output.index(item),
            item=item.as_ga(),
        )
        if self.options.in_conversation:
            self._out.emit(
                "conversation.item.done",
                previous_item_id=self._shared.items.previous_id(item),
                item=item.as_ga(),
            )

    def _agent_part(self) -> Part:
        assert self._message is not None
        return self._message.content[0]

    def _part_as_ga(self) -> dict[str, Any]:
        text = self._agent_part().text or ""
        return (
            {"type": "audio", "transcript": text}
            if self.is_audio
            else {"type": "text", "text": text}
        )

    def _tell(self, kind: str, **rest: Any) -> None:
        """An event about the message's only content part; `rest` is open-ended JSON."""
        self._out.emit(kind, **self._place(), **rest)

    def _place(self) -> dict[str, Any]:
        assert self._message is not None
        return {
            "response_id": self.id,
            "item_id": self._message.id,
            "output_index": len(self._output) - 1,
            "content_index": 0,
        }

    def _total_usage(self) -> dict[str, Any]:
        counted = self._usage
        return duration_usage(
            self._new_input.audio_ms,
            self._agent_ms,
            counted.input_text_tokens if counted else text_tokens(self._new_input.text_bytes),
            counted.output_text_tokens if counted else text_tokens(self._text_bytes),
            text_cached=counted.cached_text_tokens if counted else 0,
        )

    def _as_ga(self, status: str, details: dict[str, Any] | None = None) -> dict[str, Any]:
        options = self.options
        return {
            "id": self.id,
            "object": "realtime.response",
            "status": status,
            "status_details": details,
            "output": [item.as_ga() for item in self._output],
            "conversation_id": self._shared.conversation_id if options.in_conversation else None,
            "output_modalities": [options.modality],
            "max_output_tokens": options.max_output_tokens or "inf",
            "audio": {"output": {"format": options.format.as_ga(), "voice": options.voice}},
            "metadata": options.metadata,
            "usage": None,
        }
