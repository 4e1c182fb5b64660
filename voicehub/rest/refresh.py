"""`/v1/auth/refresh` and the ways out: a refresh token for the next, or for an end."""

from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated

from aiohttp import web
from pydantic import ConfigDict, Field

from voicehub.auth.refresh_tokens import TOKEN_CHARACTERS_MAX, RefreshToken, sign_in_mark
from voicehub.errors import AuthenticationError, ForbiddenError, StorageError
from voicehub.keys import POSTGRES, PRINCIPAL, REFRESH_TOKENS
from voicehub.rest import body, refresh_cookie, welcome
from voicehub.rest.operation import operation
from voicehub.rest.welcome import Welcome
from voicehub.storage import users
from voicehub.storage.page import BIGINT_MAX

# Any text of that length: what cannot be a token is an unknown one, and no error of form.
_Token = Annotated[str, Field(min_length=1, max_length=TOKEN_CHARACTERS_MAX)]


class Refresh(body.Body):
    model_config = ConfigDict(
        json_schema_extra={"examples": [{"refresh_token": "rt_AAAAAAAAAAwAAAAAAAAAA3Jh"}]}
    )

    refresh_token: _Token | None = Field(None, repr=False)
    """Without one it is the cookie's."""


@operation(
    "Exchange a refresh token for new tokens",
    answers=Welcome,
    errors=(AuthenticationError, ForbiddenError, StorageError),
)
async def refresh(request: web.Request, asked: Refresh) -> web.Response:
    """Not limited per address: nobody guesses a token, and an office stands behind one address."""
    given, refresh_in = refresh_cookie.token_of(request, asked.refresh_token)
    token = RefreshToken.parse(given)
    user = None
    if max(token.user_id, token.team_id) <= BIGINT_MAX:
        async with request.app[POSTGRES].connection() as conn:
            user = await users.get(conn, token.team_id, token.user_id)
    if user is None:
        raise AuthenticationError("Sign in again.", code="invalid_refresh_token")
    # The user was read before: who changes the password now finds this sign-in among those to end.
    mark = sign_in_mark(user.email, user.password_hash)
    issued = await request.app[REFRESH_TOKENS].rotate(token, mark, datetime.now(UTC))
    return welcome.welcome(request, user, issued, refresh_in)


@operation("Sign out", errors=(ForbiddenError, StorageError))
async def logout(request: web.Request, asked: Refresh) -> web.Response:
    """Answers the same for every token, also an unknown one: it serves no more."""
    response = web.Response(status=HTTPStatus.NO_CONTENT)
    try:
        given, refresh_in = refresh_cookie.token_of(request, asked.refresh_token)
        token = RefreshToken.parse(given)
    except AuthenticationError:
        return response
    await request.app[REFRESH_TOKENS].revoke(token)
    if refresh_in == "cookie":
        refresh_cookie.forget(request, response)
    return response


@operation("Sign out on every device")
async def logout_everywhere(request: web.Request) -> None:
    """Refresh tokens end now; access tokens live until they expire."""
    await request.app[REFRESH_TOKENS].revoke_all(request[PRINCIPAL].own_user_id)
