"""The agent's side: which responses run, which one is owed to the caller, and when it begins."""

from dataclasses import dataclass, field

from voicehub.engines.local import fields
from voicehub.engines.local.events import (
    ReplyDone,
    ReplyFailed,
    ReplyText,
    ReplyTool,
    ReplyUsage,
    Spoken,
)
from voicehub.engines.local.items import Item
from voicehub.engines.local.latency import Latency
from voicehub.engines.local.response import Response
from voicehub.engines.local.response_options import ResponseOptions, parse_options
from voicehub.engines.local.shared import NewInput, Shared
from voicehub.engines.local.transcription import Transcription
from voicehub.engines.local.transcripts import Transcripts
from voicehub.errors import ClientError

# More responses outside the conversation at a time are refused.
OUT_OF_BAND_MAX = 4

ReplyEvent = ReplyText | ReplyTool | ReplyUsage | ReplyDone | ReplyFailed | Spoken


@dataclass(slots=True)
class _Owed:
    """Turns that ended and wait for an answer, until their transcripts show what was said."""

    transcriptions: list[Transcription] = field(default_factory=list)


class Agent:
    def __init__(self, shared: Shared, transcripts: Transcripts) -> None:
        self._shared = shared
        self._transcripts = transcripts
        self._active: Response | None = None
        self._out_of_band: dict[str, Response] = {}
        self._owed: _Owed | None = None
        self._latency: Latency | None = None
        """Of the newest turn, for the response that answers it."""
        self.caller_is_speaking = False
        """Set by the caller's side: an owed response waits until the caller has finished."""
        self.idle_since_ms: float | None = None
        """When the last response had been played; None while anything else goes on."""

    @property
    def is_busy(self) -> bool:
        return self._active is not None or self._owed is not None

    @property
    def resume_at_ms(self) -> float | None:
        """When the active or any other response wants to go on speaking."""
        due = [r.resume_at_ms for r in self._running() if r.resume_at_ms is not None]
        return min(due, default=None)

    def create(self, body: fields.Json, now_ms: float) -> None:
        """A response.create of the client. Raises ClientError."""
        value = fields.mapping(body.get("response"), "response")
        shared = self._shared
        options = parse_options(
            value,
            shared.config,
            shared.items,
            shared.new_id,
            voice_fixed=shared.agent_was_heard,
        )
        if options.in_conversation and self._active is not None:
            raise ClientError(
                "Conversation already has an active response in progress: "
                f"{self._active.id}. Wait until it is finished before creating a new one.",
                code="conversation_already_has_active_response",
            )
        if not options.in_conversation and len(self._out_of_band) >= OUT_OF_BAND_MAX:
            raise ClientError(
                f"At most {OUT_OF_BAND_MAX} responses outside the conversation run at a time.",
                code="rate_limit_exceeded",
            )
        own_input = self._take_input(options)
        self._begin(options, own_input, now_ms)

    def respond(self, now_ms: float, *, note: str = "") -> None:
        """A response of the server's own, to the conversation as it is; none is active."""
        options = ResponseOptions.of_session(self._shared.config, note)
        self._begin(options, self._shared.new_input.take(), now_ms)

    def cancel(self, response_id: str | None, now_ms: float) -> None:
        """A response.cancel of the client. Raises ClientError."""
        if response_id is None:
            response = self._active
        else:
            response = next((r for r in self._running() if r.id == response_id), None)
        if response is None:
            # Clients know this message by its first words.
            raise ClientError(
                "Cancellation failed: no active response found",
                code="response_cancel_not_active",
            )
        response.finish(now_ms, "cancelled", reason="client_cancelled")
        self._sweep(now_ms)

    def interrupt(self, now_ms: float) -> None:
        """Barge-in: the caller speaks, so the agent stops at once."""
        unheard_ms = self._shared.playout.end_ms - now_ms
        self._shared.playout.cut(now_ms)
        if self._active is not None:
            self._active.finish(now_ms, "cancelled", reason="turn_detected")
        # A client that plays at once has heard no more; by a truncate it may say what it has heard.
        self._shared.items.forget_unheard(unheard_ms)
        self._sweep(now_ms)

    def stop_speaking(self, item: Item, now_ms: float) -> None:
        """The client truncates `item`: if it is still being given, the rest is not wanted."""
        self._shared.playout.cut(now_ms)
        if self._active is not None and self._active.is_speaking(item):
            self._active.finish(now_ms, "cancelled", reason="client_cancelled")
            self._sweep(now_ms)

    def turn_ended(
        self, transcription: Transcription, latency: Latency, *, wants_answer: bool
    ) -> None:
        """The caller's turn is over; an answer comes when the transcript is there."""
        self._latency = latency
        if wants_answer:
            if self._owed is None:
                self._owed = _Owed()
            self._owed.transcriptions.append(transcription)

    def proceed(self, now_ms: float) -> None:
        """Begin what transcripts or the caller's speech held up; to be used after each of them."""
        for response in self._running():
            if not response.is_asked and response.is_ready():
                response.ask(now_ms)
        if self._owed is not None and self._may_answer(self._owed):
            self._answer(self._owed, now_ms)

    def take(self, event: ReplyEvent, now_ms: float) -> None:
        """News of a reply; ignored when its response is over."""
        response = next((r for r in self._running() if r.id == event.response_id), None)
        if response is None:
            return
        match event:
            case ReplyText():
                response.text(event.text, now_ms)
            case ReplyTool():
                response.tool(event, now_ms)
            case ReplyUsage():
                response.usage(event)
            case ReplyDone():
                response.reply_done(now_ms)
            case ReplyFailed():
                error = {"type": "server_error", "code": event.code, "message": event.message}
                response.finish(now_ms, "failed", error=error)
            case Spoken():
                response.spoken(event, now_ms)
        self._sweep(now_ms)

    def tick(self, now_ms: float) -> None:
        """Go on speaking where the client has played enough."""
        for response in self._running():
            if response.resume_at_ms is not None and response.resume_at_ms <= now_ms:
                response.advance(now_ms)
        self._sweep(now_ms)

    def _running(self) -> list[Response]:
        active = [] if self._active is None else [self._active]
        return active + list(self._out_of_band.values())

    def _begin(self, options: ResponseOptions, new_input: NewInput, now_ms: float) -> None:
        latency = (self._latency if options.in_conversation else None) or Latency()
        response = Response(options, self._shared, new_input, latency)
        if options.in_conversation:
            self._active = response
            self._owed = self._latency = self.idle_since_ms = None
        else:
            self._out_of_band[response.id] = response
        if response.is_ready():
            response.ask(now_ms)

    def _take_input(self, options: ResponseOptions) -> NewInput:
        """What the response counts as new, and transcripts of the audio that came with it."""
        new_input = self._shared.new_input.take() if options.in_conversation else NewInput()
        for new_item in options.new_items:
            new_input.add(new_item.item)
            self._transcripts.transcribe_item(new_item.item, new_item.audio, is_shown=False)
        return new_input

    def _may_answer(self, owed: _Owed) -> bool:
        waits = self._active is not None or self._must_let_speak()
        return not waits and all(each.settled for each in owed.transcriptions)

    def _must_let_speak(self) -> bool:
        detection = self._shared.config.turn_detection
        return self.caller_is_speaking and detection is not None and detection.interrupt_response

    def _answer(self, owed: _Owed, now_ms: float) -> None:
        failure = next((t.failure for t in owed.transcriptions if t.failure is not None), None)
        if any(each.text for each in owed.transcriptions):
            self.respond(now_ms)
        elif failure is not None:
            self.respond(now_ms)
            assert self._active is not None
            error = {"type": "server_error", "code": "transcription_failed", "message": failure}
            self._active.finish(now_ms, "failed", error=error)
            self._sweep(now_ms)
        else:
            # Noise: nothing was said, so nothing is answered.
            self._owed = None
            self.idle_since_ms = max(now_ms, self._shared.playout.end_ms)

    def _sweep(self, now_ms: float) -> None:
        """Let go of responses that are over."""
        self._out_of_band = {k: r for k, r in self._out_of_band.items() if not r.is_over}
        if self._active is not None and self._active.is_over:
            self._active = None
            self.idle_since_ms = max(now_ms, self._shared.playout.end_ms)
            self.proceed(now_ms)
