"""The session of a client that asked for `voicehub.v1`: binary audio, and events of our own.

It decides as every session does, and then says more of it: a client without the opt-in is served
by `Session` alone and cannot notice that this exists.
"""

from collections.abc import Callable
from dataclasses import replace

from voicehub.errors import ClientError, ConflictError
from voicehub.realtime.extension import PAUSE, PAUSED, PLAYOUT_REPORTED, RESUME
from voicehub.realtime.frame import Frame, as_object, server_frame
from voicehub.realtime.parse import APPEND
from voicehub.session import events
from voicehub.session.commands import Book, Command, ToClient
from voicehub.session.ending import Ending
from voicehub.session.events import Event
from voicehub.session.numbering import Numbering
from voicehub.session.plan_watch import PlanWatch
from voicehub.session.session import Session
from voicehub.session.spec import SessionSpec
from voicehub.session.state import Status

_AUDIO_DELTA = "response.output_audio.delta"
_ITEM_ADDED = "response.output_item.added"


class ExtendedSession(Session):
    def __init__(self, spec: SessionSpec, new_id: Callable[[str], str], now_ms: float) -> None:
        super().__init__(spec, new_id, now_ms)
        self._numbering = Numbering()
        self._watch = PlanWatch()
        self._opened = False

    def handle(self, event: Event, now_ms: float) -> list[Command]:
        if self.closed:
            return []
        engine_sent = event.frame.type if isinstance(event, events.EngineSent) else None
        # Ten a second and session each, and nothing to tell of them: the short way.
        if engine_sent == _AUDIO_DELTA:
            commands = super().handle(event, now_ms)
            self._mark(commands)
            return commands
        if isinstance(event, events.ClientSent) and event.frame.type == APPEND:
            return super().handle(event, now_ms)
        # Told before what it leads to: a session that ends closes the socket behind it.
        told = self._tell(event)
        commands = super().handle(event, now_ms)
        for command in commands:
            if isinstance(command, Book):
                of_response = engine_sent == "response.done"
                self._watch.booked(command.sequence, command.totals, of_response=of_response)
        return told + [self._numbered(command) for command in commands]

    def _accept(self, frame: Frame, now_ms: float) -> list[Command]:
        if frame.type == PLAYOUT_REPORTED:
            return self._playout_reported(frame, now_ms)
        if frame.type == PAUSE:
            return self._pause_asked(events.PauseAsked(), now_ms)
        if frame.type == RESUME:
            error = ConflictError("The session is not paused.", code="session_not_paused")
            return [self._error(error, frame.event_id)]
        return super()._accept(frame, now_ms)

    def _leave_client(self, ending: Ending) -> list[Command]:
        if ending.status is Status.PAUSED and ending.reason is None:
            # The socket stays, and its client may ask to go on.
            return [self._event(PAUSED, at_ms=round(self._at_ms))]
        return super()._leave_client(ending)

    def _playout_reported(self, frame: Frame, now_ms: float) -> list[Command]:
        try:
            return self._scribe.correct_playout(
                frame.body["item_id"], frame.body["heard_ms"], now_ms
            )
        except ClientError as error:
            return [self._error(error, frame.event_id)]

    def _mark(self, commands: list[Command]) -> None:
        """Give the agent's audio its header, when all that changes the event has done so."""
        for command in commands:
            if isinstance(command, ToClient) and command.frame.type == _AUDIO_DELTA:
                frame = command.frame
                frame.header = self._numbering.header(frame, self._scribe.audio_format_of(frame))

    def _numbered(self, command: Command) -> Command:
        """A `response.output_item.added` with the number of its item."""
        if not isinstance(command, ToClient) or command.frame.type != _ITEM_ADDED:
            return command
        frame = command.frame
        item_id = as_object(frame.body.get("item")).get("id")
        if not isinstance(item_id, str):
            return command
        body = {**frame.body, "voicehub": {"item_number": self._numbering.announce(item_id)}}
        return replace(command, frame=replace(frame, body=body, raw=None))

    def _tell(self, event: Event) -> list[Command]:
        if isinstance(event, events.Opened):
            self._opened = True
        elif not self._opened:
            return []
        elif isinstance(event, events.QuotaRead):
            return [self._event(kind, **fields) for kind, fields in self._watch.read(event)]
        elif isinstance(event, events.EndAsked) and event.at_turn_end:
            fields = {"reason": event.reason.value, "ends_within_ms": round(event.within_ms)}
            return [self._event("voicehub.session.going_away", **fields)]
        return []

    def _event(self, kind: str, /, **fields: object) -> ToClient:
        return ToClient(server_frame(self._new_id("event"), kind, **fields))
