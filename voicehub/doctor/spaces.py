"""Looks at Spaces: puts, reads, joins and deletes probe objects, and reads one by a signed URL."""

import asyncio
import time
import uuid
from email.utils import parsedate_to_datetime

from aiohttp import ClientError, ClientSession, ClientTimeout

from voicehub.doctor.finding import Finding, clock, failed, ok
from voicehub.errors import StorageError
from voicehub.storage.spaces import Spaces
from voicehub.storage.spaces_client import SpacesRefusedError

SUBJECT = "Spaces"
DEADLINE_S = 45.0
READ_S = 10.0
SIGNED_S = 60
_FOLDER = "voicehub-doctor"
_CONTENT = b"voicehub doctor"
_TYPE = "application/octet-stream"

_REFUSALS = {
    "InvalidAccessKeyId": ("it does not know the access key", "Correct SPACES_KEY."),
    "SignatureDoesNotMatch": ("it refuses the secret", "Correct SPACES_SECRET."),
    "NoSuchBucket": ("it has no such bucket", "Create the bucket, or correct SPACES_BUCKET."),
    "AccessDenied": ("the key may not do this", "Give the key read and write on the bucket."),
    "RequestTimeTooSkewed": ("its clock and ours disagree", "Run NTP on this machine."),
}


async def look_at_spaces(spaces: Spaces) -> list[Finding]:
    """`spaces` is not open yet."""
    found: list[Finding] = []
    key = f"{_FOLDER}/{uuid.uuid4().hex}"
    try:
        async with asyncio.timeout(DEADLINE_S), spaces:
            await spaces.ping()
            found.append(ok(SUBJECT, "its bucket is there, and the key is right"))
            try:
                found += await _write_and_read(spaces, key)
            finally:
                await spaces.delete([key])
    except SpacesRefusedError as refusal:
        found.append(_refusal(refusal))
    except (StorageError, OSError, TimeoutError, ValueError) as error:
        found.append(
            failed(
                SUBJECT,
                f"it cannot be reached: {type(error.__cause__ or error).__name__}",
                "Start it, or correct SPACES_ENDPOINT.",
            )
        )
    return found


def _refusal(refusal: SpacesRefusedError) -> Finding:
    what, advice = _REFUSALS.get(
        refusal.reason, (f"it refuses: {refusal.reason}", "Look the code up in its manual.")
    )
    return failed(SUBJECT, what, advice)


async def _write_and_read(spaces: Spaces, key: str) -> list[Finding]:
    await spaces.put(key, _CONTENT, _TYPE)
    found = [_same("an object", await spaces.get(key))]
    upload_id = await spaces.create_upload(key, _TYPE)
    try:
        tag = await spaces.upload_part(key, upload_id, 1, _CONTENT)
        await spaces.complete_upload(key, upload_id, [(1, tag)], len(_CONTENT))
    except BaseException:
        await spaces.abort_upload(key, upload_id)
        raise
    found.append(_same("a multipart upload", await spaces.get(key)))
    found += await _by_url(await spaces.signed_url(key, SIGNED_S))
    return found


def _same(what: str, content: bytes) -> Finding:
    if content != _CONTENT:
        return failed(SUBJECT, f"it gives {what} back changed", "Is something in between?")
    return ok(SUBJECT, f"it keeps {what}")


async def _by_url(url: str) -> list[Finding]:
    """As a client of a recording reads it; and what time it is there."""
    try:
        async with ClientSession(timeout=ClientTimeout(total=READ_S)) as http:
            asked_s = time.time()
            async with http.get(url) as answer:
                content = await answer.read()
            now_s = (asked_s + time.time()) / 2
    except (ClientError, TimeoutError) as error:
        reason = type(error).__name__
        return [failed(SUBJECT, f"a signed URL cannot be read: {reason}", "Can clients reach it?")]
    found = [
        ok(SUBJECT, "a signed URL reads it")
        if content == _CONTENT
        else failed(
            SUBJECT, f"a signed URL is answered by {answer.status}", "See the bucket's policy."
        )
    ]
    if date := answer.headers.get("Date"):
        # It names a whole second, which has half passed on average.
        found.append(clock(SUBJECT, parsedate_to_datetime(date).timestamp() + 0.5 - now_s))
    return found
