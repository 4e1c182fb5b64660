"""A session core played by hand: events go in, and the commands come out as short words."""

from copy import deepcopy
from itertools import count

import orjson

from voicehub.realtime.frame import Frame
from voicehub.session import events
from voicehub.session.commands import (
    BeginLeg,
    Book,
    CallTool,
    CloseSocket,
    Command,
    Greet,
    KeepClientSession,
    KeepLine,
    Record,
    ToClient,
    ToEngine,
)
from voicehub.session.metering import Totals
from voicehub.session.resumption import Resumption
from voicehub.session.session import Session
from voicehub.session.spec import DEFAULT_SESSION, Limits, SessionSpec

START_MS = 1_000_000.0
WALL_MS = 1_700_000_000_000.0
PCM_PER_MS = 48


def spec(**changes) -> SessionSpec:
    given = {
        "session_id": 7,
        "team_id": 3,
        "agent_id": 12,
        "agent_name": "Ada",
        "model": "agent_12",
        "limits": Limits(duration_ms=600_000, idle_ms=60_000),
    }
    return SessionSpec(**{**given, **changes})


def effective(**changes) -> dict:
    """What an engine answers on opening, with the agent's secrets in it."""
    session = deepcopy(DEFAULT_SESSION)
    session |= {
        "id": "sess_engine",
        "object": "realtime.session",
        "model": "gpt-secret",
        "instructions": "You are Ada.",
        "tools": [{"type": "function", "name": "secret"}],
        "tool_choice": "required",
    }
    return {**session, **changes}


def left(**changes) -> Resumption:
    """What an owner has left of a session that it held for five seconds."""
    given = {
        "lines": (
            {"item_id": "item_1", "speaker": "user", "transcript": "Hello?", "order": 1.0},
            {"item_id": "item_2", "speaker": "agent", "transcript": "Hello!", "order": 2.0},
        ),
        "sequence": 4,
        "totals": Totals(audio=7_000_000, responses=1, active_ms=5_000.0),
        "at_ms": 5_000.0,
        "wall_ms": None,
    }
    return Resumption(**{**given, **changes})


def word(command: Command) -> str:
    """One command in short words."""
    match command:
        case ToClient(frame, held):
            text = f"client {frame.type}{' held' if held else ''}"
        case ToEngine(frame):
            text = f"engine {frame.type}"
        case Greet(frame):
            text = f"greet {frame.type}"
        case CallTool(call_id, name):
            text = f"tool {name} {call_id}"
        case CloseSocket(code, reason):
            text = f"close {code} {reason}"
        case _:
            text = _kept(command)
    return text


def _kept(command: Command) -> str:
    match command:
        case KeepLine(sequence, line):
            end = " interrupted" if line["interrupted"] else ""
            text = f"line {sequence} {line['speaker']}: {line['transcript']}{end}"
        case Book(sequence):
            text = f"book {sequence}"
        case Record(block):
            text = f"record {len(block) // 24} ms"
        case BeginLeg(at_ms):
            text = f"leg at {at_ms:.0f}"
        case KeepClientSession(session):
            text = f"keep {' '.join(session)}"
        case _:
            text = f"finish {command.status} {command.reason}"
    return text


class Live:
    """A session, its clock, and everything it asked for."""

    def __init__(
        self,
        *,
        opened: bool = True,
        session: dict | None = None,
        core: type[Session] = Session,
        **changes,
    ) -> None:
        numbers = count(1)
        self.now_ms = START_MS
        self.spec = spec(**changes)
        self.session = core(self.spec, lambda kind: f"{kind}_{next(numbers)}", START_MS)
        self.last: list[Command] = []
        self.all: list[Command] = []
        if opened:
            self.do(events.Opened(session or effective(), WALL_MS))

    def do(self, event: events.Event) -> list[str]:
        self.last = self.session.handle(event, self.now_ms)
        self.all += self.last
        return [word(command) for command in self.last]

    def client(self, kind: str, **fields) -> list[str]:
        return self.do(events.ClientSent(self.frame(kind, fields)))

    def engine(self, kind: str, **fields) -> list[str]:
        return self.do(events.EngineSent(self.frame(kind, {"event_id": "e", **fields})))

    def speak(self, duration_ms: int, *, chunk_ms: int = 100) -> list[str]:
        """The caller's audio, chunk by chunk as time passes; whatever is due is done."""
        words: list[str] = []
        for _ in range(duration_ms // chunk_ms):
            words += self.wait(chunk_ms)
            frame = Frame(
                "input_audio_buffer.append",
                {"type": "input_audio_buffer.append"},
                audio=b"\1\0" * (chunk_ms * PCM_PER_MS // 2),
            )
            words += self.do(events.ClientSent(frame))
        return [each for each in words if not each.startswith(("engine input", "record"))]

    def agent_audio(self, duration_ms: int, *, item="item_a", response="resp_1") -> list[str]:
        frame = self.frame(
            "response.output_audio.delta",
            {"response_id": response, "item_id": item, "content_index": 0},
        )
        frame.audio = b"\2\0" * (duration_ms * PCM_PER_MS // 2)
        return self.do(events.EngineSent(frame))

    def wait(self, duration_ms: float) -> list[str]:
        """Time passes, and each deadline is kept; `last` holds all that it led to."""
        until_ms = self.now_ms + duration_ms
        commands: list[Command] = []
        while (due_ms := self.session.deadline_ms()) is not None and due_ms <= until_ms:
            assert due_ms > self.now_ms, "a deadline that is due for ever"
            self.now_ms = due_ms
            self.do(events.Woke())
            commands += self.last
        self.now_ms = until_ms
        self.last = commands
        return [word(command) for command in commands]

    def quota(self, audio: int, text: int = 10**12) -> list[str]:
        """The last booking was counted, and left this much."""
        sequence = max(each.sequence for each in self.all if isinstance(each, Book))
        return self.do(events.QuotaRead(sequence, audio, text))

    def frames(self, kind: str) -> list[Frame]:
        """What the client was sent of one type."""
        sent = [each.frame for each in self.all if isinstance(each, ToClient)]
        return [frame for frame in sent if frame.type == kind]

    @property
    def error(self) -> dict:
        """The last error that the client saw."""
        return self.frames("error")[-1].body["error"]

    def lines(self) -> list[dict]:
        return [each.line for each in self.all if isinstance(each, KeepLine)]

    def booked(self) -> dict:
        """The totals of the last booking, as JSON."""
        return next(each for each in reversed(self.all) if isinstance(each, Book)).totals.as_json()

    @staticmethod
    def frame(kind: str, fields: dict) -> Frame:
        body = {"type": kind, **fields}
        return Frame(kind, body, raw=orjson.dumps(body))


def usage(audio_in=0, text_in=0, audio_out=0, text_out=0) -> dict:
    return {
        "total_tokens": audio_in + text_in + audio_out + text_out,
        "input_tokens": audio_in + text_in,
        "output_tokens": audio_out + text_out,
        "input_token_details": {"audio_tokens": audio_in, "text_tokens": text_in},
        "output_token_details": {"audio_tokens": audio_out, "text_tokens": text_out},
    }
