"""A session from its first event to its row's last state, on the real server."""

from tests.realtime import BYTES_PER_MS
from voicehub.errors import EngineError
from voicehub.realtime.tokens import duration_usage
from voicehub.tasks import spawn

SPEECH_100_MS = b"\1\0" * (100 * BYTES_PER_MS // 2)


async def test_a_session_goes_from_created_to_completed(site):
    created = await site.create(context={"name": "Robin"})
    assert created["status"] == "created"
    talk = await site.talk(f"session_id={created['id']}", token=created["client_secret"]["value"])
    assert talk.session_id == created["id"]
    row = await site.row(created["id"])
    assert row["status"] == "in_progress"
    assert row["data"]["context"] == {"name": "Robin"}
    assert "Robin" in site.engine.opened_with["instructions"]
    for _ in range(5):
        await talk.append(SPEECH_100_MS)
    await site.engine.until_taken("input_audio_buffer.append", 5)
    await site.engine.reply(1, "Hello.", usage=duration_usage(500, 100, 7, 0))
    await talk.until("response.done")
    await talk.close()
    row = await site.over(created["id"])
    assert (row["status"], row["data"]["ended_reason"]) == ("completed", "client_close")
    assert row["ended_at"] >= row["started_at"]
    seconds = (row["ended_at"] - row["started_at"]).total_seconds()
    assert 0 < float(row["duration_minutes"]) * 60 < seconds + 1
    assert "context" not in row["data"]
    assert [line["transcript"] for line in row["data"]["transcript"]] == ["Hello."]
    recording = row["data"]["recording"]
    assert recording["state"] == "ready"
    assert recording["key"] in row["data"]["audio_url"]
    usage = row["usage"]
    assert (usage["audio_tokens"], usage["text_tokens"], usage["responses"]) == (7, 7, 1)
    assert usage["user_audio_seconds"] == 0.5
    assert site.engine.closed.is_set()


async def test_what_belongs_to_the_agent_is_blank(site):
    talk = await site.talk()
    session = talk.of("session.created")[0]["session"]
    assert session["instructions"] == ""
    assert session["model"] == "Ava"
    await talk.send("session.update", session={"type": "realtime", "instructions": "Be rude."})
    error = await talk.until("error")
    assert error["error"]["param"] == "session.instructions"
    update = await site.engine.until_taken("session.update")
    assert "instructions" not in update.body["session"]


async def test_the_context_stays_where_the_operator_wants_it(new_site):
    site = await new_site(VOICEHUB_KEEP_CONTEXT="true")
    created = await site.create(context={"name": "Robin"})
    talk = await site.talk(f"session_id={created['id']}")
    await talk.close()
    row = await site.over(created["id"])
    assert row["data"]["context"] == {"name": "Robin"}


async def test_an_engine_that_fails_ends_the_session_as_failed(site):
    talk = await site.talk()
    await site.engine.fail(EngineError("The model went away."))
    assert await talk.until_closed() == 1011
    assert talk.errors == ["engine_failed"]
    row = await site.over(talk.session_id)
    assert (row["status"], row["data"]["ended_reason"]) == ("failed", "engine")


async def test_an_engine_that_does_not_open_is_told_before_the_close(site, monkeypatch):
    async def refuse(_session):
        raise EngineError("No model is loaded.", code="no_model")

    monkeypatch.setattr("tests.realtime.Puppet.open", lambda self, session: refuse(session))
    socket = await site.client.ws_connect(
        "/v1/realtime?model=Ava", headers={"Authorization": f"Bearer {await site.token()}"}
    )
    error = await socket.receive_json()
    assert error["error"]["code"] == "no_model"
    assert (await socket.receive()).type.name in {"CLOSE", "CLOSED"}
    assert socket.close_code == 1011
    session_id = await site.run("SELECT max(id) FROM sessions")
    row = await site.over(session_id)
    assert (row["status"], row["data"]["ended_reason"]) == ("failed", "engine")
    assert site.engine.closed.is_set()


async def test_a_bug_in_an_engine_ends_its_session_and_nothing_else(site, monkeypatch):
    healthy = await site.talk(who="bob")
    talk = await site.talk()
    broken = site.engine

    async def stumble(_frame):
        raise RuntimeError("a bug")

    monkeypatch.setattr(broken, "send", stumble)
    await talk.send("response.create")
    assert await talk.until_closed() == 1011
    row = await site.over(talk.session_id)
    assert (row["status"], row["data"]["ended_reason"]) == ("failed", "engine")
    await healthy.send("response.create")
    await site.engines[0].until_taken("response.create")


async def test_the_longest_duration_ends_with_1001(new_site):
    site = await new_site(VOICEHUB_SESSION_MAX_S=1)
    talk = await site.talk()
    assert await talk.until_closed() == 1001
    assert talk.errors == ["session_expired"]
    row = await site.over(talk.session_id)
    assert (row["status"], row["data"]["ended_reason"]) == ("completed", "max_duration")
    assert 0.9 < float(row["duration_minutes"]) * 60 < 3


async def test_a_silent_client_is_let_go_with_1001(new_site):
    site = await new_site(VOICEHUB_SESSION_IDLE_S=1)
    talk = await site.talk()
    assert await talk.until_closed() == 1001
    assert talk.errors == ["session_idle"]
    row = await site.over(talk.session_id)
    assert (row["status"], row["data"]["ended_reason"]) == ("completed", "idle")


async def test_a_socket_that_breaks_is_lost_and_completed(site):
    talk = await site.talk()
    await site.engine.reply(1, "Are you there?", usage=duration_usage(0, 100, 0, 0))
    await talk.until("response.done")
    talk.cut()
    row = await site.over(talk.session_id)
    assert (row["status"], row["data"]["ended_reason"]) == ("completed", "lost")
    assert [line["transcript"] for line in row["data"]["transcript"]] == ["Are you there?"]
    assert row["usage"]["audio_tokens"] == 2


async def test_any_close_frame_is_a_clients_own_wish(site):
    for code in (1000, 1001, 4000, None):
        talk = await site.talk()
        if code is None:
            await talk.socket._writer.send_frame(b"", 8)
            await talk.until_closed()
        else:
            await talk.close(code)
        row = await site.over(talk.session_id)
        assert (row["status"], row["data"]["ended_reason"]) == ("completed", "client_close"), code


async def test_a_client_that_leaves_in_the_middle_of_a_reply_is_charged_for_it(site):
    talk = await site.talk()
    site.engine.answers_cancel = False
    await site.engine.begin_reply(1)
    await site.engine.speak(1, 400)
    await talk.until("response.output_audio.delta")
    closing = spawn(talk.close(), name="close")
    await site.engine.until_taken("response.cancel")
    await site.engine.end_reply(1, "Once", usage=duration_usage(0, 400, 0, 0), status="cancelled")
    await closing
    row = await site.over(talk.session_id)
    assert row["usage"]["audio_tokens"] == 8
    (line,) = row["data"]["transcript"]
    assert line["transcript"] == "Once"
