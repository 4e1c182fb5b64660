import asyncio
import re
from datetime import UTC, datetime

import argon2
import pytest

from tests.mailbox import Mailbox
from voicehub import keys
from voicehub.auth import attempts
from voicehub.auth.refresh_tokens import sign_in_mark
from voicehub.auth.reset_mails import ResetMails
from voicehub.auth.smtp import MailServer
from voicehub.storage import users

OLD, NEW = "correct horse battery staple", "wrong mule charger paperclip"
ADA = "ada@one.example"


@pytest.fixture
async def mailbox():
    async with Mailbox().served() as mailbox:
        yield mailbox


@pytest.fixture
async def app(app, mailbox, pg, tokens):
    """With a mail server."""
    mails = app[keys.RESET_MAILS] = ResetMails(
        pg,
        tokens,
        MailServer.at(f"smtp://127.0.0.1:{mailbox.port}"),
        sender="hub@voice.example",
        page_url="https://voice.example/reset",
    )
    yield app
    await mails.close()


async def login(web_client, password, email=ADA):
    return await web_client.post("/v1/auth/login", {"email": email, "password": password}, who=None)


async def change(web_client, old=OLD, new=NEW, **more):
    asked = {"old_password": old, "new_password": new}
    return await web_client.post("/v1/me/password", asked, **more)


async def refreshed(web_client, token):
    response, _ = await web_client.post("/v1/auth/refresh", {"refresh_token": token}, who=None)
    return response.status


async def reset_token(web_client, who="ada"):
    team = f"/v1/teams/{web_client.teams['one']}"
    response, body = await web_client.post(
        f"{team}/users/{web_client.users[who]}/password_reset", who="root"
    )
    assert response.status == 200
    return body["token"]


async def confirm(web_client, token, password=NEW):
    return await web_client.post(
        "/v1/auth/password_resets/confirm", {"token": token, "password": password}, who=None
    )


async def test_a_new_password_ends_every_other_sign_in(web_client):
    _, before = await login(web_client, OLD)
    response, body = await change(web_client)
    assert (response.status, body["user"]["email"]) == (200, ADA)
    assert await refreshed(web_client, before["refresh_token"]) == 401
    assert await refreshed(web_client, body["refresh_token"]) == 200
    assert (await login(web_client, OLD))[0].status == 401
    assert (await login(web_client, NEW))[0].status == 200


async def test_the_old_password_is_asked_for_and_guesses_are_counted(web_client, monkeypatch):
    monkeypatch.setattr(attempts, "ATTEMPTS_PER_ADDRESS_MAX", 2)
    for status, code in ((403, "wrong_password"), (403, "wrong_password"), (429, None)):
        response, body = await change(web_client, old="guess")
        assert response.status == status
        assert code is None or (body["code"], body["param"]) == (code, "old_password")
    assert (await login(web_client, OLD))[0].status == 429


async def test_who_has_no_password_takes_the_way_by_mail(web_client):
    await web_client.add_user("google", "one", "google@one.example", None)
    response, body = await change(web_client, who="google")
    assert (response.status, body["code"]) == (403, "wrong_password")


@pytest.mark.parametrize("weak", ["short", "ADA@one.example", "ü" * 513])
async def test_a_weak_password_is_refused_at_its_place(web_client, weak):
    response, body = await change(web_client, new=weak)
    assert (response.status, body["code"]) == (400, "weak_password")
    assert body["errors"][0]["pointer"] == "#/new_password"
    response, body = await confirm(web_client, await reset_token(web_client), weak)
    assert (response.status, body["errors"][0]["pointer"]) == (400, "#/password")


async def test_of_two_changes_at_once_one_wins(web_client):
    answers = await asyncio.gather(
        *(change(web_client, new=f"{NEW} {number}") for number in range(2))
    )
    assert sorted(response.status for response, _ in answers) == [200, 409]


async def test_a_login_that_a_new_password_overtakes_ends_with_its_access_token(web_client, app):
    """The old password was right when it was read: the sign-in is begun, and serves no more."""
    async with web_client.pg.connection() as conn:
        ada = await users.get(conn, web_client.teams["one"], web_client.users["ada"])
    await change(web_client)
    tokens = app[keys.REFRESH_TOKENS]
    mark = sign_in_mark(ada.email, ada.password_hash)
    late = await tokens.begin(ada, mark, datetime.now(UTC))
    assert await refreshed(web_client, late.token) == 401


async def test_logins_and_a_change_at_once_leave_no_sign_in_of_the_old_password(web_client):
    *logins, changed = await asyncio.gather(
        *(login(web_client, OLD) for _ in range(4)), change(web_client)
    )
    assert changed[0].status == 200
    begun = [body["refresh_token"] for response, body in logins if response.status == 200]
    assert [await refreshed(web_client, token) for token in begun] == [401] * len(begun)


