"""`GET /v1/sessions` and `GET /v1/admin/sessions`: sessions by filters and by what was said."""

from dataclasses import fields
from typing import Annotated, Any

from aiohttp import web
from pydantic import BeforeValidator, ConfigDict, Field, WithJsonSchema

from voicehub.keys import POSTGRES, PRINCIPAL
from voicehub.rest import answer
from voicehub.rest.cursor import ListQuery
from voicehub.rest.fields import Identifier, Listed, Moment, Shown
from voicehub.rest.operation import operation
from voicehub.rest.sessions import EXAMPLE, SessionShown, shown_members
from voicehub.session.state import Status
from voicehub.storage import session_search
from voicehub.storage.page import Page
from voicehub.storage.session_search import Filters, Found

SEARCH_LETTERS_MAX = 200

_ANY_STATUS = "|".join(Status)


def _split(given: Any) -> Any:  # a query parameter is text; anything else is pydantic's to refuse
    return tuple(given.split(",")) if isinstance(given, str) else given


Statuses = Annotated[
    tuple[Status, ...],
    BeforeValidator(_split),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": f"^({_ANY_STATUS})(,({_ANY_STATUS}))*$",
            "examples": ["in_progress,paused"],
        }
    ),
]


class SessionsQuery(ListQuery):
    status: Statuses | None = None
    """One status, or several with commas between."""
    agent_id: Identifier | None = None
    user_id: Identifier | None = None
    started_from: Moment | None = None
    started_to: Moment | None = None
    """Sessions that started before this."""
    q: Annotated[str, Field(min_length=1, max_length=SEARCH_LETTERS_MAX)] | None = None
    """Words of the transcript, as a web search takes them: `a b` (both), `"a b"` (one after the
    other), `a or b`, `-a` (not this one); without regard to case and accents. Sessions are found
    some seconds after they have ended.
    """

    def filters(self, team_id: int | None) -> Filters:
        names = [each.name for each in fields(Filters) if each.name not in {"team_id", "words"}]
        given = {name: getattr(self, name) for name in names}
        return Filters(team_id=team_id, words=self.q, **given)


class AllSessionsQuery(SessionsQuery):
    team_id: Identifier | None = None


class LineShown(Shown):
    """A line of a transcript that has one of the words; its first 300 letters."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "item_id": "item_2",
                    "speaker": "agent",
                    "start_ms": 4120,
                    "transcript": "Your parcel arrives on Friday.",
                }
            ]
        }
    )

    item_id: str | None
    speaker: str | None
    start_ms: int | None
    transcript: str | None


class ListedSession(SessionShown):
    """A session in a list: `data` has no transcript."""

    model_config = ConfigDict(json_schema_extra={"examples": [{**EXAMPLE, "matches": None}]})

    matches: list[LineShown] | None
    """With `q`: the first three lines that have one of its words."""


@operation("List sessions", answers=Listed[ListedSession])
async def list_page(request: web.Request, asked: SessionsQuery) -> Listed[ListedSession]:
    """Those of the team. Words are looked for in the transcripts of sessions that have ended."""
    return await _listed(request, asked, asked.filters(request[PRINCIPAL].team_id))


@operation("List sessions of all teams", answers=Listed[ListedSession])
async def list_all(request: web.Request, asked: AllSessionsQuery) -> Listed[ListedSession]:
    """With `status=in_progress` those that are live on any server."""
    return await _listed(request, asked, asked.filters(asked.team_id))


async def _listed(
    request: web.Request, asked: SessionsQuery, filters: Filters
) -> Listed[ListedSession]:
    async with request.app[POSTGRES].connection() as conn:
        found: Page[Found] = await session_search.list_page(conn, filters, asked.window)
    return answer.listed(found, ListedSession, _as_listed)


def _as_listed(found: Found) -> ListedSession:
    matches = None
    if found.matches is not None:
        matches = [LineShown.model_validate(each) for each in found.matches]
    return ListedSession(**shown_members(found.session), matches=matches)
