"""voicehub/rest/session_lists.py: which sessions a list has, and in which order."""

import pytest

from voicehub.jobs.words import read_words


def line(text, number=1):
    return {
        "transcript": text,
        "speaker": "user",
        "item_id": f"item_{number}",
        "start_ms": number * 1000,
    }


@pytest.fixture
async def said(web_client):
    """Sessions of one team, and of another, in which something was said."""

    async def add(*texts, who="ada", **more):
        lines = [line(text, number) for number, text in enumerate(texts, 1)]
        return await web_client.add_session(who, data={"transcript": lines}, **more)

    return add


async def ids(web_client, query="", path="/v1/sessions", **more):
    response, body = await web_client.get(f"{path}?{query}", **more)
    assert response.status == 200, body
    return [each["id"] for each in body["data"]]


async def test_sessions_are_listed_by_several_statuses(web_client):
    made = {
        status: await web_client.add_session(status=status)
        for status in ("created", "in_progress", "paused", "completed", "failed")
    }
    assert await ids(web_client, "status=paused") == [made["paused"]]
    open_ones = [made["paused"], made["in_progress"], made["created"]]
    assert await ids(web_client, "status=created,in_progress,paused") == open_ones
    assert await ids(web_client, "status=created,in_progress,paused&order=asc") == open_ones[::-1]


async def test_sessions_are_listed_by_agent_user_and_time(web_client):
    first = await web_client.add_session("ada", "Ava")
    second = await web_client.add_session("root", "Own")
    for session_id, moment in ((first, "2026-01-01T10:00Z"), (second, "2026-01-02T10:00Z")):
        await web_client.run(
            f"UPDATE sessions SET started_at = '{moment}' WHERE id = $1", session_id
        )
    assert await ids(web_client, f"agent_id={web_client.agents['Own']}") == [second]
    assert await ids(web_client, f"user_id={web_client.users['ada']}") == [first]
    assert await ids(web_client, f"user_id={web_client.users['eve']}") == []
    assert await ids(web_client, "started_from=2026-01-02T10:00:00Z") == [second]
    assert await ids(web_client, "started_to=2026-01-02T10:00:00Z") == [first]
    zoned = "started_from=2026-01-01T11:59:59%2B02:00&started_to=2026-01-01T12:00:01%2B02:00"
    assert await ids(web_client, zoned) == [first]


@pytest.mark.parametrize(
    ("query", "param"),
    [
        ("status=over", "status.0"),
        ("status=", "status.0"),
        ("status=paused,", "status.1"),
        ("status=paused&status=created", "status"),
        ("started_from=2026-01-01T00:00:00", "started_from"),
        ("started_from=2026-01-01", "started_from"),
        ("started_from=1700000000", "started_from"),
        ("started_to=9999-12-31T23:59:59-12:00", "started_to"),
        ("started_from=0001-01-01T00:00:00%2B14:00", "started_from"),
        ("q=", "q"),
        ("q=" + "x" * 201, "q"),
        ("user_id=-1", "user_id"),
        ("team_id=1", "team_id"),
    ],
)
async def test_a_filter_that_is_none_is_named(web_client, query, param):
    response, body = await web_client.get(f"/v1/sessions?{query}")
    assert (response.status, body["param"]) == (400, param)


async def test_a_session_is_found_by_what_was_said_once_it_has_ended(web_client, said):
    found = await said("Where is my parcel?", "It arrives on Friday.")
    await said("Nothing of the kind.")
    live = await said("My parcel is lost!", status="in_progress")
    await said("Where is the parcel?", who="eve", agent="Other")
    assert await ids(web_client, "q=parcel") == []
    assert await read_words(web_client.pg) == 3
    assert await ids(web_client, "q=parcel") == [found]
    await web_client.run("UPDATE sessions SET status = 'completed', ended_at = now()")
    assert await read_words(web_client.pg) == 1
    assert await ids(web_client, "q=parcel") == [live, found]
    assert await ids(web_client, "q=parcel&status=failed") == []


@pytest.mark.parametrize(
    ("words", "is_found"),
    [
        ("parcel", True),
        ("PARCEL friday", True),
        ('"parcel from"', True),
        ('"from parcel"', False),
        ("cafe", True),
        ("CAFÉ", True),
        ("cafe\u0301", True),
        ("uber", True),
        ("parcel monday", False),
        ("parcel or monday", True),
        ("parcel -friday", False),
        ("parcel -monday", True),
        ("привет", True),
        ("parce", False),
        ("???", False),
        ('"', False),
        ("-", False),
        ("'=1'", False),
        ("b & | ! ( :* <-> '", False),
        ("\\", False),
    ],
)
async def test_words_are_asked_for_as_on_the_web(web_client, said, words, is_found):
    session = await said("A parcel from Café Über", "on Friday. Привет!")
    await read_words(web_client.pg)
    response, body = await web_client.get("/v1/sessions", params={"q": words})
    assert response.status == 200, body
    assert [each["id"] for each in body["data"]] == [session] * is_found


async def test_a_search_shows_the_lines_that_have_its_words(web_client, said):
    texts = [
        "Hello!",
        "A parcel. " + "x" * 400,
        "No.",
        "The PARCEL!",
        "Parcels?",
        "parcel",
        "parcel",
    ]
    await said(*texts)
    await read_words(web_client.pg)
    _, body = await web_client.get("/v1/sessions?q=parcel")
    (session,) = body["data"]
    assert [each["item_id"] for each in session["matches"]] == ["item_2", "item_4", "item_6"]
    assert session["matches"][1] == {
        "item_id": "item_4",
        "speaker": "user",
        "start_ms": 4000,
        "transcript": "The PARCEL!",
    }
    assert len(session["matches"][0]["transcript"]) == 300
    assert "transcript" not in session["data"]
    _, body = await web_client.get("/v1/sessions")
    assert body["data"][0]["matches"] is None


async def test_a_page_of_a_search_has_its_cursors(web_client, said):
    made = [await said(f"word number{number}") for number in range(5)]
    await read_words(web_client.pg)
    _, body = await web_client.get("/v1/sessions?q=word&limit=2")
    assert [each["id"] for each in body["data"]] == made[:2:-1]
    assert body["has_more"]
    assert await ids(web_client, f"q=word&limit=2&after={body['last_id']}") == made[2:0:-1]
    assert await ids(web_client, f"q=word&limit=2&before={made[0]}") == made[2:0:-1]
    assert await ids(web_client, f"q=word&limit=9&order=asc&after={made[2]}") == made[3:]


async def test_an_admin_lists_the_sessions_of_all_teams(web_client, said):
    one = await said("Hello from one")
    two = await said("Hello from two", who="eve", agent="Other", status="in_progress")
    await read_words(web_client.pg)
    path, root = "/v1/admin/sessions", {"who": "root"}
    assert await ids(web_client, path=path, **root) == [two, one]
    assert await ids(web_client, f"team_id={web_client.teams['two']}", path, **root) == [two]
    assert await ids(web_client, "status=in_progress", path, **root) == [two]
    assert await ids(web_client, "q=hello", path, **root) == [one]
    assert await ids(web_client, f"team_id={web_client.teams['two']}&q=hello", path, **root) == []
    response, _ = await web_client.get(path)
    assert response.status == 403


async def test_an_admin_lists_a_teams_sessions_as_its_users_do(web_client, said):
    session = await said("Hello", who="eve", agent="Other")
    await read_words(web_client.pg)
    path = f"/v1/teams/{web_client.teams['two']}/sessions"
    assert await ids(web_client, "q=hello", path, who="root") == [session]