async def test_a_hash_that_is_renewed_leaves_other_sign_ins(web_client):
    cheap = argon2.PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
    await web_client.add_user("old", "one", "old@one.example", cheap.hash(OLD))
    first, second = [
        (await login(web_client, OLD, "old@one.example"))[1]["refresh_token"] for _ in range(2)
    ]
    assert await refreshed(web_client, first) == await refreshed(web_client, second) == 200


async def test_a_mail_brings_a_new_password_once(web_client, app, mailbox):
    _, before = await login(web_client, OLD)
    response, body = await web_client.post(
        "/v1/auth/password_resets", {"email": ADA.upper()}, who=None
    )
    assert (response.status, body) == (202, None)
    await app[keys.RESET_MAILS].sent()
    recipients, mail, _ = mailbox.mails.get_nowait()
    assert recipients == [ADA]
    token = re.search(r"#token=(\S+)", mail.get_content())[1]
    response, body = await confirm(web_client, token)
    assert (response.status, body) == (204, None)
    assert await refreshed(web_client, before["refresh_token"]) == 401
    assert (await login(web_client, NEW))[0].status == 200
    response, body = await confirm(web_client, token, "another long password")
    assert (response.status, body["code"]) == (400, "invalid_reset_token")
    assert (await login(web_client, NEW))[0].status == 200


async def test_an_unknown_address_is_answered_the_same(web_client, app, mailbox):
    for email in ("nobody@one.example", "no address at all"):
        response, body = await web_client.post(
            "/v1/auth/password_resets", {"email": email}, who=None
        )
        assert (response.status, body) == (202, None)
    await app[keys.RESET_MAILS].sent()
    assert mailbox.mails.empty()


async def test_nobody_is_flooded_with_mails(web_client, monkeypatch):
    monkeypatch.setattr(attempts, "RESETS_PER_ACCOUNT_MAX", 1)
    for email in (ADA, "nobody@one.example"):
        for status in (202, 429):
            response, _ = await web_client.post(
                "/v1/auth/password_resets", {"email": email}, who=None
            )
            assert response.status == status


async def test_of_two_resets_at_once_with_one_token_one_wins(web_client):
    token = await reset_token(web_client)
    answers = await asyncio.gather(
        *(confirm(web_client, token, f"{NEW} {number}") for number in range(3))
    )
    assert sorted(response.status for response, _ in answers) == [204, 400, 400]


async def test_any_change_of_password_or_address_kills_a_reset_token(web_client):
    tokens = [await reset_token(web_client) for _ in range(2)]
    await change(web_client)
    moved = await reset_token(web_client)
    await web_client.run(
        "UPDATE users SET email = 'ada@new.example' WHERE id = $1", web_client.users["ada"]
    )
    gone = await reset_token(web_client)
    for token in (*tokens, moved):
        assert (await confirm(web_client, token))[0].status == 400
    await web_client.run("DELETE FROM users WHERE id = $1", web_client.users["ada"])
    assert (await confirm(web_client, gone))[0].status == 400


async def test_forged_reset_tokens_are_refused_and_counted(web_client, monkeypatch):
    monkeypatch.setattr(attempts, "ATTEMPTS_PER_ORIGIN_MAX", 4)
    access = await web_client.token("ada")
    for forged in ("nonsense", access, "ek_" + access, access[:-2] + "AA"):
        response, body = await confirm(web_client, forged)
        assert (response.status, body["code"]) == (400, "invalid_reset_token")
    assert (await confirm(web_client, "nonsense"))[0].status == 429


async def test_an_admin_helps_where_no_mail_can_be_sent(web_client):
    path = f"/v1/teams/{web_client.teams['one']}/users/{web_client.users['ada']}/password_reset"
    response, body = await web_client.post(path, who="root")
    assert response.status == 200
    # The console, which takes the token behind the `#`.
    assert body["url"] == f"https://voice.example/#token={body['token']}"
    assert body["expires_in"] == 3600
    assert (await confirm(web_client, body["token"]))[0].status == 204
    for who, wrong, status in (
        ("ada", path, 403),
        (None, path, 401),
        ("root", path.replace(str(web_client.teams["one"]), str(web_client.teams["two"])), 404),
        ("root", f"/v1/teams/{web_client.teams['one']}/users/999999/password_reset", 404),
    ):
        assert (await web_client.post(wrong, who=who))[0].status == status


async def test_an_admins_token_is_for_a_user_of_that_team_only(web_client):
    path = f"/v1/teams/{web_client.teams['two']}/users/{web_client.users['ada']}/password_reset"
    response, _ = await web_client.post(path, who="root")
    assert response.status == 404
