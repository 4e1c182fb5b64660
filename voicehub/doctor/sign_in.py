"""Looks at what signing in needs elsewhere: the providers' keys, and the mail server."""

import asyncio
from collections.abc import Mapping

import aiohttp
import aiosmtplib

from voicehub.auth.key_set import DOCUMENT_BYTES_MAX, parse_keys
from voicehub.auth.smtp import MailServer
from voicehub.doctor.finding import Finding, failed, ok

FETCH_S = 5.0
MAIL_S = 10.0


async def look_at_providers(urls: Mapping[str, str]) -> list[Finding]:
    """`urls`: where each provider publishes its keys, by its name."""
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=FETCH_S)) as http:
        return [await _look_at_keys(name, url, http) for name, url in urls.items()]


async def _look_at_keys(name: str, url: str, http: aiohttp.ClientSession) -> Finding:
    subject = f"Sign-in by {name}"
    advice = "Correct the address of its keys, or let this machine reach it."
    try:
        async with http.get(url, allow_redirects=False) as answer:
            if answer.status != 200:
                return failed(subject, f"its keys are answered by {answer.status}", advice)
            document = await answer.content.read(DOCUMENT_BYTES_MAX)
        keys = parse_keys(document)
    except (aiohttp.ClientError, OSError, TimeoutError) as error:
        reason = type(error).__name__
        return failed(subject, f"its keys cannot be fetched: {reason}", advice)
    except ValueError:
        return failed(subject, "there are no keys where it should have them", advice)
    return ok(subject, f"it publishes {len(keys)} usable keys")


async def look_at_mail(url: str | None) -> list[Finding]:
    """Connects and signs in; no mail is sent."""
    subject = "Mail"
    if url is None:
        return []
    server = MailServer.at(url)
    client = aiosmtplib.SMTP(
        hostname=server.host,
        port=server.port,
        username=server.username,
        password=server.password,
        use_tls=server.scheme == "smtps",
        start_tls=server.scheme == "smtp+starttls",
        timeout=MAIL_S,
    )
    try:
        async with asyncio.timeout(MAIL_S), client:
            await client.noop()
    except aiosmtplib.SMTPAuthenticationError:
        what = "its server refuses the user or the password"
        return [failed(subject, what, "Correct VOICEHUB_SMTP_URL.")]
    except (aiosmtplib.SMTPException, OSError, TimeoutError) as error:
        what = f"its server cannot be used: {type(error).__name__}"
        return [failed(subject, what, "Correct VOICEHUB_SMTP_URL.")]
    return [ok(subject, "its server lets us in")]
