"""`/v1/plans`: what teams can subscribe to; admins say what there is."""

from dataclasses import fields
from datetime import datetime
from decimal import Decimal
from http import HTTPStatus
from typing import Annotated, Any, Literal

from aiohttp import web
from pydantic import ConfigDict, Field

from voicehub.errors import ConflictError, NotFoundError, PreconditionFailedError
from voicehub.keys import POSTGRES, REDIS
from voicehub.rest import answer, body, etag
from voicehub.rest.cursor import ListQuery
from voicehub.rest.fields import Amount, Listed, Name, Quantity, Shown
from voicehub.rest.operation import operation
from voicehub.storage import plans, quota, subscriptions
from voicehub.storage.plans import Plan, Terms

# Teams that have a changed plan are told of their new limits at once, so many; the worker tells the
# others within seconds.
TELL_TEAMS_MAX = 100

Description = Annotated[str, Field(max_length=10_000)]

_TERMS: dict[str, Any] = {  # any JSON
    "name": "Starter",
    "description": "For one small team.",
    "max_audio_tokens": 1_000_000,
    "max_text_tokens": 500_000.5,
    "monthly_price": 19.9,
    "annual_price": 199,
}
PLAN_EXAMPLE: dict[str, Any] = {
    "object": "plan",
    "id": 3,
    **_TERMS,
    "created_at": "2026-11-23T09:00:00Z",
    "updated_at": "2026-11-23T09:00:00Z",
}


class PlanShown(Shown):
    model_config = ConfigDict(json_schema_extra={"examples": [PLAN_EXAMPLE]})

    object: Literal["plan"] = "plan"
    id: int
    name: str
    description: str | None
    max_audio_tokens: Quantity
    """How many a billing period allows."""
    max_text_tokens: Quantity
    monthly_price: Quantity
    """For show: nothing here asks for money. A plan is free where both prices are 0."""
    annual_price: Quantity
    created_at: datetime
    updated_at: datetime


class NewPlan(body.Body):
    model_config = ConfigDict(json_schema_extra={"examples": [_TERMS]})

    name: Name
    description: Description | None = None
    max_audio_tokens: Amount
    max_text_tokens: Amount
    monthly_price: Amount = Field(default_factory=Decimal, json_schema_extra={"default": 0})
    annual_price: Amount = Field(default_factory=Decimal, json_schema_extra={"default": 0})


class PlanPatch(body.Body):
    model_config = ConfigDict(json_schema_extra={"examples": [{"max_audio_tokens": 2_000_000}]})

    name: Name = Field(default_factory=str)
    description: Description | None = None
    max_audio_tokens: Amount = Field(default_factory=Decimal)
    """Sessions that run feel it at once, also where it ends them."""
    max_text_tokens: Amount = Field(default_factory=Decimal)
    monthly_price: Amount = Field(default_factory=Decimal)
    """Who has the plan keeps it as it was taken: `free` or `active`."""
    annual_price: Amount = Field(default_factory=Decimal)


@operation("List plans", answers=Listed[PlanShown])
async def list_page(request: web.Request, asked: ListQuery) -> Listed[PlanShown]:
    async with request.app[POSTGRES].connection() as conn:
        found = await plans.list_page(conn, asked.window)
    return answer.listed(found, PlanShown, PlanShown.model_validate)


@operation("Show a plan", answers=PlanShown, errors=(NotFoundError,), is_tagged=True)
async def show(request: web.Request) -> web.Response:
    async with request.app[POSTGRES].connection() as conn:
        plan = await plans.get(conn, body.path_id(request, "plan_id"))
    if plan is None:
        raise _no_plan()
    return answer.tagged(request, PlanShown.model_validate(plan), plan)


@operation(
    "Create a plan",
    answers=PlanShown,
    status=HTTPStatus.CREATED,
    errors=(ConflictError,),
    is_idempotent=True,
)
async def create(request: web.Request, asked: NewPlan) -> web.Response:
    terms = Terms(**{name: getattr(asked, name) for name in NewPlan.model_fields})
    async with request.app[POSTGRES].transaction() as conn:
        plan = await plans.create(conn, terms)
    headers = {"Location": f"/v1/plans/{plan.id}"}
    return answer.shown(PlanShown.model_validate(plan), HTTPStatus.CREATED, headers)


@operation(
    "Change a plan",
    answers=PlanShown,
    errors=(NotFoundError, ConflictError, PreconditionFailedError),
    is_tagged=True,
)
async def update(request: web.Request, asked: PlanPatch) -> web.Response:
    """The teams that have it get its new limits at once."""
    plan_id, postgres = body.path_id(request, "plan_id"), request.app[POSTGRES]
    async with postgres.transaction() as conn:
        before = await plans.lock_for_change(conn, plan_id)
        if before is None:
            raise _no_plan()
        etag.require_match(request, before)
        plan = await plans.update(conn, plan_id, _patched(before, asked))
    if (plan.max_audio_tokens, plan.max_text_tokens) != (
        before.max_audio_tokens,
        before.max_text_tokens,
    ):
        async with postgres.connection() as conn:
            team_ids = await subscriptions.teams_of_plan(conn, plan_id, TELL_TEAMS_MAX)
        await quota.tell(postgres, request.app[REDIS], team_ids)
    return answer.tagged(request, PlanShown.model_validate(plan), plan)


@operation("Delete a plan", errors=(NotFoundError, ConflictError))
async def delete(request: web.Request) -> None:
    """Not while a subscription names it, be it a former one."""
    async with request.app[POSTGRES].transaction() as conn:
        await plans.delete(conn, body.path_id(request, "plan_id"))


def _patched(before: Plan, asked: PlanPatch) -> Terms:
    sent = asked.model_fields_set
    return Terms(
        **{
            field.name: getattr(asked if field.name in sent else before, field.name)
            for field in fields(Terms)
        }
    )


def _no_plan() -> NotFoundError:
    return NotFoundError("There is no such plan.")
