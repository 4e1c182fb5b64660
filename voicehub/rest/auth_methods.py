"""`GET /v1/auth/methods`: which ways to sign in a page may offer."""

from typing import Literal

from aiohttp import web
from pydantic import ConfigDict

from voicehub.keys import RESET_MAILS, SETTINGS
from voicehub.rest.fields import Shown
from voicehub.rest.operation import operation


class PasswordMethod(Shown):
    reset_by_mail: bool
    """Whether who has forgotten it can be sent a link; otherwise an admin makes one."""


class GoogleMethod(Shown):
    client_id: str
    """For the request to Google; `POST /v1/auth/google` takes the ID token that comes of it."""
    authorization_url: str
    """Where an OpenID Connect request to Google begins."""


class AuthMethods(Shown):
    """What is null is not set up."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "object": "auth_methods",
                    "password": {"reset_by_mail": True},
                    "google": {
                        "client_id": "1234.apps.googleusercontent.com",
                        "authorization_url": "https://accounts.google.com/o/oauth2/v2/auth",
                    },
                }
            ]
        }
    )

    object: Literal["auth_methods"] = "auth_methods"
    password: PasswordMethod
    google: GoogleMethod | None


@operation("Show the ways to sign in", answers=AuthMethods)
async def show(request: web.Request) -> AuthMethods:
    settings = request.app[SETTINGS]
    google = None
    if settings.google_client_ids:
        # The others are of programs, whose tokens are taken besides.
        client_id = settings.google_client_ids[0]
        google = GoogleMethod(
            client_id=client_id, authorization_url=settings.google_authorization_url
        )
    password = PasswordMethod(reset_by_mail=RESET_MAILS in request.app)
    return AuthMethods(password=password, google=google)
