"""What became of the events for a team's webhook endpoints, and sending them again."""

from datetime import datetime
from http import HTTPStatus
from typing import Any, Literal

from aiohttp import web
from pydantic import ConfigDict

from voicehub.errors import ConflictError, NotFoundError
from voicehub.keys import POSTGRES, PRINCIPAL
from voicehub.rest import answer, body
from voicehub.rest.cursor import ListQuery
from voicehub.rest.fields import Listed, Shown
from voicehub.rest.operation import operation
from voicehub.storage import webhook_deliveries, webhook_endpoints
from voicehub.storage.webhook_deliveries import DeliveryStatus


class DeliveriesQuery(ListQuery):
    status: DeliveryStatus | None = None


class DeliveryShown(Shown):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "object": "webhook_delivery",
                    "id": 71,
                    "endpoint_id": 3,
                    "event_id": "evt_0f4b9a5be5f94a2f8d1f0c5e7a9b3d21",
                    "event_type": "usage.settled",
                    "payload": {
                        "type": "usage.settled",
                        "timestamp": "2026-11-23T10:05:00.125000Z",
                        "data": {
                            "session_id": 42,
                            "agent_id": 1,
                            "user_id": 7,
                            "audio_tokens": 1500,
                            "text_tokens": 320,
                            "duration_minutes": 2.5,
                        },
                    },
                    "status": "dead",
                    "attempts": 7,
                    "next_attempt_at": None,
                    "last_status": 500,
                    "last_error": None,
                    "delivered_at": None,
                    "created_at": "2026-11-23T10:05:00Z",
                    "updated_at": "2026-11-24T04:00:00Z",
                }
            ]
        }
    )

    object: Literal["webhook_delivery"] = "webhook_delivery"
    id: int
    endpoint_id: int
    event_id: str
    """`webhook-id`: the same in every attempt and replay, so that a reader knows a repeat."""
    event_type: str
    payload: dict[str, Any]
    """What is sent: ids and amounts, and never what was said."""
    status: DeliveryStatus
    """`pending`: to be sent, or under way. `dead`: given up, and may be replayed."""
    attempts: int
    next_attempt_at: datetime | None
    last_status: int | None
    """Of the last answer."""
    last_error: str | None
    """Why there was no answer, or why nothing was sent."""
    delivered_at: datetime | None
    created_at: datetime
    updated_at: datetime


@operation("List what was sent to a webhook endpoint", answers=Listed[DeliveryShown])
async def list_page(request: web.Request, asked: DeliveriesQuery) -> Listed[DeliveryShown]:
    """Those that are delivered or dead are kept for 30 days."""
    team_id, endpoint_id = request[PRINCIPAL].team_id, body.path_id(request, "endpoint_id")
    async with request.app[POSTGRES].connection() as conn:
        if await webhook_endpoints.get(conn, team_id, endpoint_id) is None:
            raise NotFoundError("There is no such endpoint.")
        found = await webhook_deliveries.list_page(
            conn, team_id, endpoint_id, asked.status, asked.window
        )
    return answer.listed(found, DeliveryShown, DeliveryShown.model_validate)


@operation("Show a webhook delivery", answers=DeliveryShown)
async def show(request: web.Request) -> DeliveryShown:
    delivery_id = body.path_id(request, "delivery_id")
    async with request.app[POSTGRES].connection() as conn:
        delivery = await webhook_deliveries.get(conn, request[PRINCIPAL].team_id, delivery_id)
    if delivery is None:
        raise NotFoundError("There is no such delivery.")
    return DeliveryShown.model_validate(delivery)


@operation(
    "Send a webhook delivery again",
    answers=DeliveryShown,
    status=HTTPStatus.ACCEPTED,
    errors=(ConflictError,),
)
async def replay(request: web.Request) -> DeliveryShown:
    """One that is dead or delivered, under the same `webhook-id`, with all its attempts anew."""
    team_id, delivery_id = request[PRINCIPAL].team_id, body.path_id(request, "delivery_id")
    async with request.app[POSTGRES].transaction() as conn:
        known = await webhook_deliveries.get(conn, team_id, delivery_id)
        if known is None:
            raise NotFoundError("There is no such delivery.")
        await webhook_endpoints.require_enabled(conn, team_id, known.endpoint_id)
        delivery = await webhook_deliveries.replay(conn, team_id, delivery_id)
    if delivery is None:
        raise ConflictError("The delivery is still to be sent.", code="delivery_pending")
    return DeliveryShown.model_validate(delivery)
