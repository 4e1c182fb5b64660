"""One event of the Realtime protocol as it travels through the server, in either direction."""

from dataclasses import dataclass
from typing import Any

import orjson
import pybase64

# Which field holds the audio of the two event types that carry it.
AUDIO_FIELD = {"input_audio_buffer.append": "audio", "response.output_audio.delta": "delta"}

# The protocol is open-ended: bodies hold whatever JSON the other side sent.
Body = dict[str, Any]


@dataclass(slots=True, eq=False)
class Frame:
    """An event whose audio, if it carries any, is decoded once and encoded at most once.

    `body` holds `type` and the other fields; the base64 field of an audio event is absent from it
    once `audio` (raw bytes in the session's format) is set. `raw` is the JSON text as it came: a
    frame that nobody changed goes on as those bytes. Whoever changes `body` clears `raw`.
    With a `header` (of the subprotocol voicehub.v1) it travels as that and the audio, not as JSON.
    """

    type: str
    body: Body
    audio: bytes | None = None
    raw: bytes | None = None
    header: bytes | None = None

    @property
    def event_id(self) -> str | None:
        value = self.body.get("event_id")
        return value if isinstance(value, str) else None

    def __repr__(self) -> str:
        # What people said never reaches a log line or a traceback.
        return f"Frame({self.type!r})"


def server_frame(event_id: str, kind: str, /, **fields: Any) -> Frame:
    """A server event `kind`; `fields` are its body beside `type` and `event_id`."""
    return Frame(kind, {"type": kind, "event_id": event_id, **fields})


def as_object(value: object) -> Body:
    """`value` where it is a JSON object; an empty one in the place of anything else."""
    return value if isinstance(value, dict) else {}


def to_json(frame: Frame) -> bytes:
    """The frame's JSON text, UTF-8."""
    if frame.raw is not None:
        return frame.raw
    if frame.audio is None:
        return orjson.dumps(frame.body)
    # Base64 needs no escaping, so it is spliced in without a second pass over the audio.
    field = AUDIO_FIELD[frame.type].encode()
    return b"".join(
        (
            orjson.dumps(frame.body)[:-1],
            b',"',
            field,
            b'":"',
            pybase64.b64encode(frame.audio),
            b'"}',
        )
    )
