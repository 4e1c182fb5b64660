"""The offline engine: does what a `Conversation` asks for, on shared models; decides nothing."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Coroutine
from contextlib import aclosing
from typing import Any, cast

import numpy as np
import structlog

from voicehub.audio.formats import FromPcm24k
from voicehub.engines.local.conversation import Conversation
from voicehub.engines.local.ear import Ear, decoded
from voicehub.engines.local.effects import (
    CancelResponse,
    CancelTranscribe,
    Effect,
    Emit,
    Listen,
    Reply,
    Speak,
    Transcribe,
    TranscribeRaw,
)
from voicehub.engines.local.events import (
    Event,
    ReplyDone,
    ReplyFailed,
    ReplyText,
    ReplyTool,
    ReplyUsage,
    Samples16k,
    Spoken,
    Tick,
    Transcribed,
    TranscribeFailed,
)
from voicehub.engines.local.models import SpeechModels
from voicehub.engines.local.reply import ReplyPart, Responder, TextPart, ToolPart
from voicehub.errors import ClientError, EngineError, VoiceHubError
from voicehub.ids import new_id
from voicehub.realtime.frame import Body, Frame
from voicehub.tasks import spawn

# Client frames and answers of the models that wait to be handled; at the limit their senders wait.
INBOX_MAX = 256
# Frames given but not yet taken. Speech waits at the first mark. Those that cannot wait, such as
# answers to client events, go on to the second: there the session is stuck, the engine fails.
OUTPUT_SPEECH_MAX = 256
OUTPUT_MAX = 8_192
# No single job takes that long on a machine that keeps up; at it, the job has failed.
TRANSCRIBE_S_MAX = 120.0
SPEAK_S_MAX = 30.0

_log = structlog.get_logger(__name__)


class LocalEngine:
    """One conversation. The models are shared and outlive it."""

    def __init__(self, models: SpeechModels, responder: Responder) -> None:
        self._models = models
        self._responder = responder
        self._conversation: Conversation | None = None
        self._ear = Ear(models)
        self._inbox: asyncio.Queue[Event] = asyncio.Queue(INBOX_MAX)
        self._output: asyncio.Queue[Frame | None] = asyncio.Queue()
        self._output_has_room = asyncio.Event()
        self._output_has_room.set()
        self._timer: asyncio.TimerHandle | None = None
        self._tasks: dict[str, set[asyncio.Task[None]]] = {}
        """Work under way, by the job or response that it is for."""
        self._failure: VoiceHubError | None = None
        self._is_over = False

    async def open(self, session: Body) -> Body:
        assert self._conversation is None
        try:
            self._conversation = Conversation(session, new_id)
        except ClientError as error:
            raise EngineError(f"The agent's session is wrong: {error.message}") from error
        self._start("conversation", self._run(self._conversation))
        return self._conversation.session

    async def send(self, frame: Frame) -> None:
        """Waits while `INBOX_MAX` events wait. May be cancelled: then `frame` was not taken."""
        if not self._is_over:
            await self._inbox.put(frame)

    def send_now(self, frame: Frame) -> bool:
        if not self._is_over:
            if self._inbox.full():
                return False
            self._inbox.put_nowait(frame)
        return True

    async def frames(self) -> AsyncIterator[Frame]:
        """Taking them is what lets speech go on. One consumer."""
        while (frame := await self._output.get()) is not None:
            if self._output.qsize() < OUTPUT_SPEECH_MAX:
                self._output_has_room.set()
            yield frame
        self._output.put_nowait(None)  # for whoever asks again
        if self._failure is not None:
            raise self._failure

    async def aclose(self) -> None:
        self._end()
        tasks = [task for group in self._tasks.values() for task in group]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    async def _run(self, conversation: Conversation) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await self._handle(conversation, await self._inbox.get())
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
            deadline_ms = conversation.deadline_ms()
            if deadline_ms is not None:
                self._timer = loop.call_at(deadline_ms / 1000, self._tick)

    def _tick(self) -> None:
        # A full inbox needs no tick: the timer is set again after each event.
        if not self._inbox.full():
            self._inbox.put_nowait(Tick())

    async def _handle(self, conversation: Conversation, event: Event) -> None:
        for effect in conversation.handle(event, _now_ms()):
            if isinstance(effect, Listen):
                # Awaited here, so that a commit after it finds the audio in the buffer.
                async for heard in self._ear.hear(effect):
                    await self._handle(conversation, heard)
            else:
                self._perform(effect)

    def _perform(self, effect: Effect) -> None:
        match effect:
            case Emit():
                self._give(effect.frame)
            case Transcribe() | TranscribeRaw():
                self._start(effect.job, self._transcribe(effect))
            case Reply():
                self._start(effect.response_id, self._reply(effect))
            case Speak():
                self._start(effect.response_id, self._speak(effect))
            case CancelTranscribe(job):
                self._cancel(job)
            case CancelResponse(response_id):
                self._cancel(response_id)
            case Listen():
                raise AssertionError("handled by _handle")

    def _give(self, frame: Frame) -> None:
        if self._output.qsize() >= OUTPUT_MAX:
            raise EngineError("Nobody takes the engine's events.")
        self._output.put_nowait(frame)
        if self._output.qsize() >= OUTPUT_SPEECH_MAX:
            self._output_has_room.clear()

    async def _transcribe(self, effect: Transcribe | TranscribeRaw) -> None:
        answer: Transcribed | TranscribeFailed
        try:
            async with asyncio.timeout(TRANSCRIBE_S_MAX):
                text = await self._models.transcribe(await _samples(effect))
            answer = Transcribed(effect.job, text)
        except TimeoutError:
            answer = TranscribeFailed(effect.job, "Speech to text took too long.")
        except VoiceHubError as error:
            answer = TranscribeFailed(effect.job, error.message)
        await self._inbox.put(answer)

    async def _reply(self, effect: Reply) -> None:
        end: ReplyDone | ReplyFailed = ReplyDone(effect.response_id)
        try:
            async with _closing(self._responder.reply(effect.prompt)) as parts:
                async for part in parts:
                    await self._inbox.put(_as_event(effect.response_id, part))
        except VoiceHubError as error:
            end = ReplyFailed(effect.response_id, error.code, error.message)
        await self._inbox.put(end)

    async def _speak(self, effect: Speak) -> None:
        to_format = FromPcm24k(effect.format)
        end: Spoken | ReplyFailed
        try:
            async with _closing(self._models.speak(effect.text, effect.speed)) as sounds:
                while True:
                    async with asyncio.timeout(SPEAK_S_MAX):
                        sound = await anext(sounds, None)
                    if sound is None:
                        break
                    await self._output_has_room.wait()
                    await self._inbox.put(Spoken(effect.response_id, to_format(sound)))
            end = Spoken(effect.response_id, to_format.flush(), last=True)
        except TimeoutError:
            end = ReplyFailed(effect.response_id, "engine_failed", "Speech took too long.")
        except VoiceHubError as error:
            end = ReplyFailed(effect.response_id, error.code, error.message)
        await self._inbox.put(end)

    def _start(self, owner: str, work: Coroutine[Any, Any, None]) -> None:
        task = spawn(work, name=f"local engine {owner}")
        self._tasks.setdefault(owner, set()).add(task)

        def ended(task: asyncio.Task[None]) -> None:
            group = self._tasks[owner]
            group.discard(task)
            if not group:
                del self._tasks[owner]
            if not task.cancelled() and (failure := task.exception()) is not None:
                self._fail(failure)

        task.add_done_callback(ended)

    def _cancel(self, owner: str) -> None:
        # Their end is awaited in `aclose` at the latest; a late answer of theirs is ignored.
        for task in self._tasks.get(owner, ()):
            task.cancel()

    def _fail(self, failure: BaseException) -> None:
        """The session cannot go on."""
        if self._is_over:
            return
        if isinstance(failure, VoiceHubError):
            self._failure = failure
        else:
            _log.error("local engine failed", exc_info=failure)
            self._failure = EngineError("The offline engine failed.")
        self._end()

    def _end(self) -> None:
        if self._is_over:
            return
        self._is_over = True
        if self._timer is not None:
            self._timer.cancel()
        for group in self._tasks.values():
            for task in group:
                task.cancel()
        while not self._inbox.empty():  # whoever waits in `send` goes on
            self._inbox.get_nowait()
        self._output.put_nowait(None)


async def _samples(effect: Transcribe | TranscribeRaw) -> Samples16k:
    if isinstance(effect, Transcribe):
        return np.ascontiguousarray(effect.samples)
    return await asyncio.to_thread(decoded, effect.raw, effect.format)


def _as_event(response_id: str, part: ReplyPart) -> ReplyText | ReplyTool | ReplyUsage:
    if isinstance(part, TextPart):
        return ReplyText(response_id, part.text)
    if isinstance(part, ToolPart):
        return ReplyTool(response_id, part.name, part.arguments_json, part.call_id)
    return ReplyUsage(
        response_id, part.input_text_tokens, part.output_text_tokens, part.cached_text_tokens
    )


def _closing(iterator: AsyncIterator[Any]) -> aclosing[AsyncGenerator[Any, None]]:
    """Ends the work behind `iterator` when it is abandoned; all of ours are generators."""
    return aclosing(cast("AsyncGenerator[Any, None]", iterator))


def _now_ms() -> float:
    return asyncio.get_running_loop().time() * 1000
