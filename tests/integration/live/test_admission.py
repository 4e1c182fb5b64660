"""Who may open which session: everything that is refused before the upgrade."""

import asyncio

from aiohttp import WSServerHandshakeError

from tests.realtime import Talk
from voicehub.tasks import spawn


async def test_what_is_not_there_or_not_ones_own_is_404(site, subtests):
    ours = await site.create()
    theirs = await site.ask("POST", "/v1/sessions", who="eve", json={"agent": "Ava"})
    huge = "9" * 5000
    for who, query in (
        ("bob", f"session_id={ours['id']}"),
        ("ada", f"session_id={theirs['id']}"),
        ("ada", "session_id=sess_999999"),
        ("ada", "session_id="),
        ("ada", "session_id=-1"),
        ("ada", "session_id=1e3"),
        ("ada", "session_id=%D9%A1"),
        ("ada", f"session_id={huge}"),
        ("ada", f"session_id={'0' * 5000}1"),
        ("ada", "session_id=99999999999999999999"),
        ("ada", "model=Nobody"),
        ("ada", "model=Theirs"),
        ("ada", f"model=agent_{site.agents['Theirs']}"),
        ("ada", f"model={huge}"),
        ("ada", "model=%00"),
    ):
        with subtests.test(query[:40]):
            assert (await site.refused(query, who=who))[0] == 404


async def test_the_beta_and_other_kinds_of_session_are_refused(site, subtests):
    for query, headers, code in (
        ("model=Ava", {"OpenAI-Beta": "realtime=v1"}, "beta_not_supported"),
        ("", {}, "missing_required_parameter"),
        ("intent=transcription", {}, "invalid_value"),
        ("call_id=call_1", {}, "invalid_value"),
        ("model=Ava", {"Sec-WebSocket-Protocol": "chat"}, "subprotocol_not_supported"),
    ):
        with subtests.test(code):
            assert (await site.refused(query, headers=headers))[::2] == (400, code)


async def test_pages_of_other_origins_are_refused(new_site, subtests):
    site = await new_site(VOICEHUB_ALLOWED_ORIGINS="https://app.example")
    for origin in ("https://evil.example", "null", "http://[", "https://app.example.evil", "x"):
        with subtests.test(origin):
            answered = await site.refused(headers={"Origin": origin})
            assert answered[::2] == (403, "origin_not_allowed")
    own = str(site.client.make_url("")).rstrip("/")
    for origin in ("https://app.example", own):
        talk = await site.talk(origin=origin)
        await talk.close()


async def test_a_session_that_has_ended_stays_so(site):
    talk = await site.talk()
    query = f"session_id={talk.session_id}"
    await talk.close()
    await site.over(talk.session_id)
    assert (await site.refused(query))[::2] == (409, "session_not_open")


async def test_without_a_plan_or_with_a_used_up_one_nobody_enters(site):
    created = await site.create()
    await site.run("UPDATE subscriptions SET total_text_tokens_used = 1000000")
    for query in ("model=Ava", f"session_id={created['id']}"):
        assert (await site.refused(query))[::2] == (403, "insufficient_quota")
    await site.run("UPDATE subscriptions SET total_text_tokens_used = 0, status = 'expired'")
    for query in ("model=Ava", f"session_id={created['id']}"):
        assert (await site.refused(query))[::2] == (403, "insufficient_quota")


async def test_a_plan_beyond_all_counting_lets_people_in(site):
    await site.run("UPDATE plans SET max_audio_tokens = 1e30, max_text_tokens = 1e15")
    talk = await site.talk()
    await talk.close()


async def test_the_limits_of_open_sessions_are_answered_with_429(new_site):
    site = await new_site(VOICEHUB_SESSIONS_PER_USER=1, VOICEHUB_SESSIONS_PER_TEAM=2)
    first = await site.talk()
    status, headers, code = await site.refused()
    assert (status, code) == (429, "session_limit_exceeded")
    assert int(headers["Retry-After"]) > 0
    second = await site.talk(who="bob")
    await first.close()
    await site.over(first.session_id)
    again = await site.talk()
    for talk in (second, again):
        await talk.close()


async def test_sessions_created_long_ago_do_not_go_round_the_limit(new_site):
    site = await new_site(VOICEHUB_SESSIONS_PER_USER=1)
    created = []
    for _ in range(2):
        created.append(await site.create())
        await site.run("UPDATE sessions SET created_at = created_at - interval '1 day'")
    talk = await site.talk(f"session_id={created[0]['id']}")
    assert (await site.refused(f"session_id={created[1]['id']}"))[0] == 429
    await talk.close()


async def test_of_sockets_that_come_at_once_one_has_the_session(site):
    created = await site.create()
    answers = await asyncio.gather(*(_talk_or_status(site, created["id"]) for _ in range(4)))
    talks = [each for each in answers if isinstance(each, Talk)]
    assert {each for each in answers if not isinstance(each, Talk)} <= {409}
    reading = [spawn(talk.until_closed(), name="socket") for talk in talks]
    open_ = set(reading)
    while len(open_) > 1:
        _, open_ = await asyncio.wait(open_, return_when=asyncio.FIRST_COMPLETED)
    (last,) = open_
    row = await site.ask("POST", f"/v1/sessions/{created['id']}/end")
    assert row["status"] == "completed"
    assert await last == 1008


async def _talk_or_status(site, session_id):
    headers = {"Authorization": f"Bearer {await site.token()}"}
    path = f"/v1/realtime?session_id={session_id}"
    try:
        return Talk(await site.client.ws_connect(path, headers=headers))
    except WSServerHandshakeError as refusal:
        return refusal.status
