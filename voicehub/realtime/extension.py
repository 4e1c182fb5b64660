"""The client events of the subprotocol `voicehub.v1`, as they are checked at the edge."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from voicehub.realtime.models import Name

# What a client offers in Sec-WebSocket-Protocol, and the server then selects.
SUBPROTOCOL = "voicehub.v1"
PLAYOUT_REPORTED = "voicehub.playout.reported"
PAUSE = "voicehub.session.pause"
RESUME = "voicehub.session.resume"
# What the server says.
PAUSED = "voicehub.session.paused"
RESUMED = "voicehub.session.resumed"


class _Event(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    event_id: Name | None = None


class PlayoutReported(_Event):
    type: Literal["voicehub.playout.reported"]
    item_id: Name
    heard_ms: float = Field(ge=0, le=86_400_000, allow_inf_nan=False)


class SessionPause(_Event):
    type: Literal["voicehub.session.pause"]


class SessionResume(_Event):
    type: Literal["voicehub.session.resume"]


ExtensionEvent = Annotated[
    PlayoutReported | SessionPause | SessionResume, Field(discriminator="type")
]

EXTENSION_EVENT: TypeAdapter[ExtensionEvent] = TypeAdapter(ExtensionEvent)
EXTENSION_EVENT_TYPES = (PLAYOUT_REPORTED, PAUSE, RESUME)
