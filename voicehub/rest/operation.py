"""What a route does: a function, what it takes and answers. OpenAPI is made of the same."""

import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, get_type_hints

from aiohttp import web
from pydantic import BaseModel

from voicehub.errors import VoiceHubError
from voicehub.rest import answer, body, idempotency
from voicehub.rest.body import Query
from voicehub.rest.fields import Shown

# Takes the request and, by the names of its parameters, a body or a query string.
Function = Callable[..., Awaitable[Shown | web.StreamResponse | None]]


@dataclass(frozen=True, slots=True)
class Operation:
    """A function behind a route. Bodies and query strings are read before it runs.

    Attributes:
        function: `async (request, ...)`; a parameter that is a model is read from the body, or from
            the query string where it is a `Query`. It returns the model that it answers with, None
            for an empty answer, or a response of its own where there is more to say.
        summary: one line for the reader of the API's page.
        answers: the model of the body that a success has; None where it is empty or no JSON.
        status: the status of a success.
        media: the types of a success that is no JSON.
        errors: what the function raises beyond what every route may (`rest/openapi.py`).
        also: further statuses of the same answer, where it is told by the status too.
        is_tagged: answers carry an ETag; a PATCH takes If-Match, and a GET If-None-Match.
        is_idempotent: takes an Idempotency-Key.
    """

    function: Function
    summary: str
    answers: type[Shown] | None
    status: HTTPStatus
    media: tuple[str, ...]
    errors: tuple[type[VoiceHubError], ...]
    also: tuple[HTTPStatus, ...]
    is_tagged: bool
    is_idempotent: bool
    models: dict[str, type[BaseModel]]
    """By the name of the parameter."""

    @property
    def body(self) -> type[BaseModel] | None:
        return next((each for each in self.models.values() if not issubclass(each, Query)), None)

    @property
    def query(self) -> type[Query] | None:
        return next((each for each in self.models.values() if issubclass(each, Query)), None)

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        """Answer a request. Raises what the function does, and ClientError for what it was sent."""
        if self.query is None and request.query:
            body.query(request, Query)
        if self.is_idempotent:
            return await idempotency.once(request, lambda: self._run(request))
        return await self._run(request)

    async def _run(self, request: web.Request) -> web.StreamResponse:
        read: dict[str, Any] = {}
        for name, model in self.models.items():
            is_query = issubclass(model, Query)
            read[name] = body.query(request, model) if is_query else await body.read(request, model)
        shown = await self.function(request, **read)
        if isinstance(shown, Shown):
            return answer.shown(shown, self.status)
        return web.Response(status=self.status) if shown is None else shown


def operation(
    summary: str,
    *,
    answers: type[Shown] | None = None,
    status: HTTPStatus | None = None,
    media: tuple[str, ...] = (),
    errors: tuple[type[VoiceHubError], ...] = (),
    also: tuple[HTTPStatus, ...] = (),
    is_tagged: bool = False,
    is_idempotent: bool = False,
) -> Callable[[Function], Operation]:
    """Makes a function an `Operation`; its fields are explained there."""
    if status is None:
        status = HTTPStatus.OK if answers is not None or media else HTTPStatus.NO_CONTENT

    def decorate(function: Function) -> Operation:
        hints = get_type_hints(function)
        models = {
            name: hints[name]
            for name in list(inspect.signature(function).parameters)[1:]
            if issubclass(hints[name], BaseModel)
        }
        return Operation(
            function=function,
            summary=summary,
            answers=answers,
            status=status,
            media=media,
            errors=errors,
            also=also,
            is_tagged=is_tagged,
            is_idempotent=is_idempotent,
            models=models,
        )

    return decorate
