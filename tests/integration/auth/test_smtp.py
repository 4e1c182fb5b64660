from email.message import EmailMessage

import pytest
from aiosmtpd.smtp import LoginPassword

from tests.conformance.site import Certificate
from tests.mailbox import Mailbox, server_tls
from voicehub.auth.smtp import MailServer, NotSentError

TO = "ada@one.example"


def mail():
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "hub@voice.example", TO, "Hello"
    message.set_content("Hello, Ada.\n")
    return message


@pytest.fixture
def certificate(tmp_path):
    return Certificate.made_in(tmp_path)


async def test_a_relay_takes_a_mail():
    async with Mailbox().served() as mailbox:
        await MailServer.at(f"smtp://{mailbox.host}:{mailbox.port}").send(mail())
        recipients, received, by_tls = mailbox.mails.get_nowait()
    assert (recipients, received["Subject"], by_tls) == ([TO], "Hello", False)


@pytest.mark.parametrize("scheme", ["smtps", "smtp+starttls"])
async def test_a_login_travels_by_tls(certificate, monkeypatch, scheme):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.cert))
    tls = server_tls(certificate.cert, certificate.key)
    async with Mailbox().served(tls, from_the_start=scheme == "smtps") as mailbox:
        await MailServer.at(f"{scheme}://mailer:pass%20word@127.0.0.1:{mailbox.port}").send(mail())
        _, _, by_tls = mailbox.mails.get_nowait()
    assert by_tls
    assert mailbox.logins == [LoginPassword(b"mailer", b"pass word")]


async def test_nothing_is_sent_to_who_offers_no_tls_or_cannot_prove_its_name(certificate):
    async with Mailbox().served() as mailbox:
        with pytest.raises(NotSentError):
            await MailServer.at(f"smtp+starttls://127.0.0.1:{mailbox.port}").send(mail())
        assert mailbox.mails.empty()
    tls = server_tls(certificate.cert, certificate.key)
    async with Mailbox().served(tls) as mailbox:
        with pytest.raises(NotSentError):
            await MailServer.at(f"smtp+starttls://127.0.0.1:{mailbox.port}").send(mail())
        assert mailbox.mails.empty()


async def test_a_refusal_is_told_without_the_address():
    mailbox = Mailbox()
    mailbox.refusal = f"550 no such user {TO}"
    async with mailbox.served():
        with pytest.raises(NotSentError) as caught:
            await MailServer.at(f"smtp://127.0.0.1:{mailbox.port}").send(mail())
    assert TO not in caught.value.message
    with pytest.raises(NotSentError):
        await MailServer.at("smtp://127.0.0.1:1").send(mail())
