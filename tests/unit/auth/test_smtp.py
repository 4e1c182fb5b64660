import pytest

from voicehub.auth.smtp import MailServer
from voicehub.errors import VoiceHubError


@pytest.mark.parametrize(
    ("url", "server"),
    [
        ("smtps://mail.example", MailServer("smtps", "mail.example", 465, None, None)),
        (
            "smtp+starttls://me%40x:p%3Aw@mail.example:2525",
            MailServer("smtp+starttls", "mail.example", 2525, "me@x", "p:w"),
        ),
        ("smtp://127.0.0.1", MailServer("smtp", "127.0.0.1", 25, None, None)),
    ],
)
def test_an_address_names_the_server_and_how_to_speak_to_it(url, server):
    assert MailServer.at(url) == server


@pytest.mark.parametrize(
    "url",
    [
        *("", "mail.example", "https://mail.example", "smtps://", "smtps://mail:hidden-port"),
        "smtp://me:hidden@mail.example",
    ],
)
def test_another_address_is_refused_unquoted(url):
    with pytest.raises(VoiceHubError, match="VOICEHUB_SMTP_URL") as caught:
        MailServer.at(url)
    assert "hidden" not in caught.value.message


def test_a_password_shows_in_no_repr():
    assert "hidden" not in repr(MailServer.at("smtps://hidden-1:hidden-2@mail.example"))
