"""The offline engine's conversation: GA client events and speech work in, GA server events out.

Sans-IO: `handle` is told the time, and `deadline_ms` says when to wake it. `events.py` and
`effects.py` list everything that goes in and comes out.
"""

from collections.abc import Callable

from voicehub.engines.local import fields
from voicehub.engines.local.agent import Agent
from voicehub.engines.local.caller import Caller
from voicehub.engines.local.effects import Effect, NewId, Outgoing
from voicehub.engines.local.events import Event, Heard, Tick, Transcribed, TranscribeFailed
from voicehub.engines.local.items import Item, parse_item
from voicehub.engines.local.session_config import SessionConfig
from voicehub.engines.local.shared import Shared
from voicehub.engines.local.transcripts import Transcripts
from voicehub.errors import ClientError
from voicehub.realtime.frame import Body, Frame

# A day: no audio is that long, and larger numbers are no numbers of ms.
END_MS_MAX = 86_400_000


class Conversation:
    """Raises ClientError where the agent's session cannot be; after that, `handle` never raises."""

    def __init__(self, session: Body, new_id: NewId) -> None:
        config = SessionConfig.begin(session, new_id("sess"))
        self._shared = Shared(config, new_id("conv"), Outgoing(new_id))
        self._transcripts = Transcripts(self._shared)
        self._agent = Agent(self._shared, self._transcripts)
        self._caller = Caller(self._shared, self._transcripts, self._agent)
        self._client_events: dict[str, Callable[[Frame, float], None]] = {
            "session.update": self._update_session,
            "input_audio_buffer.append": lambda frame, _: self._caller.append(frame),
            "input_audio_buffer.commit": lambda _, now_ms: self._caller.commit(now_ms),
            "input_audio_buffer.clear": lambda _, now_ms: self._caller.clear(now_ms),
            "conversation.item.create": self._create_item,
            "conversation.item.retrieve": self._retrieve_item,
            "conversation.item.truncate": self._truncate_item,
            "conversation.item.delete": self._delete_item,
            "response.create": lambda frame, now_ms: self._agent.create(frame.body, now_ms),
            "response.cancel": self._cancel_response,
        }

    @property
    def session(self) -> Body:
        """The effective session object, as session.created shows it."""
        return self._shared.config.as_ga()

    def deadline_ms(self) -> float | None:
        """When `Tick` is due, if nothing else happens before."""
        due = (self._agent.resume_at_ms, self._caller.idle_due_ms())
        return min((each for each in due if each is not None), default=None)

    def handle(self, event: Event, now_ms: float) -> list[Effect]:
        """Take one event, in order; the effects are to be run in order before the next."""
        match event:
            case Frame():
                self._client_event(event, now_ms)
            case Heard():
                self._caller.heard(event, now_ms)
            case Transcribed() | TranscribeFailed():
                if self._transcripts.answer(event):
                    self._agent.proceed(now_ms)
            case Tick():
                self._tick(now_ms)
            case _:
                self._agent.take(event, now_ms)
        return self._shared.out.take()

    def _client_event(self, frame: Frame, now_ms: float) -> None:
        handle = self._client_events.get(frame.type)
        try:
            if handle is None:
                raise ClientError(  # noqa: TRY301  # answered like every other refusal
                    f"Invalid value: '{frame.type[:64]}' is not an event of this server.",
                    param="type",
                )
            handle(frame, now_ms)
        except ClientError as error:
            # A refused event has changed nothing: each is checked in full before it is applied.
            self._shared.out.error(error, frame.event_id)

    def _tick(self, now_ms: float) -> None:
        self._agent.tick(now_ms)
        idle_due_ms = self._caller.idle_due_ms()
        if idle_due_ms is not None and idle_due_ms <= now_ms:
            self._caller.time_out(now_ms)

    def _update_session(self, frame: Frame, now_ms: float) -> None:
        shared = self._shared
        session = fields.mapping(fields.required(frame.body, "session"), "session")
        before = shared.config.turn_detection
        shared.config = shared.config.updated(session, voice_fixed=shared.agent_was_heard)
        shared.out.emit("session.updated", session=self.session)
        self._caller.configure(before, now_ms)

    def _create_item(self, frame: Frame, now_ms: float) -> None:
        shared = self._shared
        value = fields.required(frame.body, "item")
        item, audio = parse_item(value, "item", shared.config.input_format, shared.new_id("item"))
        shared.items.check_new(item.id)
        if item.id == self._caller.turn_item_id:
            raise ClientError(
                f"The id '{item.id}' is taken by the turn being spoken.",
                code="item_create_duplicate_item_id",
                param="item.id",
            )
        after = frame.body.get("previous_item_id")
        if after is None:
            shared.items.append(item)
        elif after == "root":
            shared.items.insert_after(item, None)
        else:
            previous_id = fields.identifier(after, "previous_item_id")
            shared.items.find(
                previous_id, "item_create_invalid_previous_item_id", "previous_item_id"
            )
            shared.items.insert_after(item, previous_id)
        self._transcripts.transcribe_item(item, audio)
        shared.announce(item)
        self._agent.proceed(now_ms)

    def _retrieve_item(self, frame: Frame, _now_ms: float) -> None:
        item = self._item(frame, "item_retrieve_invalid_item_id")
        self._shared.out.emit("conversation.item.retrieved", item=item.as_ga())

    def _truncate_item(self, frame: Frame, now_ms: float) -> None:
        item = self._item(frame, "item_truncate_invalid_item_id")
        index = fields.required(frame.body, "content_index")
        end_ms = fields.number(
            fields.required(frame.body, "audio_end_ms"), "audio_end_ms", 0, END_MS_MAX
        )
        is_part = isinstance(index, int) and 0 <= index < len(item.content)
        if not is_part or item.content[index].kind != "output_audio":
            raise ClientError(
                "Only the audio of an assistant message can be truncated.",
                code="item_truncate_invalid_item_id",
                param="item_id" if item.role != "assistant" else "content_index",
            )
        part = item.content[index]
        # The events tell whole milliseconds, so a client may ask for one that has only begun.
        if end_ms >= part.audio_ms + 1:
            raise ClientError(
                f"Audio content of {part.audio_ms:.0f}ms is already shorter than {end_ms:g}ms",
                code="invalid_value",
                param="audio_end_ms",
            )
        self._agent.stop_speaking(item, now_ms)
        part.truncate(end_ms)
        self._shared.out.emit(
            "conversation.item.truncated",
            item_id=item.id,
            content_index=index,
            audio_end_ms=round(end_ms),
        )

    def _delete_item(self, frame: Frame, now_ms: float) -> None:
        item = self._item(frame, "item_delete_invalid_item_id")
        if item.status == "in_progress":
            raise ClientError(
                "The item is still being made; cancel its response first.", param="item_id"
            )
        self._shared.items.remove(item)
        for transcription in item.transcriptions:
            self._transcripts.cancel(transcription)
        self._shared.out.emit("conversation.item.deleted", item_id=item.id)
        self._agent.proceed(now_ms)

    def _cancel_response(self, frame: Frame, now_ms: float) -> None:
        response_id = frame.body.get("response_id")
        if response_id is not None:
            response_id = fields.identifier(response_id, "response_id")
        self._agent.cancel(response_id, now_ms)

    def _item(self, frame: Frame, code: str) -> Item:
        item_id = fields.identifier(fields.required(frame.body, "item_id"), "item_id")
        return self._shared.items.find(item_id, code)
