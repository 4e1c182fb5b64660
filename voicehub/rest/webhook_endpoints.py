"""`/v1/webhook_endpoints`: where a team wants to hear of what happens, and its secrets."""

from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Literal, get_args

from aiohttp import web
from pydantic import AfterValidator, ConfigDict, Field, JsonValue

from voicehub.egress import fault_of
from voicehub.errors import (
    ClientError,
    ConflictError,
    Fault,
    NotFoundError,
    PreconditionFailedError,
)
from voicehub.keys import POSTGRES, PRINCIPAL, SETTINGS
from voicehub.rest import answer, body, etag
from voicehub.rest.cursor import ListQuery
from voicehub.rest.fields import Listed, Shown
from voicehub.rest.operation import operation
from voicehub.rest.webhook_deliveries import DeliveryShown
from voicehub.storage import webhook_deliveries, webhook_endpoints
from voicehub.storage.webhook_endpoints import Endpoint, EventType

_EXAMPLE: dict[str, JsonValue] = {
    "object": "webhook_endpoint",
    "id": 3,
    "url": "https://example.com/voicehub",
    "description": "Billing",
    "event_types": ["session.ended", "usage.settled"],
    "is_enabled": True,
    "disabled_reason": None,
    "failing_since": None,
    "previous_secret_until": None,
    "created_at": "2026-11-23T10:00:00Z",
    "updated_at": "2026-11-23T10:00:00Z",
}


def _without_repeats(types: list[EventType]) -> list[EventType]:
    return list(dict.fromkeys(types))


Url = Annotated[str, Field(min_length=1, max_length=2048)]
Description = Annotated[str, Field(max_length=255)]
EventTypes = Annotated[
    list[EventType], Field(min_length=1, max_length=32), AfterValidator(_without_repeats)
]


class NewEndpoint(body.Body):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"url": "https://example.com/voicehub", "event_types": ["session.ended"]},
            ]
        }
    )

    url: Url
    """`https://`, at a public address, without a password and without a fragment."""
    description: Description | None = None
    event_types: EventTypes = Field(default_factory=lambda: list(get_args(EventType)))
    """What it wants to hear of; everything, if nothing is said."""


