"""`GET /v1/sessions/{session_id}/recording/waveform`: how loud both voices are, for a player."""

from typing import Annotated, Literal

from aiohttp import web
from pydantic import ConfigDict, Field

from voicehub.errors import ConflictError, NotFoundError, OverloadError
from voicehub.keys import WAVEFORMS
from voicehub.rest.fields import Shown
from voicehub.rest.operation import operation
from voicehub.rest.recordings import finished_recording
from voicehub.sinks.waveform import LOUDEST

Peaks = list[Annotated[int, Field(ge=0, le=LOUDEST)]]


class WaveformShown(Shown):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "object": "waveform",
                    "session_id": 12,
                    "seconds": 3.0,
                    "user": [0, 180, 12],
                    "agent": [0, 0, 201],
                }
            ]
        }
    )

    object: Literal["waveform"] = "waveform"
    session_id: int
    seconds: float
    user: Peaks
    """The peaks of equal stretches of the recording, 0 to 255; at most 1,200."""
    agent: Peaks


@operation(
    "Show how loud both voices of a recording are",
    answers=WaveformShown,
    errors=(NotFoundError, ConflictError, OverloadError),
)
async def show(request: web.Request) -> WaveformShown:
    session, recording = await finished_recording(request)
    drawn = await request.app[WAVEFORMS].of(recording["key"], int(recording["bytes"]))
    return WaveformShown(
        session_id=session.id, seconds=drawn.seconds, user=drawn.user, agent=drawn.agent
    )
