"""`GET /v1/me`: who the token belongs to, the team, and what its plan has left."""

from collections.abc import Iterable
from datetime import datetime
from typing import Literal

from aiohttp import web

from voicehub.auth.principal import fold_email
from voicehub.errors import AuthenticationError
from voicehub.keys import POSTGRES, PRINCIPAL, SETTINGS
from voicehub.rest.fields import Quantity, Shown
from voicehub.rest.operation import operation
from voicehub.storage import subscriptions, users
from voicehub.storage.subscriptions import Subscription
from voicehub.storage.users import User


class OwnTeam(Shown):
    id: int
    name: str
    label: str


class OwnUser(Shown):
    object: Literal["user"] = "user"
    id: int
    email: str
    display_name: str
    is_admin: bool
    team: OwnTeam


class OwnPlan(Shown):
    id: int
    name: str
    max_audio_tokens: Quantity
    max_text_tokens: Quantity


class OwnSubscription(Shown):
    """What is settled; the tokens of sessions that run now are added when these settle."""

    id: int
    status: str
    plan: OwnPlan
    total_audio_tokens_used: Quantity
    total_text_tokens_used: Quantity
    current_period_start: datetime | None
    current_period_end: datetime | None
    cancel_at_period_end: bool


class Me(OwnUser):
    subscription: OwnSubscription | None


@operation("Show who the token belongs to", answers=Me)
async def show(request: web.Request) -> Me:
    principal = request[PRINCIPAL]
    async with request.app[POSTGRES].connection() as conn:
        user = await users.get(conn, principal.team_id, principal.own_user_id)
        subscription = await subscriptions.current(conn, principal.team_id)
    if user is None:
        raise AuthenticationError("The user of this token is gone.")
    shown = own_user(user, request.app[SETTINGS].admin_emails)
    return Me(
        **shown.model_dump(),
        subscription=_own_subscription(subscription) if subscription else None,
    )


def own_user(user: User, admin_emails: Iterable[str]) -> OwnUser:
    return OwnUser(
        id=user.id,
        email=user.email,
        display_name=user.display_name,
        is_admin=fold_email(user.email) in {fold_email(email) for email in admin_emails},
        team=OwnTeam(id=user.team_id, name=user.team_name, label=user.team_label),
    )


def _own_subscription(subscription: Subscription) -> OwnSubscription:
    plan = OwnPlan(
        id=subscription.plan_id,
        name=subscription.plan_name,
        max_audio_tokens=subscription.max_audio_tokens,
        max_text_tokens=subscription.max_text_tokens,
    )
    return OwnSubscription(
        id=subscription.id,
        status=subscription.status,
        plan=plan,
        total_audio_tokens_used=subscription.total_audio_tokens_used,
        total_text_tokens_used=subscription.total_text_tokens_used,
        current_period_start=subscription.current_period_start,
        current_period_end=subscription.current_period_end,
        cancel_at_period_end=subscription.cancel_at_period_end,
    )
