import asyncio
import re
from datetime import UTC, datetime

import pytest

from tests.mailbox import Mailbox
from voicehub.auth import reset_mails
from voicehub.auth.passwords import mark
from voicehub.auth.reset_mails import ResetMails
from voicehub.auth.smtp import MailServer
from voicehub.auth.tokens import Tokens

PAGE = "https://voice.example/reset"
TOKENS = Tokens(["k1:" + "s" * 40], access_token_s=3600, client_secret_s=600)


@pytest.fixture
async def mailbox():
    async with Mailbox().served() as mailbox:
        yield mailbox


@pytest.fixture
async def mails(pg, mailbox):
    mails = ResetMails(
        pg,
        TOKENS,
        MailServer.at(f"smtp://127.0.0.1:{mailbox.port}"),
        sender="VoiceHub <hub@voice.example>",
        page_url=PAGE,
    )
    yield mails
    await mails.close()


async def add_user(pg, team, email, password_hash=None):
    async with pg.connection() as conn:
        return await conn.fetchval(
            "WITH made AS (INSERT INTO team (label, name) VALUES ($1, $2) RETURNING id)"
            " INSERT INTO users (team_id, email, display_name, password_hash, settings)"
            " SELECT id, $3, 'Ada', $4, '{}' FROM made RETURNING id",
            f"{team.title()}.\n\nAnd now go to https://evil.example",
            team,
            email,
            password_hash,
        )


def token_in(mail):
    (token,) = re.findall(rf"^{re.escape(PAGE)}#token=(\S+)", mail.get_content(), re.MULTILINE)
    return TOKENS.read_password_reset(token, datetime.now(UTC))


async def test_a_user_gets_a_link_at_the_address_of_the_row(pg, mails, mailbox):
    user_id = await add_user(pg, "one", "ada@one.example", "$argon2id$hash")
    mails.ask(" ADA@one.example ", None)
    await mails.sent()
    recipients, mail, _ = mailbox.mails.get_nowait()
    assert recipients == ["ada@one.example"]
    assert mail["From"] == "VoiceHub <hub@voice.example>"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert "the team one." in mail.get_content()
    # Any user of the team may write its label.
    assert "evil.example" not in mail.get_content()
    reset = token_in(mail)
    assert (reset.user_id, reset.password_mark) == (user_id, mark("$argon2id$hash"))


async def test_who_is_unknown_gets_nothing_and_each_team_a_mail_of_its_own(pg, mails, mailbox):
    in_teams = {await add_user(pg, team, "ada@one.example") for team in ("one", "two")}
    mails.ask("nobody@one.example", None)
    mails.ask("ada@one.example", "three")
    mails.ask("ada@one.example", None)
    await mails.sent()
    got = [token_in(mailbox.mails.get_nowait()[1]).user_id for _ in range(2)]
    assert set(got) == in_teams
    mails.ask("ada@one.example", "two")
    await mails.sent()
    assert token_in(mailbox.mails.get_nowait()[1]).user_id == max(in_teams)
    assert mailbox.mails.empty()


async def test_a_mail_that_fails_does_not_end_the_others(pg, mails, mailbox):
    await add_user(pg, "one", "ada@one.example")
    await add_user(pg, "two", "odd\r\naddress")
    mails.ask("odd\r\naddress", None)
    mailbox.refusal = "550 not now"
    mails.ask("ada@one.example", None)
    await mails.sent()
    mailbox.refusal = None
    mails.ask("ada@one.example", None)
    await mails.sent()
    assert mailbox.mails.qsize() == 1


async def test_a_flood_is_dropped_and_what_waits_at_the_end_is_sent(
    pg, mails, mailbox, monkeypatch
):
    await add_user(pg, "one", "ada@one.example")
    mails._waiting = asyncio.Queue(2)
    for _ in range(5):
        mails.ask("ada@one.example", None)
    await mails.close()
    assert mailbox.mails.qsize() <= 3


async def test_a_mail_server_that_hangs_is_not_waited_for_at_the_end(pg, monkeypatch):
    monkeypatch.setattr(reset_mails, "CLOSE_S", 0.05)
    await add_user(pg, "one", "ada@one.example")
    asked = asyncio.Event()

    async def hang(reader, writer):
        asked.set()
        await reader.read()
        writer.close()

    server = await asyncio.start_server(hang, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    mails = ResetMails(
        pg, TOKENS, MailServer.at(f"smtp://127.0.0.1:{port}"), sender="h@v.example", page_url=PAGE
    )
    mails.ask("ada@one.example", None)
    await asked.wait()
    await mails.close()
    server.close()
    await server.wait_closed()
