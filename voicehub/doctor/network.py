"""Looks at how clients reach the server: the public address, and its certificate's last day."""

import asyncio
import ssl
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from voicehub.doctor.finding import Finding, failed, ok, warning

CONNECT_S = 5.0
DAY_S = 86_400
# Certificates that renew by themselves do so a month before their end.
DAYS_LEFT_MIN = 14
_HOSTS_OF_THIS_MACHINE = {"localhost", "127.0.0.1", "::1"}


async def look_at_address(public_url: str | None) -> list[Finding]:
    """The certificate that clients see, whoever speaks TLS there."""
    subject = "Public address"
    if public_url is None:
        return []
    try:
        parts = urlsplit(public_url)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port, parts = None, None, urlsplit("")
    if parts.scheme not in {"https", "http"} or not host:
        return [failed(subject, "it is no http(s) address", "Correct VOICEHUB_PUBLIC_URL.")]
    if parts.scheme == "http":
        if host in _HOSTS_OF_THIS_MACHINE:
            return [ok(subject, "on this machine, without TLS")]
        return [warning(subject, "tokens and voices travel unencrypted", "Put TLS in front of it.")]
    return [await _seen_from_here(subject, host, port or 443)]


async def _seen_from_here(subject: str, host: str, port: int) -> Finding:
    try:
        async with asyncio.timeout(CONNECT_S):
            _, writer = await asyncio.open_connection(host, port, ssl=ssl.create_default_context())
    except ssl.SSLCertVerificationError as error:
        return failed(subject, f"its certificate: {error.verify_message}", "Renew or correct it.")
    except (OSError, TimeoutError) as error:
        # From inside a private network, a server's own public address may lead nowhere.
        reason = type(error).__name__
        return warning(subject, f"it cannot be reached from here: {reason}", "Try from outside.")
    certificate = writer.get_extra_info("peercert")
    writer.transport.abort()
    return _last_day(subject, certificate)


async def look_at_certificate(chain: Path | None, key: Path | None) -> list[Finding]:
    """The files that the server itself speaks TLS with."""
    if chain is None or key is None:
        return []
    return [await asyncio.to_thread(_read_certificate, chain, key)]


def _read_certificate(chain: Path, key: Path) -> Finding:
    subject = "Certificate"
    try:
        return _last_day(subject, _shaken_hands(chain, key))
    except ssl.SSLCertVerificationError as error:
        return failed(subject, error.verify_message, "Renew or correct VOICEHUB_TLS_CERT.")
    except (OSError, ssl.SSLError) as error:
        reason = error.reason if isinstance(error, ssl.SSLError) else error.strerror
        return failed(
            subject,
            f"its files cannot be used: {reason}",
            "Correct VOICEHUB_TLS_CERT and VOICEHUB_TLS_KEY.",
        )


def _shaken_hands(chain: Path, key: Path) -> Any:
    """The certificate as a client sees it: Python reads one only in a handshake.

    Any: what `getpeercert` gives.
    """
    serving = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    serving.load_cert_chain(chain, key)
    asking = ssl.create_default_context()
    asking.check_hostname = False  # which name it is for, the public address shows
    asking.load_verify_locations(chain)
    asking.verify_flags |= ssl.VerifyFlags.VERIFY_X509_PARTIAL_CHAIN
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = asking.wrap_bio(down, up)
    server = serving.wrap_bio(up, down, server_side=True)
    # TLS 1.3 takes each side two turns; one more shows a refusal.
    for _ in range(3):
        for side in (client, server):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
    return client.getpeercert()


def _last_day(subject: str, certificate: Any) -> Finding:
    left_days = (ssl.cert_time_to_seconds(certificate["notAfter"]) - time.time()) / DAY_S
    what = f"its certificate lasts {left_days:.0f} days"
    if left_days < DAYS_LEFT_MIN:
        return warning(subject, what, "Renew it.")
    return ok(subject, what)
