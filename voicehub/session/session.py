"""The session core: events and the time come in, commands go out. It decides and does nothing."""

from collections.abc import Callable
from typing import Any

from voicehub.errors import (
    ClientError,
    QuotaError,
    RateLimitError,
    VoiceHubError,
)
from voicehub.realtime.extension import RESUMED
from voicehub.realtime.frame import Body, Frame, as_object, server_frame
from voicehub.realtime.parse import APPEND
from voicehub.session import events, policy
from voicehub.session.beat import beat
from voicehub.session.client_session import ClientSession
from voicehub.session.commands import (
    BeginLeg,
    CloseSocket,
    Command,
    Finish,
    Greet,
    KeepClientSession,
    Record,
    ToClient,
    ToEngine,
)
from voicehub.session.ending import PAUSE, Ending, Life
from voicehub.session.events import Event
from voicehub.session.history import History
from voicehub.session.ledger import Ledger
from voicehub.session.presence import Presence
from voicehub.session.rate import Bucket
from voicehub.session.scribe import Scribe, response_id_of
from voicehub.session.spec import SessionSpec
from voicehub.session.state import EndedReason, Status
from voicehub.session.tools import ServerTools

# How often settled audio is taken.
RECORD_EVERY_MS = 500
# Settled audio of an append is taken at once from here on: it is pushed faster than real time.
PUSHED_MS_MIN = 4 * RECORD_EVERY_MS
# How long a session that ends waits for the usage of a response in flight and for the last words.
CLOSING_MS = 3_000
CLOSE_REASON_BYTES_MAX = 123
_CREATED = "session.created"
_AUDIO_DELTA = "response.output_audio.delta"
_OF_AN_ENGINE = (events.Opened, events.EngineSent, events.Woke)


