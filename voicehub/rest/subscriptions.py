"""`/v1/subscription` and `/v1/subscriptions`: what a team has, has had, and may do with it.

There is no payment here. A team's users take and leave free plans; plans that cost something are
given by admins, unless VOICEHUB_SELF_SERVICE_PLANS lets the users take these too.
"""

from dataclasses import asdict
from datetime import datetime
from decimal import Decimal
from http import HTTPStatus
from typing import Annotated, Any, Literal

from aiohttp import web
from pydantic import ConfigDict, Field

from voicehub.errors import ConflictError, ForbiddenError, NotFoundError, StorageError
from voicehub.keys import POSTGRES, PRINCIPAL, REDIS, SETTINGS
from voicehub.rest import answer, body
from voicehub.rest.cursor import ListQuery
from voicehub.rest.fields import (
    Identifier,
    Listed,
    Quantity,
    Shown,
    SignedAmount,
    SignedQuantity,
)
from voicehub.rest.operation import operation
from voicehub.rest.plans import PLAN_EXAMPLE, PlanShown
from voicehub.storage import plans, quota, subscribing, subscription_changes, subscriptions
from voicehub.storage.period import Interval
from voicehub.storage.quota import Live
from voicehub.storage.subscribing import By, Change
from voicehub.storage.subscriptions import Filters, SubscriptionRow, SubscriptionStatus

_EXAMPLE: dict[str, Any] = {  # any JSON
    "object": "subscription",
    "id": 12,
    "team_id": 7,
    "plan_id": 3,
    "status": "active",
    "total_audio_tokens_used": 120_034.5,
    "total_text_tokens_used": 4_012,
    "current_period_start": "2026-11-01T00:00:00Z",
    "current_period_end": "2026-12-01T00:00:00Z",
    "cancel_at_period_end": False,
    "created_at": "2026-09-01T00:00:00Z",
    "updated_at": "2026-11-23T09:00:00Z",
}
_CREDIT: dict[str, Any] = {
    "audio_tokens": -1_000,
    "text_tokens": 0,
    "reason": "An outage on 2026-11-20.",
}
# With the team's lock, the plan's and the subscription's.
_REFUSALS = (NotFoundError, ForbiddenError, ConflictError)


class SubscriptionShown(Shown):
    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    object: Literal["subscription"] = "subscription"
    id: int
    team_id: int
    plan_id: int
    status: SubscriptionStatus
    """`free` on a plan that cost nothing when it was taken, else `active`, until it is over."""
    total_audio_tokens_used: Quantity
    """In the current period, as far as it is settled."""
    total_text_tokens_used: Quantity
    current_period_start: datetime | None
    current_period_end: datetime | None
    cancel_at_period_end: bool
    created_at: datetime
    updated_at: datetime


class Tokens(Shown):
    audio_tokens: Quantity
    text_tokens: Quantity


class CurrentSubscription(SubscriptionShown):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    **_EXAMPLE,
                    "plan": PLAN_EXAMPLE,
                    "unsettled": {"audio_tokens": 310, "text_tokens": 12},
                    "left": {"audio_tokens": 879_655.5, "text_tokens": 495_976.5},
                }
            ]
        }
    )

    plan: PlanShown
    unsettled: Tokens | None
    """What sessions have used and the totals do not show yet; null while nobody can tell."""
    left: Tokens


class SubscriptionChangeShown(Shown):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "object": "subscription_change",
                    "id": 40,
                    "subscription_id": 12,
                    "actor": "user:5",
                    "change": "adjusted",
                    "plan_name": "Starter",
                    **_CREDIT,
                    "created_at": "2026-11-23T09:00:00Z",
                }
            ]
        }
    )

    object: Literal["subscription_change"] = "subscription_change"
    id: int
    subscription_id: int
    actor: str
    """`user:12`, or `service:NAME`."""
    change: Change
    plan_name: str
    """Of the plan that it has since."""
    audio_tokens: SignedQuantity
    """What an adjustment added; negative for a credit."""
    text_tokens: SignedQuantity
    reason: str | None
    created_at: datetime


