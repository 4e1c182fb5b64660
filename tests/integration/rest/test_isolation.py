"""Every route, called by a user of one team with what belongs to another."""

import itertools

import pytest
from redis.asyncio import Redis as RedisClient

from tests import urls
from tests.urls import MAKERS, MARK, SHARED, make_all, name_of, parameters, routes_of
from voicehub.rest.middleware import Access

USERS = routes_of(Access.USER, Access.SIGNED_IN)
ADMINS = routes_of(Access.ADMIN)
# No row has these ids, or they are no ids at all.
NO_IDS = ("0", "9223372036854775807", "9223372036854775808", "-1", "1.0", "one", "%00", "%ED%A0%80")

_MARKED = (
    "UPDATE team SET label = $1, name = $1 WHERE name = 'two'",
    (
        "UPDATE users SET display_name = $1::varchar, email = $1::varchar || '@two.example'"
        " WHERE email LIKE 'eve@%'"
    ),
    (
        "UPDATE ai_agents SET name = $1::varchar, description = $1::varchar,"
        " persona_prompt = $1::varchar, system_prompt = $1::varchar WHERE name = 'Other'"
    ),
)


@pytest.fixture
async def stranger(web_client, settings):
    """The site in which everything of the team two, eve's, is marked; `ask` tells what changed."""
    for sql in _MARKED:
        await web_client.run(sql, MARK)
    async with RedisClient.from_url(settings.redis_url.get_secret_value()) as redis:
        yield Stranger(web_client, redis)


class Stranger:
    def __init__(self, site, redis):
        self.site = site
        self._redis = redis

    async def make(self, names, who):
        return await make_all(self.site, names, who)

    async def ask(self, route, path, *, body=None, query=None):
        """The status, and what is wrong: what the answer told of them, or what was changed."""
        before = await self._kept()
        token = await self.site.token("ada")
        async with self.site.client.request(
            route.method,
            path,
            json=body,
            params=query,
            headers={"Authorization": f"Bearer {token}"},
        ) as response:
            told = await response.text()
        wrong = []
        if MARK in told.lower() or any(MARK in each.lower() for each in response.headers.values()):
            wrong.append("tells of them")
        if await self._kept() != before:
            wrong.append("changed something")
        return response.status, wrong

    async def _kept(self):
        other = await urls.all_of_a_team(self._redis, self.site.teams["two"])
        return await urls.all_rows(self.site.pg), other


def against(route, status, wrong, *expected):
    if status not in expected:
        wrong = [f"answered {status}", *wrong]
    return [f"{name_of(route)}: {each}" for each in wrong]


def owned(route):
    return [name for name in parameters(route) if name not in SHARED]


async def test_what_is_another_teams_does_not_exist(stranger):
    found = []
    for route in (each for each in USERS if owned(each)):
        theirs = await stranger.make(parameters(route), "eve")
        asked = await stranger.ask(
            route, route.path.format(**theirs), body=await _body(stranger, route)
        )
        found += against(route, *asked, 404)
    assert not found, "\n".join(found)


async def test_a_row_of_theirs_below_one_of_ours_does_not_exist(stranger):
    found = []
    for route in (each for each in USERS if len(owned(each)) > 1):
        ours = await stranger.make(parameters(route), "ada")
        theirs = await stranger.make(parameters(route), "eve")
        for name in owned(route):
            path = route.path.format(**{**ours, name: theirs[name]})
            asked = await stranger.ask(route, path, body=await _body(stranger, route))
            found += against(route, *asked, 404)
    assert not found, "\n".join(found)


async def test_an_id_of_nothing_is_not_found(stranger):
    found = []
    for route, wrong_id in itertools.product((each for each in USERS if owned(each)), NO_IDS):
        path = route.path.format(**dict.fromkeys(parameters(route), wrong_id))
        asked = await stranger.ask(route, path, body=await _body(stranger, route))
        found += against(route, *asked, 404)
    assert not found, "\n".join(found)


async def test_a_body_cannot_refer_to_theirs(stranger):
    found = []
    for route in USERS:
        model = route.operation.body
        for name in _references(model):
            theirs = await stranger.make([name], "eve")
            path = route.path.format(**await stranger.make(parameters(route), "ada"))
            body = await _body(stranger, route) | theirs
            status, wrong = await stranger.ask(route, path, body=body)
            found += against(route, status, wrong, 400, 403, 404)
    assert not found, "\n".join(found)


async def test_a_query_finds_nothing_of_theirs(stranger):
    found = []
    for route in USERS:
        names = [*_references(route.operation.query)]
        for name in names:
            path = route.path.format(**await stranger.make(parameters(route), "ada"))
            query = await stranger.make([name], "eve")
            found += against(route, *await stranger.ask(route, path, query=query), 200, 404)
    assert not found, "\n".join(found)


async def test_what_is_read_without_any_id_is_ones_own(stranger):
    await stranger.make(MAKERS, "eve")
    last = await stranger.make(MAKERS, "eve")
    found = []
    for route in (each for each in USERS if each.method == "GET" and not owned(each)):
        path = route.path.format(**await stranger.make(parameters(route), "ada"))
        queries = [{}]
        if "after" in getattr(route.operation.query, "model_fields", {}):
            cursor = max(last.values())
            queries += [{"after": cursor}, {"before": cursor}, {"order": "asc", "limit": 100}]
        for query in queries:
            found += against(route, *await stranger.ask(route, path, query=query), 200, 400, 404)
    assert not found, "\n".join(found)


async def test_the_routes_of_admins_are_closed_to_users_of_any_team(stranger):
    found = []
    for route in ADMINS:
        for whose in ("eve", "ada"):
            ids = await stranger.make(parameters(route), whose)
            found += against(route, *await stranger.ask(route, route.path.format(**ids)), 403)
    assert not found, "\n".join(found)


def test_no_user_names_the_team_to_work_on():
    for route in USERS:
        for model in route.operation.models.values():
            assert "team_id" not in model.model_fields, name_of(route)


async def _body(stranger, route):
    """The route's example, in which what it refers to is there and the user's own."""
    body = urls.body_of(route)
    if body is None:
        return None
    return body | await stranger.make(
        [name for name in body if name in MAKERS or name in SHARED], "ada"
    )


def _references(model):
    """What a body or a query refers to that belongs to a team."""
    return [name for name in getattr(model, "model_fields", ()) if name in MAKERS]
