"""`/v1/me`: who the token belongs to, the settings, the team, and what its plan has left."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Literal

import orjson
from aiohttp import web
from pydantic import ConfigDict, Field

from voicehub.auth.principal import fold_email
from voicehub.errors import AuthenticationError, UnprocessableError
from voicehub.keys import POSTGRES, PRINCIPAL, SETTINGS
from voicehub.rest import body
from voicehub.rest.fields import Name, Quantity, Shown
from voicehub.rest.operation import operation
from voicehub.storage import members, subscriptions, users
from voicehub.storage.postgres import Connection
from voicehub.storage.subscriptions import Subscription
from voicehub.storage.users import User

SETTINGS_BYTES_MAX = 16 << 10


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
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "object": "user",
                    "id": 7,
                    "email": "ada@team.example",
                    "display_name": "Ada",
                    "is_admin": False,
                    "team": {"id": 3, "name": "acme", "label": "Acme"},
                    "settings": {"theme": "dark"},
                    "subscription": {
                        "id": 5,
                        "status": "active",
                        "plan": {
                            "id": 2,
                            "name": "Business",
                            "max_audio_tokens": 20000000,
                            "max_text_tokens": 40000000,
                        },
                        "total_audio_tokens_used": 48213.5,
                        "total_text_tokens_used": 1204,
                        "current_period_start": "2026-11-01T00:00:00Z",
                        "current_period_end": "2026-12-01T00:00:00Z",
                        "cancel_at_period_end": False,
                    },
                }
            ]
        }
    )

    settings: dict[str, Any]
    """Preferences of the user and of the pages: any JSON."""
    subscription: OwnSubscription | None


class MePatch(body.Body):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"display_name": "Ada", "settings": {"theme": "dark", "beta": None}}]
        }
    )

    display_name: Name = Field(default_factory=str)
    settings: dict[str, Any] = Field(default_factory=dict)
    """Laid over what is there, key by key: null takes a key away, what is not named stays."""


@operation("Show who the token belongs to", answers=Me)
async def show(request: web.Request) -> Me:
    async with request.app[POSTGRES].connection() as conn:
        return await _me(request, conn)


# Without an ETag: the answer is made of several rows, and a merge takes nothing from another's.
@operation("Change one's name and settings", answers=Me, errors=(UnprocessableError,))
async def update(request: web.Request, asked: MePatch) -> Me:
    principal = request[PRINCIPAL]
    async with request.app[POSTGRES].transaction() as conn:
        member = await members.lock_for_update(conn, principal.team_id, principal.own_user_id)
        if member is None:
            raise _gone()
        kept = member.settings | asked.settings
        settings = {name: value for name, value in kept.items() if value is not None}
        if len(orjson.dumps(settings)) > SETTINGS_BYTES_MAX:
            raise UnprocessableError(
                "The settings would be longer than 16 KiB of JSON.", param="settings"
            )
        await members.update(
            conn,
            member.team_id,
            member.id,
            email=member.email,
            display_name=asked.display_name or member.display_name,
            settings=settings,
        )
        return await _me(request, conn)


async def _me(request: web.Request, conn: Connection) -> Me:
    principal = request[PRINCIPAL]
    user = await users.get(conn, principal.team_id, principal.own_user_id)
    member = await members.get(conn, principal.team_id, principal.own_user_id)
    subscription = await subscriptions.current(conn, principal.team_id)
    if user is None or member is None:
        raise _gone()
    shown = own_user(user, request.app[SETTINGS].admin_emails)
    return Me(
        **shown.model_dump(),
        settings=member.settings,
        subscription=_own_subscription(subscription) if subscription else None,
    )


def _gone() -> AuthenticationError:
    return AuthenticationError("The user of this token is gone.")


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