class NewSubscription(body.Body):
    model_config = ConfigDict(json_schema_extra={"examples": [{"plan_id": 3, "interval": "month"}]})

    plan_id: Identifier
    interval: Annotated[Interval, Field(strict=False)] | None = None
    """How long its periods are; by default a month, or that of the one which it follows."""


class PlanChange(body.Body):
    model_config = ConfigDict(json_schema_extra={"examples": [{"plan_id": 4}]})

    plan_id: Identifier


class Cancellation(body.Body):
    model_config = ConfigDict(json_schema_extra={"examples": [{"at_period_end": True}]})

    at_period_end: bool = True
    """False ends it now, and with it the sessions that run."""


class Adjustment(body.Body):
    model_config = ConfigDict(json_schema_extra={"examples": [_CREDIT]})

    audio_tokens: SignedAmount = Field(default_factory=Decimal, json_schema_extra={"default": 0})
    """Added to what is used; negative for a credit, which takes off no more than there is."""
    text_tokens: SignedAmount = Field(default_factory=Decimal, json_schema_extra={"default": 0})
    reason: Annotated[str, Field(min_length=1, max_length=1000, pattern=r"\S")]
    """The team can read it."""


class AllSubscriptionsQuery(ListQuery):
    status: SubscriptionStatus | None = None
    plan_id: Identifier | None = None
    team_id: Identifier | None = None


@operation("List the subscriptions that the team has had", answers=Listed[SubscriptionShown])
async def list_page(request: web.Request, asked: ListQuery) -> Listed[SubscriptionShown]:
    async with request.app[POSTGRES].connection() as conn:
        found = await subscriptions.list_page(conn, request[PRINCIPAL].team_id, asked.window)
    return answer.listed(found, SubscriptionShown, SubscriptionShown.model_validate)


@operation("List the subscriptions of all teams", answers=Listed[SubscriptionShown])
async def list_all(request: web.Request, asked: AllSubscriptionsQuery) -> Listed[SubscriptionShown]:
    filters = Filters(asked.status, asked.plan_id, asked.team_id)
    async with request.app[POSTGRES].connection() as conn:
        found = await subscriptions.list_all(conn, filters, asked.window)
    return answer.listed(found, SubscriptionShown, SubscriptionShown.model_validate)


@operation(
    "Show a subscription", answers=SubscriptionShown, errors=(NotFoundError,), is_tagged=True
)
async def show(request: web.Request) -> web.Response:
    row = await _one(request)
    return answer.tagged(request, SubscriptionShown.model_validate(row), row)


@operation(
    "List what was done to a subscription",
    answers=Listed[SubscriptionChangeShown],
    errors=(NotFoundError,),
)
async def list_changes(request: web.Request, asked: ListQuery) -> Listed[SubscriptionChangeShown]:
    row = await _one(request)
    async with request.app[POSTGRES].connection() as conn:
        found = await subscription_changes.list_page(conn, row.team_id, row.id, asked.window)
    return answer.listed(found, SubscriptionChangeShown, SubscriptionChangeShown.model_validate)


@operation(
    "Show the current subscription and what it has left",
    answers=CurrentSubscription,
    errors=(NotFoundError,),
)
async def show_current(request: web.Request) -> CurrentSubscription:
    team_id = request[PRINCIPAL].team_id
    live = await live_tokens(request, team_id)
    async with request.app[POSTGRES].connection() as conn:
        current = await subscriptions.current(conn, team_id)
        row = await subscriptions.get(conn, team_id, current.id) if current else None
        plan = await plans.get(conn, row.plan_id) if row else None
    if row is None or plan is None:
        raise NotFoundError("The team has no current subscription.")
    counted = live or Live(Decimal(0), Decimal(0))
    audio_left = plan.max_audio_tokens - row.total_audio_tokens_used - counted.audio_tokens
    text_left = plan.max_text_tokens - row.total_text_tokens_used - counted.text_tokens
    return CurrentSubscription(
        **asdict(row),
        plan=PlanShown.model_validate(plan),
        unsettled=Tokens.model_validate(live) if live else None,
        left=Tokens(
            audio_tokens=max(Decimal(0), audio_left), text_tokens=max(Decimal(0), text_left)
        ),
    )


