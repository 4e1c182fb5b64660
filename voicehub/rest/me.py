"""`GET /v1/me`: who the token belongs to, the team, and what its plan has left."""

from collections.abc import Iterable

from aiohttp import web

from voicehub.auth.principal import fold_email
from voicehub.errors import AuthenticationError
from voicehub.keys import POSTGRES, PRINCIPAL, SETTINGS
from voicehub.rest import answer
from voicehub.storage import subscriptions, users
from voicehub.storage.subscriptions import Subscription
from voicehub.storage.users import User


async def show(request: web.Request) -> web.Response:
    principal = request[PRINCIPAL]
    async with request.app[POSTGRES].connection() as conn:
        user = await users.get(conn, principal.team_id, principal.user_id)
        subscription = await subscriptions.current(conn, principal.team_id)
    if user is None:
        raise AuthenticationError("The user of this token is gone.")
    return answer.json(
        {
            **show_user(user, request.app[SETTINGS].admin_emails),
            "subscription": _show_subscription(subscription) if subscription else None,
        }
    )


def show_user(user: User, admin_emails: Iterable[str]) -> answer.Json:
    return {
        "object": "user",
        "id": user.id,
        "email": user.email,
        "display_name": user.display_name,
        "is_admin": fold_email(user.email) in {fold_email(email) for email in admin_emails},
        "team": {"id": user.team_id, "name": user.team_name, "label": user.team_label},
    }


def _show_subscription(subscription: Subscription) -> answer.Json:
    """What is settled; the tokens of sessions that run now are added when these settle."""
    return {
        "id": subscription.id,
        "status": subscription.status,
        "plan": {
            "id": subscription.plan_id,
            "name": subscription.plan_name,
            "max_audio_tokens": subscription.max_audio_tokens,
            "max_text_tokens": subscription.max_text_tokens,
        },
        "total_audio_tokens_used": subscription.total_audio_tokens_used,
        "total_text_tokens_used": subscription.total_text_tokens_used,
        "current_period_start": subscription.current_period_start,
        "current_period_end": subscription.current_period_end,
        "cancel_at_period_end": subscription.cancel_at_period_end,
    }
