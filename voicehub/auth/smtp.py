"""Sends a mail by the server that VOICEHUB_SMTP_URL names.

smtps://[user:password@]host[:465]              TLS from the first byte
smtp+starttls://[user:password@]host[:587]      TLS before anything is sent, or nothing is
smtp://host[:25]                                without TLS, for a relay on this machine
"""

from dataclasses import dataclass, field
from email.message import EmailMessage
from urllib.parse import unquote, urlsplit

import aiosmtplib

from voicehub.errors import VoiceHubError

SEND_S = 20.0  # of each answer; a server that takes longer has failed

_PORTS = {"smtps": 465, "smtp+starttls": 587, "smtp": 25}


class NotSentError(VoiceHubError):
    """The mail server did not take a mail."""

    code = "mail_not_sent"


@dataclass(frozen=True, slots=True)
class MailServer:
    scheme: str
    host: str
    port: int
    username: str | None = field(repr=False)
    password: str | None = field(repr=False)

    @classmethod
    def at(cls, url: str) -> "MailServer":
        """Raises VoiceHubError, whose message quotes nothing of the URL."""
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            raise _misconfigured("its port is not a number") from None
        if parts.scheme not in _PORTS or not parts.hostname:
            raise _misconfigured("it begins with smtps://, smtp+starttls:// or smtp:// and a host")
        if parts.scheme == "smtp" and parts.password:
            raise _misconfigured("a password travels by TLS: smtps:// or smtp+starttls://")
        return cls(
            parts.scheme,
            parts.hostname,
            port or _PORTS[parts.scheme],
            unquote(parts.username) if parts.username else None,
            unquote(parts.password) if parts.password else None,
        )

    async def send(self, message: EmailMessage) -> None:
        """Raises NotSentError."""
        try:
            await aiosmtplib.send(
                message,
                hostname=self.host,
                port=self.port,
                username=self.username,
                password=self.password,
                use_tls=self.scheme == "smtps",
                start_tls=self.scheme == "smtp+starttls",
                timeout=SEND_S,
            )
        except (aiosmtplib.SMTPException, OSError, ValueError) as error:
            # Its message may quote the address.
            raise NotSentError(f"The mail was not sent: {type(error).__name__}.") from error


def _misconfigured(reason: str) -> VoiceHubError:
    return VoiceHubError(f"VOICEHUB_SMTP_URL: {reason}.", code="invalid_setting")