class Session:
    """One live conversation: `handle` and `deadline_ms` are all there is to it."""

    def __init__(self, spec: SessionSpec, new_id: Callable[[str], str], now_ms: float) -> None:
        self._spec = spec
        self._new_id = new_id
        self._life = Life.OPENING
        self._ledger = Ledger(spec)
        self._client_session = ClientSession(spec.resumes.client_session if spec.resumes else {})
        self._presence = Presence(spec.limits, now_ms)
        self._tools = ServerTools(spec, new_id)
        self._bucket = Bucket(spec.limits.events_per_s, spec.limits.events_burst, now_ms)
        # An engine that does not open leaves the time line where it stood.
        self._at_ms = spec.resumes.at_ms if spec.resumes else 0.0
        self._record_at_ms = beat(now_ms) + RECORD_EVERY_MS
        self._close_by_ms = float("inf")
        self._expires_at = 0
        self._ending: Ending | None = None
        self._wanted: Ending | None = None
        self._scribe: Scribe
        # Each reaction takes the one type of event that it stands behind.
        self._reactions: dict[type[Event], Callable[[Any, float], list[Command]]] = {
            events.Opened: self._open,
            events.ClientSent: self._client_sent,
            events.ClientErred: self._client_erred,
            events.ClientLeft: self._client_left,
            events.ClientCame: self._client_came,
            events.PauseAsked: self._pause_asked,
            events.EngineSent: self._engine_sent,
            events.EngineEnded: self._engine_ended,
            events.ToolAnswered: lambda answer, _now_ms: self._tools.answered(answer),
            events.QuotaRead: self._quota_read,
            events.EndAsked: self._end_asked,
            events.Woke: self._woke,
        }

    @property
    def closed(self) -> bool:
        return self._life is Life.CLOSED

    @property
    def is_open(self) -> bool:
        """Whether the conversation goes on."""
        return self._life is Life.OPEN

    def deadline_ms(self) -> float | None:
        """When to send `Woke` next, if nothing happens before."""
        life = self._life
        if life is Life.OPENING or life is Life.CLOSED:  # no set: an Enum's hash is slow
            return None
        deadline_ms = min(self._record_at_ms, self._close_by_ms, self._ledger.due_ms)
        if life is Life.CLOSING:
            # What ended the session lies behind it: it would be due for ever.
            return deadline_ms
        return min(deadline_ms, self._presence.overdue_ms)

    def handle(self, event: Event, now_ms: float) -> list[Command]:
        """What `event` leads to, in order."""
        if self._life is Life.CLOSED:
            return []
        opening = self._life is Life.OPENING
        # An engine opens once, and before that there is nothing to hear of it and no deadline.
        if isinstance(event, events.Opened) != opening and isinstance(event, _OF_AN_ENGINE):
            return []
        return self._tools.screened(self._reactions[type(event)](event, now_ms))

    # -- the beginning ---------------------------------------------------------------------------

    def _open(self, event: events.Opened, now_ms: float) -> list[Command]:
        self._life = Life.OPEN
        lasts_ms = self._presence.open(now_ms, self._ledger.meter.totals.active_ms)
        self._ledger.start_time(now_ms)
        self._record_at_ms = beat(now_ms) + RECORD_EVERY_MS
        self._expires_at = int((event.wall_ms + lasts_ms) / 1000)
        resumes = self._spec.resumes
        kind = RESUMED if self._spec.keeps_socket else _CREATED
        self._scribe = Scribe(
            event.session, self._ledger.meter, now_ms=now_ms, wall_ms=event.wall_ms, resumes=resumes
        )
        self._at_ms = self._scribe.at_ms
        self._tools.configure(event.session)
        self._session = event.session
        self._history = History(resumes.lines if resumes else (), self._new_id)
        return [
            BeginLeg(self._at_ms, event.wall_ms),
            *map(ToEngine, self._history.events()),
            ToClient(self._greeting(kind, is_resumed=resumes is not None)),
            self._ledger.book(now_ms),
        ]

    def _greeting(self, kind: str, *, is_resumed: bool) -> Frame:
        """What a socket hears first of this session, or of its going on."""
        session = self._visible(self._session)
        session["voicehub"] |= {"resumed": is_resumed, "leg": self._spec.leg}
        return server_frame(self._new_id("event"), kind, session=session)

    def _visible(self, session: Body) -> Body:
        return policy.visible_session(session, self._spec, self._expires_at)

    # -- the client ------------------------------------------------------------------------------

    def _client_sent(self, event: events.ClientSent, now_ms: float) -> list[Command]:
        frame = event.frame
        if self._life is not Life.OPEN:
            return []
        if not self._bucket.take(now_ms):
            return self._refuse_rate(now_ms)
        self._presence.hear(now_ms)
        return self._accept(frame, now_ms)

    def _accept(self, frame: Frame, now_ms: float) -> list[Command]:
        if frame.type == APPEND:
            return self._append(frame, now_ms)
        if frame.type == "output_audio_buffer.clear":
            error = ClientError("output_audio_buffer.clear is for WebRTC and SIP.", param="type")
            return [self._error(error, frame.event_id)]
        allowed, refused = policy.allow(frame, self._spec)
        commands: list[Command] = [self._error(error, frame.event_id) for error in refused]
        if allowed is not None:
            if allowed.type == "session.update":
                self._scribe.expect(allowed.body["session"])
                self._client_session.ask(allowed.body["session"])
            commands.append(ToEngine(allowed))
        return commands

    def _append(self, frame: Frame, now_ms: float) -> list[Command]:
        try:
            self._scribe.hear_user(frame.audio or b"", now_ms)
        except ClientError as error:
            return [self._error(error, frame.event_id)]
        self._ledger.want_booking(now_ms)
        # Audio that is pushed faster than real time goes to the recording as fast.
        if settled := self._scribe.timeline.settled(now_ms, PUSHED_MS_MIN):
            return [ToEngine(frame), *map(Record, settled)]
        return [ToEngine(frame)]

    def _client_erred(self, event: events.ClientErred, now_ms: float) -> list[Command]:
        if self._life is not Life.OPEN:
            return []
        error = event.error
        if not error.close_code:
            # What is no event counts as one, or garbage would be free.
            if not self._bucket.take(now_ms):
                return self._refuse_rate(now_ms)
            self._presence.hear(now_ms)
            return [self._error(error, event.event_id)]
        return self._throw_out(error, now_ms)

    def _refuse_rate(self, now_ms: float) -> list[Command]:
        return self._throw_out(RateLimitError("Too many events a second."), now_ms)

    def _throw_out(self, error: VoiceHubError, now_ms: float) -> list[Command]:
        ending = Ending(Status.COMPLETED, EndedReason.CLIENT_CLOSE, error, error.close_code)
        return self._begin_end(ending, now_ms)

    def _client_left(self, event: events.ClientLeft, now_ms: float) -> list[Command]:
        if not event.clean and self._life is Life.OPEN and self._presence.lose(now_ms):
            # What it was sent it goes on to play; what comes now waits for it.
            self._ledger.stop_time(now_ms)
            return [self._ledger.book(now_ms)]
        reason = EndedReason.CLIENT_CLOSE if event.clean else EndedReason.LOST
        silenced = self._scribe.silence_agent(now_ms) if self._life is not Life.OPENING else []
        return silenced + self._begin_end(Ending(Status.COMPLETED, reason), now_ms)

    def _client_came(self, _event: events.ClientCame, now_ms: float) -> list[Command]:
        if self._life is not Life.OPEN:
            return []
        self._ledger.start_time(now_ms)
        greeting = Greet(self._greeting(_CREATED, is_resumed=True))
        return [greeting, *self._scribe.hear_late(self._presence.regain(now_ms), now_ms)]

    def _error(self, error: VoiceHubError, event_id: str | None) -> ToClient:
        body = error.as_openai(event_id)
        return ToClient(server_frame(self._new_id("event"), "error", error=body))

    # -- the engine ------------------------------------------------------------------------------

    def _engine_sent(self, event: events.EngineSent, now_ms: float) -> list[Command]:
        frame = event.frame
        if frame.type == _AUDIO_DELTA:
            return self._agent_audio(frame, now_ms)
        if frame.type == "response.done":
            return self._response_done(frame, now_ms)
        if self._history.is_answer(frame):
            return []
        commands = self._scribe.note(frame, now_ms)
        held = bool(commands)
        if frame.type == "session.updated":
            if self._client_session.confirmed():
                commands.append(KeepClientSession(self._client_session.given))
            self._session = as_object(frame.body.get("session"))
            self._tools.configure(self._session)
            session = self._visible(self._session)
            frame = server_frame(self._new_id("event"), "session.updated", session=session)
        elif frame.type == "error":
            self._client_session.refused()
        elif frame.type.endswith("input_audio_transcription.completed"):
            commands.append(self._ledger.book(now_ms))
            held = True
        commands.append(ToClient(frame, held))
        if frame.type == "response.created":
            commands += self._response_created(frame, now_ms)
        if self._life is Life.CLOSING:
            commands += self._end_if_settled(now_ms)
        return commands

    def _agent_audio(self, frame: Frame, now_ms: float) -> list[Command]:
        self._scribe.meter_agent(frame)
        if self._life is Life.CLOSING:
            return []
        if self._presence.is_absent:
            self._presence.miss(frame)
        else:
            self._scribe.hear_agent(frame, now_ms)
        self._ledger.want_booking(now_ms)
        commands: list[Command] = [ToClient(frame)]
        if self._ledger.is_exhausted:
            commands += self._check_quota(now_ms)
        return commands

    def _response_created(self, frame: Frame, now_ms: float) -> list[Command]:
        if self._life is Life.CLOSING:
            return [self._cancel(response_id_of(frame))]
        return self._check_quota(now_ms) or [self._ledger.book(now_ms)]

    def _response_done(self, frame: Frame, now_ms: float) -> list[Command]:
        frame = self._scribe.close_response(frame)
        commands: list[Command] = [self._ledger.book(now_ms), ToClient(frame, held=True)]
        if self._life is Life.CLOSING:
            commands += self._end_if_settled(now_ms)
        else:
            commands += self._check_quota(now_ms)
        return commands

    def _engine_ended(self, event: events.EngineEnded, now_ms: float) -> list[Command]:
        error = event.error
        status = self._status_before() or Status.FAILED
        ending = Ending(status, EndedReason.ENGINE, error, error.close_code)
        return self._end(self._ending or ending, now_ms)

    # -- tokens ----------------------------------------------------------------------------------

    def _quota_read(self, event: events.QuotaRead, now_ms: float) -> list[Command]:
        self._ledger.read(event)
        return self._check_quota(now_ms)

    def _check_quota(self, now_ms: float) -> list[Command]:
        if self._life is not Life.OPEN:
            return []
        if not self._ledger.is_exhausted:
            return []
        error = QuotaError("The plan's tokens are used up.")
        ending = Ending(Status.COMPLETED, EndedReason.QUOTA, error, error.close_code)
        return self._begin_end(ending, now_ms)

    # -- time ------------------------------------------------------------------------------------

    def _woke(self, _event: events.Woke, now_ms: float) -> list[Command]:
        commands: list[Command] = []
        if now_ms >= self._record_at_ms:
            self._record_at_ms = beat(now_ms) + RECORD_EVERY_MS
            commands += [Record(block) for block in self._scribe.timeline.settled(now_ms)]
        if now_ms >= self._ledger.due_ms:
            commands.append(self._ledger.book(now_ms))
        if self._life is Life.CLOSING:
            if now_ms >= self._close_by_ms and self._ending is not None:
                commands += self._end(self._ending, now_ms)
            return commands
        if self._wanted is not None and self._turn_ended(now_ms):
            return commands + self._begin_end(self._wanted, now_ms)
        overdue = self._presence.ending(now_ms)
        return commands + (self._begin_end(overdue, now_ms) if overdue else [])

    # -- the end ---------------------------------------------------------------------------------

    def _end_asked(self, event: events.EndAsked, now_ms: float) -> list[Command]:
        status = self._status_after(event.reason)
        ending = Ending(status, event.reason, event.error, event.error.close_code)
        if self._life is Life.OPENING:
            return self._end(ending, now_ms)
        if event.at_turn_end and not self._turn_ended(now_ms):
            # `_woke` looks again each time that audio is taken.
            self._wanted = ending
            return []
        return self._begin_end(ending, now_ms)

    def _status_before(self) -> Status | None:
        """What could not be taken up again is left as it was, for another try."""
        resumes = self._spec.resumes
        return resumes.status if resumes and self._life is Life.OPENING else None

    def _status_after(self, reason: EndedReason) -> Status:
        if reason is EndedReason.DRAIN and self._spec.limits.grace_ms > 0:
            # Its client comes back, to another process.
            return self._status_before() or Status.IN_PROGRESS
        ours = reason in {EndedReason.ENGINE, EndedReason.LOST}
        return Status.FAILED if ours else Status.COMPLETED

    def _pause_asked(self, _event: events.PauseAsked, now_ms: float) -> list[Command]:
        return self._begin_end(PAUSE, now_ms) if self._life is Life.OPEN else []

    def _turn_ended(self, now_ms: float) -> bool:
        scribe = self._scribe
        busy = scribe.user_speaking or scribe.active or scribe.transcribing or self._tools.busy
        return not busy and not scribe.timeline.agent_is_heard(now_ms)

    def _begin_end(self, ending: Ending, now_ms: float) -> list[Command]:
        """End once the response in flight has told its usage and the last words have come."""
        if self._life is Life.OPENING:
            return self._end(ending, now_ms)
        if self._life is Life.CLOSING:
            return []
        self._life = Life.CLOSING
        self._ending = ending
        self._tools.close()
        self._close_by_ms = now_ms + CLOSING_MS
        commands: list[Command] = [self._cancel(active) for active in self._scribe.active]
        return commands + self._end_if_settled(now_ms)

    @staticmethod
    def _cancel(response_id: str) -> ToEngine:
        body = {"type": "response.cancel", "response_id": response_id}
        return ToEngine(Frame("response.cancel", body))

    def _end_if_settled(self, now_ms: float) -> list[Command]:
        if self._scribe.active or self._scribe.transcribing or self._ending is None:
            return []
        return self._end(self._ending, now_ms)

    def _end(self, ending: Ending, now_ms: float) -> list[Command]:
        opened = self._life is not Life.OPENING
        self._life = Life.CLOSED
        commands: list[Command] = []
        if opened:
            commands += self._scribe.break_off(now_ms)
            commands += [Record(block) for block in self._scribe.timeline.rest(now_ms)]
            self._ledger.meter.drop_pending()
            commands.append(self._ledger.book(now_ms))
            self._at_ms += self._scribe.timeline.position_ms(now_ms)
        commands += self._leave_client(ending)
        active_ms = self._ledger.meter.totals.active_ms
        commands.append(Finish(ending.status, ending.reason, active_ms, self._at_ms))
        return commands

    def _leave_client(self, ending: Ending) -> list[Command]:
        told = [self._error(ending.error, None)] if ending.error else []
        reason = ending.error.code if ending.error else str(ending.reason)
        return [*told, CloseSocket(ending.close_code, reason[:CLOSE_REASON_BYTES_MAX])]
