"""`/v1/feedbacks`: what users say about a session or an agent, for their team to read."""

from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any, Literal, Self

from aiohttp import web
from pydantic import ConfigDict, Field, model_validator
from pydantic.config import JsonDict
from pydantic_core import PydanticCustomError

from voicehub.errors import (
    AuthenticationError,
    ForbiddenError,
    NotFoundError,
    PreconditionFailedError,
    UnprocessableError,
)
from voicehub.keys import POSTGRES, PRINCIPAL
from voicehub.rest import answer, body, etag
from voicehub.rest.cursor import ListQuery
from voicehub.rest.fields import Identifier, Listed, Shown, Whole
from voicehub.rest.operation import operation
from voicehub.storage import feedbacks
from voicehub.storage.feedbacks import Feedback, Filters
from voicehub.storage.postgres import Connection

COMMENT_CHARACTERS_MAX = 4000
TAGS_MAX = 20
TAG_CHARACTERS_MAX = 64
# What a user says; the rest of `data` tells what it is about.
SAID = ("rating", "comment", "tags")

Rating = Annotated[Whole, Field(ge=1, le=5)]
Comment = Annotated[str, Field(min_length=1, max_length=COMMENT_CHARACTERS_MAX)]
Tags = Annotated[
    list[Annotated[str, Field(min_length=1, max_length=TAG_CHARACTERS_MAX)]],
    Field(max_length=TAGS_MAX),
]

_EXAMPLE: JsonDict = {
    "object": "feedback",
    "id": 31,
    "user_id": 12,
    "team_id": 7,
    "session_id": 4711,
    "agent_id": 3,
    "rating": 5,
    "comment": "It understood me at once.",
    "tags": ["speed"],
    "created_at": "2026-11-23T09:00:00Z",
    "updated_at": "2026-11-23T09:00:00Z",
}


class FeedbackShown(Shown):
    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    object: Literal["feedback"] = "feedback"
    id: int
    user_id: int
    team_id: int
    session_id: int | None
    agent_id: int | None
    """Of the session, where it is about one."""
    rating: int | None
    """1 to 5."""
    comment: str | None
    tags: list[str]
    created_at: datetime
    updated_at: datetime


class NewFeedback(body.Body):
    """At least one of `rating`, `comment` and `tags`."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"session_id": 4711, "rating": 5, "tags": ["speed"]}],
            "anyOf": [
                {"required": ["rating"], "properties": {"rating": {"type": "integer"}}},
                {"required": ["comment"], "properties": {"comment": {"type": "string"}}},
                {"required": ["tags"], "properties": {"tags": {"type": "array", "minItems": 1}}},
            ],
        }
    )

    session_id: Identifier | None = None
    agent_id: Identifier | None = None
    """Only for what is about no session: a session brings its agent."""
    rating: Rating | None = None
    comment: Comment | None = Field(default=None, repr=False)
    tags: Tags | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not any(getattr(self, name) for name in SAID):
            raise PydanticCustomError("missing", "Send a rating, a comment or tags")
        return self


class FeedbackPatch(body.Body):
    """Null removes."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"rating": 4, "comment": None}]})

    rating: Rating | None = None
    comment: Comment | None = Field(default=None, repr=False)
    tags: Tags | None = None


class FeedbacksQuery(ListQuery):
    user_id: Identifier | None = None
    session_id: Identifier | None = None
    rating: Rating | None = None

    @property
    def filters(self) -> Filters:
        return Filters(self.user_id, self.session_id, self.rating)


class AllFeedbacksQuery(FeedbacksQuery):
    team_id: Identifier | None = None


@operation(
    "Give feedback",
    answers=FeedbackShown,
    status=HTTPStatus.CREATED,
    errors=(AuthenticationError, NotFoundError),
    is_idempotent=True,
)
async def create(request: web.Request, asked: NewFeedback) -> web.Response:
    principal = request[PRINCIPAL]
    async with request.app[POSTGRES].connection() as conn:
        row = await feedbacks.create(
            conn,
            principal.team_id,
            principal.own_user_id,
            session_id=asked.session_id,
            agent_id=asked.agent_id,
            said=asked.model_dump(include=set(SAID), exclude_none=True),
        )
    headers = {"Location": f"/v1/feedbacks/{row.id}"}
    return answer.shown(_shown(row), HTTPStatus.CREATED, headers)


