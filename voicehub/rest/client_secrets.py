"""`POST /v1/realtime/client_secrets`, in OpenAI's shape, for stock SDKs."""

from typing import Annotated, Literal

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field

from voicehub.errors import NotFoundError, QuotaError, RateLimitError
from voicehub.rest.fields import Shown, Whole
from voicehub.rest.opening import create_session, issue_secret
from voicehub.rest.operation import operation

# OpenAI's own bounds.
LIFE_S_MIN = 10
LIFE_S_MAX = 7200


class _Lenient(BaseModel):
    """OpenAI's bodies grow; what we do not know is left alone, as the SDKs expect."""

    model_config = ConfigDict(
        strict=True,
        extra="ignore",
        use_attribute_docstrings=True,
        json_schema_extra={"additionalProperties": True},
    )


class ExpiresAfter(_Lenient):
    anchor: Literal["created_at"] = "created_at"
    seconds: Annotated[Whole, Field(ge=LIFE_S_MIN, le=LIFE_S_MAX)] | None = None


class RealtimeSession(_Lenient):
    """`model` names the agent. The rest of a session is sent by `session.update` on the socket,
    where the agent's settings decide what a client may change; it is not kept here.
    """

    type: Literal["realtime"]
    model: Annotated[str, Field(min_length=1, max_length=255)]


class NewClientSecret(_Lenient):
    model_config = ConfigDict(
        json_schema_extra={
            "additionalProperties": True,
            "examples": [
                {
                    "expires_after": {"anchor": "created_at", "seconds": 600},
                    "session": {"type": "realtime", "model": "Ava"},
                }
            ],
        }
    )

    expires_after: ExpiresAfter | None = None
    session: RealtimeSession


class VoiceHubFacts(Shown):
    session_id: int
    agent_id: int


class RealtimeSessionShown(Shown):
    type: Literal["realtime"] = "realtime"
    object: Literal["realtime.session"] = "realtime.session"
    id: str
    model: str
    voicehub: VoiceHubFacts


class RealtimeSecret(Shown):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "value": "ek_eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI3In0.c2lnbmF0dXJl",
                    "expires_at": 1795433400,
                    "session": {
                        "type": "realtime",
                        "object": "realtime.session",
                        "id": "sess_42",
                        "model": "Ava",
                        "voicehub": {"session_id": 42, "agent_id": 12},
                    },
                }
            ]
        }
    )

    value: str
    expires_at: int
    """Unix time in seconds, as in OpenAI's answer."""
    session: RealtimeSessionShown


@operation(
    "Create a session and its secret, in OpenAI's shape",
    answers=RealtimeSecret,
    errors=(QuotaError, RateLimitError, NotFoundError),
)
async def create(request: web.Request, asked: NewClientSecret) -> RealtimeSecret:
    _, session = await create_session(request, asked.session.model, {})
    life_s = asked.expires_after.seconds if asked.expires_after else None
    value, expires_at = issue_secret(request, session.id, life_s)
    return RealtimeSecret(
        value=value,
        expires_at=expires_at,
        session=RealtimeSessionShown(
            id=f"sess_{session.id}",
            model=asked.session.model,
            voicehub=VoiceHubFacts(session_id=session.id, agent_id=session.agent_id),
        ),
    )
