import pytest
import srt
import webvtt

from voicehub.storage import lines

START = "2026-03-01T12:00:0{}.000Z"
RECORDING = {"state": "ready", "format": "flac", "bytes": 5, "seconds": 4.5}


def line(number, speaker, words):
    return {
        "transcript": words,
        "timestamp": START.format(number),
        "speaker": speaker,
        "item_id": f"item_{number}",
        "start_ms": number * 1000,
        "end_ms": number * 1000 + 500,
        "interrupted": False,
        "order": float(number),
    }


SPOKEN = [line(1, "user", "Hello & <good> day?"), line(2, "agent", "Hello, Ada.")]


@pytest.fixture
async def path(web_client):
    session_id = await web_client.add_session(
        data={
            "transcript": SPOKEN,
            "context": {"name": "secret context"},
            "recording": {**RECORDING, "key": "recordings/team-1/session-1-1.flac"},
        }
    )
    return f"/v1/sessions/{session_id}/transcript"


async def fetch(web_client, path, **more):
    headers = {"Authorization": f"Bearer {await web_client.token('ada')}"}
    async with web_client.client.get(path, headers=headers, **more) as response:
        return response, await response.text()


async def test_json_has_every_line_with_its_times(web_client, path):
    response, body = await web_client.get(path)
    assert response.headers["Content-Disposition"].endswith('.json"')
    assert (body["object"], body["is_complete"]) == ("transcript", True)
    assert [
        (each["speaker"], each["transcript"], each["start_ms"], each["end_ms"], each["item_id"])
        for each in body["lines"]
    ] == [
        ("user", "Hello & <good> day?", 1000, 1500, "item_1"),
        ("agent", "Hello, Ada.", 2000, 2500, "item_2"),
    ]


@pytest.mark.parametrize(
    ("name", "kind", "suffix"),
    [
        ("srt", "application/x-subrip", "srt"),
        ("vtt", "text/vtt", "vtt"),
        ("text", "text/plain", "txt"),
        ("vcon", "application/vcon+json", "vcon"),
    ],
)
async def test_a_format_has_its_type_and_its_name(web_client, path, name, kind, suffix):
    response, text = await fetch(web_client, f"{path}?format={name}")
    assert (response.status, response.content_type) == (200, kind)
    session_id = path.split("/")[3]
    saved = f'attachment; filename="session-{session_id}.{suffix}"'
    assert response.headers["Content-Disposition"] == saved
    assert "Hello, Ada." in text
    assert "secret" not in text


async def test_an_unknown_format_is_a_clear_400(web_client, path):
    response, body = await web_client.get(f"{path}?format=docx")
    assert (response.status, body["errors"][0]["parameter"]) == (400, "format")


async def test_a_vcon_names_the_speakers_and_where_the_recording_is(web_client, path):
    _, body = await web_client.get(f"{path}?format=vcon")
    assert [party["name"] for party in body["parties"]] == ["Ada", "Ava"]
    assert [dialog["type"] for dialog in body["dialog"]] == ["recording", "text", "text"]
    assert "Signature=" in body["dialog"][0]["url"]
    _, again = await web_client.get(f"{path}?format=vcon")
    assert again["uuid"] == body["uuid"]


async def test_a_running_sessions_export_has_what_waits_in_redis_and_says_it_is_not_all(
    web_client, redis
):
    session_id = await web_client.add_session(
        status="in_progress", data={"transcript": SPOKEN[:1], "folded": {"sequence": 1}}
    )
    await lines.append(redis, web_client.teams["one"], session_id, 1, 2, SPOKEN[1])
    path = f"/v1/sessions/{session_id}/transcript"
    _, body = await web_client.get(path)
    assert (len(body["lines"]), body["is_complete"]) == (2, False)
    for name, said in (("vtt", "NOTE The session goes on"), ("text", "(The session goes on.)")):
        assert said in (await fetch(web_client, f"{path}?format={name}"))[1]
    _, body = await web_client.get(f"{path}?format=vcon")
    assert [dialog["type"] for dialog in body["dialog"]] == ["text", "text"]


async def test_a_transcript_that_was_removed_is_not_found(web_client, path):
    assert (await web_client.ask("DELETE", path))[0].status == 204
    response, body = await web_client.get(path)
    assert (response.status, body["code"]) == (404, "transcript_not_found")


async def test_another_teams_transcript_does_not_exist(web_client, path):
    assert (await web_client.get(path, who="eve"))[0].status == 404


async def test_an_hour_long_transcript_is_exported_whole(web_client):
    many = [
        {**line(1, "user", f"words {number}"), "start_ms": number * 700, "item_id": str(number)}
        | {"order": float(number), "end_ms": number * 700 + 600}
        for number in range(5_000)
    ]
    session_id = await web_client.add_session(data={"transcript": many})
    path = f"/v1/sessions/{session_id}/transcript"
    _, text = await fetch(web_client, f"{path}?format=srt")
    assert [cue.content for cue in srt.parse(text)][-1] == "User: words 4999"
    _, text = await fetch(web_client, f"{path}?format=vtt")
    assert len(webvtt.from_string(text)) == 5_000
    _, text = await fetch(web_client, f"{path}?format=text")
    assert text.count("\n") == 5_000
    _, body = await web_client.get(path)
    assert len(body["lines"]) == 5_000
    _, body = await web_client.get(f"{path}?format=vcon")
    assert len(body["dialog"]) == 5_000