@operation("List feedbacks", answers=Listed[FeedbackShown])
async def list_page(request: web.Request, asked: FeedbacksQuery) -> Listed[FeedbackShown]:
    team_id = request[PRINCIPAL].team_id
    async with request.app[POSTGRES].connection() as conn:
        found = await feedbacks.list_page(conn, team_id, asked.filters, asked.window)
    return answer.listed(found, FeedbackShown, _shown)


@operation("List feedbacks of all teams", answers=Listed[FeedbackShown])
async def list_all(request: web.Request, asked: AllFeedbacksQuery) -> Listed[FeedbackShown]:
    async with request.app[POSTGRES].connection() as conn:
        if asked.team_id is None:
            found = await feedbacks.list_all(conn, asked.filters, asked.window)
        else:
            found = await feedbacks.list_page(conn, asked.team_id, asked.filters, asked.window)
    return answer.listed(found, FeedbackShown, _shown)


@operation("Show a feedback", answers=FeedbackShown, is_tagged=True)
async def show(request: web.Request) -> web.Response:
    team_id, feedback_id = request[PRINCIPAL].team_id, body.path_id(request, "feedback_id")
    async with request.app[POSTGRES].connection() as conn:
        row = await feedbacks.get(conn, team_id, feedback_id)
    if row is None:
        raise _no_feedback()
    return answer.tagged(request, _shown(row), row)


@operation(
    "Change one's feedback",
    answers=FeedbackShown,
    errors=(ForbiddenError, PreconditionFailedError, UnprocessableError),
    is_tagged=True,
)
async def update(request: web.Request, asked: FeedbackPatch) -> web.Response:
    wanted: dict[str, Any] = asked.model_dump(exclude_unset=True)  # by the model's fields
    async with request.app[POSTGRES].transaction() as conn:
        row = await _locked(request, conn)
        etag.require_match(request, row)
        data = {name: value for name, value in (row.data | wanted).items() if value is not None}
        if not any(data.get(name) for name in SAID):
            raise UnprocessableError("Nothing would be left of the feedback: delete it.")
        row = await feedbacks.update(conn, row.team_id, row.id, data)
    return answer.tagged(request, _shown(row), row)


@operation("Delete one's feedback", errors=(ForbiddenError,))
async def delete(request: web.Request) -> None:
    async with request.app[POSTGRES].transaction() as conn:
        row = await _locked(request, conn)
        await feedbacks.delete(conn, row.team_id, row.id)


async def _locked(request: web.Request, conn: Connection) -> Feedback:
    """The row in the path, for its author or an admin to change."""
    principal, feedback_id = request[PRINCIPAL], body.path_id(request, "feedback_id")
    row = await feedbacks.lock_for_update(conn, principal.team_id, feedback_id)
    if row is None:
        raise _no_feedback()
    if not principal.is_acting and row.user_id != principal.own_user_id:
        raise ForbiddenError("Only who gave a feedback, or an admin, may change it.")
    return row


def _shown(row: Feedback) -> FeedbackShown:
    """Other writers may keep anything in `data`: what has another type is not shown."""
    tags = row.data.get("tags")
    comment = row.data.get("comment")
    return FeedbackShown(
        id=row.id,
        user_id=row.user_id,
        team_id=row.team_id,
        session_id=_number(row.data, "session_id"),
        agent_id=_number(row.data, "agent_id"),
        rating=_number(row.data, "rating"),
        comment=comment if isinstance(comment, str) else None,
        tags=[tag for tag in tags if isinstance(tag, str)] if isinstance(tags, list) else [],
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def _number(said: dict[str, Any], name: str) -> int | None:
    value = said.get(name)
    return value if type(value) is int else None


def _no_feedback() -> NotFoundError:
    return NotFoundError("There is no such feedback.")