class EndpointPatch(body.Body):
    """Only the keys that are sent change anything."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"is_enabled": False}]})

    url: Url = ""
    description: Description | None = None
    event_types: EventTypes = Field(default_factory=list)
    is_enabled: bool = True
    """False: nothing more is sent, and what waits is dead. True: as if it had never failed."""


class EndpointShown(Shown):
    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    object: Literal["webhook_endpoint"] = "webhook_endpoint"
    id: int
    url: str
    description: str | None
    event_types: list[EventType]
    is_enabled: bool
    disabled_reason: str | None
    """`gone`: it answered 410. `failing`: it took nothing for days."""
    failing_since: datetime | None
    """The first failure since the last success."""
    previous_secret_until: datetime | None
    """Until then the secret before signs as well."""
    created_at: datetime
    updated_at: datetime


class EndpointWithSecret(EndpointShown):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [_EXAMPLE | {"secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}]
        }
    )

    secret: str = Field(repr=False)
    """Shown this once: it verifies what is sent."""


@operation("List webhook endpoints", answers=Listed[EndpointShown])
async def list_page(request: web.Request, asked: ListQuery) -> Listed[EndpointShown]:
    async with request.app[POSTGRES].connection() as conn:
        team_id = request[PRINCIPAL].team_id
        found = await webhook_endpoints.list_page(conn, team_id, asked.window)
    return answer.listed(found, EndpointShown, EndpointShown.model_validate)


@operation(
    "Create a webhook endpoint",
    answers=EndpointWithSecret,
    status=HTTPStatus.CREATED,
    errors=(NotFoundError, ConflictError),
    is_idempotent=True,
)
async def create(request: web.Request, asked: NewEndpoint) -> web.Response:
    """The answer shows the secret, and no other does."""
    _require_allowed(request, asked.url)
    secret = webhook_endpoints.new_secret()
    async with request.app[POSTGRES].connection() as conn:
        endpoint = await webhook_endpoints.create(
            conn,
            request[PRINCIPAL].team_id,
            url=asked.url,
            description=asked.description,
            event_types=asked.event_types,
            secret=secret,
        )
    headers = {"Location": f"{request.path}/{endpoint.id}"}
    return answer.shown(_with_secret(endpoint, secret), HTTPStatus.CREATED, headers)


@operation("Show a webhook endpoint", answers=EndpointShown, is_tagged=True)
async def show(request: web.Request) -> web.Response:
    endpoint_id = body.path_id(request, "endpoint_id")
    async with request.app[POSTGRES].connection() as conn:
        endpoint = await webhook_endpoints.get(conn, request[PRINCIPAL].team_id, endpoint_id)
    endpoint = _found(endpoint)
    return answer.tagged(request, EndpointShown.model_validate(endpoint), endpoint)


@operation(
    "Change a webhook endpoint",
    answers=EndpointShown,
    errors=(PreconditionFailedError,),
    is_tagged=True,
)
async def update(request: web.Request, asked: EndpointPatch) -> web.Response:
    sent = asked.model_fields_set
    if "url" in sent:
        _require_allowed(request, asked.url)
    team_id, endpoint_id = request[PRINCIPAL].team_id, body.path_id(request, "endpoint_id")
    async with request.app[POSTGRES].transaction() as conn:
        row = _found(await webhook_endpoints.lock(conn, team_id, endpoint_id))
        etag.require_match(request, row)
        changed = await webhook_endpoints.update(
            conn,
            team_id,
            endpoint_id,
            url=asked.url if "url" in sent else row.url,
            description=asked.description if "description" in sent else row.description,
            event_types=asked.event_types if "event_types" in sent else row.event_types,
            is_enabled=asked.is_enabled if "is_enabled" in sent else row.is_enabled,
        )
    return answer.tagged(request, EndpointShown.model_validate(changed), changed)


@operation("Delete a webhook endpoint and its deliveries")
async def delete(request: web.Request) -> None:
    endpoint_id = body.path_id(request, "endpoint_id")
    async with request.app[POSTGRES].connection() as conn:
        if not await webhook_endpoints.delete(conn, request[PRINCIPAL].team_id, endpoint_id):
            raise NotFoundError("There is no such endpoint.")


@operation(
    "Give a webhook endpoint a new secret",
    answers=EndpointWithSecret,
    is_idempotent=True,
)
async def rotate_secret(request: web.Request) -> EndpointWithSecret:
    """For a day the secret before signs as well. No other answer shows the new one."""
    endpoint_id, secret = body.path_id(request, "endpoint_id"), webhook_endpoints.new_secret()
    async with request.app[POSTGRES].connection() as conn:
        team_id = request[PRINCIPAL].team_id
        endpoint = await webhook_endpoints.rotate(conn, team_id, endpoint_id, secret)
    return _with_secret(_found(endpoint), secret)


@operation(
    "Send a webhook endpoint an event that tells of nothing",
    answers=DeliveryShown,
    status=HTTPStatus.ACCEPTED,
    errors=(ConflictError,),
    is_idempotent=True,
)
async def send_test(request: web.Request) -> DeliveryShown:
    """`webhook.test` goes the way of every other event; its delivery tells what became of it."""
    team_id, endpoint_id = request[PRINCIPAL].team_id, body.path_id(request, "endpoint_id")
    async with request.app[POSTGRES].transaction() as conn:
        await webhook_endpoints.require_enabled(conn, team_id, endpoint_id)
        delivery = await webhook_deliveries.add_test(conn, team_id, endpoint_id)
    return DeliveryShown.model_validate(delivery)


def _require_allowed(request: web.Request, url: str) -> None:
    fault = fault_of(url, private=request.app[SETTINGS].webhooks_allow_private)
    if fault is not None:
        code = ClientError.code
        raise ClientError(fault, param="url", faults=[Fault("#/url", code, fault)])


def _found(endpoint: Endpoint | None) -> Endpoint:
    if endpoint is None:
        raise NotFoundError("There is no such endpoint.")
    return endpoint


def _with_secret(endpoint: Endpoint, secret: str) -> EndpointWithSecret:
    shown = EndpointShown.model_validate(endpoint)
    return EndpointWithSecret(**shown.model_dump(), secret=secret)
