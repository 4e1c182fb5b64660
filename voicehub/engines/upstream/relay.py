"""What happens between a client and an upstream that may break off: it decides and does nothing."""

from collections import deque
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from voicehub.engines.upstream import session_config
from voicehub.engines.upstream.fault import Fault, ended_error, fault_of, neutral, neutral_end
from voicehub.engines.upstream.in_flight import InFlight
from voicehub.engines.upstream.mirror import Mirror
from voicehub.engines.upstream.pending import Pending
from voicehub.engines.upstream.retelling import ITEM_SHOWN, TRUNCATE, Retelling
from voicehub.errors import EngineError
from voicehub.realtime.frame import Body, Frame, server_frame
from voicehub.realtime.parse import APPEND
from voicehub.realtime.rate_limits import no_rate_limits

_AUDIO_DELTA = "response.output_audio.delta"
_COMMITTED = "input_audio_buffer.committed"
_TRANSCRIPTION = "conversation.item.input_audio_transcription"


class Relay:
    """One per session; it outlives the connections to the upstream."""

    def __init__(
        self, session: Body, *, engine: str, transcription_model: str, new_id: Callable[[str], str]
    ) -> None:
        self._engine = engine
        self._transcription_model = transcription_model
        self._new_id = new_id
        self._config = session_config.asked(session, transcription_model)
        self._pending = Pending()
        self._mirror = Mirror()
        self._in_flight = InFlight()
        self._retelling = Retelling(self._mirror, self._pending, new_id)
        self._connections = 0
        self._online = False
        self._sent_order = 0
        self._heard_ms = 0.0
        self._offset_ms = 0.0
        self._speaking: str | None = None
        self._transcribing: dict[str, None] = {}
        self._owes_reply = False
        self.for_client: deque[Frame] = deque()
        """Events of our own making, before the next of the upstream."""
        self.expired = False
        """Whether the upstream said that its own maximum duration is over."""
        self.failure: EngineError | None = None
        """Set once nothing more can come of this upstream."""
        self.refused: list[str] = []
        """Codes of the errors that answered events of ours; taken by who logs them."""
        self._reactions: dict[str, Callable[[Frame, Frame | None], Frame | None]] = {
            "session.updated": self._session_updated,
            "input_audio_buffer.speech_started": self._speech_started,
            "input_audio_buffer.speech_stopped": self._speech_stopped,
            "input_audio_buffer.timeout_triggered": self._timeout_triggered,
            _COMMITTED: self._committed,
            "input_audio_buffer.cleared": self._cleared,
            f"{_TRANSCRIPTION}.completed": self._transcribed,
            f"{_TRANSCRIPTION}.failed": self._not_transcribed,
            "response.created": self._response_created,
            "response.done": self._response_done,
            "rate_limits.updated": self._rate_limits_updated,
        }

    @property
    def is_idle(self) -> bool:
        """Whether the connection may change without anybody noticing."""
        busy = self._in_flight or self._transcribing or self._speaking or self._owes_reply
        return not busy and self._pending.is_quiet

    # -- connections -------------------------------------------------------------------------------

    def update(self) -> Frame:
        """The `session.update` that opens a connection."""
        return self._retelling.own("session.update", session=self._config)

    def opened(self, answer: Body) -> Body:
        """The first connection took it; `answer` is its session object. Returns the effective one.

        Raises EngineError when it speaks a format that cannot be served.
        """
        self._connections = 1
        self._online = True
        return self._configure(answer)

    def lost(self) -> None:
        """The connection broke off: what was under way ends, for the client too."""
        ended = self._in_flight.break_off(self._new_id, self._mirror)
        for frame in ended:
            self._mirror.note(frame)
        self.for_client.extend(ended)
        if self._speaking is not None:
            place = {"item_id": self._speaking, "audio_end_ms": round(self._heard_ms)}
            self._tell_client("input_audio_buffer.speech_stopped", **place)
            self._speaking = None
        for item_id in self._transcribing:
            failed = {"type": "server_error", "code": "engine_failed", "message": "Lost."}
            place = {"item_id": item_id, "content_index": 0}
            self._tell_client(f"{_TRANSCRIPTION}.failed", **place, error=failed)
        self._transcribing.clear()
        self.for_client.extend(self._retelling.break_off())
        self._online = False
        self._keep_audio()

    def resume(self, told: Frame, answer: Body) -> list[Frame]:
        """What another connection, which took `told`, is sent; `rest` follows. Raises EngineError.

        `lost` has ended the connection before it, if that was still there.
        """
        self._connections += 1
        self.expired = False
        self._configure(answer)
        self.for_client.extend(self._retelling.cut_offline())
        events = self._retelling.tell()
        if told.body["session"] is not self._config:
            events.insert(0, self.update())
        if self._owes_reply and not self._pending.holds("response.create"):
            events.append(self._retelling.own("response.create"))
        # The connection's first sample is the oldest that it is sent again.
        self._offset_ms = self._heard_ms - self._pending.audio_ms
        self._sent_order = 0
        return events

    def rest(self) -> list[Frame]:
        """What the client sent and the connection has not got. Once empty, the relay is online."""
        waiting = list(self._pending.frames(after=self._sent_order))
        self._sent_order = self._pending.last_order
        if not waiting:
            self._online = True
            self._keep_audio()
        frames: list[Frame] = []
        for frame in waiting:
            cut = self._retelling.cut(frame) if frame.type == TRUNCATE else None
            if cut is not None:
                self._pending.forget(frame)
            frames += [frame] if cut is None else cut
        return frames

    # -- from the client ---------------------------------------------------------------------------

    def from_client(self, frame: Frame) -> list[Frame]:
        """What the connection is sent. Without one it is nothing: what matters comes in `rest`."""
        if frame.type == APPEND:
            duration_ms = self._input.duration_ms(len(frame.audio or b""))
            self._heard_ms += duration_ms
            self._pending.sent(frame, duration_ms)
            return [frame] if self._online else []
        if frame.type == TRUNCATE and self._online:
            cut = self._retelling.cut(frame)
            if cut is not None:
                return cut
        if frame.type == "session.update":
            frame = self._asked(frame)
        self._pending.sent(frame)
        return [frame] if self._online else []

    def _asked(self, frame: Frame) -> Frame:
        session = session_config.asked(frame.body["session"], self._transcription_model)
        if session == frame.body["session"]:
            return frame
        return replace(frame, body={**frame.body, "session": session}, raw=None)

    # -- from the upstream -------------------------------------------------------------------------

    def from_upstream(self, frame: Frame) -> Frame | None:
        """The event as the client may see it; None for what is between us and the upstream."""
        if frame.type == _AUDIO_DELTA:
            duration_ms = self._output.duration_ms(len(frame.audio or b""))
            self._mirror.hear(frame.body["item_id"], duration_ms)
            return frame
        if frame.type == "error":
            return self._error(frame)
        if self._is_ours(frame):
            return None
        if (truncated := self._retelling.was_cut(frame)) is not None:
            return truncated
        confirmed = self._pending.note(frame)
        frame = self._placed(frame, confirmed)
        self._in_flight.note(frame)
        self._mirror.note(frame)
        react = self._reactions.get(frame.type)
        return react(frame, confirmed) if react else frame

    def _is_ours(self, frame: Frame) -> bool:
        if frame.type == "conversation.created":
            return self._connections > 1
        return frame.type == "session.created" or self._retelling.is_answer(frame)

    def _placed(self, frame: Frame, confirmed: Frame | None) -> Frame:
        """`frame` with the item before it as the client knows it."""
        if frame.type not in ITEM_SHOWN and frame.type != _COMMITTED:
            return frame
        if frame.body.get("previous_item_id") is not None:
            return frame
        if confirmed is not None and confirmed.body.get("previous_item_id") == "root":
            # Null means the beginning here; elsewhere, from upstreams that leave it out, the end.
            self._mirror.note(replace(frame, body={**frame.body, "previous_item_id": "root"}))
            return frame
        if self._connections == 1 or self._mirror.last_id is None:
            return frame
        # A new connection does not know of items that could not be told again.
        item_id = frame.body["item_id"] if frame.type == _COMMITTED else frame.body["item"]["id"]
        known = item_id in self._mirror
        previous_id = self._mirror.previous_id(item_id) if known else self._mirror.last_id
        return replace(frame, body={**frame.body, "previous_item_id": previous_id}, raw=None)

    def _error(self, frame: Frame) -> Frame | None:
        error = frame.body["error"]
        self._pending.note(frame)
        fault = fault_of(error)
        if fault is Fault.EXPIRED:
            self.expired = True
            return None
        if fault is Fault.ACCOUNT:
            self._fail()
            return None
        if self._retelling.is_own(error.get("event_id")):
            self.refused.append(str(error.get("code")))
            return None
        if fault is Fault.BUSY:
            return replace(frame, body={**frame.body, "error": neutral(error)}, raw=None)
        return frame

    def _session_updated(self, frame: Frame, confirmed: Frame | None) -> Frame:
        if confirmed is not None:
            self._config = session_config.overlaid(self._config, confirmed.body["session"])
        session = self._configure(frame.body["session"])
        return replace(frame, body={**frame.body, "session": session}, raw=None)

    def _speech_started(self, frame: Frame, _confirmed: Frame | None) -> Frame:
        self._speaking = frame.body["item_id"]
        self._owes_reply = False
        self._keep_audio()
        return self._shifted(frame, "audio_start_ms")

    def _speech_stopped(self, frame: Frame, _confirmed: Frame | None) -> Frame:
        return self._shifted(frame, "audio_end_ms")

    def _timeout_triggered(self, frame: Frame, _confirmed: Frame | None) -> Frame:
        return self._shifted(frame, "audio_start_ms", "audio_end_ms")

    def _committed(self, frame: Frame, confirmed: Frame | None) -> Frame:
        self._speaking = None
        self._keep_audio()
        if self._transcribes:
            self._transcribing[frame.body["item_id"]] = None
        # A commit of the client's own makes no response; the end of a turn does.
        self._owes_reply = confirmed is None and self._replies
        return frame

    def _cleared(self, frame: Frame, _confirmed: Frame | None) -> Frame:
        self._speaking = None
        self._keep_audio()
        return frame

    def _transcribed(self, frame: Frame, _confirmed: Frame | None) -> Frame:
        self._transcribing.pop(frame.body["item_id"], None)
        self._pending.transcribed(frame.body["item_id"])
        return frame

    def _not_transcribed(self, frame: Frame, _confirmed: Frame | None) -> Frame:
        self._transcribing.pop(frame.body["item_id"], None)
        error = frame.body["error"]
        if fault_of(error) is Fault.CLIENT:
            return frame
        shown = {name: neutral(error)[name] for name in ("type", "code", "message")}
        return replace(frame, body={**frame.body, "error": shown}, raw=None)

    def _response_created(self, frame: Frame, _confirmed: Frame | None) -> Frame:
        self._owes_reply = False
        return frame

    def _response_done(self, frame: Frame, _confirmed: Frame | None) -> Frame:
        fault = fault_of(ended_error(frame))
        if fault is Fault.CLIENT:
            return frame
        if fault is Fault.ACCOUNT:
            self._fail()
        self.expired = self.expired or fault is Fault.EXPIRED
        return neutral_end(frame)

    @staticmethod
    def _rate_limits_updated(frame: Frame, _confirmed: Frame | None) -> Frame:
        # The numbers are those of our account with the provider, which all sessions share.
        return replace(frame, body={**frame.body, "rate_limits": no_rate_limits()}, raw=None)

    # -- both --------------------------------------------------------------------------------------

    def _configure(self, answer: Body) -> Body:
        session = session_config.effective(self._config, answer, self._engine)
        self._input = session_config.audio_format(session, "input", self._engine)
        self._output = session_config.audio_format(session, "output", self._engine)
        given = session["audio"]["input"]
        detection = given.get("turn_detection")
        self._detects_turns = isinstance(detection, dict)
        self._replies = self._detects_turns and detection.get("create_response") is not False
        self._transcribes = given.get("transcription") is not None
        self._keep_audio()
        return session

    def _keep_audio(self) -> None:
        # Without turn detection all that the buffer holds is the turn; without a connection
        # whatever comes is worth keeping.
        quiet = self._online and self._detects_turns and self._speaking is None
        self._pending.in_turn = not quiet

    def _shifted(self, frame: Frame, *names: str) -> Frame:
        """Positions of a connection count from its own first sample; the client's from its own."""
        if not self._offset_ms:
            return frame
        shifted = {name: round(frame.body[name] + self._offset_ms) for name in names}
        return replace(frame, body={**frame.body, **shifted}, raw=None)

    def _tell_client(self, kind: str, /, **fields: Any) -> None:
        self.for_client.append(server_frame(self._new_id("event"), kind, **fields))

    def _fail(self) -> None:
        self.failure = EngineError(f"The engine '{self._engine}' was refused by its provider.")