@operation(
    "Subscribe to a plan",
    answers=SubscriptionShown,
    status=HTTPStatus.CREATED,
    errors=_REFUSALS,
    is_idempotent=True,
)
async def create(request: web.Request, asked: NewSubscription) -> web.Response:
    """Within the period of one that was cancelled, it goes on with that period and its totals."""
    async with request.app[POSTGRES].connection() as conn:
        row = await subscribing.create(conn, _by(request), asked.plan_id, asked.interval)
    await _tell(request)
    headers = {"Location": f"{request.path}/{row.id}"}
    return answer.shown(SubscriptionShown.model_validate(row), HTTPStatus.CREATED, headers)


@operation("Change to another plan", answers=SubscriptionShown, errors=_REFUSALS)
async def change_plan(request: web.Request, asked: PlanChange) -> SubscriptionShown:
    """At once; the period and what is used stay. On a smaller plan this may end sessions."""
    subscription_id = body.path_id(request, "subscription_id")
    async with request.app[POSTGRES].connection() as conn:
        row = await subscribing.change_plan(conn, _by(request), subscription_id, asked.plan_id)
    await _tell(request)
    return SubscriptionShown.model_validate(row)


@operation(
    "Cancel a subscription", answers=SubscriptionShown, errors=(NotFoundError, ConflictError)
)
async def cancel(request: web.Request, asked: Cancellation) -> SubscriptionShown:
    subscription_id = body.path_id(request, "subscription_id")
    async with request.app[POSTGRES].connection() as conn:
        row = await subscribing.cancel(
            conn, _by(request), subscription_id, at_period_end=asked.at_period_end
        )
    await _tell(request)
    return SubscriptionShown.model_validate(row)


@operation(
    "Let a subscription go on that was to end with its period",
    answers=SubscriptionShown,
    errors=(NotFoundError, ConflictError),
)
async def reactivate(request: web.Request) -> SubscriptionShown:
    subscription_id = body.path_id(request, "subscription_id")
    async with request.app[POSTGRES].connection() as conn:
        row = await subscribing.reactivate(conn, _by(request), subscription_id)
    await _tell(request)
    return SubscriptionShown.model_validate(row)


@operation(
    "Correct what a subscription has used",
    answers=SubscriptionShown,
    errors=(NotFoundError, ConflictError),
    is_idempotent=True,
)
async def adjust(request: web.Request, asked: Adjustment) -> SubscriptionShown:
    subscription_id = body.path_id(request, "subscription_id")
    async with request.app[POSTGRES].connection() as conn:
        row = await subscribing.adjust(
            conn,
            _by(request),
            subscription_id,
            asked.audio_tokens,
            asked.text_tokens,
            asked.reason,
        )
    await _tell(request)
    return SubscriptionShown.model_validate(row)


async def live_tokens(request: web.Request, team_id: int) -> Live | None:
    """What the team's sessions used and nobody has settled yet; None while Redis is away."""
    try:
        return await quota.live(request.app[REDIS], team_id)
    except StorageError:
        return None


def _by(request: web.Request) -> By:
    principal = request[PRINCIPAL]
    may_pay = principal.is_acting or request.app[SETTINGS].self_service_plans
    return By(principal.team_id, principal.actor, may_pay)


async def _one(request: web.Request) -> SubscriptionRow:
    subscription_id = body.path_id(request, "subscription_id")
    async with request.app[POSTGRES].connection() as conn:
        row = await subscriptions.get(conn, request[PRINCIPAL].team_id, subscription_id)
    if row is None:
        raise NotFoundError("There is no such subscription.")
    return row


async def _tell(request: web.Request) -> None:
    """Sessions that run feel it at their next booking."""
    await quota.tell(request.app[POSTGRES], request.app[REDIS], [request[PRINCIPAL].team_id])
