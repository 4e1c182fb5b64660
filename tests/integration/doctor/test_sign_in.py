"""The providers' keys and the mail server, well and broken."""

import pytest

from tests.conformance.site import Certificate
from tests.mailbox import Mailbox, server_tls
from tests.provider import Provider
from voicehub.doctor.finding import State, looked_at
from voicehub.doctor.sign_in import look_at_mail, look_at_providers


async def test_a_provider_that_publishes_keys_is_well():
    provider = Provider()
    provider.add_ec("one")
    async with provider.served():
        (finding,) = await look_at_providers({"Google": provider.url})
        assert (finding.state, finding.what) == (State.OK, "it publishes 1 usable keys")
        provider.document = "{}"
        (finding,) = await look_at_providers({"Google": provider.url})
        assert finding.state is State.FAILED
        provider.status = 302
        (finding,) = await look_at_providers({"Google": provider.url})
        assert finding.what == "its keys are answered by 302"
    (finding,) = await look_at_providers({"Google": provider.url})
    assert "cannot be fetched" in finding.what
    assert await look_at_providers({}) == []


async def test_a_mail_server_is_signed_in_to_and_gets_no_mail(tmp_path, monkeypatch):
    certificate = Certificate.made_in(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.cert))
    tls = server_tls(certificate.cert, certificate.key)
    async with Mailbox().served(tls, from_the_start=True) as mailbox:
        address = f"127.0.0.1:{mailbox.port}"
        (finding,) = await look_at_mail(f"smtps://mailer:pass%20word@{address}")
        assert finding.state is State.OK
        (finding,) = await look_at_mail(f"smtps://mailer:wr0ng@{address}")
        assert finding.what == "its server refuses the user or the password"
        assert "wr0ng" not in str(finding)
        assert mailbox.mails.empty()


async def test_a_mail_server_that_is_not_there_or_speaks_no_tls_fails(unused_tcp_port):
    async with Mailbox().served() as mailbox:
        (finding,) = await look_at_mail(f"smtp://127.0.0.1:{mailbox.port}")
        assert finding.state is State.OK
        (finding,) = await look_at_mail(f"smtp+starttls://127.0.0.1:{mailbox.port}")
        assert finding.state is State.FAILED
    (finding,) = await look_at_mail(f"smtp://127.0.0.1:{unused_tcp_port}")
    assert finding.state is State.FAILED
    assert await look_at_mail(None) == []


@pytest.mark.parametrize("url", ["http://host", "smtp://user:s3cret@host"])
async def test_an_address_that_is_none_is_told_by_the_setting(url):
    (finding,) = await looked_at("Mail", lambda: look_at_mail(url))
    assert finding.what.startswith("VOICEHUB_SMTP_URL")
    assert "s3cret" not in str(finding)
